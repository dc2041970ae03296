#pragma once

// What a reader is told of where the time of journeys goes.

#include "sim/run/breakdown.hpp"
#include "sim/run/report_page.hpp"

#include <vector>

namespace prodsim {

/// Nothing where nothing was traced.
void add_breakdown_section(Page& page, const std::vector<BreakdownReport>& breakdowns);

/// Where the failed journeys of each fault had spent their time, a table for those that have any.
void add_failed_time_section(Page& page, const std::vector<FaultSpan>& faults,
                             const std::vector<std::vector<BreakdownReport>>& breakdowns);

}  // namespace prodsim
