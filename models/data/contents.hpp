#pragma once

// What one instance of a cache holds: objects by key, each with an end of its time to live, and the
// order in which they make room for others. Every operation takes constant time, with LFU the
// logarithm of what is held; memory grows with what is held, with LFU with all that was asked for.

#include "sim/config/fields.hpp"
#include "sim/core/random.hpp"
#include "sim/core/time.hpp"
#include "sim/stats/meters.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim {

/// From keys to words: open addressing, at most three quarters full. A removal moves its followers
/// back, so nothing is left to clean up.
class KeyIndex {
public:
    static constexpr std::uint64_t absent = ~std::uint64_t{0};

    std::uint64_t find(std::uint64_t key) const {
        for (std::size_t at = home(key); places_[at].word != absent; at = next(at)) {
            if (places_[at].key == key) return places_[at].word;
        }
        return absent;
    }

    /// REQUIRES: the key is not there.
    void add(std::uint64_t key, std::uint64_t word);

    /// REQUIRES: the key is there.
    void remove(std::uint64_t key);

    void clear();

private:
    static constexpr std::size_t smallest = 16;
    struct Place {
        std::uint64_t key = 0;
        std::uint64_t word = absent;
    };

    std::size_t mask() const { return places_.size() - 1; }
    std::size_t home(std::uint64_t key) const { return mix(key) & mask(); }
    std::size_t next(std::size_t at) const { return (at + 1) & mask(); }
    void put(std::uint64_t key, std::uint64_t word);
    void grow();

    std::vector<Place> places_ = std::vector<Place>(smallest);
    std::size_t count_ = 0;
};

enum class Eviction : std::uint8_t { lru, fifo, random, lfu };

std::span<const Word> words(Eviction);

/// The objects of one instance. Expired objects are still here: whoever finds one decides what it
/// is good for.
class Contents {
public:
    struct Entry {
        std::uint64_t key;
        Time expires;
        std::uint32_t older;
        std::uint32_t newer;
    };

    /// More than anybody has, and few enough for the numbers of places.
    static constexpr std::int64_t most = 4000000000;

    Contents(std::uint64_t capacity, Eviction eviction, Stream chance)
        : capacity_(capacity), eviction_(eviction), chance_(chance) {}

    const Entry* find(std::uint64_t key) const {
        const std::uint64_t slot = index_.find(key);
        return slot == KeyIndex::absent ? nullptr : &entries_[slot];
    }

    /// It was asked for.
    void touch(const Entry& entry) {
        if (eviction_ == Eviction::lru) refresh(slot_of(entry));
        if (eviction_ == Eviction::lfu) count(entry.key);
    }

    /// Keeps it until `expires`, in place of another if there is no room. True if one was evicted.
    /// With LFU it is not kept where everything that is held was asked for more often.
    bool keep(std::uint64_t key, Time expires);

    /// True if it was there.
    bool remove(std::uint64_t key);

    void clear();

    std::uint64_t size() const { return size_; }

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    std::uint32_t slot_of(const Entry& entry) const {
        return static_cast<std::uint32_t>(&entry - entries_.data());
    }
    std::uint32_t victim();
    std::uint32_t free_slot();
    std::uint64_t count(std::uint64_t key);
    void refresh(std::uint32_t slot);
    void append(std::uint32_t slot);
    void detach(std::uint32_t slot);

    std::uint64_t capacity_;
    Eviction eviction_;
    Stream chance_;
    KeyIndex index_;
    std::vector<Entry> entries_;
    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
    std::uint32_t free_ = none;
    std::uint64_t size_ = 0;
    // Of LFU alone: how often each object was asked for, held or not, and who is held by that.
    KeyIndex counts_;
    std::set<std::pair<std::uint64_t, std::uint32_t>> by_count_;
};

/// What is counted of contents, shared by the instances of one component.
struct ContentsMeters {
    ContentsMeters(Meters& meters, std::string_view owner);

    Level& entries;
    Counter& evicted;
};

/// Contents whose comings and goings are counted.
class CountedContents {
public:
    CountedContents(Contents contents, ContentsMeters& meters)
        : contents_(std::move(contents)), meters_(meters) {}

    const Contents::Entry* find(std::uint64_t key) const { return contents_.find(key); }
    void touch(const Contents::Entry& entry) { contents_.touch(entry); }

    void keep(std::uint64_t key, Time expires, Time now);
    void remove(std::uint64_t key, Time now);
    void clear(Time now);

private:
    Contents contents_;
    ContentsMeters& meters_;
};

}  // namespace prodsim
