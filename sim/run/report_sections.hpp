#pragma once

// Sections of the page that have a file of their own. Those that are added add themselves where
// they have something to say.

#include "sim/run/report_page.hpp"

#include <string>
#include <vector>

namespace prodsim {

void add_precision_section(Page& page, const Precision& precision);

}  // namespace prodsim
