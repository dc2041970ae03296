#pragma once

// Which journeys fall together when what joins a fate group fails, found without a run: everything
// that belongs is gone. A journey falls with what it needs, and where there is a way round, with
// all ways. Simplification: of an operation that tries several things with a fallback each, the
// fallbacks are taken together.

#include "sim/run/service_graph.hpp"
#include "sim/run/topology.hpp"

#include <vector>

namespace prodsim {

std::vector<Finding> lint_groups(const Scenario& scenario, const ServiceGraph& graph);

}  // namespace prodsim
