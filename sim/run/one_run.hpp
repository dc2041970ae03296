#pragma once

#include "sim/run/report.hpp"

namespace prodsim {

/// Half widths for a journey of which there is one run: from batches of that run, which are taken
/// for independent when neighbours do not look alike (Law and Kelton, Simulation Modeling and
/// Analysis, 9.5.3). A quantile lies between those whose shares are as far apart as the share of
/// slower requests varies from batch to batch (Seila 1982). Where a run is too short for ten such
/// batches there is no interval. REQUIRES: the report is of this journey in this window.
void add_intervals(const Journey& journey, Span window, JourneyReport& report);

}  // namespace prodsim
