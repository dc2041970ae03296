#include "sim/world/callees.hpp"

#include "sim/world/demand.hpp"

#include <cassert>

namespace prodsim {

Program::Target Callees::resolve(const OperationName& name) {
    auto* callee = dynamic_cast<Callee*>(world_.find(name.component));
    assert(callee != nullptr && "the loader has checked that the component exists");
    std::size_t number = 0;
    while (number < callees_.size() && callees_[number] != callee) ++number;
    if (number == callees_.size()) callees_.push_back(callee);
    const auto operation = callee->operation(name.operation);
    assert(operation && "the loader has checked that the operation exists");
    return {static_cast<std::uint16_t>(number), *operation};
}

std::vector<std::unique_ptr<Chain>> Callees::connect(std::uint64_t instance, ZoneId zone,
                                                     Script& script) const {
    static const CallParameters no_policies;
    std::vector<std::unique_ptr<Chain>> chains;
    for (Callee* callee : callees_) {
        const CallParameters* policies = calls_.find(callee->name());
        chains.push_back(std::make_unique<Chain>(world_,
                                                 policies == nullptr ? no_policies : *policies,
                                                 Caller{caller_, instance, zone}, *callee));
        script.add_chain(chains.back()->head());
    }
    return chains;
}

std::optional<std::uint16_t> operation_behind(const World& world, const ComponentName& first,
                                              std::string_view wanted) {
    constexpr int longest_row = 16;
    ComponentName name = first;
    for (int hops = 0; hops < longest_row; ++hops) {
        const auto* callee = dynamic_cast<const Callee*>(world.find(name.name));
        if (callee == nullptr) return std::nullopt;
        const Workload work = callee->workload();
        if (work.passes_to.empty()) return callee->operation(wanted);
        name = work.passes_to.front().target;
    }
    return std::nullopt;
}

Callee& callee_named(const World& world, const ComponentName& name) {
    auto* callee = dynamic_cast<Callee*>(world.find(name.name));
    assert(callee != nullptr && "the loader has checked that it can be called");
    return *callee;
}

std::vector<ZoneId> zones_of(const World& world, const std::vector<ZoneName>& names) {
    std::vector<ZoneId> zones;
    for (const ZoneName& wanted : names) {
        [[maybe_unused]] const std::size_t before = zones.size();
        for (std::size_t id = 0; id < world.network.zones().size(); ++id) {
            const Zone& zone = world.network.zones()[id];
            if (zone.name != wanted.name && zone.region != wanted.name) continue;
            zones.push_back(static_cast<ZoneId>(id));
        }
        assert(zones.size() > before && "the loader has checked that the zone exists");
    }
    if (!zones.empty()) return zones;
    const std::size_t count = world.network.zones().size();
    for (std::size_t id = count > 1 ? 1 : 0; id < count; ++id) {
        zones.push_back(static_cast<ZoneId>(id));
    }
    return zones;
}

}  // namespace prodsim
