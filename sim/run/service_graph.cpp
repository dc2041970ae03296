#include "sim/run/service_graph.hpp"

#include "sim/world/component.hpp"

#include <cassert>
#include <map>
#include <utility>

namespace prodsim {

namespace {

bool carries_traffic(const Edge& edge) { return edge.kind == "calls" || edge.kind == "publishes"; }

class GraphBuilder {
public:
    GraphBuilder(const ScenarioParameters& parameters, const World& world) {
        for (const auto& item : parameters.components) {
            const Component& component = *world.find(item.name);
            numbers_[item.name] = graph_.components.size();
            // A description is visited as something that may be changed: visit a copy.
            Choice<ComponentFamily> copy = item.value;
            graph_.components.push_back({item.name, component.workload(),
                                         edges_of(copy, "components." + item.name),
                                         dynamic_cast<const Callee*>(&component) != nullptr});
        }
    }

    ServiceGraph build() && {
        for (std::size_t i = 0; i < graph_.components.size(); ++i) {
            for (const auto& operation : graph_.components[i].work.operations) {
                vertex(i, operation.name);
            }
            add_journeys(i);
        }
        // Whoever passes calls on has the operations that it is asked for.
        for (std::size_t i = 0; i < graph_.vertices.size(); ++i) {
            std::vector<ServiceGraph::Arc> arcs = arcs_from(i);
            graph_.vertices[i].arcs = std::move(arcs);
        }
        return std::move(graph_);
    }

private:
    void add_journeys(std::size_t component) {
        const LoadSource& source = graph_.components[component].work.source;
        double sum = 0;
        for (const JourneyDemand& journey : source.journeys) sum += journey.weight;
        for (const JourneyDemand& journey : source.journeys) {
            graph_.journeys.push_back({journey.name, component, sum > 0 ? journey.weight / sum : 0,
                                       arcs_of(journey.demand)});
        }
    }

    std::vector<ServiceGraph::Arc> arcs_from(std::size_t number) {
        const ServiceGraph::Vertex from = graph_.vertices[number];  // more may come meanwhile
        const ServiceGraph::Box& box = graph_.components[from.component];
        if (!box.work.passes_to.empty()) return arcs_of(from.operation, box.work);
        return box.is_silent() ? arcs_of(box.edges) : arcs_of(from.demand);
    }

    std::vector<ServiceGraph::Arc> arcs_of(const Demand& demand) {
        std::vector<ServiceGraph::Arc> arcs;
        for (const MeanCalls& calls : demand.calls) arcs.push_back({vertex(calls.target), calls});
        return arcs;
    }

    std::vector<ServiceGraph::Arc> arcs_of(const std::string& operation, const Workload& work) {
        std::vector<ServiceGraph::Arc> arcs;
        for (const Passing& passing : work.passes_to) {
            const ComponentName& target = passing.target;
            const MeanCalls calls{.target = {target.name, operation, target.place},
                                  .count = passing.count,
                                  .at_most = passing.at_most,
                                  .needed = passing.needed,
                                  .at_once = work.passes_at_once};
            arcs.push_back({vertex(calls.target), calls});
        }
        return arcs;
    }

    std::vector<ServiceGraph::Arc> arcs_of(const std::vector<Edge>& edges) {
        std::vector<ServiceGraph::Arc> arcs;
        for (const Edge& edge : edges) {
            if (!carries_traffic(edge)) continue;
            MeanCalls calls{{edge.component, edge.operation, edge.place}};
            calls.count = 0;
            arcs.push_back({vertex(calls.target), calls});
        }
        return arcs;
    }

    std::size_t vertex(const OperationName& name) {
        const auto component = numbers_.find(name.component);
        assert(component != numbers_.end() && "the loader has checked that it exists");
        return vertex(component->second, name.operation);
    }

    std::size_t vertex(std::size_t component, const std::string& operation) {
        const auto [place, added] =
            vertices_.try_emplace({component, operation}, graph_.vertices.size());
        if (added) {
            Demand demand;
            for (const OperationDemand& described : graph_.components[component].work.operations) {
                if (described.name == operation) demand = described.demand;
            }
            graph_.vertices.push_back({component, operation, std::move(demand), {}});
        }
        return place->second;
    }

    ServiceGraph graph_;
    std::map<std::string, std::size_t, std::less<>> numbers_;
    std::map<std::pair<std::size_t, std::string>, std::size_t> vertices_;
};

}  // namespace

std::string ServiceGraph::name_of(std::size_t vertex) const {
    const Vertex& found = vertices[vertex];
    const std::string& component = components[found.component].name;
    return found.operation.empty() ? component : component + "." + found.operation;
}

ServiceGraph service_graph(const ScenarioParameters& parameters, const World& world) {
    return GraphBuilder(parameters, world).build();
}

}  // namespace prodsim
