#pragma once

// Rules about policies that are certain before anything runs: timeouts that cannot do their work,
// attempts that multiply from layer to layer, pools that promise more connections than there are.

#include "sim/run/cut_sets.hpp"
#include "sim/run/service_graph.hpp"
#include "sim/run/topology.hpp"

#include <vector>

namespace prodsim {

std::vector<Finding> lint_policies(const Scenario& scenario, const ServiceGraph& graph);

/// Calls around which a fallback stands.
Forgiven forgiven_calls(const Scenario& scenario, const ServiceGraph& graph);

/// "a, b and c"; of more than ten words the first nine, and how many more there are.
std::string listed(const std::vector<std::string>& words);

}  // namespace prodsim
