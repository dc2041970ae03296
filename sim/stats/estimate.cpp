#include "sim/stats/estimate.hpp"

#include "sim/stats/log_linear.hpp"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <vector>

namespace prodsim {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr double infinite = std::numeric_limits<double>::infinity();

/// Deviations from the first value are summed, so values that are all equal have exactly that mean
/// and no variance.
double mean_of(std::span<const double> values) {
    if (values.empty()) return unknown;
    double sum = 0;
    for (const double value : values) sum += value - values.front();
    return values.front() + sum / static_cast<double>(values.size());
}

double variance_of(std::span<const double> values) {
    if (values.size() < 2) return unknown;
    const double mean = mean_of(values);
    double sum = 0;
    for (const double value : values) sum += (value - mean) * (value - mean);
    return sum / static_cast<double>(values.size() - 1);
}

/// The probability below the upper end of a two-sided interval.
double upper_probability(double level) {
    assert(level > 0 && level < 1);
    return 0.5 + level / 2;
}

/// The smallest k in [0, n] for which a condition holds that, once true, stays true; it holds at n.
template <class Condition>
std::uint64_t first_from_zero(std::uint64_t n, Condition holds) {
    std::uint64_t low = 0;
    std::uint64_t high = n;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (holds(middle)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

}  // namespace

double student_t_quantile(double probability, double degrees_of_freedom) {
    return boost::math::quantile(boost::math::students_t{degrees_of_freedom}, probability);
}

double normal_quantile(double probability) {
    return boost::math::quantile(boost::math::normal{}, probability);
}

Estimate estimate_mean(std::span<const double> values, double level) {
    const double probability = upper_probability(level);
    const std::size_t n = values.size();
    Estimate result{mean_of(values), unknown, unknown, n};
    if (!result.has_interval()) return result;
    result.standard_error = std::sqrt(variance_of(values) / static_cast<double>(n));
    result.half_width =
        student_t_quantile(probability, static_cast<double>(n - 1)) * result.standard_error;
    return result;
}

Estimate estimate_sections(double whole, std::span<const double> parts, double level) {
    const double probability = upper_probability(level);
    Estimate result{whole, unknown, unknown, parts.size()};
    if (!result.has_interval()) return result;
    double squares = 0;
    for (const double part : parts) squares += (part - whole) * (part - whole);
    const auto n = static_cast<double>(parts.size());
    result.standard_error = std::sqrt(squares / (n - 1) / n);
    result.half_width = student_t_quantile(probability, n - 1) * result.standard_error;
    return result;
}

Estimate estimate_batch_means(std::span<const double> series, std::size_t batches, double level) {
    assert(batches > 0 && series.size() >= batches);
    const std::size_t size = series.size() / batches;
    const std::span<const double> used = series.last(batches * size);
    std::vector<double> means;
    means.reserve(batches);
    for (std::size_t i = 0; i < batches; ++i) {
        means.push_back(mean_of(used.subspan(i * size, size)));
    }
    return estimate_mean(means, level);
}

PairedEstimate estimate_difference(std::span<const double> first, std::span<const double> second,
                                   double level) {
    assert(first.size() == second.size());
    std::vector<double> differences;
    differences.reserve(first.size());
    for (std::size_t i = 0; i < first.size(); ++i) differences.push_back(second[i] - first[i]);
    // 0/0 is NaN and x/0 infinite, which is what the header promises.
    const double independent = variance_of(first) + variance_of(second);
    return {estimate_mean(differences, level), independent / variance_of(differences)};
}

Interval wilson_interval(std::uint64_t successes, std::uint64_t trials, double level) {
    assert(successes <= trials);
    const double z = normal_quantile(upper_probability(level));
    if (trials == 0) return {0, 1};
    const auto n = static_cast<double>(trials);
    const auto hits = static_cast<double>(successes);
    const double centre = hits + z * z / 2;
    const double spread = z * std::sqrt(hits * (n - hits) / n + z * z / 4);
    // At the ends the formula gives exactly 0 or 1 but for rounding.
    return {.lower = successes == 0 ? 0 : (centre - spread) / (n + z * z),
            .upper = successes == trials ? 1 : (centre + spread) / (n + z * z)};
}

QuantileEstimate estimate_quantile(std::span<const double> values, double p, double level) {
    assert(!values.empty() && p > 0 && p < 1);
    std::vector<double> sorted{values.begin(), values.end()};
    std::sort(sorted.begin(), sorted.end());
    const std::uint64_t n = sorted.size();
    const auto ranked = [&](std::uint64_t rank) { return sorted[rank - 1]; };

    // The number of values below the quantile is binomial(n, p), whatever the law of the values.
    const boost::math::binomial below{static_cast<double>(n), p};
    const auto at_most = [&](std::uint64_t k) {
        return boost::math::cdf(below, static_cast<double>(k));
    };
    const double enough = upper_probability(level);
    const auto low = first_from_zero(n, [&](std::uint64_t k) { return at_most(k) > 1 - enough; });
    const auto high = first_from_zero(n, [&](std::uint64_t k) { return at_most(k) >= enough; }) + 1;
    return {.value = ranked(quantile_rank(p, n)),
            .lower = low == 0 ? -infinite : ranked(low),
            .upper = high > n ? infinite : ranked(high),
            .coverage = at_most(high - 1) - (low == 0 ? 0 : at_most(low - 1))};
}

}  // namespace prodsim
