#pragma once

// Who calls whom, operation by operation, and how often on average: what the components say of
// themselves, put together. Indices are into `components`, `vertices` and `journeys`, all in the
// order of the scenario.

#include "sim/config/edges.hpp"
#include "sim/run/scenario.hpp"
#include "sim/world/demand.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace prodsim {

struct ServiceGraph {
    struct Box {
        std::string name;
        Workload work;
        std::vector<Edge> edges;  // every reference in its description
        bool callable;

        /// It can be called and does not say what its operations ask for.
        bool is_silent() const {
            return callable && work.operations.empty() && work.passes_to.empty();
        }
    };

    struct Arc {
        std::size_t to;  // vertex
        MeanCalls calls;
    };

    /// What must work: a vertex, or so many of the parts.
    struct Need {
        std::size_t at_least = 0;
        std::vector<Need> parts = {};
        std::optional<std::size_t> vertex = {};  // instead of parts
    };

    /// One operation of one component.
    struct Vertex {
        std::size_t component;
        std::string operation;
        Demand demand;
        std::vector<Arc> arcs;
        Need need = {};
    };

    struct Journey {
        std::string name;
        std::size_t component;
        double share;  // of the load that begins at the component
        std::vector<Arc> arcs;
        Need need = {};
    };

    std::vector<Box> components;
    std::vector<Vertex> vertices;
    std::vector<Journey> journeys;

    /// "shop.order"
    std::string name_of(std::size_t vertex) const;
};

/// REQUIRES: `world` was made of the parameters, and their references lead somewhere. Of a silent
/// component the arcs are those of its description, with a count of 0.
ServiceGraph service_graph(const ScenarioParameters& parameters, const World& world);

/// Which vertices calls lead to from these arcs, directly or not; only arcs that `follows` accepts.
template <class Follows>
std::vector<bool> reached(const ServiceGraph& graph, const std::vector<ServiceGraph::Arc>& from,
                          Follows follows) {
    std::vector<bool> seen(graph.vertices.size(), false);
    std::vector<std::size_t> open;
    const auto visit = [&](const std::vector<ServiceGraph::Arc>& arcs) {
        for (const auto& arc : arcs) {
            if (seen[arc.to] || !follows(arc)) continue;
            seen[arc.to] = true;
            open.push_back(arc.to);
        }
    };
    visit(from);
    while (!open.empty()) {
        const std::size_t vertex = open.back();
        open.pop_back();
        visit(graph.vertices[vertex].arcs);
    }
    return seen;
}

}  // namespace prodsim
