#include "sim/stats/meters.hpp"

#include <cassert>
#include <utility>

namespace prodsim {

namespace {

template <class T>
T& find_or_make(Meters::Shelf<T>& shelf, std::deque<T>& homes, std::string_view owner,
                std::string_view name, std::string_view doc) {
    MeterName key{std::string(owner), std::string(name), std::string(doc)};
    const auto found = shelf.find(key);
    if (found != shelf.end()) return *found->second;
    T& home = homes.emplace_back();
    shelf.emplace(std::move(key), &home);
    return home;
}

template <class Map, class Name, class Meter>
void put(Map& map, Name name, Meter& meter) {
    [[maybe_unused]] const bool is_new = map.emplace(std::move(name), &meter).second;
    assert(is_new);
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

StayBook& Meters::stays(const Level& level) {
    StayBook*& book = stays_[&level];
    if (book == nullptr) book = &stay_homes_.emplace_back();
    return *book;
}

WorkBook& Meters::work(std::string_view owner) {
    const auto found = work_.find(owner);
    if (found != work_.end()) return *found->second;
    WorkBook& book = work_homes_.emplace_back();
    work_.emplace(owner, &book);
    return book;
}

void Meters::enlist(Counter& counter, MeterName name) { put(counters_, std::move(name), counter); }

void Meters::enlist(Level& level, MeterName name) { put(levels_, std::move(name), level); }

void Meters::enlist(Histogram& histogram, MeterName name) {
    put(histograms_, std::move(name), histogram);
}

void Meters::enlist(StayBook& book, const Level& level) { put(stays_, &level, book); }

void Meters::enlist(WorkBook& book, std::string_view owner) {
    put(work_, std::string(owner), book);
}

void Meters::reset_window(Time now) {
    for (auto& [name, meter] : counters_) meter->reset_window();
    for (auto& [name, meter] : levels_) meter->reset_window(now);
    for (auto& [name, meter] : histograms_) meter->reset();
}

}  // namespace prodsim
