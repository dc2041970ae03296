#include "sim/world/world.hpp"

#include "sim/world/component.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

namespace prodsim {

namespace {

Journey& books_of(std::deque<Journey>& shelf, std::string_view name) {
    for (Journey& journey : shelf) {
        if (journey.name() == name) return journey;
    }
    return shelf.emplace_back(std::string(name));
}

}  // namespace

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

Journey& World::journey(std::string_view name) { return books_of(journeys_, name); }

Journey& World::cohort(std::string_view journey, std::string_view whose) {
    return books_of(cohorts_, std::string(journey) + "@" + std::string(whose));
}

std::uint8_t World::tenant(std::string_view name) {
    if (name.empty()) return 0;
    const auto found = std::find(tenants_.begin(), tenants_.end(), name);
    const auto number = static_cast<std::uint8_t>(found - tenants_.begin() + 1);
    if (found == tenants_.end()) tenants_.emplace_back(name);
    assert(tenants_.size() <= Request::most_tenants);
    return number;
}

void World::reset_window() {
    meters.reset_window(now());
    traces.reset_window();
    for (Journey& journey : journeys_) journey.reset_window();
    for (Journey& cohort : cohorts_) cohort.reset_window();
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
