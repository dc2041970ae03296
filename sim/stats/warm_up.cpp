#include "sim/stats/warm_up.hpp"

#include <cassert>
#include <limits>
#include <numeric>
#include <vector>

namespace prodsim {

namespace {

constexpr std::size_t fewest_batches = 8;

std::vector<double> means_of_batches(std::span<const double> series, std::size_t batch) {
    std::vector<double> means;
    for (std::size_t end = batch; end <= series.size(); end += batch) {
        const auto values = series.subspan(end - batch, batch);
        means.push_back(std::accumulate(values.begin(), values.end(), 0.0) /
                        static_cast<double>(batch));
    }
    return means;
}

}  // namespace

std::optional<std::size_t> find_warm_up(std::span<const double> series, std::size_t batch) {
    assert(batch > 0);
    const std::vector<double> means = means_of_batches(series, batch);
    if (means.size() < fewest_batches) return std::nullopt;
    const std::size_t middle = means.size() / 2;
    std::size_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    // From the end backwards, so that mean and squares of the rest grow by one value each (Welford
    // 1962); of equal errors the earlier cut wins.
    double mean = 0;
    double squares = 0;
    for (std::size_t cut = means.size(); cut-- > 0;) {
        const auto n = static_cast<double>(means.size() - cut);
        const double off = means[cut] - mean;
        mean += off / n;
        squares += off * (means[cut] - mean);
        const double error = squares / (n * n);
        if (cut > middle || error > least) continue;
        least = error;
        best = cut;
    }
    if (best == middle) return std::nullopt;
    return best * batch;
}

}  // namespace prodsim
