#pragma once

#include "sim/config/reader.hpp"
#include "sim/run/report.hpp"

#include <vector>

namespace prodsim {

/// Defaults that nobody set, as the report shows them: the same default of several components is
/// one, and below a list only the list's name is left.
std::vector<AssumptionReport> assumptions_of(const std::vector<Assumption>& all);

}  // namespace prodsim
