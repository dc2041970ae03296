#include "sim/world/station.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>

namespace prodsim {

namespace {
constexpr std::size_t priorities = 8;
}

std::span<const Word> words(Discipline) {
    static constexpr std::array all{
        Word{"fifo", Discipline::fifo, "First come, first served."},
        Word{"lifo", Discipline::lifo, "Last come, first served."},
        Word{"priority", Discipline::priority, "By the priority of the call, then first come."},
    };
    return all;
}

StationMeters::StationMeters(Meters& meters, std::string_view owner, std::string_view part,
                             std::string_view doc) {
    const auto named = [&](std::string_view name, std::string_view before,
                           std::string_view after = "") {
        return MeterName{std::string(owner), std::string(part) + "." + std::string(name),
                         std::string(before) + std::string(doc) + std::string(after) + "."};
    };
    meters.enlist(present, named("present", "Waiting for or holding "));
    meters.enlist(waiting, named("waiting", "Waiting for "));
    meters.enlist(arrivals, named("arrivals", "Asked for "));
    meters.enlist(rejected, named("rejected", "Turned away: the line for ", " was full"));
    meters.enlist(expired, named("expired", "Waited too long for "));
    meters.enlist(withdrawn,
                  named("withdrawn", "Left the line for ", " because the caller gave up"));
    meters.enlist(wait, named("wait", "Time spent waiting for "));
    meters.enlist(stays, present);
}

Station::Station(Engine& engine, StationMeters& meters, Limits limits, Action served,
                 Action expired)
    : served_(served),
      expired_(expired),
      limits_(limits),
      engine_(engine),
      meters_(meters),
      servers_(limits.servers) {
    assert(limits.servers >= 0);
    if (limits.discipline == Discipline::priority) by_priority_.resize(priorities);
}

Station::Queue& Station::queue_of(const Waiter& waiter) {
    if (by_priority_.empty()) return line_;
    return by_priority_[std::min<std::size_t>(waiter.priority, priorities - 1)];
}

Station::Entry Station::join(Waiter& waiter, Duration patience) {
    if (length_ >= limits_.line) {
        meters_.rejected.add();
        return Entry::refused;
    }
    const Time now = engine_.now();
    waiter.since = now;
    waiter.waiting = true;
    Queue& queue = queue_of(waiter);
    waiter.previous = queue.tail;
    waiter.next = nullptr;
    (queue.tail == nullptr ? queue.head : queue.tail->next) = &waiter;
    queue.tail = &waiter;
    ++length_;
    meters_.present.add(1, now);
    meters_.waiting.add(1, now);
    if (patience.count() > 0) {
        waiter.patience = engine_.after(patience, action<&Station::expire>(*this, waiter));
    }
    return Entry::waits;
}

Waiter* Station::front() const {
    const bool newest_first = limits_.discipline == Discipline::lifo;
    if (by_priority_.empty()) return newest_first ? line_.tail : line_.head;
    for (const Queue& queue : by_priority_) {
        if (queue.head != nullptr) return queue.head;
    }
    return nullptr;
}

// Whoever is served may leave at once, which would serve the next: the loop takes that up, so the
// stack does not grow with the line.
void Station::serve_waiting() {
    if (serving_) return;
    serving_ = true;
    while (busy_ < servers_ && length_ != 0) {
        Waiter& waiter = *front();
        unlink(waiter);
        ++busy_;
        meters_.wait.record(engine_.now() - waiter.since);
        served_(reinterpret_cast<std::uint64_t>(&waiter));
    }
    serving_ = false;
}

void Station::unlink(Waiter& waiter) {
    assert(waiter.waiting);
    Queue& queue = queue_of(waiter);
    (waiter.previous == nullptr ? queue.head : waiter.previous->next) = waiter.next;
    (waiter.next == nullptr ? queue.tail : waiter.next->previous) = waiter.previous;
    waiter.previous = waiter.next = nullptr;
    waiter.waiting = false;
    --length_;
    meters_.waiting.add(-1, engine_.now());
    if (waiter.patience.is_set()) engine_.cancel(waiter.patience);
}

void Station::withdraw(Waiter& waiter) {
    unlink(waiter);
    gone(waiter);
    meters_.withdrawn.add();
}

void Station::expire(Waiter& waiter) {
    waiter.patience = {};
    unlink(waiter);
    gone(waiter);
    meters_.expired.add();
    expired_(reinterpret_cast<std::uint64_t>(&waiter));
}

void Station::resize(std::int64_t servers) {
    servers_ = servers;
    serve_waiting();
}

}  // namespace prodsim
