#include "sim/stats/histogram.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace prodsim {
namespace {

Duration nanoseconds(std::uint64_t value) { return Duration{static_cast<Duration::rep>(value)}; }

}  // namespace

template <class Visit>
void Histogram::visit_until(Visit visit) const {
    if (counts_.empty()) return;
    if (counts_[0] > 0 && visit(0U, counts_[0])) return;
    for (std::size_t i = 1; i < counts_.size(); ++i) {
        if (counts_[i] > 0 && visit(first_ + static_cast<unsigned>(i) - 1, counts_[i])) return;
    }
}

std::size_t Histogram::make_place(std::uint64_t value) {
    if (value == 0) {
        counts_.resize(1);
    } else {
        const unsigned bucket = Scale::bucket_of(value);
        const unsigned octave = bucket - bucket % Scale::buckets_per_octave;
        cover(octave, octave + Scale::buckets_per_octave);
    }
    return place_of(value);
}

void Histogram::cover(unsigned first, unsigned end) {
    if (counts_.size() > 1) {
        if (first >= first_ && end <= this->end()) return;
        first = std::min(first, first_);
        end = std::max(end, this->end());
    }
    std::vector<std::uint64_t> wider(std::size_t{end - first} + 1);
    if (!counts_.empty()) {
        wider[0] = counts_[0];
        if (counts_.size() > 1) {
            std::copy(counts_.begin() + 1, counts_.end(), wider.begin() + 1 + (first_ - first));
        }
    }
    counts_ = std::move(wider);
    first_ = first;
}

void Histogram::merge(const Histogram& other) {
    if (other.counts_.empty()) return;
    if (other.counts_.size() > 1) cover(other.first_, other.end());
    if (counts_.empty()) counts_.resize(1);
    counts_[0] += other.counts_[0];
    for (std::size_t i = 1; i < other.counts_.size(); ++i) {
        counts_[i + (other.first_ - first_)] += other.counts_[i];
    }
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

void Histogram::reset() {
    std::fill(counts_.begin(), counts_.end(), 0);
    sum_ = 0;
    min_ = Duration::max();
    max_ = Duration::zero();
}

std::uint64_t Histogram::count() const {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

Duration Histogram::min() const {
    assert(count() > 0);
    return min_;
}

Duration Histogram::max() const {
    assert(count() > 0);
    return max_;
}

double Histogram::mean_s() const {
    assert(count() > 0);
    return static_cast<double>(sum_) / static_cast<double>(count()) * 1e-9;
}

Duration Histogram::quantile(double p) const {
    assert(count() > 0);
    if (p <= 0) return min_;
    if (p >= 1) return max_;
    std::uint64_t rank = quantile_rank(p, count());
    Duration result{};
    visit_until([&](unsigned bucket, std::uint64_t count) {
        if (rank > count) {
            rank -= count;
            return false;
        }
        result = nanoseconds(Scale::value_at(bucket, rank, count));
        return true;
    });
    return std::clamp(result, min_, max_);
}

double Histogram::fraction_above(Duration limit) const {
    assert(count() > 0);
    if (limit < min_) return 1;
    if (limit >= max_) return 0;
    const auto value = static_cast<std::uint64_t>(limit.count());
    const unsigned border = Scale::bucket_of(value);
    std::uint64_t above = 0;
    double partly_above = 0;
    visit_until([&](unsigned bucket, std::uint64_t count) {
        if (bucket > border) above += count;
        if (bucket == border) {
            const std::uint64_t beyond = Scale::lowest(bucket) + (Scale::width(bucket) - 1) - value;
            partly_above = static_cast<double>(count) * static_cast<double>(beyond) /
                           static_cast<double>(Scale::width(bucket));
        }
        return false;
    });
    return (static_cast<double>(above) + partly_above) / static_cast<double>(count());
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
    std::vector<Bucket> result;
    visit_until([&](unsigned bucket, std::uint64_t count) {
        const std::uint64_t low = Scale::lowest(bucket);
        const std::uint64_t high = low + (Scale::width(bucket) - 1);
        result.push_back({nanoseconds(low), nanoseconds(high), count});
        return false;
    });
    return result;
}

}  // namespace prodsim
