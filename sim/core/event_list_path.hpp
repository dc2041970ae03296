#pragma once

#include <array>
#include <cstdint>

namespace prodsim {

/// The instruction sets the event list has loops for, from the plainest to the widest.
enum class Isa { scalar, avx2, avx512 };

/// True where this build and this processor can run the loops written for `isa`.
bool available(Isa isa);

/// The widest instruction set that is available, unless PRODSIM_ISA asks for another that is.
Isa best_isa();

/// Many keys side by side, split into two columns so that a vector holds nothing but times. A tail
/// is the rest of a key (slot and generation) in one word.
struct KeyColumns {
    std::int64_t* times = nullptr;
    std::int64_t* tails = nullptr;

    KeyColumns from(std::uint32_t index) const { return {times + index, tails + index}; }
};

/// The keys due next, latest first, so that the next one stands at the end and leaves by counting
/// down. Lanes at and behind `count` hold times that have passed: an insertion may shift them.
struct NearList {
    static constexpr std::uint32_t capacity = 64;

    alignas(64) std::array<std::int64_t, capacity> times{};
    alignas(64) std::array<std::int64_t, capacity> tails{};
    std::uint32_t count = 0;
};

/// The four loops of the event list that touch many keys at once, as written for one instruction
/// set. All give the same result; an event list picks its path once, when it is built.
struct EventListPath {
    /// A path may read and write this many keys past the end of any columns it is given.
    static constexpr std::uint32_t slack = 32;

    /// The largest number of keys that `sort` takes.
    static constexpr std::uint32_t sort_limit = 32;

    /// How many of the first `count` elements of `ends` are above `time`. `ends` is aligned to 64
    /// bytes, and zero from `count` to the next multiple of 8.
    std::uint32_t (*count_above)(const std::int64_t* ends, std::uint32_t count, std::int64_t time);

    /// Puts a key in its place, behind (nearer the front than) the keys of the same time. The list
    /// is not full and the time is below the largest integer.
    void (*insert)(NearList& near, std::int64_t time, std::int64_t tail);

    /// Moves the keys below `pivot` to `low`, closes the gaps they leave and answers how many they
    /// are. Both parts keep their order.
    std::uint32_t (*split)(KeyColumns keys, std::uint32_t count, std::int64_t pivot,
                           KeyColumns low);

    /// Fills the empty near list with 1 to `sort_limit` keys, given in order of arrival.
    void (*sort)(KeyColumns keys, std::uint32_t count, NearList& near);
};

/// The path for `isa`, or for the widest one below it that is available.
const EventListPath& event_list_path(Isa isa);

/// REQUIRES available(Isa::avx2), available(Isa::avx512).
const EventListPath& event_list_path_avx2();
const EventListPath& event_list_path_avx512();

}  // namespace prodsim
