#pragma once

// Chance as a pure function: what is drawn depends on (seed, replication, stream name, key) and on
// nothing else, so one more component or another queueing order changes nobody else's numbers.
// Keys may be as regular as 0, 1, 2 or as irregular as a hash. Of n sequences of m draws under
// hashed keys some two overlap with probability near n^2 m / 2^64: one in 200 for 10^8 requests of
// 10 draws, and then two requests share a number.

#include <bit>
#include <cstdint>
#include <string_view>

namespace prodsim {

/// A hash of 64 bits onto 64 bits, one to one: one step of SplitMix64 (Steele, Lea & Flood 2014,
/// "Fast splittable pseudorandom number generators", with Stafford's 13th mixer as in Vigna's
/// splitmix64.c), whose successive outputs from a seed are mix(seed), mix(seed + golden_gamma), ...
constexpr std::uint64_t mix(std::uint64_t word);

/// A hash of an ordered pair, for deriving keys: a call's from its parent's, its step and attempt.
constexpr std::uint64_t mix(std::uint64_t first, std::uint64_t second);

/// Joins two hashes into a key for draws, or for further joins; the order matters. It costs a
/// multiplication and scatters nothing, so its result is fit for nothing else.
constexpr std::uint64_t join(std::uint64_t first, std::uint64_t second);

/// A hash of a name: FNV-1a of 64 bits (Fowler, Noll & Vo).
constexpr std::uint64_t hash_of(std::string_view name);

/// A short sequence of random numbers, a pure function of its key: SplitMix64 from a seed that
/// keeps the sequences of neighbouring keys apart. A copy repeats the rest of the sequence.
class Draws {
public:
    explicit constexpr Draws(std::uint64_t key) : state_{key * key_stride} {}

    /// The next 64 random bits.
    constexpr std::uint64_t bits();

    /// One of the 2^52 odd multiples of 2^-53: strictly inside (0, 1), evenly spaced, symmetric
    /// about 1/2, and with 1 - u exact.
    constexpr double uniform();

    /// A whole number from 0 to n - 1, for n >= 1. No probability is off by more than 2^-64
    /// (Lemire 2019, "Fast random integer generation in an interval", without the rejection).
    constexpr std::uint64_t below(std::uint64_t n);

    /// True with probability p, and for sure at p >= 1. Draws one uniform whatever p is, so that
    /// what follows does not depend on p.
    constexpr bool chance(double p) { return uniform() < p; }

private:
    // Draw n of key k mixes k key_stride + n golden_gamma modulo 2^64. By the continued fraction
    // of their ratio, keys that differ by less than 10^9 share nothing in their first 10^9 draws.
    static constexpr std::uint64_t key_stride = 0xd1b5'4a32'd192'ed03;

    std::uint64_t state_;
};

/// All draws of one use ("db/service_time") in one replication. Keyed draws and those in sequence
/// are independent of each other.
class Stream {
public:
    Stream(std::uint64_t seed, std::uint64_t replication, std::string_view name);

    /// For what belongs to a request: the same key gives the same draws, in whatever order asked.
    constexpr Draws draws(std::uint64_t key) const { return Draws{keyed_ + key}; }

    /// For what no request owns: arrivals, phases, fault times. Counts from the start of the run.
    constexpr Draws next() { return Draws{sequence_++}; }

private:
    std::uint64_t keyed_;
    std::uint64_t sequence_;
};

/// The increment of SplitMix64: 2^64 divided by the golden ratio, made odd.
inline constexpr std::uint64_t golden_gamma = 0x9e37'79b9'7f4a'7c15;

constexpr std::uint64_t mix(std::uint64_t word) {
    word += golden_gamma;
    word = (word ^ (word >> 30)) * 0xbf58'476d'1ce4'e5b9;
    word = (word ^ (word >> 27)) * 0x94d0'49bb'1331'11eb;
    return word ^ (word >> 31);
}

constexpr std::uint64_t mix(std::uint64_t first, std::uint64_t second) {
    // Without the complement mix(word, 0) would be mix(mix(word)), which callers may well use too.
    return mix(~mix(first) ^ second);
}

constexpr std::uint64_t join(std::uint64_t first, std::uint64_t second) {
    return first * 0xff51'afd7'ed55'8ccd + second;
}

constexpr std::uint64_t hash_of(std::string_view name) {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
    for (const char letter : name) {
        hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100'0000'01b3;
    }
    return hash;
}

constexpr std::uint64_t Draws::bits() {
    const std::uint64_t word = mix(state_);
    state_ += golden_gamma;
    return word;
}

constexpr double Draws::uniform() {
    // 52 random bits behind the exponent of 1 make a number in [1, 2); both steps are exact.
    constexpr std::uint64_t one = 0x3ff0'0000'0000'0000;
    return std::bit_cast<double>(one | (bits() >> 12)) - (1 - 0x1p-53);
}

constexpr std::uint64_t Draws::below(std::uint64_t n) {
    __extension__ using Product = unsigned __int128;
    return static_cast<std::uint64_t>((Product{bits()} * n) >> 64);
}

}  // namespace prodsim
