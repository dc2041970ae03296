#pragma once

// What a scenario's runs say, as data: plain numbers in base units (seconds, 1/s, shares of 1),
// each with its interval over replications. The printers of text, Markdown and JSON read it and
// measure nothing. Numbers are of the observation windows, series of the whole runs.

#include "sim/config/value.hpp"
#include "sim/run/attribution.hpp"
#include "sim/run/breakdown.hpp"
#include "sim/run/judgement.hpp"
#include "sim/run/precision.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "sim/run/topology.hpp"
#include "sim/stats/tail.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

inline constexpr int report_version = 1;

/// A number over all replications and the half width of its 95 % interval (`estimate_sections`),
/// which is NaN with fewer than two replications, but for journeys (sim/run/one_run.hpp).
struct Measured {
    double value = std::numeric_limits<double>::quiet_NaN();
    double half_width = std::numeric_limits<double>::quiet_NaN();
};

/// REQUIRES: `parts` are the same question asked of each replication alone.
Measured sectioned(double whole, std::span<const double> parts);

/// The shares of the records that the reported quantiles stand for.
inline constexpr std::array reported_quantiles{0.5, 0.9, 0.99, 0.999};

struct QuantileReport {
    double share;  // 0.99
    Measured seconds;
    bool enough_samples;  // `has_quantile`
};

/// Durations of one kind, over all replications.
struct DurationReport {
    std::uint64_t count = 0;
    Measured mean_s;
    double max_s = std::numeric_limits<double>::quiet_NaN();
    std::optional<TailIndex> tail;
    std::vector<QuantileReport> quantiles;  // empty without records
};

struct FailureReport {
    Outcome outcome;
    Reason reason;
    std::uint64_t count;
    Measured share;  // of all journeys of this kind that ended
};

/// One journey over the time of the run, in windows of one width; means over replications.
struct SeriesReport {
    double width_s = 1;
    std::vector<double> offered_per_s;
    std::vector<double> good_per_s;
    std::vector<double> failed_per_s;
    std::vector<double> latency_mean_s;  // of whatever ended then; NaN where nothing did
    std::vector<double> latency_p99_s;
};

struct JourneyReport {
    std::string name;
    std::uint64_t offered = 0;
    std::uint64_t ended = 0;
    Measured offered_per_s;
    Measured good_per_s;      // ok and declared lesser answers
    Measured degraded_per_s;  // the lesser ones among them
    Measured failed_per_s;
    Measured availability;  // good among ended
    Measured under_way;     // at the end of a run: it grows where more comes than can be done
    std::vector<FailureReport> failures;  // most frequent first
    DurationReport latency_good;
    DurationReport latency_all;
    SeriesReport series;
};

struct CounterReport {
    MeterName name;
    std::uint64_t count;  // in the windows of all replications
    Measured per_s;
};

struct LevelReport {
    MeterName name;
    Measured mean;
    std::int64_t maximum;  // of all replications
};

struct TimesReport {
    MeterName name;
    DurationReport durations;
};

/// A waiting line and its servers, found by its meters "PART.present", "PART.waiting", "PART.wait".
struct StationReport {
    std::string part;
    Measured in_service;
    Measured waiting;
    std::int64_t longest_line = 0;
    DurationReport wait;
    std::uint64_t arrivals = 0;
    std::uint64_t rejected = 0;
    std::uint64_t expired = 0;
};

struct ComponentReport {
    std::string name;
    std::string kind;  // "service"
    double cores = 0;  // of all instances together; 0 where it has none of its own
    Measured cpu_busy_cores;
    std::vector<StationReport> stations;
    std::uint64_t served = 0;
    std::uint64_t wasted = 0;
    Measured wasted_share;  // of the work done: processor time where it is known, otherwise calls

    bool has_cores() const { return cores > 0; }
    Measured utilisation() const {
        return {cpu_busy_cores.value / cores, cpu_busy_cores.half_width / cores};
    }
};

/// What an edge's policies made of the calls that came in.
struct EdgeReport {
    std::string name;    // "caller -> callee"
    std::string policy;  // "retry", "hedge"
    Measured calls_per_s;
    Measured attempts_per_s;
    Measured amplification;  // attempts for a call
};

/// What a component costs, or everything together.
struct CostReport {
    std::string name;
    Measured instances;
    Measured calls_per_s;
    Measured per_hour;
};

/// Defaults of the same field, value and source that nobody set.
struct AssumptionReport {
    std::string field;  // below the component
    std::string value;
    std::string doc;
    std::string source;
    std::vector<std::string> places;  // the components, or "the scenario"
    bool of_the_system = true;        // not of what is asked of it: faults, requirements, prices
};

struct AuditReport {
    std::uint64_t checks = 0;
    std::vector<std::string> laws;  // names of what was checked
    struct Broken {
        std::string runs;  // "with every fault"
        std::uint64_t replication;
        Audit audit;
    };
    std::vector<Broken> broken;

    bool all_hold() const { return broken.empty(); }
};

/// How many of the runs that were planned, of all kinds, came to their end.
struct CompletionReport {
    std::size_t planned = 0;
    std::size_t finished = 0;

    bool interrupted() const { return finished < planned; }
};

/// What one set of replications measured.
struct RunSetReport {
    std::vector<JourneyReport> journeys;
    std::vector<JourneyReport> cohorts;  // parts of those: "order@gold"
    std::vector<ComponentReport> components;
    std::vector<EdgeReport> edges;
    std::vector<CostReport> costs;  // by component; empty where nothing has a price
    Measured cost_per_hour;
    Measured cost_per_1000_good;
    std::vector<CounterReport> counters;
    std::vector<LevelReport> levels;
    std::vector<TimesReport> times;
};

/// The seeds that collapse, or those that do not, where there are both.
struct WorldReport {
    bool collapsed;
    std::size_t seeds;
    Interval share;      // of all seeds: Wilson, 95 %
    double served_late;  // of what is offered in the last tenth of a run
    std::vector<JourneyReport> journeys;

    std::string title() const;
};

/// A law of queues beside what was measured.
struct TheoryLine {
    std::string subject;   // "shop"
    std::string quantity;  // "mean wait"
    std::string law;       // "M/M/2, Erlang C"
    std::string assumes;   // "Poisson calls, exponential work"
    Dimension dimension{};
    double theory = 0;
    bool at_most = false;  // the law is a bound
    Measured measured;
    std::string doubt;  // the likely cause where the two disagree; empty where they do not
};

/// When a fault was there, in simulated time.
struct FaultSpan {
    std::string title;
    double from_s;
    double to_s;
};

struct Report {
    std::string scenario_path;
    std::string about;
    Value effective;
    std::uint64_t seed = 0;
    std::size_t replications = 0;
    double duration_s = 0;
    double warm_up_s = 0;
    std::optional<FoundWarmUp> found_warm_up;  // where the scenario left it to pilot runs
    std::string reproduce;                     // a command
    std::uint64_t fingerprint = 0;
    CompletionReport completion;
    Precision precision;  // without goals where none were asked for
    Judgement judgement;
    std::vector<FaultSpan> fault_spans;
    std::vector<Finding> findings;            // known before the run, gravest first
    std::vector<PredictedUse> predictions;    // what the run should measure where nothing fails
    RunSetReport runs;                        // with every fault
    std::vector<WorldReport> worlds;          // those alive first; empty where all seeds are alike
    std::vector<JourneyReport> steady;        // without any; empty where the scenario has no faults
    std::vector<TheoryLine> theory;           // by sim/study/theory.hpp, of runs without faults
    std::vector<BreakdownReport> breakdowns;  // without faults, where there are any
    std::vector<std::vector<BreakdownReport>> failed_times;  // of each fault alone
    Attribution attribution;  // empty where the scenario has no faults
    AuditReport audits;
    std::uint64_t assumption_count = 0;
    std::vector<AssumptionReport> assumptions;
};

Report make_report(const Scenario& scenario, const Trial& trial, Judgement judgement,
                   std::string reproduce);

}  // namespace prodsim
