#include "sim/core/event_list.hpp"

#include <algorithm>

namespace prodsim {

/// The near list is full and `key` belongs there.
void EventList::make_room_for(EventKey key) {
    spill();
    if (key.time >= ends_[layer_count_]) {
        append(key);
    } else {
        path_.insert(near_, key.time, tail_of(key));
    }
    if (empty()) refill();
}

/// Turns the later half of the full near list into the lowest layer. When all its keys share one
/// time they all leave: into a layer that can hold nothing else, so that it need never be split.
void EventList::spill() {
    if (near_.times[0] >= ends_[layer_count_]) return give_back();
    std::uint32_t leaving = cut();
    if (leaving == 0) {
        if (near_.times[0] + 1 < ends_[layer_count_]) add_layer(near_.times[0] + 1);
        leaving = near_.count;
    }
    add_layer(near_.times[leaving - 1]);
    Layer& lowest = layers_[layer_count_ - 1];
    reserve(lowest, leaving);
    std::reverse_copy(near_.times.begin(), near_.times.begin() + leaving, lowest.times.get());
    std::reverse_copy(near_.tails.begin(), near_.tails.begin() + leaving, lowest.tails);
    lowest.end = leaving;
    drop_latest(leaving);
}

/// Keys borrowed from a layer of one time go back to the head of its line.
void EventList::give_back() {
    Layer& lowest = layers_[layer_count_ - 1];
    std::uint32_t borrowed = 0;
    while (borrowed < near_.count && near_.times[borrowed] >= ends_[layer_count_]) {
        --lowest.begin;
        lowest.times[lowest.begin] = near_.times[borrowed];
        lowest.tails[lowest.begin] = near_.tails[borrowed];
        ++borrowed;
    }
    drop_latest(borrowed);
}

void EventList::drop_latest(std::uint32_t count) {
    std::copy(near_.times.begin() + count, near_.times.begin() + near_.count, near_.times.begin());
    std::copy(near_.tails.begin() + count, near_.tails.begin() + near_.count, near_.tails.begin());
    near_.count -= count;
    std::fill(near_.times.begin() + near_.count, near_.times.end(), 0);
}

/// The place nearest to the middle of the full near list that parts no two equal times, or 0.
std::uint32_t EventList::cut() const {
    const auto parts = [this](std::uint32_t i) { return near_.times[i - 1] != near_.times[i]; };
    const std::uint32_t middle = near_.count / 2;
    for (std::uint32_t distance = 0; distance < middle; ++distance) {
        if (parts(middle - distance)) return middle - distance;
        if (parts(middle + distance)) return middle + distance;
    }
    return 0;
}

/// The near list has run empty: the lowest layer fills it, after as many splits as that takes.
void EventList::refill() {
    while (empty() && layer_count_ > 0) {
        Layer& lowest = layers_[layer_count_ - 1];
        if (lowest.size() == 0) {
            drop_lowest();
        } else if (lowest.size() <= EventListPath::sort_limit) {
            path_.sort(lowest.keys(), lowest.size(), near_);
            drop_lowest();
        } else if (ends_[layer_count_] + 1 == ends_[layer_count_ - 1]) {
            borrow();
        } else {
            split_lowest();
        }
    }
}

/// A layer of one time is a line: its first keys move up, and it stays where it is for those who
/// still come.
void EventList::borrow() {
    Layer& lowest = layers_[layer_count_ - 1];
    path_.sort(lowest.keys(), EventListPath::sort_limit, near_);
    lowest.begin += EventListPath::sort_limit;
}

/// A pivot that parts nothing is the least time of the layer; then the keys of that time are parted
/// from the rest, and form a layer of one time.
void EventList::split_lowest() {
    const std::int64_t start = ends_[layer_count_];
    std::int64_t pivot = pivot_of(layers_[layer_count_ - 1]);
    add_layer(start);
    Layer& high = layers_[layer_count_ - 2];
    Layer& low = layers_[layer_count_ - 1];
    reserve(low, high.size());
    const auto split = [&](std::int64_t at) {
        return path_.split(high.keys(), high.size(), at, low.keys());
    };
    low.end = split(pivot);
    if (low.size() == 0) {
        ends_[layer_count_] = pivot;
        low.end = split(++pivot);
    }
    high.end -= low.size();
    ends_[layer_count_ - 1] = pivot;
}

/// The median of three keys drawn at random: by 21 bits each of one step of Marsaglia's xorshift.
std::int64_t EventList::pivot_of(const Layer& layer) {
    constexpr int bits = 21;
    chance_ ^= chance_ << 13;
    chance_ ^= chance_ >> 7;
    chance_ ^= chance_ << 17;
    const auto draw = [&](int shift) {
        const std::uint64_t fraction = (chance_ >> shift) & ((1U << bits) - 1);
        return layer.keys().times[fraction * layer.size() >> bits];
    };
    const std::int64_t a = draw(0);
    const std::int64_t b = draw(bits);
    const std::int64_t c = draw(2 * bits);
    return std::max(std::min(a, b), std::min(std::max(a, b), c));
}

void EventList::add_layer(std::int64_t start) {
    if (layer_count_ == most_layers) fold_highest();
    ends_[++layer_count_] = start;
}

void EventList::drop_lowest() {
    Layer& lowest = layers_[layer_count_ - 1];
    lowest.begin = lowest.end = 0;
    ends_[layer_count_--] = 0;
}

/// Makes one layer of the two highest. A key moves here at most once between two splits of its
/// layer, so that schedules that descend for ever cost a copy each and no more.
void EventList::fold_highest() {
    Layer& into = layers_[0];
    Layer& from = layers_[1];
    reserve(into, from.size());
    std::copy_n(from.keys().times, from.size(), into.times.get() + into.end);
    std::copy_n(from.keys().tails, from.size(), into.tails + into.end);
    into.end += from.size();
    from.begin = from.end = 0;
    std::rotate(layers_.begin() + 1, layers_.begin() + 2, layers_.begin() + layer_count_);
    std::rotate(ends_.begin() + 1, ends_.begin() + 2, ends_.begin() + layer_count_ + 1);
    ends_[layer_count_--] = 0;
}

/// Room for `more` keys. Those that have left are closed up, all but the places of the borrowed.
void EventList::reserve(Layer& layer, std::uint32_t more) {
    if (layer.capacity - layer.end >= more) return;
    const std::uint32_t kept = std::min(layer.begin, EventListPath::sort_limit);
    const std::uint32_t needed = kept + layer.size() + more;
    const std::uint32_t capacity = std::max({needed, 2 * (kept + layer.size()), least_capacity});
    const std::size_t column = capacity + EventListPath::slack;
    auto* times = static_cast<std::int64_t*>(
        ::operator new (2 * column * sizeof(std::int64_t), std::align_val_t{64}));
    std::int64_t* tails = times + column;
    std::copy_n(layer.keys().times, layer.size(), times + kept);
    std::copy_n(layer.keys().tails, layer.size(), tails + kept);
    layer.end = kept + layer.size();
    layer.begin = kept;
    layer.capacity = capacity;
    layer.times.reset(times);
    layer.tails = tails;
}

}  // namespace prodsim
