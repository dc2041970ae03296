#include "sim/world/world.hpp"

#include "sim/world/component.hpp"

#include <cassert>
#include <limits>
#include <utility>

namespace prodsim {

World::World(const Catalogue& the_catalogue, std::uint64_t seed, std::uint64_t replication,
             Network the_network)
    : catalogue(the_catalogue),
      network(std::move(the_network)),
      seed_(seed),
      replication_(replication) {}

World::~World() = default;

ReasonId World::reason(std::string_view component, std::string_view mechanism) {
    const auto next = static_cast<ReasonId>(reasons_.size());
    const auto [found, is_new] =
        reason_numbers_.try_emplace({std::string(component), std::string(mechanism)}, next);
    if (is_new) {
        assert(reasons_.size() <= std::numeric_limits<ReasonId>::max());
        reasons_.push_back({found->first.first, found->first.second});
    }
    return found->second;
}

Journey& World::journey(std::string_view name) {
    for (Journey& journey : journeys_) {
        if (journey.name() == name) return journey;
    }
    return journeys_.emplace_back(std::string(name));
}

void World::reset_window() {
    meters.reset_window(now());
    traces.reset_window();
    for (Journey& journey : journeys_) journey.reset_window();
}

Component& World::add(std::unique_ptr<Component> component) {
    components_by_name_.emplace(component->name(), component.get());
    components_.push_back(std::move(component));
    return *components_.back();
}

Component* World::find(std::string_view name) const {
    const auto found = components_by_name_.find(name);
    return found == components_by_name_.end() ? nullptr : found->second;
}

void World::start() {
    for (const auto& component : components_) component->connect();
    for (const auto& component : components_) component->start();
}

}  // namespace prodsim
