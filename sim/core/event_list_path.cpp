#include "sim/core/event_list_path.hpp"

#include "sim/core/wanted_isa.hpp"

namespace prodsim {

namespace {

/// Times are never negative. Compared without a sign, gcc adds the carry of the comparison: a sum
/// over comparisons costs two instructions each and no jump.
std::uint64_t is_less(std::int64_t a, std::int64_t b) {
    return static_cast<std::uint64_t>(a) < static_cast<std::uint64_t>(b) ? 1 : 0;
}

std::uint32_t count_above(const std::int64_t* ends, std::uint32_t count, std::int64_t time) {
    std::uint64_t above = 0;
    for (std::uint32_t i = 0; i < count; ++i) above += is_less(time, ends[i]);
    return static_cast<std::uint32_t>(above);
}

void insert(NearList& near, std::int64_t time, std::int64_t tail) {
    std::uint32_t place = near.count++;
    for (; place > 0 && near.times[place - 1] <= time; --place) {
        near.times[place] = near.times[place - 1];
        near.tails[place] = near.tails[place - 1];
    }
    near.times[place] = time;
    near.tails[place] = tail;
}

/// Writes every key to both parts and lets one of them step: a branch would be mispredicted.
std::uint32_t split(KeyColumns keys, std::uint32_t count, std::int64_t pivot, KeyColumns low) {
    std::size_t below = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t time = keys.times[i];
        const std::int64_t tail = keys.tails[i];
        low.times[below] = keys.times[i - below] = time;
        low.tails[below] = keys.tails[i - below] = tail;
        below += is_less(time, pivot);
    }
    return static_cast<std::uint32_t>(below);
}

/// Each key's place is the number of keys that are due after it: those on its left that are later,
/// and those on its right that are not earlier.
void sort(KeyColumns keys, std::uint32_t count, NearList& near) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::int64_t time = keys.times[i];
        std::uint64_t later = count - 1 - i;
        for (std::uint32_t j = 0; j < i; ++j) later += is_less(time, keys.times[j]);
        for (std::uint32_t j = i + 1; j < count; ++j) later -= is_less(keys.times[j], time);
        near.times[later] = time;
        near.tails[later] = keys.tails[i];
    }
    near.count = count;
}

constexpr EventListPath scalar_path{count_above, insert, split, sort};

}  // namespace

bool available(Isa isa) {
#ifdef __x86_64__
    if (isa == Isa::avx512) return __builtin_cpu_supports("avx512f") && available(Isa::avx2);
    if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
#endif
    return isa == Isa::scalar;
}

Isa best_isa() {
    const std::optional<Isa> wanted = isa_named(wanted_isa());
    if (wanted && available(*wanted)) return *wanted;
    for (const Isa isa : {Isa::avx512, Isa::avx2}) {
        if (available(isa)) return isa;
    }
    return Isa::scalar;
}

const EventListPath& event_list_path(Isa isa) {
#ifdef __x86_64__
    if (isa == Isa::avx512 && available(Isa::avx512)) return event_list_path_avx512();
    if (isa >= Isa::avx2 && available(Isa::avx2)) return event_list_path_avx2();
#endif
    static_cast<void>(isa);
    return scalar_path;
}

}  // namespace prodsim
