// Every law against its closed forms: distribution function (Kolmogorov-Smirnov, tails, and the
// inversion itself), mean and variance. Seeds are fixed; tolerances are standard errors.
#include "sim/core/distribution.hpp"

#include "tests/catch.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double pi = 3.14159265358979323846;
constexpr int sample_size = 200'000;

enum class Method { inversion, other };

struct Law {
    std::string name;
    Distribution distribution;
    double mean;
    double variance;
    Method method;
    std::function<double(double)> below;  // P(X <= x)
};

double square(double x) { return x * x; }

double normal_below(double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; }

auto exponential_below(double mean) {
    return [=](double x) { return -std::expm1(-x / mean); };
}

/// P(X <= x) of k phases of mean 1, from the Poisson probabilities of fewer than k events.
double erlang_below(int phases, double x) {
    double probability = std::exp(-x);
    double fewer = 0;
    for (int events = 0; events < phases; ++events) {
        fewer += probability;
        probability *= x / (events + 1);
    }
    return 1 - fewer;
}

Law lognormal(std::string name, Distribution distribution, double median, double sigma) {
    const double growth = std::exp(sigma * sigma);
    return {std::move(name),
            std::move(distribution),
            median * std::sqrt(growth),
            square(median) * growth * (growth - 1),
            Method::inversion,
            [=](double x) { return normal_below(std::log(x / median) / sigma); }};
}

Law weibull(double mean, double shape) {
    const double scale = mean / std::tgamma(1 + 1 / shape);
    return {"weibull of shape " + std::to_string(shape),
            Distribution::weibull(mean, shape),
            mean,
            square(scale) * std::tgamma(1 + 2 / shape) - square(mean),
            Method::inversion,
            [=](double x) { return -std::expm1(-std::pow(x / scale, shape)); }};
}

Law bounded_pareto(double low, double high, double alpha) {
    const double mass = 1 - std::pow(low / high, alpha);
    const auto moment = [=](int n) {
        const double factor = alpha * std::pow(low, alpha) / mass;
        if (n == alpha) return factor * std::log(high / low);
        return factor * (std::pow(high, n - alpha) - std::pow(low, n - alpha)) / (n - alpha);
    };
    return {"bounded pareto of alpha " + std::to_string(alpha),
            Distribution::bounded_pareto(low, high, alpha),
            moment(1),
            moment(2) - square(moment(1)),
            Method::inversion,
            [=](double x) { return (1 - std::pow(low / x, alpha)) / mass; }};
}

/// Gamma laws of half-integer shape have elementary distribution functions.
Law gamma(double mean, double shape, std::function<double(double)> standard_below) {
    const double scale = mean / shape;
    return {"gamma of shape " + std::to_string(shape),
            Distribution::gamma(mean, 1 / std::sqrt(shape)),
            mean,
            mean * scale,
            Method::other,
            [=](double x) { return standard_below(x / scale); }};
}

Law erlang(int phases, double mean) {
    const double phase = mean / phases;
    return {"erlang of " + std::to_string(phases) + " phases",
            Distribution::erlang(phases, mean),
            mean,
            mean * phase,
            phases == 1 ? Method::inversion : Method::other,
            [=](double x) { return erlang_below(phases, x / phase); }};
}

Law two_exponentials(std::string name, Distribution distribution, double p, double mean1,
                     double mean2) {
    const double mean = p * mean1 + (1 - p) * mean2;
    return {
        std::move(name),
        std::move(distribution),
        mean,
        2 * (p * square(mean1) + (1 - p) * square(mean2)) - square(mean),
        Method::other,
        [=](double x) { return -p * std::expm1(-x / mean1) - (1 - p) * std::expm1(-x / mean2); }};
}

/// cv = 2: p = (1 + sqrt(3/5)) / 2, and each phase contributes half of the mean.
Law balanced_means() {
    const double p = (1 + std::sqrt(3.0 / 5)) / 2;
    return two_exponentials("hyperexponential of cv 2",
                            Distribution::hyperexponential_from_cv(0.1, 2), p, 0.05 / p,
                            0.05 / (1 - p));
}

Law quantiles() {
    const auto below = [](double x) {
        if (x <= 0.2) return 0.5 * (x - 0.1) / 0.1;
        if (x <= 0.5) return 0.5 + 0.4 * (x - 0.2) / 0.3;
        return 0.9 + 0.1 * (x - 0.5) / 1.5;
    };
    // Three uniform laws: on (0.1, 0.2), (0.2, 0.5) and (0.5, 2), with weights 0.5, 0.4 and 0.1.
    const double mean = 0.5 * 0.15 + 0.4 * 0.35 + 0.1 * 1.25;
    const double second_moment = 0.5 * (0.01 / 12 + square(0.15)) +
                                 0.4 * (0.09 / 12 + square(0.35)) +
                                 0.1 * (2.25 / 12 + square(1.25));
    return {"lines between quantiles",
            Distribution::from_quantiles({{0, 0.1}, {0.5, 0.2}, {0.9, 0.5}, {1, 2}}),
            mean,
            second_moment - square(mean),
            Method::inversion,
            below};
}

/// A fast path and a slow one: uniform on (1, 2) three times in four, else exponential of mean 4.
Law fast_and_slow() {
    return {
        "mixture of a uniform and an exponential",
        Distribution::mixture({3, 1}, {Distribution::uniform(1, 2), Distribution::exponential(4)}),
        0.75 * 1.5 + 0.25 * 4,
        0.75 * (1.0 / 12 + square(1.5)) + 0.25 * 32 - square(0.75 * 1.5 + 0.25 * 4),
        Method::other,
        [](double x) { return 0.75 * std::clamp(x - 1, 0.0, 1.0) - 0.25 * std::expm1(-x / 4); }};
}

std::vector<Law> continuous_laws() {
    // 2.3263478740408408 is the 99th percentile of the standard normal law.
    const double sigma99 = std::log(0.5 / 0.02) / 2.3263478740408408;
    const double sigma07 = std::sqrt(std::log(1.49));
    return {
        {"uniform", Distribution::uniform(2, 5), 3.5, 9.0 / 12, Method::inversion,
         [](double x) { return (x - 2) / 3; }},
        {"exponential", Distribution::exponential(0.016), 0.016, square(0.016), Method::inversion,
         exponential_below(0.016)},
        erlang(1, 0.5),
        erlang(4, 0.5),
        erlang(16, 0.5),
        erlang(20, 0.5),
        gamma(3, 0.5, [](double x) { return std::erf(std::sqrt(x)); }),
        gamma(
            3, 1.5,
            [](double x) { return std::erf(std::sqrt(x)) - 2 * std::sqrt(x / pi) * std::exp(-x); }),
        gamma(3, 1, exponential_below(1)),
        gamma(3, 12, [](double x) { return erlang_below(12, x); }),
        two_exponentials("hyperexponential by phases",
                         Distribution::hyperexponential({9, 1}, {0.01, 0.2}), 0.9, 0.01, 0.2),
        balanced_means(),
        lognormal("lognormal by mean and cv", Distribution::lognormal(0.004, 0.7),
                  0.004 / std::sqrt(1.49), sigma07),
        lognormal("lognormal by quantiles", Distribution::lognormal_from_quantiles(0.02, 0.5), 0.02,
                  sigma99),
        weibull(0.3, 0.5),
        weibull(0.3, 1),
        weibull(0.3, 3),
        {"pareto", Distribution::pareto(0.01, 5), 0.0125, square(0.01) * 5 / (16.0 * 3),
         Method::inversion, [](double x) { return 1 - std::pow(0.01 / x, 5); }},
        {"pareto by its mean", Distribution::pareto_from_mean(2, 1.5), 2, infinity,
         Method::inversion, [](double x) { return 1 - std::pow((2.0 / 3) / x, 1.5); }},
        bounded_pareto(0.001, 1, 1),
        bounded_pareto(0.001, 1, 1.5),
        bounded_pareto(0.001, 1, 2),
        quantiles(),
        fast_and_slow(),
    };
}

/// Draws of their own for each sample, as a request has them.
std::vector<double> sorted_samples(const Distribution& distribution) {
    Stream stream{1, 0, "distribution_test"};
    std::vector<double> samples(sample_size);
    for (double& x : samples) {
        Draws draws = stream.next();
        x = distribution.sample(draws);
    }
    std::sort(samples.begin(), samples.end());
    return samples;
}

double kolmogorov_smirnov(const std::vector<double>& sorted, const Law& law) {
    const auto n = static_cast<double>(sorted.size());
    double distance = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        const double expected = law.below(sorted[i]);
        const auto rank = static_cast<double>(i);
        distance = std::max({distance, expected - rank / n, (rank + 1) / n - expected});
    }
    return std::sqrt(n) * distance;
}

double fraction_below(const std::vector<double>& sorted, const Law& law, double p) {
    const auto passed = std::partition_point(sorted.begin(), sorted.end(),
                                             [&](double x) { return law.below(x) <= p; });
    return static_cast<double>(passed - sorted.begin()) / static_cast<double>(sorted.size());
}

struct Moments {
    double mean;
    double variance;
    double mean_error;  // standard errors, from the samples themselves
    double variance_error;
};

Moments moments(const std::vector<double>& samples) {
    const auto n = static_cast<double>(samples.size());
    double mean = 0;
    for (const double x : samples) mean += x / n;
    double second = 0;
    double fourth = 0;
    for (const double x : samples) {
        second += square(x - mean) / n;
        fourth += square(square(x - mean)) / n;
    }
    return {mean, second, std::sqrt(second / n), std::sqrt((fourth - square(second)) / n)};
}

/// The moments of a discrete law by counting, for samples that are few different numbers.
void check_moments(const Distribution& distribution, double mean, double variance) {
    CHECK(distribution.mean() == Approx(mean).epsilon(1e-12));
    CHECK(distribution.variance() == Approx(variance).epsilon(1e-12));
    const Moments observed = moments(sorted_samples(distribution));
    CHECK(observed.mean == within(4 * observed.mean_error, mean));
    CHECK(observed.variance == within(4 * observed.variance_error, variance));
}

}  // namespace

TEST_CASE("every continuous law states the mean and the variance of its closed form") {
    for (const Law& law : continuous_laws()) {
        INFO(law.name);
        CHECK(law.distribution.mean() == Approx(law.mean).epsilon(1e-11));
        if (law.variance == infinity) {
            CHECK(law.distribution.variance() == infinity);
            CHECK(law.distribution.cv() == infinity);
        } else {
            CHECK(law.distribution.variance() == Approx(law.variance).epsilon(1e-11));
            CHECK(law.distribution.cv() ==
                  Approx(std::sqrt(law.variance) / law.mean).epsilon(1e-11));
        }
        CHECK_FALSE(law.distribution.is_constant());
    }
}

TEST_CASE("the samples of every continuous law have its mean and variance") {
    for (const Law& law : continuous_laws()) {
        if (law.variance == infinity) continue;  // then no standard error means anything
        INFO(law.name);
        const Moments observed = moments(sorted_samples(law.distribution));
        CHECK(observed.mean == within(4 * observed.mean_error, law.mean));
        CHECK(observed.variance == within(4 * observed.variance_error, law.variance));
    }
}

TEST_CASE("the samples of every continuous law pass the Kolmogorov-Smirnov test") {
    for (const Law& law : continuous_laws()) {
        INFO(law.name);
        // Kolmogorov's limit law exceeds 2.1 with probability 2 exp(-2 2.1^2) = 3e-4.
        CHECK(kolmogorov_smirnov(sorted_samples(law.distribution), law) < 2.1);
    }
}

TEST_CASE("the samples of every continuous law have its quantiles, far into both tails") {
    for (const Law& law : continuous_laws()) {
        INFO(law.name);
        const std::vector<double> sorted = sorted_samples(law.distribution);
        for (const double p : {0.0005, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9995}) {
            const double standard_error = std::sqrt(p * (1 - p) / sample_size);
            CHECK(fraction_below(sorted, law, p) == within(4 * standard_error, p));
        }
    }
}

TEST_CASE("a law sampled by inversion gives the quantile at one uniform, increasing with it") {
    for (const Law& law : continuous_laws()) {
        if (law.method != Method::inversion) continue;
        INFO(law.name);
        Draws draws{29};
        std::vector<std::pair<double, double>> pairs;
        double worst = 0;
        for (int i = 0; i < 20'000; ++i) {
            Draws copy = draws;
            const double u = copy.uniform();
            const double x = law.distribution.sample(draws);
            REQUIRE(Draws{draws}.bits() == copy.bits());  // one uniform has been used
            worst = std::max(worst, std::abs(law.below(x) - u));
            pairs.emplace_back(u, x);
        }
        CHECK(worst < 1e-12);
        std::sort(pairs.begin(), pairs.end());
        CHECK(std::is_sorted(pairs.begin(), pairs.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
}

TEST_CASE("the same key gives the same bits, and other keys give other samples") {
    for (const Law& law : continuous_laws()) {
        INFO(law.name);
        const Distribution copy = law.distribution;
        Draws first{31};
        Draws again{31};
        Draws other{32};
        const double x = law.distribution.sample(first);
        CHECK(std::bit_cast<std::uint64_t>(copy.sample(again)) == std::bit_cast<std::uint64_t>(x));
        CHECK(copy.sample(other) != x);
    }
}

TEST_CASE("the samplers give the same bits on every machine") {
    // The number has no theory: it is what one machine gave, and what every other must give.
    std::uint64_t fingerprint = 0;
    for (const Law& law : continuous_laws()) {
        Draws draws{37};
        for (int i = 0; i < 10'000; ++i) {
            const double x = law.distribution.sample(draws);
            fingerprint = mix(fingerprint, std::bit_cast<std::uint64_t>(x));
        }
    }
    CHECK(fingerprint == 0x929'f357'd27e'6f1bu);
}

TEST_CASE("scaling multiplies every value, and by 0 gives the constant 0") {
    for (const Law& law : continuous_laws()) {
        INFO(law.name);
        const Distribution doubled = law.distribution.scaled(2);
        Draws draws{41};
        Draws same{41};
        for (int i = 0; i < 100; ++i) {
            CHECK(doubled.sample(same) == 2 * law.distribution.sample(draws));
        }
        CHECK(doubled.mean() == 2 * law.distribution.mean());
        CHECK(doubled.variance() == 4 * law.distribution.variance());
        CHECK(law.distribution.scaled(0).is_constant());
        CHECK(law.distribution.scaled(0).mean() == 0);
    }
}

TEST_CASE("a constant is always the same and draws nothing") {
    const Distribution constant = Distribution::constant(0.25);
    Draws draws{43};
    CHECK(constant.sample(draws) == 0.25);
    CHECK(draws.bits() == Draws{43}.bits());
    CHECK(constant.is_constant());
    CHECK(constant.mean() == 0.25);
    CHECK(constant.variance() == 0);
    CHECK(constant.cv() == 0);
    CHECK(Distribution::constant(0).cv() == 0);
}

TEST_CASE("a law without spread is the constant") {
    for (const Distribution& distribution :
         {Distribution::lognormal(3, 0), Distribution::gamma(3, 0),
          Distribution::lognormal_from_quantiles(3, 3), Distribution::bounded_pareto(3, 3, 1.5)}) {
        CHECK(distribution.is_constant());
        CHECK(distribution.mean() == 3);
    }
}

TEST_CASE("a sample becomes a duration, rounded to the nanosecond and saturated") {
    Draws draws{47};
    CHECK(sample_duration(Distribution::constant(0.25), draws) == std::chrono::milliseconds{250});
    CHECK(sample_duration(Distribution::constant(1e300), draws) == longest_delay);
}

TEST_CASE("a discrete law gives its values as often as their weights say, in any order") {
    // Weights 1 : 3 : 4, and one value that never comes.
    const Distribution distribution = Distribution::discrete({10, 0, 2, 7}, {3, 1, 4, 0});
    check_moments(distribution, 4.75, (0 + 3 * 100 + 4 * 4) / 8.0 - square(4.75));

    const std::vector<double> sorted = sorted_samples(distribution);
    const auto times = [&](double value) {
        return std::count(sorted.begin(), sorted.end(), value);
    };
    const auto tolerance = [](double p) { return 4 * std::sqrt(sample_size * p * (1 - p)); };
    CHECK(static_cast<double>(times(0)) == within(tolerance(0.125), 0.125 * sample_size));
    CHECK(static_cast<double>(times(2)) == within(tolerance(0.5), 0.5 * sample_size));
    CHECK(static_cast<double>(times(10)) == within(tolerance(0.375), 0.375 * sample_size));
    CHECK(times(0) + times(2) + times(10) == sample_size);
}

TEST_CASE("a geometric law counts tries until the first success, by inversion") {
    const double success = 0.2;
    const Distribution law = Distribution::geometric(1 / success);
    check_moments(law, 5, (1 - success) / square(success));
    const std::vector<double> sorted = sorted_samples(law);
    for (const int tries : {1, 2, 5, 20}) {
        const double p = -std::expm1(tries * std::log1p(-success));
        const auto passed = std::upper_bound(sorted.begin(), sorted.end(), tries);
        const double share = static_cast<double>(passed - sorted.begin()) / sample_size;
        CHECK(share == within(4 * std::sqrt(p * (1 - p) / sample_size), p));
    }
    CHECK(sorted.front() == 1);
    CHECK(std::all_of(sorted.begin(), sorted.end(), [](double x) { return x == std::floor(x); }));
    CHECK(Distribution::geometric(1).is_constant());
}

TEST_CASE("samples come back each as often as the others") {
    const Distribution distribution = Distribution::from_samples({5, 1, 4, 1});
    check_moments(distribution, 2.75, 43.0 / 4 - square(2.75));
    const std::vector<double> sorted = sorted_samples(distribution);
    const auto ones = std::count(sorted.begin(), sorted.end(), 1.0);
    CHECK(static_cast<double>(ones) == within(4 * std::sqrt(sample_size / 4.0), sample_size / 2.0));
    CHECK(sorted.front() == 1);
    CHECK(sorted.back() == 5);

    Draws draws{53};
    CHECK(Distribution::from_samples({8}).sample(draws) == 8);
}

TEST_CASE("discrete values and samples increase with the uniform too") {
    for (const Distribution& distribution : {Distribution::discrete({10, 0, 2}, {3, 1, 4}),
                                             Distribution::from_samples({5, 1, 4, 1})}) {
        Draws draws{59};
        std::vector<std::pair<double, double>> pairs;
        for (int i = 0; i < 1000; ++i) {
            const double u = Draws{draws}.uniform();
            pairs.emplace_back(u, distribution.sample(draws));
        }
        std::sort(pairs.begin(), pairs.end());
        CHECK(std::is_sorted(pairs.begin(), pairs.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
}

TEST_CASE("tails that are too heavy have infinite moments, also inside a mixture") {
    const Distribution no_mean = Distribution::pareto(1, 1);
    CHECK(no_mean.mean() == infinity);
    CHECK(no_mean.variance() == infinity);
    CHECK(no_mean.cv() == infinity);
    CHECK(Distribution::pareto(1, 1.01).mean() < infinity);
    CHECK(Distribution::pareto(1, 2).variance() == infinity);
    CHECK(Distribution::pareto(1, 2.01).variance() < infinity);

    const Distribution mixed = Distribution::mixture({1, 1}, {Distribution::constant(1), no_mean});
    CHECK(mixed.mean() == infinity);
    CHECK(mixed.variance() == infinity);

    const Distribution not_mixed =
        Distribution::mixture({1, 0}, {Distribution::constant(1), no_mean});
    CHECK(not_mixed.mean() == 1);
    CHECK(not_mixed.variance() == 0);
}

TEST_CASE("mixtures hold mixtures") {
    const Distribution inner =
        Distribution::mixture({1, 1}, {Distribution::constant(2), Distribution::constant(4)});
    const Distribution outer = Distribution::mixture({1, 3}, {Distribution::constant(7), inner});
    // 7, 2 and 4 with weights 2 : 3 : 3
    check_moments(outer, 4, (2 * 9 + 3 * 4 + 3 * 0) / 8.0);
}

TEST_CASE("the most extreme parameters still give finite numbers that are not negative") {
    for (const Distribution& distribution :
         {Distribution::gamma(1, 1000), Distribution::gamma(1, 1e-6),
          Distribution::weibull(1, 0.02), Distribution::weibull(1, 1000),
          Distribution::pareto(1, 0.06), Distribution::lognormal(1, 1e6),
          Distribution::bounded_pareto(1e-9, 1e9, 1e-6),
          Distribution::bounded_pareto(1, 1 + 1e-12, 3),
          Distribution::hyperexponential_from_cv(1, 1e6), Distribution::erlang(1'000'000, 1)}) {
        Draws draws{61};
        for (int i = 0; i < 10'000; ++i) {
            const double x = distribution.sample(draws);
            REQUIRE(x >= 0);
            REQUIRE(x < infinity);
        }
        REQUIRE(distribution.mean() > 0);
        REQUIRE(distribution.variance() >= 0);
    }
}

TEST_CASE("a distribution is a value that is cheap to move") {
    STATIC_REQUIRE(std::is_copy_constructible_v<Distribution>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Distribution>);
    STATIC_REQUIRE(sizeof(Distribution) <= 64);
}

}  // namespace prodsim
