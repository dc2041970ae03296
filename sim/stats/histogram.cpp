#include "sim/stats/histogram.hpp"

#include <algorithm>

namespace prodsim {
namespace {

Duration nanoseconds(std::uint64_t value) { return Duration{static_cast<Duration::rep>(value)}; }

}  // namespace

template <class Visit>
void Histogram::visit_until(Visit visit) const {
    for (unsigned octave = 0; octave < Scale::octaves; ++octave) {
        if (blocks_[octave] == absent) continue;
        const unsigned first = octave * Scale::buckets_per_octave;
        for (unsigned bucket = first; bucket < first + Scale::buckets_per_octave; ++bucket) {
            const std::uint64_t count = counts_[position(blocks_[octave], bucket)];
            if (count > 0 && visit(bucket, count)) return;
        }
    }
}

std::uint8_t Histogram::add_octave(unsigned octave) {
    const auto block = static_cast<std::uint8_t>(counts_.size() / Scale::buckets_per_octave);
    // Exactly one octave more: the doubling of a vector would cost more than the few copies do.
    counts_.reserve(counts_.size() + Scale::buckets_per_octave);
    counts_.resize(counts_.size() + Scale::buckets_per_octave);
    blocks_[octave] = block;
    return block;
}

void Histogram::merge(const Histogram& other) {
    for (unsigned octave = 0; octave < Scale::octaves; ++octave) {
        if (other.blocks_[octave] == absent) continue;
        if (blocks_[octave] == absent) add_octave(octave);
        const std::size_t from = position(other.blocks_[octave], 0);
        const std::size_t to = position(blocks_[octave], 0);
        for (std::size_t i = 0; i < Scale::buckets_per_octave; ++i) {
            counts_[to + i] += other.counts_[from + i];
        }
    }
    count_ += other.count_;
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

void Histogram::reset() {
    std::fill(counts_.begin(), counts_.end(), 0);
    count_ = 0;
    sum_ = 0;
    min_ = Duration::max();
    max_ = Duration::zero();
}

Duration Histogram::min() const {
    assert(count_ > 0);
    return min_;
}

Duration Histogram::max() const {
    assert(count_ > 0);
    return max_;
}

double Histogram::mean_s() const {
    assert(count_ > 0);
    return static_cast<double>(sum_) / static_cast<double>(count_) * 1e-9;
}

Duration Histogram::quantile(double p) const {
    assert(count_ > 0);
    if (p <= 0) return min_;
    if (p >= 1) return max_;
    std::uint64_t rank = quantile_rank(p, count_);
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
    assert(count_ > 0);
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
    return (static_cast<double>(above) + partly_above) / static_cast<double>(count_);
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
