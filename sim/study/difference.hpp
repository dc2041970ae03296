#pragma once

// Two scenarios against one another. Everything that happens by chance is a function of the seed,
// the replication and what it happens to, so replication i of the one meets the same users with the
// same work as replication i of the other: what remains is what the scenarios make of it, and the
// difference is known from far fewer replications than from independent runs. How many fewer is
// measured, not promised: scenarios that have little in common gain little.

#include "sim/config/units.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "sim/stats/estimate.hpp"

#include <span>
#include <string>
#include <vector>

namespace prodsim {

struct Difference {
    std::string metric;
    Dimension dimension{};
    Estimate first;
    Estimate second;
    PairedEstimate paired;

    /// Whether the interval leaves out 0.
    bool is_certain() const;

    /// "order.latency_mean: 27.6 ms and 24.1 ms, 3.5 ± 0.1 ms less; common chance is worth 31 times
    /// as many replications"
    std::string text() const;
};

/// Of each metric, over the replications in which both have it. REQUIRES: the same seed and as many
/// replications in both, warm-ups that are known, and metrics that both scenarios have.
std::vector<Difference> differences(const Scenario& first, const Scenario& second,
                                    std::span<const std::string> metrics, unsigned threads,
                                    RunWatch& watch);

}  // namespace prodsim
