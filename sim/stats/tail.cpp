#include "sim/stats/tail.hpp"

#include "sim/core/elementary.hpp"

#include <cmath>

namespace prodsim {

std::optional<TailIndex> estimate_tail(const Histogram& records) {
    constexpr double share = 0.01;
    constexpr double fewest = 50;
    const std::uint64_t count = records.count();
    if (static_cast<double>(count) * share < fewest) return std::nullopt;
    const auto threshold = static_cast<double>(records.quantile(1 - share).count());
    double sum = 0;
    double n = 0;
    for (const Histogram::Bucket& bucket : records.buckets()) {
        const double value =
            (static_cast<double>(bucket.low.count()) + static_cast<double>(bucket.high.count())) /
            2;
        if (value <= threshold) continue;
        const auto times = static_cast<double>(bucket.count);
        sum += times * elementary::log(value / threshold);
        n += times;
    }
    if (sum <= 0 || threshold <= 0) return std::nullopt;
    const double index = n / sum;
    return TailIndex{index, index / std::sqrt(n)};
}

}  // namespace prodsim
