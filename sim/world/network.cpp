#include "sim/world/network.hpp"

namespace prodsim {

Network::Network() : zones_{Zone{}} {}

ZoneId Network::add_zone(Zone zone) {
    const auto id = static_cast<ZoneId>(zones_.size());
    by_name_.emplace(zone.name, id);
    zones_.push_back(std::move(zone));
    return id;
}

const ZoneId* Network::find_zone(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &found->second;
}

const Path& Network::path(ZoneId from, ZoneId to) const {
    const auto found = paths_.find({from, to});
    return found == paths_.end() ? free_ : found->second;
}

const PathCondition* Network::condition(ZoneId from, ZoneId to) const {
    const auto found = zone_conditions_.find({from, to});
    return found == zone_conditions_.end() ? nullptr : &found->second;
}

const PathCondition* Network::condition(std::string_view caller, std::string_view callee) const {
    const auto found = edge_conditions_.find({std::string(caller), std::string(callee)});
    return found == edge_conditions_.end() ? nullptr : &found->second;
}

}  // namespace prodsim
