#pragma once

// "warm_up": "auto". Pilot runs, with chance of their own and without faults, are cut by MSER-5
// (sim/stats/warm_up.hpp): the latency of every journey and the number of requests in the system,
// second by second. One run is mostly noise, and its cut a guess; the mean of the guesses of all
// pilots is stable and late rather than early, and the latest of these means is the warm-up. It is
// decided once for a scenario, before its runs, and depends on nothing else than the scenario.
//
// Limits: a second is the finest step, so each cut is a multiple of five; what no journey feels is
// not seen; a load with a shape has no steady state, and no warm-up is found for it.

#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"

#include <memory>

namespace prodsim {

/// How many pilots a scenario needs; none where it names its warm-up.
std::int64_t pilots_of(const RunParameters& run);

FoundWarmUp find_warm_up(const Scenario& scenario, unsigned threads, RunWatch& watch);

/// The scenario with a warm-up: itself where it names one, otherwise a copy with the one found.
std::unique_ptr<const Scenario> with_warm_up(std::unique_ptr<const Scenario> scenario,
                                             unsigned threads, RunWatch& watch);

}  // namespace prodsim
