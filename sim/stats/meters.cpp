#include "sim/stats/meters.hpp"

#include <utility>

namespace prodsim {

namespace {

template <class T>
T& find_or_make(Meters::Shelf<T>& shelf, std::deque<Meters::Named<T>>& homes,
                std::string_view owner, std::string_view name, std::string_view doc) {
    MeterName key{std::string(owner), std::string(name), std::string(doc)};
    const auto found = shelf.find(key);
    if (found != shelf.end()) return found->second->meter;
    Meters::Named<T>& home = homes.emplace_back(key);
    shelf.emplace(std::move(key), &home);
    return home.meter;
}

}  // namespace

Counter& Meters::counter(std::string_view owner, std::string_view name, std::string_view doc) {
    return find_or_make(counters_, counter_homes_, owner, name, doc);
}

Level& Meters::level(std::string_view owner, std::string_view name, std::string_view doc) {
    return find_or_make(levels_, level_homes_, owner, name, doc);
}

Histogram& Meters::histogram(std::string_view owner, std::string_view name, std::string_view doc) {
    return find_or_make(histograms_, histogram_homes_, owner, name, doc);
}

StayBook& Meters::stays(const Level& level) { return stays_[&level]; }

WorkBook& Meters::work(std::string_view owner) {
    const auto found = work_.find(owner);
    return found != work_.end() ? found->second : work_[std::string(owner)];
}

void Meters::reset_window(Time now) {
    for (auto& [name, home] : counters_) home->meter.reset_window();
    for (auto& [name, home] : levels_) home->meter.reset_window(now);
    for (auto& [name, home] : histograms_) home->meter.reset();
}

}  // namespace prodsim
