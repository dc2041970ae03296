#include "sim/run/shared_fate.hpp"

#include "sim/run/lint.hpp"
#include "sim/world/component.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

namespace prodsim {

namespace {

using Arcs = std::vector<ServiceGraph::Arc>;
using Flags = std::vector<bool>;

/// What is left of a system without some of its components.
class Remains {
public:
    Remains(const ServiceGraph& graph, const Flags& gone) : graph_(graph) {
        for (const auto& vertex : graph.vertices) fallen_.push_back(gone[vertex.component]);
        // An operation falls with those that it needs: look until no more do.
        for (bool more = true; more;) {
            more = false;
            for (std::size_t i = 0; i < fallen_.size(); ++i) {
                if (fallen_[i] || !fall(graph.vertices[i].arcs)) continue;
                fallen_[i] = true;
                more = true;
            }
        }
    }

    std::vector<std::string> fallen_journeys() const {
        std::vector<std::string> names;
        for (const auto& journey : graph_.journeys) {
            const bool listed = std::find(names.begin(), names.end(), journey.name) != names.end();
            if (!listed && fall(journey.arcs)) names.push_back(journey.name);
        }
        return names;
    }

private:
    // Calls that are made only after a failure are a way round for the others that may fail.
    bool fall(const Arcs& arcs) const {
        bool first_way = false;
        bool has_way_round = false;
        bool way_round_left = false;
        for (const auto& arc : arcs) {
            if (arc.calls.needed && fallen_[arc.to]) return true;
            if (arc.calls.needed) continue;
            if (arc.calls.count > 0) {
                first_way |= fallen_[arc.to];
            } else {
                has_way_round = true;
                way_round_left |= !fallen_[arc.to];
            }
        }
        return first_way && has_way_round && !way_round_left;
    }

    const ServiceGraph& graph_;
    Flags fallen_;  // by operation
};

/// A group as it is when the run begins.
struct Reach {
    std::vector<std::string> parts;  // "gateway", "2 of the 6 instances of shop"
    std::vector<std::string> whole;
    Flags gone;
    std::size_t zones = 0;  // in which the components stand that are gone
};

class SharedFates {
public:
    SharedFates(const Scenario& scenario, const ServiceGraph& graph)
        : scenario_(scenario), graph_(graph), world_(scenario.world(0, 0)) {
        world_->start();
    }

    std::vector<Finding> findings() const {
        std::vector<Finding> all;
        for (const auto& item : scenario_.parameters().groups) {
            all.push_back(finding(title_of(item.name, item.value), reach_of(item.value)));
        }
        return all;
    }

private:
    Reach reach_of(const FateGroup& group) const {
        Reach reach;
        std::set<ZoneId> zones;
        for (const auto& component : graph_.components) {
            const auto* callee = dynamic_cast<const Callee*>(world_->find(component.name));
            const auto belonging =
                callee == nullptr ? std::vector<Instance*>{} : members_in(group, *world_, *callee);
            const bool whole = !belonging.empty() && belonging.size() == callee->members().size();
            reach.gone.push_back(whole);
            if (whole) {
                for (const Instance* instance : belonging) zones.insert(instance->zone());
                reach.whole.push_back(component.name);
                reach.parts.push_back(component.name);
            } else if (!belonging.empty()) {
                reach.parts.push_back(std::to_string(belonging.size()) + " of the " +
                                      std::to_string(callee->members().size()) + " instances of " +
                                      component.name);
            } else if (group.names(component.name)) {
                reach.parts.push_back("what is " + component.name + "'s");
            }
        }
        reach.zones = zones.size();
        return reach;
    }

    Finding finding(const std::string& title, const Reach& reach) const {
        const std::vector<std::string> fallen = Remains(graph_, reach.gone).fallen_journeys();
        const std::string joins =
            title + (reach.parts.size() > 1 ? " joins " : " concerns ") + listed(reach.parts);
        if (fallen.empty()) {
            return {Severity::note, "shared_fate", reach.whole,
                    joins + ": no journey falls when all of that does"};
        }
        const std::string falls =
            listed(fallen) + (fallen.size() > 1 ? " fall together" : " falls");
        if (reach.whole.size() > 1 && !falls_with_one(reach, fallen)) {
            return {Severity::warning, "shared_fate", reach.whole,
                    joins + ": " + falls + " with it, and with none of them alone"};
        }
        if (reach.zones > 1) {
            return {Severity::warning, "shared_fate", reach.whole,
                    joins + ": " + falls + " with it, in every zone"};
        }
        return {Severity::note, "shared_fate", reach.whole, joins + ": " + falls + " with it"};
    }

    /// Whether the architect sees it in one of the boxes: then the group adds nothing.
    bool falls_with_one(const Reach& reach, const std::vector<std::string>& fallen) const {
        for (std::size_t i = 0; i < reach.gone.size(); ++i) {
            if (!reach.gone[i]) continue;
            Flags one(reach.gone.size(), false);
            one[i] = true;
            if (Remains(graph_, one).fallen_journeys() == fallen) return true;
        }
        return false;
    }

    const Scenario& scenario_;
    const ServiceGraph& graph_;
    std::unique_ptr<World> world_;
};

}  // namespace

std::vector<Finding> lint_groups(const Scenario& scenario, const ServiceGraph& graph) {
    if (scenario.parameters().groups.empty()) return {};
    return SharedFates(scenario, graph).findings();
}

}  // namespace prodsim
