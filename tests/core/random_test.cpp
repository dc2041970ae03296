// The generator against published vectors and against an independent computation, and the
// statistics that would show shifted or correlated streams.
#include "sim/core/random.hpp"

#include "tests/catch.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {
namespace {

/// The statistic of Pearson, as the number of standard deviations by which it exceeds its mean.
double chi_square_excess(const std::vector<int>& counts) {
    double total = 0;
    for (const int count : counts) total += count;
    const double expected = total / static_cast<double>(counts.size());
    double statistic = 0;
    for (const int count : counts) statistic += (count - expected) * (count - expected) / expected;
    const auto freedom = static_cast<double>(counts.size() - 1);
    return (statistic - freedom) / std::sqrt(2 * freedom);
}

/// sqrt(n) times the correlation of two sequences: standard normal where they are independent.
double correlation(const std::vector<double>& a, const std::vector<double>& b, std::size_t lag) {
    double sum = 0;
    const std::size_t n = a.size() - lag;
    for (std::size_t i = 0; i < n; ++i) sum += (a[i] - 0.5) * (b[i + lag] - 0.5);
    return 12 * sum / std::sqrt(static_cast<double>(n));
}

constexpr int length = 20'000;

std::vector<double> in_sequence(Stream stream) {
    std::vector<double> numbers(length);
    for (double& u : numbers) u = stream.next().uniform();
    return numbers;
}

std::vector<double> keyed(const Stream& stream) {
    std::vector<double> numbers;
    for (int key = 0; key < length; ++key) {
        numbers.push_back(stream.draws(static_cast<std::uint64_t>(key)).uniform());
    }
    return numbers;
}

std::vector<double> one_after_another(Draws draws) {
    std::vector<double> numbers(length);
    for (double& u : numbers) u = draws.uniform();
    return numbers;
}

/// Everything that must not be related, among it what naive seeding would relate.
std::vector<std::vector<double>> unrelated_sequences() {
    const Stream arrivals{1, 0, "shop/arrivals"};
    const Stream service{1, 0, "shop/service_time"};
    return {keyed(arrivals),
            keyed(service),
            in_sequence(arrivals),
            in_sequence(service),
            keyed(Stream{1, 1, "shop/arrivals"}),
            keyed(Stream{2, 0, "shop/arrivals"}),
            keyed(Stream{0, 1, "shop/arrivals"}),
            keyed(Stream{1 + golden_gamma, 0, "shop/arrivals"}),
            keyed(Stream{1 + 2 * golden_gamma, 0, "shop/arrivals"}),
            in_sequence(Stream{1 + golden_gamma, 0, "shop/arrivals"}),
            one_after_another(arrivals.draws(0)),
            one_after_another(arrivals.draws(1)),
            one_after_another(Draws{golden_gamma}),
            one_after_another(Draws{2 * golden_gamma})};
}

}  // namespace

TEST_CASE("mix is one step of SplitMix64, by its published outputs") {
    // From seed 1234567, the vector that circulates with Vigna's splitmix64.c (Rosetta Code,
    // "Pseudo-random numbers/Splitmix64"); and the first output from seed 0.
    const std::array<std::uint64_t, 5> published{6457827717110365317u, 3203168211198807973u,
                                                 9817491932198370423u, 4593380528125082431u,
                                                 16408922859458223821u};
    std::uint64_t seed = 1234567;
    for (const std::uint64_t output : published) {
        CHECK(mix(seed) == output);
        seed += golden_gamma;
    }
    CHECK(mix(0) == 0xe220'a839'7b1d'cdafu);
}

TEST_CASE("hash_of is FNV-1a, by its published vectors") {
    // Fowler, Noll & Vo, test_fnv.c
    CHECK(hash_of("") == 0xcbf2'9ce4'8422'2325u);
    CHECK(hash_of("a") == 0xaf63'dc4c'8601'ec8cu);
    CHECK(hash_of("foobar") == 0x8594'4171'f739'67e8u);
}

TEST_CASE("draws and streams are the documented composition of mix") {
    // Computed with a transcription of SplitMix64 and FNV-1a to Python's whole numbers:
    //   draws(key) = SplitMix64 from the seed key * 0xd1b54a32d192ed03
    //   mix(a, b)  = mix(~mix(a) ^ b)
    //   keyed      = mix(mix(seed, replication), fnv(name)), in sequence from mix(keyed)
    Draws draws{42};
    CHECK(draws.bits() == 0xc8be'838c'9fa2'2167u);
    CHECK(draws.bits() == 0x5030'9f64'a3ef'4e8au);
    CHECK(Draws{42}.uniform() == 0.78415701087181644);
    CHECK(Draws{42}.below(1000) == 784);
    CHECK(mix(1, 2) == 0x2826'13ee'409f'd520u);

    Stream stream{1, 0, "db"};
    CHECK(stream.draws(7).bits() == 0x7007'a4a6'4d1c'24fdu);
    CHECK(stream.next().bits() == 0x1fd7'b842'efd8'69b0u);
}

TEST_CASE("what a key draws depends on the stream and the key alone") {
    const Stream untouched{5, 3, "db/service_time"};
    Stream busy = untouched;
    for (std::uint64_t i = 0; i < 100; ++i) {
        busy.next();
        busy.draws(i).bits();
    }
    CHECK(busy.draws(77).bits() == untouched.draws(77).bits());
    CHECK(Stream{5, 3, "db/service_time"}.draws(77).bits() == untouched.draws(77).bits());
    CHECK(Stream{5, 4, "db/service_time"}.draws(77).bits() != untouched.draws(77).bits());
    CHECK(Stream{6, 3, "db/service_time"}.draws(77).bits() != untouched.draws(77).bits());
    CHECK(Stream{3, 5, "db/service_time"}.draws(77).bits() != untouched.draws(77).bits());
    CHECK(Stream{5, 3, "db/service_tim"}.draws(77).bits() != untouched.draws(77).bits());
}

TEST_CASE("a copy of draws repeats the rest of the sequence") {
    Draws draws{9};
    draws.bits();
    Draws copy = draws;
    for (int i = 0; i < 10; ++i) CHECK(copy.bits() == draws.bits());
}

TEST_CASE("no two streams, replications, seeds or keys are correlated, at any small shift") {
    // Seeds that differ by the golden gamma once gave shifted copies of one stream, and an M/M/1
    // queue with a mean of 3.18 instead of 5.
    const auto sequences = unrelated_sequences();
    double worst = 0;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        for (std::size_t j = 0; j < sequences.size(); ++j) {
            for (std::size_t lag = 0; lag <= 3; ++lag) {
                if (i == j && lag == 0) continue;
                worst = std::max(worst, std::abs(correlation(sequences[i], sequences[j], lag)));
            }
        }
    }
    CHECK(worst < 4.5);  // 770 standard normal numbers exceed it in all with probability 0.005
}

TEST_CASE("pairs of neighbouring numbers fill the square evenly") {
    for (const auto& sequence : unrelated_sequences()) {
        std::vector<int> counts(16 * 16);
        for (std::size_t i = 0; i + 1 < sequence.size(); i += 2) {
            ++counts[static_cast<std::size_t>(sequence[i] * 16) * 16 +
                     static_cast<std::size_t>(sequence[i + 1] * 16)];
        }
        CHECK(std::abs(chi_square_excess(counts)) < 4);
    }
}

TEST_CASE("each byte of the bits is uniform, across draws and across neighbouring keys") {
    for (const int byte : {0, 1, 2, 3, 4, 5, 6, 7}) {
        std::vector<int> across_draws(256);
        std::vector<int> across_keys(256);
        Draws draws{11};
        for (std::uint64_t key = 0; key < 100'000; ++key) {
            ++across_draws[draws.bits() >> 8 * byte & 255];
            ++across_keys[Draws{key}.bits() >> 8 * byte & 255];
        }
        CHECK(std::abs(chi_square_excess(across_draws)) < 4);
        CHECK(std::abs(chi_square_excess(across_keys)) < 4);
    }
}

// A function, because a lambda is a constant expression where it can be one: the compiler would try
// to find the answers itself, and take a minute and gigabytes for it.
template <class Hash>
bool flips_half(Hash hash) {
    constexpr int trials = 4000;
    // The low bits meet each pair twice, which leaves half as many independent trials.
    const double standard_error = 0.5 / std::sqrt(trials / 2);
    for (int in = 0; in < 64; ++in) {
        std::array<int, 64> flips{};
        for (std::uint64_t trial = 0; trial < trials; ++trial) {
            const std::uint64_t change = hash(trial) ^ hash(trial ^ std::uint64_t{1} << in);
            for (std::size_t out = 0; out < 64; ++out) flips[out] += change >> out & 1;
        }
        const auto [least, most] = std::minmax_element(flips.begin(), flips.end());
        // Of 64 x 64 frequencies, one is beyond 6 standard errors with probability 1e-5.
        if (*least < trials * (0.5 - 6 * standard_error)) return false;
        if (*most > trials * (0.5 + 6 * standard_error)) return false;
    }
    return true;
}

TEST_CASE("one more bit in a key, a seed or a pair flips half of the bits of the result") {
    CHECK(flips_half([](std::uint64_t word) { return mix(word); }));
    CHECK(flips_half([](std::uint64_t word) { return mix(word, 1); }));
    CHECK(flips_half([](std::uint64_t word) { return mix(1, word); }));
    CHECK(flips_half([](std::uint64_t word) { return Draws{word}.bits(); }));
    CHECK(flips_half([](std::uint64_t word) { return Stream{word, 0, "a"}.draws(0).bits(); }));
    CHECK(flips_half([](std::uint64_t word) { return Stream{0, word, "a"}.draws(0).bits(); }));
}

TEST_CASE("keys derived from small parents, steps and attempts are all different") {
    std::vector<std::uint64_t> keys;
    for (std::uint64_t parent = 0; parent < 1000; ++parent) {
        keys.push_back(mix(parent));
        keys.push_back(mix(mix(parent)));
        for (std::uint64_t step = 0; step < 20; ++step) {
            keys.push_back(mix(parent, step));
            for (std::uint64_t attempt = 0; attempt < 5; ++attempt) {
                keys.push_back(mix(mix(parent, step), attempt));
            }
        }
    }
    std::sort(keys.begin(), keys.end());
    CHECK(std::adjacent_find(keys.begin(), keys.end()) == keys.end());
}

TEST_CASE("uniform numbers have the moments of the uniform law and stay strictly inside") {
    constexpr int n = 1'000'000;
    Draws draws{13};
    double sum = 0;
    double squares = 0;
    double least = 1;
    double most = 0;
    for (int i = 0; i < n; ++i) {
        const double u = draws.uniform();
        sum += u;
        squares += u * u;
        least = std::min(least, u);
        most = std::max(most, u);
    }
    // Var U = 1/12, Var U^2 = 1/5 - 1/9
    CHECK(sum / n == within(4 * std::sqrt(1.0 / 12 / n), 0.5));
    CHECK(squares / n == within(4 * std::sqrt((1.0 / 5 - 1.0 / 9) / n), 1.0 / 3));
    CHECK(least > 0);
    CHECK(most < 1);
    CHECK(least < 20.0 / n);
    CHECK(most > 1 - 20.0 / n);
}

TEST_CASE("a uniform number is an odd multiple of 2^-53, and so is 1 - u") {
    Draws draws{17};
    for (int i = 0; i < 10'000; ++i) {
        const double u = draws.uniform();
        CHECK(std::fmod(u * 0x1p53, 2.0) == 1.0);
        CHECK(1 - (1 - u) == u);
    }
}

TEST_CASE("below gives each whole number from 0 to n - 1 equally often") {
    for (const std::size_t n : {2, 3, 7, 100}) {
        std::vector<int> counts(n);
        Draws draws{n};
        for (int i = 0; i < 100'000; ++i) ++counts.at(draws.below(n));
        CHECK(chi_square_excess(counts) < 5);
    }
    Draws draws{19};
    CHECK(draws.below(1) == 0);
    const std::uint64_t all = ~std::uint64_t{0};
    for (int i = 0; i < 100; ++i) CHECK(draws.below(all) < all);
}

TEST_CASE("chance is never at 0, sure at 1, as often as it says between, and always draws once") {
    constexpr int n = 100'000;
    Draws draws{23};
    int hits = 0;
    for (int i = 0; i < n; ++i) {
        Draws copy = draws;
        CHECK_FALSE(Draws{copy}.chance(0));
        CHECK(Draws{copy}.chance(1));
        if (draws.chance(0.2)) ++hits;
        copy.bits();
        CHECK(Draws{copy}.bits() == Draws{draws}.bits());
    }
    CHECK(hits == within(4 * std::sqrt(n * 0.2 * 0.8), 0.2 * n));
}

}  // namespace prodsim
