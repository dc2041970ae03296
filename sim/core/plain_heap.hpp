#pragma once

#include "sim/core/event_key.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace prodsim {

/// A heap with four children a node, ordered by (time, sequence number): the event list one can
/// check by reading. It is the proof of `EventList` and the second floor of the benchmarks; it
/// answers the same verbs, and costs more the more events are pending.
class PlainHeap {
public:
    void push(EventKey key) {
        assert(key.time >= last_popped_);
        entries_.push_back({});
        rise(entries_.size() - 1, {key, next_sequence_++});
    }

    bool empty() const { return entries_.empty(); }
    std::size_t size() const { return entries_.size(); }

    std::int64_t next_time() const {
        assert(!empty());
        return entries_.front().key.time;
    }

    EventKey pop() {
        assert(!empty());
        const EventKey first = entries_.front().key;
        const Entry last = entries_.back();
        entries_.pop_back();
        if (!empty()) sink(0, last);
        last_popped_ = first.time;
        return first;
    }

    /// Drops every key for which `alive(key)` is false; the order of the others is untouched.
    template <class Alive>
    void sweep(Alive alive) {
        std::erase_if(entries_, [&](const Entry& entry) { return !alive(entry.key); });
        for (std::size_t i = entries_.size(); i-- > 0;) sink(i, Entry{entries_[i]});
    }

private:
    static constexpr std::size_t children = 4;

    struct Entry {
        EventKey key;
        std::uint64_t sequence = 0;

        bool before(const Entry& other) const {
            return std::tie(key.time, sequence) < std::tie(other.key.time, other.sequence);
        }
    };

    void rise(std::size_t hole, Entry entry) {
        while (hole > 0) {
            const std::size_t parent = (hole - 1) / children;
            if (!entry.before(entries_[parent])) break;
            entries_[std::exchange(hole, parent)] = entries_[parent];
        }
        entries_[hole] = entry;
    }

    void sink(std::size_t hole, Entry entry) {
        for (;;) {
            const std::size_t first = hole * children + 1;
            if (first >= entries_.size()) break;
            const std::size_t end = std::min(first + children, entries_.size());
            std::size_t least = first;
            for (std::size_t i = first + 1; i < end; ++i) {
                if (entries_[i].before(entries_[least])) least = i;
            }
            if (!entries_[least].before(entry)) break;
            entries_[std::exchange(hole, least)] = entries_[least];
        }
        entries_[hole] = entry;
    }

    std::vector<Entry> entries_;
    std::uint64_t next_sequence_ = 0;
    std::int64_t last_popped_ = 0;
};

}  // namespace prodsim
