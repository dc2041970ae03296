#pragma once

#include "sim/run/bill.hpp"
#include "sim/run/scenario.hpp"
#include "sim/stats/meters.hpp"
#include "sim/world/journey.hpp"
#include "sim/world/world.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace prodsim {

/// The meters of one replication as they stood at the end of its window: plain values, in the
/// order of the names.
struct Readings {
    struct CounterReading {
        MeterName name;
        std::uint64_t total;      // whole run
        std::uint64_t in_window;  // after the warm-up
    };
    struct LevelReading {
        MeterName name;
        double mean;  // over the window
        std::int64_t maximum;
        std::int64_t last;
        double integral_s;  // level times seconds, whole run
    };
    struct HistogramReading {
        MeterName name;
        Histogram histogram;  // of the window
    };
    std::vector<CounterReading> counters;
    std::vector<LevelReading> levels;
    std::vector<HistogramReading> histograms;

    const CounterReading* counter(std::string_view owner, std::string_view name) const;
    const LevelReading* level(std::string_view owner, std::string_view name) const;
    const HistogramReading* histogram(std::string_view owner, std::string_view name) const;
};

/// One identity that must hold in every run, and whether it did.
struct Audit {
    std::string law;      // "conservation", "Little's law", "utilisation law", ...
    std::string subject;  // the component and meter, or "all calls"
    bool holds;
    std::string detail;  // both sides, in numbers
};

/// Which faults are active in a run.
struct FaultSelection {
    static FaultSelection all() { return {true, {}}; }
    static FaultSelection none() { return {false, {}}; }
    static FaultSelection only(std::size_t number) { return {false, {number}}; }

    bool everything = true;
    std::vector<std::size_t> numbers;

    bool contains(std::size_t number) const;
};

/// What to run.
struct RunPlan {
    std::uint64_t seed = 1;
    std::uint64_t replication = 0;
    FaultSelection faults;
    Duration warm_up{};
    Duration duration{};  // of the whole run, warm-up included
};

/// What one replication measured. Numbers are of the window from `warm_up` to `duration`; series
/// are of the whole run.
struct Replication {
    RunPlan plan;
    Time end{};  // of the window
    std::deque<Journey> journeys;
    std::deque<Journey> cohorts;  // parts of those: "order@gold"
    Readings readings;
    Bill bill;
    std::map<Time, Readings> glimpses;  // in mid-run, without histograms, where the scenario asks
    std::vector<Reason> reasons;
    std::vector<TimeLabel> time_labels;
    std::vector<Breakdown> breakdowns;  // of a sample of the journeys, with those labels
    std::vector<Audit> audits;
    std::uint64_t opened = 0;
    std::uint64_t answered = 0;
    std::uint64_t wasted = 0;
    std::uint64_t live = 0;  // after the drain
    std::uint64_t events = 0;
    std::uint64_t fingerprint = 0;
    bool interrupted = false;  // stopped before its end: everything is of the part that ran
};

/// Lets somebody else watch a run, and stop it.
struct RunWatch {
    std::atomic<bool> stop{false};
    std::atomic<std::int64_t> simulated_ns{0};  // of all runs so far
    std::atomic<std::uint64_t> requests{0};     // journeys ended in finished runs
};

/// Runs one replication: a pure function of the scenario and the plan.
Replication simulate(const Scenario& scenario, const RunPlan& plan, RunWatch& watch);

/// What a run of the scenario measures, before anything has happened: every meter and journey.
Replication nothing_yet(const Scenario& scenario);

/// The instants at which the expectations and requirements of a scenario look at meters.
std::set<Time> glimpses_of(const Scenario& scenario, const RunPlan& plan);

/// From the beginning of the first fault to the end of the last, within the window.
Span during_faults(const Scenario& scenario, const RunPlan& plan);

/// Runs all plans on this many threads; the results are in the order of the plans, whatever the
/// number of threads.
std::vector<Replication> simulate_all(const Scenario& scenario, const std::vector<RunPlan>& plans,
                                      unsigned threads, RunWatch& watch);

/// The plans of a scenario's own replications with these faults. REQUIRES: its warm-up is known.
std::vector<RunPlan> plans_of(const Scenario& scenario, const FaultSelection& faults);

/// Those of the replications from `first` to before `end`.
std::vector<RunPlan> plans_of(const Scenario& scenario, const FaultSelection& faults,
                              std::size_t first, std::size_t end);

}  // namespace prodsim
