#pragma once

// Theory beside measurement: for every set of processors and its line the law that applies, with
// the numbers of `forecast`, for closed populations the interactive response time law, and for
// other lines Little's law. A law is set beside a run only where its assumptions hold as far as
// scenario and run tell; where the two disagree beyond the interval the likely cause is named.
// Everything is of the runs without faults, and read from finished runs.

#include "sim/run/report.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/trial.hpp"

#include <vector>

namespace prodsim {

std::vector<TheoryLine> compare_with_theory(const Scenario& scenario, const Trial& trial);

}  // namespace prodsim
