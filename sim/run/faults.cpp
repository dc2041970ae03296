#include "sim/run/faults.hpp"

#include "sim/run/reach.hpp"
#include "sim/world/component.hpp"

#include <algorithm>
#include <vector>

namespace prodsim {

namespace {

template <class T>
bool has(const std::vector<T*>& list, const T& item) {
    return std::find(list.begin(), list.end(), &item) != list.end();
}

}  // namespace

bool Faults::Active::touches_instances() const {
    const FaultParameters& p = *parameters;
    return p.crash || p.black_hole || p.hang || p.expired || p.slow != 1 || p.errors.value > 0 ||
           p.capacity_loss.value > 0;
}

bool Faults::Active::touches_network() const {
    const FaultParameters& p = *parameters;
    return p.partition || p.latency.count() > 0 || p.loss.value > 0;
}

Condition Faults::Active::condition() const {
    const FaultParameters& p = *parameters;
    Condition condition;
    if (p.hang) condition.mode = Condition::Mode::hanging;
    if (p.crash) condition.mode = Condition::Mode::refusing;
    if (p.black_hole) condition.mode = Condition::Mode::black_holed;
    condition.expired = p.expired;
    condition.slow = 1 + (p.slow - 1) * strength;
    condition.error_rate = p.errors.value * strength;
    condition.capacity = 1 - p.capacity_loss.value * strength;
    return condition;
}

Faults::Faults(World& world, const Scenario& scenario, const RunPlan& plan)
    : world_(world), parameters_(scenario.parameters()), end_(plan.duration) {
    const auto& list = scenario.parameters().faults;
    for (std::size_t number = 0; number < list.size(); ++number) {
        if (!plan.faults.contains(number)) continue;
        Active& fault = faults_.emplace_back();
        fault.parameters = &list[number];
        fault.number = number;
        fault.phases =
            phases_of(list[number].shape, list[number].length, plan.duration - list[number].at,
                      world.stream("fault/" + std::to_string(number)));
        if (fault.touches_network()) watch(fault);
    }
    world_.newcomers = this;
}

void Faults::watch(Active& fault) {
    const FaultTarget& target = fault.parameters->target;
    if (target.component.empty()) {
        watch_zones(fault);
    } else {
        watch_edges(fault);
    }
}

void Faults::watch_edges(Active& fault) {
    const FaultTarget& target = fault.parameters->target;
    for (const auto& component : world_.components()) {
        const std::string& other = component->name();
        if (other == target.component || (!target.to.empty() && other != target.to)) continue;
        add_path(fault, world_.network.watch_edge(target.component, other),
                 world_.network.watch_edge(other, target.component));
    }
}

void Faults::watch_zones(Active& fault) {
    const FaultTarget& target = fault.parameters->target;
    const auto& zones = world_.network.zones();
    const auto matches = [&zones](ZoneId id, const std::string& name) {
        return name.empty() || zones[id].name == name || zones[id].region == name;
    };
    for (ZoneId from = 0; from < zones.size(); ++from) {
        if (!matches(from, target.zone)) continue;
        for (ZoneId to = 0; to < zones.size(); ++to) {
            const bool outside = target.zone.empty() || !matches(to, target.zone);
            if (!outside || !matches(to, target.to)) continue;
            add_path(fault, world_.network.watch_zones(from, to),
                     world_.network.watch_zones(to, from));
        }
    }
}

void Faults::add_path(Active& fault, PathCondition& there, PathCondition& back) {
    fault.paths.push_back(&there);
    if (!fault.parameters->one_way && &back != &there) fault.paths.push_back(&back);
}

void Faults::schedule() {
    if (faults_.empty()) return;
    const Reaches reaches(parameters_, world_);
    for (const Active& fault : faults_) world_.causes.announce(reaches.of(fault.number));
    for (std::size_t i = 0; i < faults_.size(); ++i) {
        const Active& fault = faults_[i];
        if (fault.phases.empty() || fault.parameters->at >= end_) continue;
        world_.engine.at(start_of_run + fault.parameters->at + fault.phases.front().after,
                         action_with<&Faults::step>(*this, i));
    }
}

void Faults::step(std::uint64_t index) {
    Active& fault = faults_[index];
    const double before = fault.strength;
    fault.strength = fault.phases[fault.phase].strength;
    fault.present = fault.strength > 0;
    if (before == 0 && fault.present) begin(fault);
    world_.causes.set_present(static_cast<CauseId>(fault.number + 1), fault.present, world_.now());
    apply(fault);
    if (++fault.phase < fault.phases.size()) {
        world_.engine.at(start_of_run + fault.parameters->at + fault.phases[fault.phase].after,
                         action_with<&Faults::step>(*this, index));
    }
}

void Faults::begin(Active& fault) {
    const FaultParameters& parameters = *fault.parameters;
    if (fault.touches_instances()) choose_instances(fault);
    if (!parameters.flush) return;
    for (const auto& component : world_.components()) {
        if (concerns(fault, *component)) component->flush();
    }
}

void Faults::choose_instances(Active& fault) {
    const FaultTarget& target = fault.parameters->target;
    const FateGroup* group = group_of(fault);
    fault.instances.clear();
    for (const auto& component : world_.components()) {
        if (!target.component.empty() && component->name() != target.component) continue;
        const auto* callee = dynamic_cast<const Callee*>(component.get());
        if (callee == nullptr) continue;
        std::vector<Instance*> matching =
            group == nullptr ? callee->members() : members_in(*group, world_, *callee);
        std::erase_if(matching, [&](const Instance* instance) {
            return !stands_in(world_, *instance, target.zone);
        });
        keep_part(matching, target.share, target.instances);
        fault.instances.insert(fault.instances.end(), matching.begin(), matching.end());
    }
}

const FateGroup* Faults::group_of(const Active& fault) const {
    return parameters_.groups.find(fault.parameters->target.group);
}

/// Of what concerns a component as a whole.
bool Faults::concerns(const Active& fault, const Component& component) const {
    const std::string& wanted = fault.parameters->target.component;
    if (!wanted.empty() && wanted != component.name()) return false;
    const FateGroup* group = group_of(fault);
    return group == nullptr || group->names(component.name());
}

void Faults::joined(const Callee& component, Instance& instance) {
    bool hit = false;
    for (Active& fault : faults_) {
        const FaultTarget& target = fault.parameters->target;
        const bool of_all = target.share.value >= 1 && !target.instances;
        const bool meant = target.component.empty() || target.component == component.name();
        if (!fault.present || !fault.touches_instances() || !of_all || !meant) continue;
        if (!stands_in(world_, instance, target.zone)) continue;
        const FateGroup* group = group_of(fault);
        if (group != nullptr && !takes_in(*group, world_, component, instance)) continue;
        fault.instances.push_back(&instance);
        hit = true;
    }
    if (hit) update(instance);
}

void Faults::apply(const Active& fault) {
    for (Instance* instance : fault.instances) update(*instance);
    for (PathCondition* path : fault.paths) update(*path);
    if (fault.parameters->load != 1) update_load();
}

void Faults::update(Instance& instance) {
    Condition condition;
    for (const Active& fault : faults_) {
        if (fault.present && has(fault.instances, instance)) {
            condition = condition.with(fault.condition());
        }
    }
    instance.set_condition(condition);
}

void Faults::update(PathCondition& path) {
    path = {};
    for (const Active& fault : faults_) {
        if (!fault.present || !has(fault.paths, path)) continue;
        const FaultParameters& p = *fault.parameters;
        if (p.partition) {
            path.cut = std::max(path.cut,
                                p.reject ? PathCondition::Cut::rejects : PathCondition::Cut::drops);
        }
        path.extra_latency += from_seconds(in_seconds(p.latency) * fault.strength);
        path.loss = 1 - (1 - path.loss) * (1 - p.loss.value * fault.strength);
    }
}

void Faults::update_load() {
    for (const auto& component : world_.components()) {
        double factor = 1;
        for (const Active& fault : faults_) {
            if (!fault.present || !concerns(fault, *component) ||
                !fault.parameters->target.drives(component->cohort())) {
                continue;
            }
            factor *= 1 + (fault.parameters->load - 1) * fault.strength;
        }
        component->set_load(factor);
    }
}

}  // namespace prodsim
