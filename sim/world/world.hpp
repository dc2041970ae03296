#pragma once

#include "sim/core/engine.hpp"
#include "sim/core/pool.hpp"
#include "sim/core/random.hpp"
#include "sim/stats/meters.hpp"
#include "sim/world/call.hpp"
#include "sim/world/causes.hpp"
#include "sim/world/journey.hpp"
#include "sim/world/network.hpp"
#include "sim/world/traces.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

class Callee;
class Catalogue;
class Component;
class Instance;

/// Hears of every instance that joins a component: what holds for all of it holds for this one.
class Newcomers {
public:
    virtual ~Newcomers() = default;
    virtual void joined(const Callee& component, Instance& instance) = 0;
};

/// Everything that one replication consists of: the clock, the calls under way, the meters, the
/// network, the components. Replications share nothing but the specifications they are built from.
class World {
public:
    /// The catalogue outlives the world.
    World(const Catalogue& catalogue, std::uint64_t seed, std::uint64_t replication,
          Network network);
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World();

    const Catalogue& catalogue;
    Engine engine;
    Traces traces{engine};
    Calls calls{traces};
    Pools pools;
    Meters meters;
    Network network;
    Newcomers* newcomers = nullptr;  // whoever listens, if anybody does
    Causes causes{reasons_};

    Time now() const { return engine.now(); }

    /// A source of chance named after its use: adding one changes nobody else's numbers.
    Stream stream(std::string_view name) const { return {seed_, replication_, name}; }

    /// The number under which failures of this kind are reported; the same for the same words.
    ReasonId reason(std::string_view component, std::string_view mechanism);
    const std::vector<Reason>& reasons() const { return reasons_; }

    /// The books of the journey of this name, made when first asked for.
    Journey& journey(std::string_view name);
    const std::deque<Journey>& journeys() const { return journeys_; }

    /// The books of those journeys of this name whose users belong to this region, class or
    /// tenant, besides the books of all: "order@gold".
    Journey& cohort(std::string_view journey, std::string_view whose);
    const std::deque<Journey>& cohorts() const { return cohorts_; }

    /// The number of a tenant, from 1, the same for the same name; 0 of nobody.
    /// REQUIRES: there are no more than `Request::most_tenants`.
    std::uint8_t tenant(std::string_view name);
    std::size_t tenants() const { return tenants_.size(); }

    /// Everything seen so far belongs to the warm-up.
    void reset_window();

    Component& add(std::unique_ptr<Component> component);
    Component* find(std::string_view name) const;

    /// In the order of the scenario.
    const std::vector<std::unique_ptr<Component>>& components() const { return components_; }

    /// Lets every component make its instances and chains, then begin.
    void start();

private:
    std::uint64_t seed_;
    std::uint64_t replication_;
    std::vector<Reason> reasons_{Reason{}};
    std::map<std::pair<std::string, std::string>, ReasonId> reason_numbers_;
    std::deque<Journey> journeys_;
    std::deque<Journey> cohorts_;
    std::vector<std::string> tenants_;
    std::vector<std::unique_ptr<Component>> components_;
    std::map<std::string, Component*, std::less<>> components_by_name_;
};

}  // namespace prodsim
