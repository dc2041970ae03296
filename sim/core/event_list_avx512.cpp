// The loops of the event list for AVX-512: eight keys a step. Only the functions marked with the
// target use it, so the file compiles in the baseline build, and to nothing on other processors.
#ifdef __x86_64__

// The header of gcc 12 leaves the lanes that its intrinsics mask away undefined, and warns of it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "sim/core/event_list_path.hpp"

#include <algorithm>
#include <limits>

namespace prodsim {

namespace {

[[gnu::target("avx512f,popcnt")]] std::uint32_t count_above(const std::int64_t* ends,
                                                            std::uint32_t count,
                                                            std::int64_t time) {
    const __m512i threshold = _mm512_set1_epi64(time);
    std::uint32_t above = 0;
    for (std::uint32_t i = 0; i < count; i += 8) {
        const __mmask8 mask = _mm512_cmpgt_epi64_mask(_mm512_load_si512(ends + i), threshold);
        above += static_cast<std::uint32_t>(_mm_popcnt_u32(mask));
    }
    return above;
}

/// Shifts every lane that is not later than the new key by one, and puts the key into the gap.
/// Whole aligned vectors are written and read again, so that stores forward to loads.
[[gnu::target("avx512f")]] void insert(NearList& near, std::int64_t time, std::int64_t tail) {
    const __m512i new_time = _mm512_set1_epi64(time);
    const __m512i new_tail = _mm512_set1_epi64(tail);
    __m512i left_times = _mm512_set1_epi64(std::numeric_limits<std::int64_t>::max());
    __m512i left_tails = new_tail;
    const std::uint32_t count = near.count++;
    for (std::uint32_t i = 0; i <= count; i += 8) {
        const __m512i times = _mm512_load_si512(near.times.data() + i);
        const __m512i tails = _mm512_load_si512(near.tails.data() + i);
        const __m512i shifted_times = _mm512_alignr_epi64(times, left_times, 7);
        const __m512i shifted_tails = _mm512_alignr_epi64(tails, left_tails, 7);
        const __mmask8 stays = _mm512_cmpgt_epi64_mask(times, new_time);
        const __mmask8 after_later = _mm512_cmpgt_epi64_mask(shifted_times, new_time);
        const __m512i placed = _mm512_mask_mov_epi64(shifted_tails, after_later, new_tail);
        _mm512_store_si512(near.times.data() + i,
                           _mm512_max_epi64(times, _mm512_min_epi64(shifted_times, new_time)));
        _mm512_store_si512(near.tails.data() + i, _mm512_mask_mov_epi64(placed, stays, tails));
        left_times = times;
        left_tails = tails;
    }
}

/// Compresses in registers and stores whole vectors (a compressing store is microcoded on Zen 4);
/// the surplus lanes are overwritten by the next step, or lie in the slack.
[[gnu::target("avx512f,popcnt")]] std::uint32_t split(KeyColumns keys, std::uint32_t count,
                                                      std::int64_t pivot, KeyColumns low) {
    const __m512i threshold = _mm512_set1_epi64(pivot);
    std::uint32_t below = 0;
    for (std::uint32_t i = 0; i < count; i += 8) {
        const __m512i times = _mm512_loadu_si512(keys.times + i);
        const __m512i tails = _mm512_loadu_si512(keys.tails + i);
        const __mmask8 lower = _mm512_cmplt_epi64_mask(times, threshold);
        const auto higher = static_cast<__mmask8>(~lower);
        const KeyColumns high = keys.from(i - below);
        _mm512_storeu_si512(low.times + below, _mm512_maskz_compress_epi64(lower, times));
        _mm512_storeu_si512(low.tails + below, _mm512_maskz_compress_epi64(lower, tails));
        _mm512_storeu_si512(high.times, _mm512_maskz_compress_epi64(higher, times));
        _mm512_storeu_si512(high.tails, _mm512_maskz_compress_epi64(higher, tails));
        const auto present = static_cast<__mmask8>(count - i < 8 ? (1U << (count - i)) - 1 : 255);
        below += static_cast<std::uint32_t>(_mm_popcnt_u32(lower & present));
    }
    return below;
}

/// Each key's place is the number of keys that are due after it: those on its left that are later,
/// and those on its right that are not earlier.
template <std::uint32_t vectors>
[[gnu::target("avx512f,popcnt")]] void sort_vectors(KeyColumns keys, std::uint32_t count,
                                                    NearList& near) {
    __m512i times[vectors];
    for (std::uint32_t v = 0; v < vectors; ++v) {
        const std::uint32_t present = count > v * 8 ? count - v * 8 : 0;
        const auto mask = static_cast<__mmask8>(present < 8 ? (1U << present) - 1 : 255);
        times[v] = _mm512_mask_loadu_epi64(_mm512_set1_epi64(-1), mask, keys.times + v * 8);
    }
#pragma GCC unroll 8
    for (std::uint32_t own = 0; own < vectors; ++own) {
        const std::uint32_t end = std::min(count, own * 8 + 8);
        for (std::uint32_t i = own * 8; i < end; ++i) {
            const __m512i time = _mm512_set1_epi64(keys.times[i]);
            const auto right = static_cast<__mmask8>(0xfeU << (i % 8));
            std::uint32_t later = 0;
#pragma GCC unroll 8
            for (std::uint32_t v = 0; v < vectors; ++v) {
                const __mmask8 mask =
                    v < own   ? _mm512_cmpgt_epi64_mask(times[v], time)
                    : v > own ? _mm512_cmpge_epi64_mask(times[v], time)
                              : static_cast<__mmask8>(
                                    _mm512_cmpgt_epi64_mask(times[v], time) |
                                    _mm512_mask_cmpeq_epi64_mask(right, times[v], time));
                later += static_cast<std::uint32_t>(_mm_popcnt_u32(mask));
            }
            near.times[later] = keys.times[i];
            near.tails[later] = keys.tails[i];
        }
    }
    near.count = count;
}

[[gnu::target("avx512f,popcnt")]] void sort(KeyColumns keys, std::uint32_t count, NearList& near) {
    if (count <= 16) return sort_vectors<2>(keys, count, near);
    if (count <= 24) return sort_vectors<3>(keys, count, near);
    sort_vectors<EventListPath::sort_limit / 8>(keys, count, near);
}

constexpr EventListPath avx512_path{count_above, insert, split, sort};

}  // namespace

const EventListPath& event_list_path_avx512() { return avx512_path; }

}  // namespace prodsim

#endif
