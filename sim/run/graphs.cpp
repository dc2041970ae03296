#include "sim/run/graphs.hpp"

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/biconnected_components.hpp>
#include <boost/graph/dominator_tree.hpp>
#include <boost/graph/strong_components.hpp>

#include <algorithm>
#include <iterator>

namespace prodsim::graphs {

std::vector<Group> cyclic_groups(std::size_t size, const std::set<Link>& links) {
    using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;
    const Graph graph(links.begin(), links.end(), size);
    std::vector<int> numbers(size);
    const int count = size == 0 ? 0 : boost::strong_components(graph, numbers.data());
    std::vector<Group> groups(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < size; ++i)
        groups[static_cast<std::size_t>(numbers[i])].push_back(i);
    groups.erase(std::remove_if(groups.begin(), groups.end(),
                                [&](const Group& group) {
                                    const Link loop{group.front(), group.front()};
                                    return group.size() == 1 && links.count(loop) == 0;
                                }),
                 groups.end());
    std::sort(groups.begin(), groups.end());
    return groups;
}

std::vector<std::size_t> dominators(std::size_t size, std::size_t root,
                                    const std::set<Link>& links) {
    using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS>;
    const Graph graph(links.begin(), links.end(), size);
    std::vector<std::size_t> parents(size, boost::graph_traits<Graph>::null_vertex());
    boost::lengauer_tarjan_dominator_tree(graph, root, parents.data());
    for (std::size_t i = 0; i < size; ++i) {
        if (parents[i] == boost::graph_traits<Graph>::null_vertex()) parents[i] = i;
    }
    return parents;
}

Group articulation_points(std::size_t size, const std::set<Link>& links) {
    using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS>;
    Graph graph(size);
    for (const auto& [from, to] : links) {
        if (from != to && !boost::edge(from, to, graph).second) boost::add_edge(from, to, graph);
    }
    Group points;
    boost::articulation_points(graph, std::back_inserter(points));
    std::sort(points.begin(), points.end());
    return points;
}

}  // namespace prodsim::graphs
