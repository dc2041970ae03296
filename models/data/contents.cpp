#include "models/data/contents.hpp"

#include <array>
#include <utility>

namespace prodsim {

void KeyIndex::add(std::uint64_t key, std::uint64_t word) {
    if (4 * (count_ + 1) > 3 * places_.size()) grow();
    ++count_;
    put(key, word);
}

void KeyIndex::remove(std::uint64_t key) {
    std::size_t hole = home(key);
    while (places_[hole].key != key) hole = next(hole);
    for (std::size_t at = next(hole); places_[at].word != absent; at = next(at)) {
        const std::size_t distance = (at - home(places_[at].key)) & mask();
        if (distance < ((at - hole) & mask())) continue;
        places_[hole] = places_[at];
        hole = at;
    }
    places_[hole] = {};
    --count_;
}

void KeyIndex::clear() {
    places_.assign(smallest, {});
    count_ = 0;
}

void KeyIndex::put(std::uint64_t key, std::uint64_t word) {
    std::size_t at = home(key);
    while (places_[at].word != absent) at = next(at);
    places_[at] = {key, word};
}

void KeyIndex::grow() {
    const std::vector<Place> before =
        std::exchange(places_, std::vector<Place>(2 * places_.size()));
    for (const Place& place : before) {
        if (place.word != absent) put(place.key, place.word);
    }
}

std::span<const Word> words(Eviction) {
    static constexpr std::array all{
        Word{"lru", Eviction::lru, "The one that was not asked for the longest."},
        Word{"fifo", Eviction::fifo, "The one that was kept first."},
        Word{"random", Eviction::random, "Any, each with the same chance."},
        Word{"lfu", Eviction::lfu,
             "The one that was asked for least often since the start, the new one included."},
    };
    return all;
}

bool Contents::keep(std::uint64_t key, Time expires) {
    const std::uint64_t asked = eviction_ == Eviction::lfu ? count(key) : 0;
    const std::uint64_t known = index_.find(key);
    if (known != KeyIndex::absent) {
        entries_[known].expires = expires;
        if (eviction_ == Eviction::lru) refresh(static_cast<std::uint32_t>(known));
        return false;
    }
    const bool full = size_ >= capacity_;
    if (full && eviction_ == Eviction::lfu && asked < by_count_.begin()->first) return false;
    if (full) remove(entries_[victim()].key);
    const std::uint32_t slot = free_slot();
    entries_[slot] = {key, expires, none, none};
    append(slot);
    index_.add(key, slot);
    if (eviction_ == Eviction::lfu) by_count_.emplace(asked, slot);
    ++size_;
    return full;
}

bool Contents::remove(std::uint64_t key) {
    const std::uint64_t known = index_.find(key);
    if (known == KeyIndex::absent) return false;
    const auto slot = static_cast<std::uint32_t>(known);
    detach(slot);
    if (eviction_ == Eviction::lfu) by_count_.erase({counts_.find(key), slot});
    index_.remove(key);
    entries_[slot].newer = std::exchange(free_, slot);
    --size_;
    return true;
}

void Contents::clear() {
    entries_.clear();
    index_.clear();
    counts_.clear();
    by_count_.clear();
    oldest_ = newest_ = free_ = none;
    size_ = 0;
}

// A full cache has no free slots, so any slot is an object.
std::uint32_t Contents::victim() {
    if (eviction_ == Eviction::lfu) return by_count_.begin()->second;
    if (eviction_ != Eviction::random) return oldest_;
    return static_cast<std::uint32_t>(chance_.next().below(entries_.size()));
}

/// One more for this object; what is held moves to its new place.
std::uint64_t Contents::count(std::uint64_t key) {
    const std::uint64_t before = counts_.find(key);
    const std::uint64_t asked = before == KeyIndex::absent ? 1 : before + 1;
    if (before != KeyIndex::absent) counts_.remove(key);
    counts_.add(key, asked);
    const std::uint64_t slot = index_.find(key);
    if (slot != KeyIndex::absent) {
        by_count_.erase({before, static_cast<std::uint32_t>(slot)});
        by_count_.emplace(asked, static_cast<std::uint32_t>(slot));
    }
    return asked;
}

std::uint32_t Contents::free_slot() {
    if (free_ == none) {
        entries_.emplace_back();
        return static_cast<std::uint32_t>(entries_.size() - 1);
    }
    return std::exchange(free_, entries_[free_].newer);
}

void Contents::refresh(std::uint32_t slot) {
    if (slot == newest_) return;
    detach(slot);
    append(slot);
}

void Contents::append(std::uint32_t slot) {
    entries_[slot].older = newest_;
    entries_[slot].newer = none;
    (newest_ == none ? oldest_ : entries_[newest_].newer) = slot;
    newest_ = slot;
}

void Contents::detach(std::uint32_t slot) {
    const Entry& entry = entries_[slot];
    (entry.older == none ? oldest_ : entries_[entry.older].newer) = entry.newer;
    (entry.newer == none ? newest_ : entries_[entry.newer].older) = entry.older;
}

ContentsMeters::ContentsMeters(Meters& meters, std::string_view owner)
    : entries(meters.level(owner, "entries", "Objects held, expired ones included.")),
      evicted(meters.counter(owner, "evicted", "Objects that made room for others.")) {}

void CountedContents::keep(std::uint64_t key, Time expires, Time now) {
    const auto before = static_cast<std::int64_t>(contents_.size());
    if (contents_.keep(key, expires)) meters_.evicted.add();
    meters_.entries.add(static_cast<std::int64_t>(contents_.size()) - before, now);
}

void CountedContents::remove(std::uint64_t key, Time now) {
    if (contents_.remove(key)) meters_.entries.add(-1, now);
}

void CountedContents::clear(Time now) {
    meters_.entries.add(-static_cast<std::int64_t>(contents_.size()), now);
    contents_.clear();
}

}  // namespace prodsim
