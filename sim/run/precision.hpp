#pragma once

// How many replications? As many as it takes: a metric is wanted to a share of itself, "5 %" being
// the half width of its 95 % interval, and replications are added until it is known that well.
//
// Looking again and again and stopping at the first interval that is narrow enough favours those
// that are narrow by chance (Chow and Robbins 1965). Against that there are at least ten
// replications before the first look, few looks (each after at least a quarter more), half widths
// are held against g / (1 + g) of the estimate instead of g of the truth (Law and Kelton,
// Simulation Modeling and Analysis, 9.4.1), and two looks in a row must agree. docs/statistics.md
// shows what coverage is left. Looks depend on the values alone, never on threads or clocks.
//
// No number of replications makes a number believable that has no meaning: goals are not reached
// where the runs fall into two worlds, drift from their first half to their second, or have a tail
// without variance.

#include "sim/config/units.hpp"
#include "sim/run/trial.hpp"
#include "sim/stats/estimate.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace prodsim {

class Problems;

struct PrecisionGoal {
    std::string metric;  // "order.latency_p99"
    double share;        // 0.05
};

/// Reads "order.latency_p99=5%"; without the name of a journey it is a goal for each of them.
std::vector<PrecisionGoal> read_goals(const std::vector<std::string>& texts,
                                      const Scenario& scenario, Problems& problems);

/// What became of one goal.
struct GoalVerdict {
    PrecisionGoal goal;
    Dimension dimension{};
    Estimate estimate{};
    double reached = 0;  // the half width as a share of the estimate; NaN where there is none
    std::string doubt;   // why it is not reached; empty if it is
    bool met() const { return doubt.empty(); }
};

struct Precision {
    std::vector<GoalVerdict> goals;
    std::size_t replications = 0;
    std::size_t most = 0;
    bool converged() const;
};

struct PreciseTrial {
    Trial trial;
    Precision precision;
};

inline constexpr std::size_t fewest_precise_replications = 10;
inline constexpr std::size_t most_precise_replications = 200;

/// Metrics are looked at as the report prints them: over whole windows, with every fault.
PreciseTrial run_to_precision(const Scenario& scenario, const std::vector<PrecisionGoal>& goals,
                              std::size_t most, unsigned threads, RunWatch& watch);

}  // namespace prodsim
