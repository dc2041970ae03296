#pragma once

#include <bit>
#include <cassert>
#include <cstdint>

namespace prodsim {

/// Numbers the buckets of a log-linear scale: every octave [2^k, 2^(k+1)) is cut into 2^bits equal
/// buckets, so a bucket is never wider than 2^-bits of its values, and values below 2^(bits+1) have
/// a bucket each. Bucket numbers are consecutive and grow with the value. Finding one takes a bit
/// scan and a shift, neither a division nor a logarithm.
template <unsigned bits>
struct LogLinear {
    static constexpr unsigned buckets_per_octave = 1U << bits;

    /// Octave 0 holds the values below `buckets_per_octave`; any 64-bit value has an octave.
    static constexpr unsigned octaves = 65 - bits;

    static constexpr unsigned bucket_of(std::uint64_t value) {
        const auto bits_used = std::bit_width(value | (2 * buckets_per_octave - 1));
        const unsigned shift = static_cast<unsigned>(bits_used) - (bits + 1);
        return (shift << bits) + static_cast<unsigned>(value >> shift);
    }

    static constexpr unsigned octave_of(unsigned bucket) { return bucket >> bits; }

    static constexpr std::uint64_t lowest(unsigned bucket) {
        const std::uint64_t step = bucket % buckets_per_octave;
        if (octave_of(bucket) == 0) return step;
        return (buckets_per_octave + step) << (octave_of(bucket) - 1);
    }

    static constexpr std::uint64_t width(unsigned bucket) {
        return octave_of(bucket) == 0 ? 1 : std::uint64_t{1} << (octave_of(bucket) - 1);
    }

    /// The `rank`th smallest (from 1) of `count` values of a bucket, taken to be spread evenly.
    static constexpr std::uint64_t value_at(unsigned bucket, std::uint64_t rank,
                                            std::uint64_t count) {
        const double share = (static_cast<double>(rank) - 0.5) / static_cast<double>(count);
        const double offset = share * static_cast<double>(width(bucket));
        return lowest(bucket) + static_cast<std::uint64_t>(offset);
    }
};

/// The rank of the p-quantile among n sorted values, from 1 to n: the smallest k with k/n >= p.
/// A few units in the last place are forgiven, because 0.07 * 100 is 7.000000000000001.
constexpr std::uint64_t quantile_rank(double p, std::uint64_t n) {
    assert(p >= 0 && p <= 1 && n > 0);
    const double exact = p * static_cast<double>(n) * (1 - 1e-15);
    auto rank = static_cast<std::uint64_t>(exact);
    if (static_cast<double>(rank) < exact) ++rank;
    if (rank < 1) return 1;
    return rank < n ? rank : n;
}

}  // namespace prodsim
