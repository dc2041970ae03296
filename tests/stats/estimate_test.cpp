// What replications say: intervals against published tables, exact binomial sums, and their promise
// to cover the truth, kept over seeded repetitions.
#include "sim/stats/estimate.hpp"

#include "tests/catch.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

using namespace prodsim;

namespace {

/// Independent standard normal values by Box and Muller (1958), the same on every platform.
class Normals {
public:
    explicit Normals(std::uint64_t seed) : words_{seed} {}

    double next() {
        const double radius = std::sqrt(-2 * std::log(uniform()));
        return radius * std::cos(2 * std::numbers::pi * uniform());
    }

    std::vector<double> sample(std::size_t n) {
        std::vector<double> result;
        for (std::size_t i = 0; i < n; ++i) result.push_back(next());
        return result;
    }

private:
    double uniform() { return (static_cast<double>(words_() >> 11) + 0.5) * 0x1p-53; }

    std::mt19937_64 words_;
};

/// The exact P(B <= k) for B ~ binomial(n, 1/2): a sum of binomial coefficients.
double half_binomial_at_most(int k, int n) {
    double term = std::pow(0.5, n);
    double sum = 0;
    for (int i = 0; i <= k; ++i) {
        sum += term;
        term = term * (n - i) / (i + 1);
    }
    return sum;
}

}  // namespace

TEST_CASE("quantiles of Student's t and of the normal law are those of the tables") {
    // Abramowitz and Stegun (1964), tables 26.10 and 26.1, to the digits of newer reprints.
    REQUIRE(student_t_quantile(0.975, 1) == within(5e-5, 12.7062));
    REQUIRE(student_t_quantile(0.975, 9) == within(5e-7, 2.262157));
    REQUIRE(student_t_quantile(0.95, 9) == within(5e-7, 1.833113));
    REQUIRE(student_t_quantile(0.995, 19) == within(5e-7, 2.860935));
    REQUIRE(student_t_quantile(0.975, 30) == within(5e-7, 2.042272));
    REQUIRE(normal_quantile(0.975) == within(5e-7, 1.959964));
    REQUIRE(normal_quantile(0.5) == within(1e-15, 0));
    // With one degree of freedom the law is Cauchy's, with two it has a closed form too.
    REQUIRE(student_t_quantile(0.9, 1) == Approx(std::tan(0.4 * std::numbers::pi)));
    REQUIRE(student_t_quantile(0.9, 2) == Approx(0.8 / std::sqrt(2 * 0.9 * 0.1)));
}

TEST_CASE("the interval of ten replications is the one computed by hand") {
    // 1 .. 10: mean 5.5, variance (n^2 - 1) / 12 * n / (n - 1) = 55/6.
    const std::vector<double> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const Estimate estimate = estimate_mean(values);
    REQUIRE(estimate.n == 10);
    REQUIRE(estimate.mean == Approx(5.5));
    REQUIRE(estimate.standard_error == Approx(std::sqrt(55.0 / 6 / 10)));
    REQUIRE(estimate.half_width == Approx(2.262157 * std::sqrt(55.0 / 6 / 10)).epsilon(1e-6));
    REQUIRE(estimate.lower() == Approx(5.5 - estimate.half_width));
    REQUIRE(estimate.upper() == Approx(5.5 + estimate.half_width));
    const Estimate narrower = estimate_mean(values, 0.9);
    REQUIRE(narrower.half_width / estimate.half_width == Approx(1.833113 / 2.262157).epsilon(1e-6));
}

TEST_CASE("one replication has a mean and no interval, none has neither") {
    const Estimate one = estimate_mean(std::vector<double>{3.5});
    REQUIRE(one.mean == 3.5);
    REQUIRE_FALSE(one.has_interval());
    REQUIRE(std::isnan(one.half_width));
    REQUIRE(std::isnan(one.lower()));
    const Estimate none = estimate_mean({});
    REQUIRE(std::isnan(none.mean));
    REQUIRE_FALSE(none.has_interval());
}

TEST_CASE("replications that all agree have exactly that mean and an interval of no width") {
    const Estimate estimate = estimate_mean(std::vector<double>(7, 0.1));
    REQUIRE(estimate.has_interval());
    REQUIRE(estimate.mean == 0.1);
    REQUIRE(estimate.half_width == 0);
}

TEST_CASE("the t interval of normal values covers the truth as often as it says") {
    // 1000 intervals: the share has a standard error of 0.7 %, so 93 % to 97 % is 2.9 of them.
    for (const std::size_t n : {2U, 5U, 20U}) {
        Normals normals{20'000 + n};
        int covered = 0;
        for (int i = 0; i < 1000; ++i) {
            const Estimate estimate = estimate_mean(normals.sample(n));
            if (estimate.lower() <= 0 && 0 <= estimate.upper()) ++covered;
        }
        REQUIRE(covered > 930);
        REQUIRE(covered < 970);
    }
}

TEST_CASE("Wilson's interval is that of Newcombe's examples") {
    // Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
    struct Example {
        std::uint64_t successes;
        std::uint64_t trials;
        double lower;
        double upper;
    };
    for (const Example& example :
         {Example{81, 263, 0.2553, 0.3662}, Example{15, 148, 0.0624, 0.1605},
          Example{0, 20, 0, 0.1611}, Example{1, 29, 0.0061, 0.1718}}) {
        const Interval interval = wilson_interval(example.successes, example.trials);
        REQUIRE(interval.lower == within(5e-5, example.lower));
        REQUIRE(interval.upper == within(5e-5, example.upper));
    }
}

TEST_CASE("Wilson's interval is honest at the ends") {
    REQUIRE(wilson_interval(0, 20).lower == 0);
    REQUIRE(wilson_interval(20, 20).upper == 1);
    REQUIRE(wilson_interval(20, 20).lower == Approx(1 - wilson_interval(0, 20).upper));
    REQUIRE(wilson_interval(0, 0).lower == 0);
    REQUIRE(wilson_interval(0, 0).upper == 1);
}

TEST_CASE("the interval of a median is a pair of order statistics with its exact coverage") {
    // 20 values in no order: ranks 6 and 15 are the innermost with binomial tails of at most 2.5 %.
    std::vector<double> values;
    for (int i = 0; i < 20; ++i) values.push_back((i * 7) % 20 + 1);
    const QuantileEstimate median = estimate_quantile(values, 0.5);
    REQUIRE(half_binomial_at_most(5, 20) < 0.025);
    REQUIRE(half_binomial_at_most(6, 20) > 0.025);
    REQUIRE(median.value == 10);
    REQUIRE(median.lower == 6);
    REQUIRE(median.upper == 15);
    REQUIRE(median.coverage == Approx(1 - 2 * half_binomial_at_most(5, 20)));
}

TEST_CASE("too few values leave the bound of a high quantile open") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const std::vector<double> values{3, 1, 4, 1.5, 9, 2, 6, 5, 3.5, 8};
    const QuantileEstimate p99 = estimate_quantile(values, 0.99);
    REQUIRE(p99.value == 9);
    REQUIRE(p99.upper == infinity);
    REQUIRE(p99.coverage >= 0.95);
    REQUIRE(estimate_quantile(std::vector<double>{1}, 0.5).lower == -infinity);
    REQUIRE(estimate_quantile(std::vector<double>{1}, 0.5).coverage == 1);
}

TEST_CASE("the interval of a quantile covers it at least as often as it says") {
    Normals normals{7};
    const double truth = normal_quantile(0.8);
    double promised = 0;
    int covered = 0;
    for (int i = 0; i < 1000; ++i) {
        const QuantileEstimate estimate = estimate_quantile(normals.sample(60), 0.8);
        promised = estimate.coverage;
        if (estimate.lower <= truth && truth <= estimate.upper) ++covered;
    }
    REQUIRE(promised >= 0.95);
    REQUIRE(covered / 1000.0 == within(4 * std::sqrt(promised * (1 - promised) / 1000), promised));
}

TEST_CASE("pairing cancels what two architectures have in common") {
    // first = c + e, second = c + 2 + f with variances 9, 1, 1: independent 20, paired 2.
    Normals normals{11};
    std::vector<double> first;
    std::vector<double> second;
    constexpr std::size_t n = 2000;
    for (std::size_t i = 0; i < n; ++i) {
        const double common = 3 * normals.next();
        first.push_back(common + normals.next());
        second.push_back(common + 2 + normals.next());
    }
    const PairedEstimate paired = estimate_difference(first, second);
    REQUIRE(paired.difference.n == n);
    REQUIRE(paired.difference.mean == within(4 * paired.difference.standard_error, 2));
    // The ratio of two variance estimates, each with a relative standard error of sqrt(2 / n).
    REQUIRE(paired.variance_reduction == within(4 * 10 * std::sqrt(4.0 / n), 10));
}

TEST_CASE("a constant difference needs no replications, and no variance no pairing") {
    const std::vector<double> first{1, 5, 9};
    const std::vector<double> second{3, 7, 11};
    const PairedEstimate paired = estimate_difference(first, second);
    REQUIRE(paired.difference.mean == 2);
    REQUIRE(paired.difference.half_width == 0);
    REQUIRE(std::isinf(paired.variance_reduction));
    const std::vector<double> constant{4, 4, 4};
    REQUIRE(std::isnan(estimate_difference(constant, constant).variance_reduction));
    REQUIRE_FALSE(
        estimate_difference({first.data(), 1}, {second.data(), 1}).difference.has_interval());
}

TEST_CASE("batch means leave out the start and see one value per batch") {
    // One value too many, then batches (1, 3), (5, 7), (9, 11) with the means 2, 6, 10.
    const std::vector<double> series{100, 1, 3, 5, 7, 9, 11};
    const Estimate estimate = estimate_batch_means(series, 3);
    const Estimate expected = estimate_mean(std::vector<double>{2, 6, 10});
    REQUIRE(estimate.n == 3);
    REQUIRE(estimate.mean == expected.mean);
    REQUIRE(estimate.half_width == expected.half_width);
}

TEST_CASE("batch means of a correlated series cover the truth where single values do not") {
    // x' = 0.9 x + e: the mean of many has (1 + 0.9) / (1 - 0.9) = 19 times the variance of
    // independent values. Batches of 500 are long against the correlation time of 10.
    Normals normals{13};
    int covered_by_batches = 0;
    int covered_by_values = 0;
    for (int i = 0; i < 400; ++i) {
        std::vector<double> series;
        double x = normals.next() / std::sqrt(1 - 0.81);
        for (int k = 0; k < 10'000; ++k) {
            series.push_back(x);
            x = 0.9 * x + normals.next();
        }
        const Estimate batches = estimate_batch_means(series, 20);
        const Estimate values = estimate_mean(series);
        if (std::abs(batches.mean) <= batches.half_width) ++covered_by_batches;
        if (std::abs(values.mean) <= values.half_width) ++covered_by_values;
    }
    REQUIRE(covered_by_batches / 400.0 == within(4 * std::sqrt(0.95 * 0.05 / 400), 0.95));
    // 1.96 / sqrt(19) = 0.45 standard deviations, which a normal law stays within 35 % of the time.
    REQUIRE(covered_by_values / 400.0 == within(4 * std::sqrt(0.35 * 0.65 / 400), 0.35));
}

TEST_CASE("records tell a quantile when five are expected beyond it, and then both bounds exist") {
    REQUIRE(has_quantile(500, 0.99));
    REQUIRE_FALSE(has_quantile(499, 0.99));
    REQUIRE(has_quantile(5000, 0.999));
    REQUIRE(has_quantile(10, 0.5));
    REQUIRE_FALSE(has_quantile(9, 0.5));
    REQUIRE(has_quantile(500, 0.01));
    REQUIRE_FALSE(has_quantile(0, 0.5));
    for (const double p : {0.01, 0.5, 0.9, 0.99, 0.999}) {
        std::size_t fewest = 1;
        while (!has_quantile(fewest, p)) ++fewest;
        std::vector<double> values;
        for (std::size_t i = 0; i < fewest; ++i) values.push_back(static_cast<double>(i));
        const QuantileEstimate estimate = estimate_quantile(values, p);
        REQUIRE(std::isfinite(estimate.lower));
        REQUIRE(std::isfinite(estimate.upper));
    }
}
