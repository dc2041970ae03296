#pragma once

// Sections of the page that have a file of their own. Each adds itself where it has something to
// say.

#include "sim/run/report_page.hpp"

namespace prodsim {

void add_precision_section(Page& page, const Precision& precision);

}  // namespace prodsim
