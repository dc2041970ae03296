#include "sim/world/world.hpp"

#include "sim/world/component.hpp"

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
    for (std::size_t i = 1; i < reasons_.size(); ++i) {
        if (reasons_[i].component == component && reasons_[i].mechanism == mechanism) {
            return static_cast<ReasonId>(i);
        }
    }
    reasons_.push_back({std::string(component), std::string(mechanism)});
    return static_cast<ReasonId>(reasons_.size() - 1);
}

Journey& World::journey(std::string_view name) {
    for (Journey& journey : journeys_) {
        if (journey.name() == name) return journey;
    }
    return journeys_.emplace_back(std::string(name));
}

void World::reset_window() {
    meters.reset_window(now());
    for (Journey& journey : journeys_) journey.reset_window();
}

Component& World::add(std::unique_ptr<Component> component) {
    components_.push_back(std::move(component));
    return *components_.back();
}

Component* World::find(std::string_view name) const {
    for (const auto& component : components_) {
        if (component->name() == name) return component.get();
    }
    return nullptr;
}

void World::start() {
    for (const auto& component : components_) component->connect();
    for (const auto& component : components_) component->start();
}

}  // namespace prodsim
