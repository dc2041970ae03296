// The loops of the event list for AVX2: four keys a step. Only the functions marked with the target
// use it, so the file compiles in the baseline build, and to nothing on other processors.
#ifdef __x86_64__

#include "sim/core/event_list_path.hpp"

#include <immintrin.h>

#include <algorithm>
#include <limits>

namespace prodsim {

namespace {

using Vector = __m256i;

/// For each set of four lanes, the permutation that moves its members to the front, in order. A
/// lane of 64 bits is moved as two of 32, which is what the instruction permutes.
struct Permutations {
    alignas(32) std::array<std::array<std::uint32_t, 8>, 16> of{};

    constexpr Permutations() {
        for (std::uint32_t set = 0; set < 16; ++set) {
            std::uint32_t filled = 0;
            for (std::uint32_t lane = 0; lane < 4; ++lane) {
                if ((set >> lane & 1) == 0) continue;
                of[set][filled++] = 2 * lane;
                of[set][filled++] = 2 * lane + 1;
            }
        }
    }
};

constexpr Permutations to_front;

[[gnu::target("avx2")]] inline Vector load(const std::int64_t* lanes) {
    return _mm256_loadu_si256(reinterpret_cast<const Vector*>(lanes));
}

[[gnu::target("avx2")]] inline void store(std::int64_t* lanes, Vector vector) {
    _mm256_storeu_si256(reinterpret_cast<Vector*>(lanes), vector);
}

/// One bit a lane, from a comparison.
[[gnu::target("avx2")]] inline std::uint32_t lanes_of(Vector comparison) {
    return static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(comparison)));
}

[[gnu::target("avx2")]] inline Vector compressed(Vector vector, std::uint32_t set) {
    const Vector order =
        _mm256_load_si256(reinterpret_cast<const Vector*>(to_front.of[set].data()));
    return _mm256_permutevar8x32_epi32(vector, order);
}

/// Lane 3 comes first, the others move up by one.
[[gnu::target("avx2")]] inline Vector rotated(Vector vector) {
    return _mm256_permute4x64_epi64(vector, _MM_SHUFFLE(2, 1, 0, 3));
}

/// The first lane of `first`, the others of `rest`.
[[gnu::target("avx2")]] inline Vector joined(Vector first, Vector rest) {
    return _mm256_blend_epi32(rest, first, 0b11);
}

/// The number of lanes counted, when each counted lane has been decremented.
[[gnu::target("avx2")]] inline std::uint32_t counted(Vector negative) {
    const __m128i halves =
        _mm_add_epi64(_mm256_castsi256_si128(negative), _mm256_extracti128_si256(negative, 1));
    const __m128i sum = _mm_add_epi64(halves, _mm_unpackhi_epi64(halves, halves));
    return static_cast<std::uint32_t>(-_mm_cvtsi128_si32(sum));
}

[[gnu::target("avx2")]] std::uint32_t count_above(const std::int64_t* ends, std::uint32_t count,
                                                  std::int64_t time) {
    const Vector threshold = _mm256_set1_epi64x(time);
    Vector negative = _mm256_setzero_si256();
    for (std::uint32_t i = 0; i < count; i += 4) {
        negative = _mm256_add_epi64(negative, _mm256_cmpgt_epi64(load(ends + i), threshold));
    }
    return counted(negative);
}

/// Shifts every lane that is not later than the new key by one, and puts the key into the gap.
/// Whole aligned vectors are written and read again, so that stores forward to loads.
[[gnu::target("avx2")]] void insert(NearList& near, std::int64_t time, std::int64_t tail) {
    const Vector new_time = _mm256_set1_epi64x(time);
    const Vector new_tail = _mm256_set1_epi64x(tail);
    Vector left_times = _mm256_set1_epi64x(std::numeric_limits<std::int64_t>::max());
    Vector left_tails = new_tail;
    const std::uint32_t count = near.count++;
    for (std::uint32_t i = 0; i <= count; i += 4) {
        const Vector times = load(near.times.data() + i);
        const Vector tails = load(near.tails.data() + i);
        const Vector turned_times = rotated(times);
        const Vector turned_tails = rotated(tails);
        const Vector shifted_times = joined(left_times, turned_times);
        const Vector shifted_tails = joined(left_tails, turned_tails);
        const Vector stays = _mm256_cmpgt_epi64(times, new_time);
        const Vector after_later = _mm256_cmpgt_epi64(shifted_times, new_time);
        const Vector placed_time = _mm256_blendv_epi8(shifted_times, new_time, after_later);
        const Vector placed_tail = _mm256_blendv_epi8(shifted_tails, new_tail, after_later);
        store(near.times.data() + i, _mm256_blendv_epi8(placed_time, times, stays));
        store(near.tails.data() + i, _mm256_blendv_epi8(placed_tail, tails, stays));
        left_times = turned_times;
        left_tails = turned_tails;
    }
}

/// Stores whole vectors: the surplus lanes are overwritten by the next step, or lie in the slack.
[[gnu::target("avx2,popcnt")]] std::uint32_t split(KeyColumns keys, std::uint32_t count,
                                                   std::int64_t pivot, KeyColumns low) {
    const Vector threshold = _mm256_set1_epi64x(pivot);
    std::uint32_t below = 0;
    for (std::uint32_t i = 0; i < count; i += 4) {
        const Vector times = load(keys.times + i);
        const Vector tails = load(keys.tails + i);
        const std::uint32_t lower = lanes_of(_mm256_cmpgt_epi64(threshold, times));
        const KeyColumns high = keys.from(i - below);
        store(low.times + below, compressed(times, lower));
        store(low.tails + below, compressed(tails, lower));
        store(high.times, compressed(times, lower ^ 15));
        store(high.tails, compressed(tails, lower ^ 15));
        const std::uint32_t present = count - i < 4 ? (1U << (count - i)) - 1 : 15;
        below += static_cast<std::uint32_t>(_mm_popcnt_u32(lower & present));
    }
    return below;
}

/// Each key's place is the number of keys that are due after it: those on its left that are later,
/// and those on its right that are not earlier.
template <std::uint32_t vectors>
[[gnu::target("avx2")]] void sort_vectors(KeyColumns keys, std::uint32_t count, NearList& near) {
    const Vector lane = _mm256_setr_epi64x(0, 1, 2, 3);
    const Vector none = _mm256_set1_epi64x(-1);
    Vector times[vectors];
    for (std::uint32_t v = 0; v < vectors; ++v) {
        const Vector end = _mm256_set1_epi64x(static_cast<std::int64_t>(count) - v * 4);
        const Vector present = _mm256_cmpgt_epi64(end, lane);
        times[v] = _mm256_blendv_epi8(none, load(keys.times + v * 4), present);
    }
#pragma GCC unroll 8
    for (std::uint32_t own = 0; own < vectors; ++own) {
        const std::uint32_t end = std::min(count, own * 4 + 4);
        for (std::uint32_t i = own * 4; i < end; ++i) {
            const Vector time = _mm256_set1_epi64x(keys.times[i]);
            const Vector just_before = _mm256_add_epi64(time, none);
            const Vector right = _mm256_cmpgt_epi64(lane, _mm256_set1_epi64x(i % 4));
            const Vector mixed = _mm256_add_epi64(time, right);
            Vector negative = _mm256_setzero_si256();
#pragma GCC unroll 8
            for (std::uint32_t v = 0; v < vectors; ++v) {
                const Vector& limit = v < own ? time : v > own ? just_before : mixed;
                negative = _mm256_add_epi64(negative, _mm256_cmpgt_epi64(times[v], limit));
            }
            const std::uint32_t later = counted(negative);
            near.times[later] = keys.times[i];
            near.tails[later] = keys.tails[i];
        }
    }
    near.count = count;
}

[[gnu::target("avx2")]] void sort(KeyColumns keys, std::uint32_t count, NearList& near) {
    if (count <= 16) return sort_vectors<4>(keys, count, near);
    if (count <= 24) return sort_vectors<6>(keys, count, near);
    sort_vectors<EventListPath::sort_limit / 4>(keys, count, near);
}

constexpr EventListPath avx2_path{count_above, insert, split, sort};

}  // namespace

const EventListPath& event_list_path_avx2() { return avx2_path; }

}  // namespace prodsim

#endif
