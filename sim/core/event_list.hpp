#pragma once

#include "sim/core/event_key.hpp"
#include "sim/core/event_list_path.hpp"

#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>

namespace prodsim {

/// The future-event list: keys leave in ascending order of time, and keys of the same time in the
/// order in which they came.
///
/// The 64 nearest keys stand sorted in the near list; the others lie unsorted in layers, each of
/// which holds one range of times:
///
///     near list       lowest layer             layer 1              layer 0
///     [now, end)   [ends_[n], ends_[n-1])  [ends_[2], ends_[1])  [ends_[1], never)
///
/// A key is appended to its layer, or inserted into the near list by whole vectors. When the near
/// list runs empty the lowest layer is split, by a random pivot and keeping the order of arrival,
/// until a part is small enough to be sorted; when it runs full its later half becomes the lowest
/// layer. Nothing here depends on a mispredicted branch per comparison, and ties need no sequence
/// number, because no step ever swaps two keys of the same time.
///
/// The list is monotone: a key earlier than the last one popped is a mistake. Memory follows the
/// largest number of keys that were pending at once, and is kept.
class EventList {
public:
    explicit EventList(Isa isa = best_isa()) : path_(event_list_path(isa)) { ends_[0] = never; }

    EventList(const EventList&) = delete;
    EventList& operator=(const EventList&) = delete;

    bool empty() const { return near_.count == 0; }
    std::size_t size() const { return size_; }

    std::int64_t next_time() const {
        assert(!empty());
        return near_.times[near_.count - 1];
    }

    /// REQUIRES the time of the last pop <= key.time < the largest integer.
    void push(EventKey key) {
        assert(key.time >= last_popped_ && key.time < never);
        if (key.time >= ends_[layer_count_]) {
            append(key);
        } else if (near_.count < NearList::capacity) {
            path_.insert(near_, key.time, tail_of(key));
        } else {
            make_room_for(key);
        }
        ++size_;
    }

    EventKey pop() {
        assert(!empty());
        const std::uint32_t last = --near_.count;
        const EventKey key = key_of(near_.times[last], near_.tails[last]);
        last_popped_ = key.time;
        --size_;
        if (last == 0) refill();
        return key;
    }

    /// Drops every key for which `alive(key)` is false; the order of the others is untouched.
    template <class Alive>
    void sweep(Alive alive) {
        const std::uint32_t before = near_.count;
        near_.count = keep({near_.times.data(), near_.tails.data()}, before, alive);
        for (std::uint32_t i = near_.count; i < before; ++i) near_.times[i] = 0;
        size_ = near_.count;
        for (std::uint32_t i = 0; i < layer_count_; ++i) {
            Layer& layer = layers_[i];
            layer.end = layer.begin + keep(layer.keys(), layer.size(), alive);
            size_ += layer.size();
        }
        if (empty()) refill();
    }

private:
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
    static constexpr std::uint32_t most_layers = 63;
    static constexpr std::uint32_t least_capacity = 120;

    struct Tail {
        std::uint32_t slot;
        std::uint32_t generation;
    };

    struct Free {
        void operator()(std::int64_t* words) const {
            ::operator delete (words, std::align_val_t{64});
        }
    };

    /// Keys in order of arrival, from `begin` to `end`. Before `begin` lie the places of keys that
    /// the near list has borrowed.
    struct Layer {
        std::unique_ptr<std::int64_t[], Free> times;  // owns both columns
        std::int64_t* tails = nullptr;
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
        std::uint32_t capacity = 0;

        std::uint32_t size() const { return end - begin; }
        KeyColumns keys() const { return KeyColumns{times.get(), tails}.from(begin); }
    };

    static std::int64_t tail_of(EventKey key) {
        return std::bit_cast<std::int64_t>(Tail{key.slot, key.generation});
    }

    static EventKey key_of(std::int64_t time, std::int64_t tail) {
        const auto [slot, generation] = std::bit_cast<Tail>(tail);
        return {time, slot, generation};
    }

    template <class Alive>
    static std::uint32_t keep(KeyColumns keys, std::uint32_t count, Alive& alive) {
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            keys.times[kept] = keys.times[i];
            keys.tails[kept] = keys.tails[i];
            if (alive(key_of(keys.times[i], keys.tails[i]))) ++kept;
        }
        return kept;
    }

    void append(EventKey key) {
        const std::uint32_t above = path_.count_above(ends_.data(), layer_count_ + 1, key.time);
        Layer& layer = layers_[above - 1];
        if (layer.end == layer.capacity) reserve(layer, 1);
        layer.times[layer.end] = key.time;
        layer.tails[layer.end] = tail_of(key);
        ++layer.end;
    }

    void make_room_for(EventKey key);
    void spill();
    void give_back();
    void drop_latest(std::uint32_t count);
    std::uint32_t cut() const;
    void refill();
    void borrow();
    void split_lowest();
    std::int64_t pivot_of(const Layer& layer);
    void add_layer(std::int64_t start);
    void drop_lowest();
    void fold_highest();
    static void reserve(Layer& layer, std::uint32_t more);

    const EventListPath path_;
    NearList near_;
    std::uint32_t layer_count_ = 0;
    std::size_t size_ = 0;
    std::int64_t last_popped_ = 0;
    std::uint64_t chance_ = 0x9e3779b97f4a7c15;  // picks pivots: it moves the cost, never the order
    alignas(64) std::array<std::int64_t, most_layers + 1> ends_{};
    std::array<Layer, most_layers> layers_{};
};

}  // namespace prodsim
