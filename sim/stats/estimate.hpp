#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace prodsim {

/// What replications (or batches) say about an expectation, and how surely. Sums are taken in the
/// order given, so equal inputs give equal bytes.
struct Estimate {
    double mean;            // NaN without values
    double standard_error;  // of the mean; NaN below two values
    double half_width;      // of the confidence interval; NaN below two values
    std::size_t n;

    /// One value says nothing about its own error. Values that are all equal give an interval of
    /// width 0, which says no more than that: for a share ask `wilson_interval`.
    bool has_interval() const { return n >= 2; }
    double lower() const { return mean - half_width; }
    double upper() const { return mean + half_width; }
};

struct Interval {
    double lower;
    double upper;
};

/// The mean with Student's t interval: exact for independent normal values, close for values that
/// are themselves means of many.
Estimate estimate_mean(std::span<const double> values, double level = 0.95);

/// A number that is not a mean, such as a percentile, of all data together, with an interval from
/// how far the same number of each part is from it (sectioning: Asmussen and Glynn, Stochastic
/// Simulation, 2007, III.5). REQUIRES: the parts are alike, and together they are the whole.
Estimate estimate_sections(double whole, std::span<const double> parts, double level = 0.95);

/// The mean of one long stationary series: means of `batches` consecutive batches are treated as
/// independent, which holds when a batch is long against the correlation. What does not fill a
/// batch is left out at the start, nearest to the warm-up. REQUIRES a value per batch.
Estimate estimate_batch_means(std::span<const double> series, std::size_t batches,
                              double level = 0.95);

/// Two architectures under common random numbers: replication i of one against i of the other.
struct PairedEstimate {
    Estimate difference;  // second minus first

    /// How many times more replications independent runs would need for the same interval; below 1
    /// the pairing does harm. Infinite where the difference is constant; NaN below two pairs and
    /// where nothing varies.
    double variance_reduction;
};

/// REQUIRES as many first values as second ones.
PairedEstimate estimate_difference(std::span<const double> first, std::span<const double> second,
                                   double level = 0.95);

/// Wilson's score interval for a share of independent trials (Wilson 1927). It stays within [0, 1]
/// and keeps its promise near the ends, where the normal interval fails. No trials: [0, 1].
Interval wilson_interval(std::uint64_t successes, std::uint64_t trials, double level = 0.95);

/// A quantile of any continuous law, with bounds that are order statistics of independent data.
/// Where the data are too few for a bound at this level, the bound is infinite.
struct QuantileEstimate {
    double value;
    double lower;
    double upper;
    double coverage;  // the exact probability of the interval, at least the level asked for
};

/// REQUIRES at least one value and 0 < p < 1; the values need no order.
QuantileEstimate estimate_quantile(std::span<const double> values, double p, double level = 0.95);

/// Fewer records than this beyond a quantile say more about chance than about the system.
inline constexpr double fewest_beyond_quantile = 5;

/// Whether n records tell a quantile: five are expected beyond it, on either side. Then both bounds
/// of its 95 % interval are among the records: all of them lie on one side of the quantile with a
/// chance of at most (1 - 5/n)^n < e^-5 = 0.7 %, less than the 2.5 % that a bound may miss.
constexpr bool has_quantile(std::uint64_t n, double p) {
    const double beyond = static_cast<double>(n) * (p < 0.5 ? p : 1 - p);
    return beyond >= fewest_beyond_quantile * (1 - 1e-12);
}

double student_t_quantile(double probability, double degrees_of_freedom);

double normal_quantile(double probability);

}  // namespace prodsim
