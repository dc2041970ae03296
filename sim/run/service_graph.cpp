#include "sim/run/service_graph.hpp"

#include "sim/world/component.hpp"

#include <algorithm>
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
            ServiceGraph::Need need = need_from(i, arcs);
            graph_.vertices[i].arcs = std::move(arcs);
            graph_.vertices[i].need = std::move(need);
        }
        for (std::size_t i = 0; i < graph_.components.size(); ++i) add_consumers(i);
        return std::move(graph_);
    }

private:
    void add_journeys(std::size_t component) {
        const LoadSource& source = graph_.components[component].work.source;
        double sum = 0;
        for (const JourneyDemand& journey : source.journeys) sum += journey.weight;
        for (const JourneyDemand& journey : source.journeys) {
            graph_.journeys.push_back({journey.name, component, sum > 0 ? journey.weight / sum : 0,
                                       arcs_of(journey.demand), resolved(journey.demand.need)});
        }
    }

    /// What consumers do at a time, as a resource of the messages that come.
    void add_consumers(std::size_t component) {
        Workload& work = graph_.components[component].work;
        for (const Consumers& consumers : work.consumers) {
            Resource resource{"consumers of " + consumers.name,
                              static_cast<double>(consumers.at_a_time),
                              {},
                              {},
                              false};
            std::vector<bool> on_way(graph_.vertices.size(), false);
            const double least = least_s(vertex(consumers.target), on_way);
            for (const OperationDemand& operation : work.operations) {
                resource.per_call.push_back(operation.name == consumers.operation ? least : 0);
            }
            work.resources.push_back(std::move(resource));
        }
    }

    /// What a call takes at least, on average, if nobody waits for anything.
    double least_s(std::size_t number, std::vector<bool>& on_way) const {
        const ServiceGraph::Vertex& vertex = graph_.vertices[number];
        if (on_way[number]) return 0;
        on_way[number] = true;
        const Demand& demand = vertex.demand;
        double own = graph_.components[vertex.component].work.passes_in_s;
        if (demand.in_sequence)
            own += demand.wait_s.value_or(0) + (demand.at_most ? 0 : demand.cpu_s);
        double sum = 0;
        double longest = 0;
        for (const ServiceGraph::Arc& arc : vertex.arcs) {
            if (!arc.calls.awaited || arc.calls.at_most) continue;
            const double time = arc.calls.count * least_s(arc.to, on_way);
            sum += time;
            longest = std::max(longest, time);
        }
        on_way[number] = false;
        return own + (demand.in_sequence ? sum : longest);
    }

    std::vector<ServiceGraph::Arc> arcs_from(std::size_t number) {
        const ServiceGraph::Vertex from = graph_.vertices[number];  // more may come meanwhile
        const ServiceGraph::Box& box = graph_.components[from.component];
        if (!box.work.passes_to.empty()) return arcs_of(from.operation, box.work);
        return box.is_silent() ? arcs_of(box.edges) : arcs_of(from.demand);
    }

    /// Of those that a call may be passed to instead of one another, one must work; whoever gets a
    /// call when nothing fails is no substitute for who gets none.
    ServiceGraph::Need need_from(std::size_t number, const std::vector<ServiceGraph::Arc>& arcs) {
        const Demand demand = graph_.vertices[number].demand;
        if (!demand.need.parts.empty()) return resolved(demand.need);
        std::vector<ServiceGraph::Need> all;
        ServiceGraph::Need one_of{1, {}, {}};
        const bool passes =
            !graph_.components[graph_.vertices[number].component].work.passes_to.empty();
        for (const ServiceGraph::Arc& arc : arcs) {
            if (arc.calls.needed) {
                all.push_back({0, {}, arc.to});
            } else if (passes) {
                one_of.parts.push_back({0, {}, arc.to});
            }
        }
        if (all.empty() && !one_of.parts.empty()) all.push_back(std::move(one_of));
        return all_of(std::move(all));
    }

    ServiceGraph::Need resolved(const Need& need) {
        if (need.call) return {0, {}, vertex(*need.call)};
        ServiceGraph::Need made{need.at_least, {}, {}};
        for (const Need& part : need.parts) made.parts.push_back(resolved(part));
        return made;
    }

    static ServiceGraph::Need all_of(std::vector<ServiceGraph::Need> parts) {
        const std::size_t count = parts.size();
        return {count, std::move(parts), {}};
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
