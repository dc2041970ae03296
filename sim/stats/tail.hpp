#pragma once

#include "sim/stats/histogram.hpp"

#include <optional>

namespace prodsim {

/// How fast a tail falls: P(X > x) is like x^-index far out. Below 2 there is no variance, and the
/// intervals of a mean promise nothing; below 1 there is not even a mean.
struct TailIndex {
    double value;
    double standard_error;  // as of independent records, so a lower bound

    bool has_no_variance() const { return value + 2 * standard_error < 2; }
};

/// Hill's estimate (1975) from the slowest hundredth of the records; a record is known to its
/// bucket. Nothing where that hundredth has fewer than 50 records, or where all of it is one value.
/// Limit: a law that bends late, such as the lognormal, is told by the part that is seen.
std::optional<TailIndex> estimate_tail(const Histogram& records);

}  // namespace prodsim
