#include "sim/study/diagram.hpp"

#include "sim/run/report_numbers.hpp"
#include "sim/run/service_graph.hpp"
#include "sim/run/topology.hpp"

#include <algorithm>
#include <utility>

namespace prodsim {

namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string percent(double share) { return readable_number(100 * share) + " %"; }

class Drawing {
public:
    Drawing(const Scenario& scenario, Detail detail) : topology_(analyse(scenario)) {
        diagram_.title = scenario.path();
        diagram_.meaning_of_colours = "predicted share in use of the busiest resource";
        const std::unique_ptr<World> world = scenario.world(0, 0);
        const ServiceGraph graph = service_graph(scenario.parameters(), *world);
        list_boxes(scenario, graph);
        if (detail == Detail::operations) list_operations(graph);
    }

    Diagram diagram() && {
        mark_boxes();
        draw_arrows();
        return std::move(diagram_);
    }

private:
    /// Calls between two boxes, or two operations.
    struct Flow {
        Diagram::End from;
        Diagram::End to;
        std::optional<double> per_s = 0;
        bool at_most = false;
    };

    void list_boxes(const Scenario& scenario, const ServiceGraph& graph) {
        for (std::size_t i = 0; i < graph.components.size(); ++i) {
            const auto& item = scenario.parameters().components[i];
            const bool callable = graph.components[i].callable;
            diagram_.boxes.push_back(
                {.name = item.name,
                 .kind = item.value.word(),
                 .instances = callable ? graph.components[i].work.instances : 0});
        }
    }

    void list_operations(const ServiceGraph& graph) {
        for (const auto& journey : graph.journeys) {
            diagram_.boxes[journey.component].operations.push_back(journey.name);
        }
        for (const auto& vertex : graph.vertices) {
            if (vertex.operation.empty()) continue;
            diagram_.boxes[vertex.component].operations.push_back(vertex.operation);
        }
    }

    void mark_boxes() {
        for (const PredictedUse& use : topology_.uses) {
            Diagram::Box& used = diagram_.boxes[number_of(use.component)];
            if (use.available == 0 || (used.share && *used.share >= use.share())) continue;
            used.share = use.share();
            used.use = (use.at_most ? "at most " : "") + percent(use.share()) + " of " +
                       readable_number(use.available) + " " +
                       (use.resource == "cores" && use.available == 1 ? "core" : use.resource);
        }
        for (const SinglePoint& point : topology_.single_points) {
            diagram_.boxes[number_of(point.component)].single_point = true;
        }
        for (const std::string& name : topology_.unreached) {
            diagram_.boxes[number_of(name)].reached = false;
        }
    }

    void draw_arrows() {
        std::vector<Flow> flows;  // in the order of the scenario
        for (const PredictedCalls& calls : topology_.calls) {
            const Diagram::End from = end(calls.from, calls.from_operation);
            const Diagram::End to = end(calls.to, calls.to_operation);
            auto flow = std::find_if(flows.begin(), flows.end(), [&](const Flow& one) {
                return one.from == from && one.to == to;
            });
            if (flow == flows.end()) flow = flows.insert(flow, {from, to});
            flow->per_s = calls.per_s && flow->per_s ? std::optional(*flow->per_s + *calls.per_s)
                                                     : std::nullopt;
            flow->at_most = flow->at_most || calls.at_most;
        }
        for (const Flow& flow : flows) draw(flow);
    }

    void draw(const Flow& flow) {
        const std::string& from = diagram_.boxes[flow.from.box].name;
        const std::string& to = diagram_.boxes[flow.to.box].name;
        const auto& cycles = topology_.cycles;
        const bool in_cycle =
            std::any_of(cycles.begin(), cycles.end(), [&](const std::vector<std::string>& cycle) {
                return contains(cycle, from) && contains(cycle, to);
            });
        diagram_.arrows.push_back(
            {flow.from, flow.to, label(flow), is_awaited(from, to), in_cycle});
    }

    static std::string label(const Flow& flow) {
        if (!flow.per_s) return "?/s";
        return (flow.at_most ? "at most " : "") + readable_number(*flow.per_s) + "/s";
    }

    /// Unless all that goes this way is published.
    bool is_awaited(const std::string& from, const std::string& to) const {
        bool published = false;
        for (const ServiceEdge& edge : topology_.edges) {
            if (edge.from != from || edge.to != to) continue;
            if (edge.kind != "publishes") return true;
            published = true;
        }
        return !published;
    }

    std::size_t number_of(const std::string& component) const {
        const auto& boxes = diagram_.boxes;
        const auto found = std::find_if(boxes.begin(), boxes.end(), [&](const Diagram::Box& box) {
            return box.name == component;
        });
        return static_cast<std::size_t>(found - boxes.begin());
    }

    Diagram::End end(const std::string& component, const std::string& operation) const {
        const std::size_t number = number_of(component);
        const auto& operations = diagram_.boxes[number].operations;
        const auto found = std::find(operations.begin(), operations.end(), operation);
        if (found == operations.end()) return {number, std::nullopt};
        return {number, static_cast<std::size_t>(found - operations.begin())};
    }

    Topology topology_;
    Diagram diagram_;
};

}  // namespace

const Heat& Diagram::Box::heat() const {
    if (!share) return no_heat;
    for (const Heat& heat : heats) {
        if (*share < heat.below) return heat;
    }
    return heats.back();
}

Diagram diagram_of(const Scenario& scenario, Detail detail) {
    return Drawing(scenario, detail).diagram();
}

void colour_by_run(Diagram& diagram, const std::map<std::string, double>& utilisations) {
    diagram.meaning_of_colours = "share of the cores in use in the run";
    for (Diagram::Box& box : diagram.boxes) {
        box.share.reset();
        box.use.clear();
        const auto found = utilisations.find(box.name);
        if (found == utilisations.end()) continue;
        box.share = found->second;
        box.use = percent(found->second) + " of its cores";
    }
}

}  // namespace prodsim
