#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace prodsim {

/// How many values at the beginning of a series to leave out, because the system was still on its
/// way from where it began: MSER-5 (White 1997; White, Cobb and Spratt 2000). Of all cuts between
/// batches of `batch` values the one is taken after which the mean of the rest has the least
/// marginal standard error, sum (x - mean)^2 / n^2: leaving out more costs values, leaving out less
/// keeps those that are far away. Only the first half is looked at. Nothing where the error still
/// falls at its end, or where there are fewer than eight batches: such a series is too short to
/// tell. What does not fill a batch is left out at the end.
std::optional<std::size_t> find_warm_up(std::span<const double> series, std::size_t batch = 5);

}  // namespace prodsim
