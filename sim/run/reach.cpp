#include "sim/run/reach.hpp"

#include "sim/config/edges.hpp"
#include "sim/run/service_graph.hpp"
#include "sim/world/component.hpp"

#include <algorithm>
#include <deque>

namespace prodsim {

namespace {

/// Adds those that a way leads to from `from`; who is known already keeps the way that he has.
void spread(const std::map<std::string, std::set<std::string>>& next,
            const std::set<std::string>& from, Way way,
            std::map<std::string, Reach, std::less<>>& reached) {
    std::map<std::string, std::uint16_t> hops;
    std::deque<std::string> open(from.begin(), from.end());
    for (const std::string& name : from) hops[name] = 0;
    for (; !open.empty(); open.pop_front()) {
        const std::string here = open.front();
        reached.try_emplace(here, Reach{way, hops[here]});
        const auto neighbours = next.find(here);
        if (neighbours == next.end()) continue;
        for (const std::string& name : neighbours->second) {
            if (!hops.try_emplace(name, static_cast<std::uint16_t>(hops[here] + 1)).second)
                continue;
            open.push_back(name);
        }
    }
}

}  // namespace

Reaches::Reaches(const ScenarioParameters& parameters, const World& world)
    : parameters_(parameters), world_(world) {
    const ServiceGraph graph = service_graph(parameters, world);
    const auto connect = [this](const std::string& caller, const std::string& callee) {
        callees_[caller].insert(callee);
        callers_[callee].insert(caller);
        others_[caller].insert(callee);
        others_[callee].insert(caller);
    };
    for (const auto& box : graph.components) {
        all_.insert(box.name);
        if (!box.work.source.journeys.empty()) sources_.insert(box.name);
        for (const Edge& edge : box.edges) connect(box.name, edge.component);
    }
    const auto every = [](const ServiceGraph::Arc&) { return true; };
    for (const auto& journey : graph.journeys) {
        const std::vector<bool> asked = reached(graph, journey.arcs, every);
        Names& names = journeys_[journey.name];
        names.insert(graph.components[journey.component].name);
        for (std::size_t i = 0; i < asked.size(); ++i) {
            if (asked[i]) names.insert(graph.components[graph.vertices[i].component].name);
        }
    }
}

Disturbance Reaches::of(std::size_t number) const {
    const FaultParameters& fault = parameters_.faults[number];
    const Names disturbed = disturbed_by(fault);
    Disturbance disturbance{static_cast<CauseId>(number + 1), {}, strangers_to(disturbed)};
    spread(callers_, disturbed, Way::waits, disturbance.components);
    if (fault.flush || fault.load != 1) {
        Names flooding = disturbed;
        for (const std::string& name : disturbed) {
            const auto callers = callers_.find(name);
            if (callers != callers_.end()) {
                flooding.insert(callers->second.begin(), callers->second.end());
            }
        }
        spread(callees_, flooding, Way::flooded, disturbance.components);
    }
    spread(others_, disturbed, Way::beside, disturbance.components);
    return disturbance;
}

Reaches::Names Reaches::disturbed_by(const FaultParameters& fault) const {
    const FaultTarget& target = fault.target;
    const bool cuts = fault.partition || fault.latency.count() > 0 || fault.loss.value > 0;
    if (cuts && !target.component.empty()) return behind_edges(target);
    const FateGroup* group = parameters_.groups.find(target.group);
    Names names;
    for (const std::string& name : target.component.empty() ? all_ : Names{target.component}) {
        if (group != nullptr && !group->names(name)) continue;
        if (fault.load != 1) {
            if (sources_.contains(name) && target.drives(world_.find(name)->cohort()))
                names.insert(name);
            continue;
        }
        if (target.zone.empty() || stands_in(name, target.zone) ||
            (cuts && !target.to.empty() && stands_in(name, target.to))) {
            names.insert(name);
        }
    }
    return names;
}

/// An edge that is cut disturbs the one who is called: it is he who does not answer.
Reaches::Names Reaches::behind_edges(const FaultTarget& target) const {
    Names names;
    const auto add = [&](const std::string& caller, const std::string& callee) {
        const auto calls = callees_.find(caller);
        if (calls != callees_.end() && calls->second.contains(callee)) names.insert(callee);
    };
    for (const std::string& other : target.to.empty() ? all_ : Names{target.to}) {
        add(target.component, other);
        add(other, target.component);
    }
    return names;
}

bool Reaches::stands_in(const std::string& component, const std::string& wanted) const {
    const auto* callee = dynamic_cast<const Callee*>(world_.find(component));
    if (callee == nullptr) return false;
    const auto& instances = callee->instances();
    return std::any_of(instances.begin(), instances.end(), [&](const auto& instance) {
        const Zone& zone = world_.network.zones()[instance->zone()];
        return zone.name == wanted || zone.region == wanted;
    });
}

Reaches::Names Reaches::strangers_to(const Names& disturbed) const {
    Names strangers;
    for (const auto& [journey, asked] : journeys_) {
        const bool asks = std::any_of(disturbed.begin(), disturbed.end(),
                                      [&](const auto& name) { return asked.contains(name); });
        if (!asks) strangers.insert(journey);
    }
    return strangers;
}

}  // namespace prodsim
