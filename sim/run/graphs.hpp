#pragma once

// What graph theory says of a graph given as the set of its links: vertices are numbered from 0.

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

namespace prodsim::graphs {

using Link = std::pair<std::size_t, std::size_t>;
using Group = std::vector<std::size_t>;

/// The strongly connected groups that contain a cycle, each in ascending order, by their first.
std::vector<Group> cyclic_groups(std::size_t size, const std::set<Link>& links);

/// The immediate dominator of every vertex by Lengauer and Tarjan 1979; itself where it has none.
std::vector<std::size_t> dominators(std::size_t size, std::size_t root,
                                    const std::set<Link>& links);

/// Without any of these the graph, whichever way its links lead, falls apart; in ascending order.
Group articulation_points(std::size_t size, const std::set<Link>& links);

}  // namespace prodsim::graphs
