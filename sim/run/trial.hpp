#pragma once

#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"

#include <cstddef>
#include <vector>

namespace prodsim {

/// All runs of a scenario that a judgement needs.
struct Trial {
    std::vector<Replication> main;                // everything in it
    std::vector<Replication> baseline;            // no faults; empty when there are none
    std::vector<std::vector<Replication>> alone;  // each fault for itself; empty when there is one
};

/// Runs what is needed, on this many threads.
Trial run_trial(const Scenario& scenario, unsigned threads, RunWatch& watch);

/// Goes on with the replications from those that the trial has to before `end`. Equal ends give
/// equal trials, in however many steps.
void extend_trial(const Scenario& scenario, std::size_t end, unsigned threads, RunWatch& watch,
                  Trial& trial);

}  // namespace prodsim
