#pragma once

#include "sim/run/metric.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "sim/run/trial.hpp"
#include "sim/stats/estimate.hpp"

#include <optional>
#include <string>
#include <vector>

namespace prodsim {

enum class Verdict : std::uint8_t { pass, fail, inconclusive };
std::string_view name_of(Verdict verdict);

/// A demand of the business, tested over the replications: it passes or fails when the whole 95 %
/// interval does, and is inconclusive when the interval spans the limit.
struct RequirementVerdict {
    std::string metric;
    std::optional<Scope> scope;  // none for recovery_time: each fault is compared with its pair
    Threshold threshold;
    Dimension dimension{};
    std::vector<double> values;  // one for each replication that has the metric
    Estimate estimate{};
    Verdict verdict{};
    std::string note;  // why it could not be tested, if it could not
};

/// A claim of the author, checked in every replication.
struct ExpectationVerdict {
    std::string metric;
    std::string claim;  // "at most 70/s from 10min"
    std::string because;
    Dimension dimension{};
    std::vector<double> values;
    std::size_t held = 0;    // in so many replications
    std::size_t tested = 0;  // of so many
    Interval share{};        // Wilson, 95 %
    bool only_with_faults = false;
    std::size_t held_without = 0;  // replications without faults in which it held as well
    Verdict verdict;
};

/// What became of the system after a fault, in one replication, against its pair without faults:
/// of all journeys together and of each, those behind a broker included.
enum class Fate : std::uint8_t {
    recovered,   // goodput is back where the pair's is, and stays there
    degraded,    // it is not, but the fault has not ended, or goodput comes and goes
    metastable,  // the fault is long gone, and goodput stays down
};
std::string_view name_of(Fate fate);

struct FaultVerdict {
    std::string title;
    std::size_t number;
    /// The seeds that share a fate: where some recover and some do not there are two systems, and
    /// a mean over both describes neither.
    struct World {
        Fate fate;
        std::size_t seeds;
        Interval share;  // of all seeds (Wilson)
        Estimate lost;
        std::vector<std::string> journeys;  // that are not back, where others are
    };

    std::vector<Fate> fates;         // by replication
    std::vector<World> worlds;       // the best fate first
    std::vector<double> recovery_s;  // of those that recovered, from the end of the fault
    Estimate recovery_time{};
    Estimate lost{};          // journeys that succeeded in the pair and not here
    bool extended = false;    // the run was too short for the verdict
    Duration judged_until{};  // how long it was simulated in the end

    std::size_t count(Fate fate) const;
};

struct Judgement {
    std::vector<RequirementVerdict> requirements;
    std::vector<ExpectationVerdict> expectations;
    std::vector<FaultVerdict> faults;

    Verdict requirements_verdict() const;
    Verdict expectations_verdict() const;
};

/// Judges a trial; faults whose runs are too short are run again, longer.
Judgement judge(const Scenario& scenario, const Trial& trial, unsigned threads, RunWatch& watch);

/// What is wrong with the metrics and limits that the scenario names.
void check_metrics(const Scenario& scenario, Problems& problems);

}  // namespace prodsim
