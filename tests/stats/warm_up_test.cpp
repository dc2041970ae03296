// Where MSER-5 cuts: an example by hand, and the kinds of initial bias that White, Cobb and Spratt
// (Winter Simulation Conference 2000) lay over an autoregressive process.
#include "sim/stats/warm_up.hpp"

#include "sim/stats/estimate.hpp"
#include "tests/catch.hpp"

#include <cmath>
#include <numbers>
#include <random>
#include <vector>

using namespace prodsim;

namespace {

/// A stationary x'' = 0.5 x' + 0.2 x + e of mean 0, and how far it begins from there.
template <class Bias>
std::vector<double> biased_series(std::uint64_t seed, std::size_t length, Bias bias) {
    std::mt19937_64 words{seed};
    const auto uniform = [&] { return (static_cast<double>(words() >> 11) + 0.5) * 0x1p-53; };
    const auto normal = [&] {
        const double radius = std::sqrt(-2 * std::log(uniform()));
        return radius * std::cos(2 * std::numbers::pi * uniform());
    };
    double before = 0;
    double last = 0;
    std::vector<double> series;
    constexpr int long_enough = 200;  // to forget where it began
    for (int i = -long_enough; i < static_cast<int>(length); ++i) {
        const double value = 0.5 * last + 0.2 * before + normal();
        before = last;
        last = value;
        if (i >= 0) series.push_back(value + bias(static_cast<double>(i)));
    }
    return series;
}

struct Means {
    Estimate whole;
    Estimate rest;
};

/// Over 200 series of 2000 values: their means, and what is left of them after the cut.
template <class Bias>
Means means_of(Bias bias) {
    std::vector<double> whole;
    std::vector<double> rest;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const std::vector<double> series = biased_series(seed, 2000, bias);
        const auto cut = find_warm_up(series);
        REQUIRE(cut.has_value());
        whole.push_back(estimate_mean(series).mean);
        rest.push_back(estimate_mean(std::span(series).subspan(*cut)).mean);
    }
    return {estimate_mean(whole), estimate_mean(rest)};
}

}  // namespace

TEST_CASE("MSER cuts where the marginal standard error is least") {
    // By hand, in batches of one: sum (x - mean)^2 / n^2 is 51.875/64 = 0.81 without a cut,
    // (16 - 100/7)/49 = 0.035 without the 9, then (15 - 13.5)/36 = 0.042, 0.048, 0.0625.
    const std::vector<double> series{9, 1, 2, 1, 2, 1, 2, 1};
    REQUIRE(find_warm_up(series, 1) == std::optional<std::size_t>(1));
}

TEST_CASE("MSER leaves a series alone that begins where it stays") {
    const std::vector<double> constant(40, 3.0);
    REQUIRE(find_warm_up(constant) == std::optional<std::size_t>(0));
}

TEST_CASE("MSER works on batches of five, and leaves out what fills none at the end") {
    std::vector<double> series(43, 1.0);
    series[6] = 50;  // in the second batch: both are left out
    series[41] = 50;
    REQUIRE(find_warm_up(series) == std::optional<std::size_t>(10));
}

TEST_CASE("a series is too short where the error still falls in the middle, or of few batches") {
    std::vector<double> climbing;
    for (int i = 0; i < 200; ++i) climbing.push_back(i);
    REQUIRE_FALSE(find_warm_up(climbing).has_value());
    REQUIRE_FALSE(find_warm_up(std::vector<double>(39, 1.0)).has_value());
    REQUIRE_FALSE(find_warm_up({}).has_value());
}

TEST_CASE("a step is cut off where it ends") {
    // 300 values that are 20 too high, ten standard deviations: the cut is at their end, or a batch
    // or a few later where chance agrees.
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const auto cut =
            find_warm_up(biased_series(seed, 2000, [](double i) { return i < 300 ? 20.0 : 0.0; }));
        REQUIRE(cut.has_value());
        REQUIRE(*cut >= 300);
        REQUIRE(*cut < 600);
    }
}

TEST_CASE("what fades away is cut off until it is lost in the noise") {
    // The three shapes of White, Cobb and Spratt, each over the first fifth of the series. The
    // standard deviation of the process is sqrt(0.8 / (1.2 (0.8^2 - 0.5^2))) = 1.3.
    const auto quadratic = [](double i) {
        return i < 400 ? 10 * (1 - i / 400) * (1 - i / 400) : 0.0;
    };
    const auto exponential = [](double i) { return 10 * std::exp(-i / 60); };
    const auto oscillating = [](double i) {
        return i < 400 ? (1 - i / 400) * (5 + 5 * std::sin(i / 20)) : 0.0;
    };
    const auto check = [](const Means& means, double bias) {
        REQUIRE(means.whole.mean == within(4 * means.whole.standard_error, bias));
        REQUIRE(bias > means.whole.half_width);
        // Of the bias a tenth may stay, the part that is smaller than the noise of a batch.
        REQUIRE(std::abs(means.rest.mean) < 0.1 * bias + means.rest.half_width);
    };
    // The sums over i: 10 * 400 / 3, 10 * 60, and that of the line 5 * 200 with the sine beside it.
    check(means_of(quadratic), 10 * 400.0 / 3 / 2000);
    check(means_of(exponential), 10 * 60.0 / 2000);
    double sum = 0;
    for (int i = 0; i < 400; ++i) sum += oscillating(i);
    check(means_of(oscillating), sum / 2000);
}
