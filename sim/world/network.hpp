#pragma once

#include "sim/core/distribution.hpp"
#include "sim/core/time.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim {

/// Where an instance stands: an index into the zones of the network. 0 is the one unnamed zone of
/// a scenario without places.
using ZoneId = std::uint16_t;

struct Zone {
    std::string name;
    std::string region;
};

/// What a path between two zones does to a message, one way.
struct Path {
    Distribution latency = Distribution::constant(0);  // seconds, jitter included
    double loss = 0;                                   // share of messages that vanish

    bool is_free() const { return loss == 0 && latency.is_constant() && latency.mean() == 0; }
};

/// What faults do to a direction of traffic at present. Parameters only: messages under way keep
/// the delay they were given.
struct PathCondition {
    enum class Cut : std::uint8_t { no, drops, rejects };
    Cut cut = Cut::no;
    Duration extra_latency{};
    double loss = 0;
};

/// The zones, the paths between them, and the present condition of paths and edges. It knows
/// geography only; the Link node applies it to calls.
class Network {
public:
    Network();

    ZoneId add_zone(Zone zone);
    void set_path(ZoneId from, ZoneId to, Path path) { paths_[{from, to}] = std::move(path); }

    /// Makes the condition of this direction changeable: links of undisturbed, free paths are
    /// left out of the chains, so whatever a fault may touch says so before the chains are made.
    PathCondition& watch_zones(ZoneId from, ZoneId to) { return zone_conditions_[{from, to}]; }
    PathCondition& watch_edge(std::string_view caller, std::string_view callee) {
        return edge_conditions_[{std::string(caller), std::string(callee)}];
    }

    const std::vector<Zone>& zones() const { return zones_; }
    const ZoneId* find_zone(std::string_view name) const;

    /// The path, or the free one when nothing was said about it.
    const Path& path(ZoneId from, ZoneId to) const;

    /// Null when no fault may touch it.
    const PathCondition* condition(ZoneId from, ZoneId to) const;
    const PathCondition* condition(std::string_view caller, std::string_view callee) const;

private:
    std::vector<Zone> zones_;
    std::map<std::string, ZoneId, std::less<>> by_name_;
    std::map<std::pair<ZoneId, ZoneId>, Path> paths_;
    std::map<std::pair<ZoneId, ZoneId>, PathCondition> zone_conditions_;
    std::map<std::pair<std::string, std::string>, PathCondition> edge_conditions_;
    Path free_;
};

}  // namespace prodsim
