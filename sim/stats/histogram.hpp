#pragma once

#include "sim/core/time.hpp"
#include "sim/stats/log_linear.hpp"
#include "sim/stats/wide.hpp"

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace prodsim {

/// How often each duration occurred. Count, sum, minimum and maximum are exact; quantiles know a
/// duration to its bucket, which is at most 1/128 of it wide (1 ns below 256 ns). An octave that
/// was hit costs 1 KiB, whatever the number of records. Merging is exact in any order. A bucket
/// counts to 2^64.
class Histogram {
public:
    /// The durations from `low` to `high`, both included.
    struct Bucket {
        Duration low;
        Duration high;
        std::uint64_t count;

        bool operator==(const Bucket&) const = default;
    };

    Histogram() { blocks_.fill(absent); }

    void record(Duration duration) {
        assert(duration >= Duration::zero());
        const auto value = static_cast<std::uint64_t>(duration.count());
        const unsigned bucket = Scale::bucket_of(value);
        std::uint8_t block = blocks_[Scale::octave_of(bucket)];
        if (block == absent) [[unlikely]]
            block = add_octave(Scale::octave_of(bucket));
        ++counts_[position(block, bucket)];
        ++count_;
        sum_ += duration.count();
        if (duration < min_) min_ = duration;
        if (duration > max_) max_ = duration;
    }

    void merge(const Histogram& other);

    /// Forgets the records and keeps the memory: the same octaves will be hit again.
    void reset();

    std::uint64_t count() const { return count_; }

    /// In nanoseconds.
    Wide sum() const { return sum_; }

    // The questions below need at least one record.

    Duration min() const;
    Duration max() const;
    double mean_s() const;  // seconds, because it is finer than a nanosecond

    /// The smallest recorded duration that a share p of all records does not exceed. The records of
    /// a bucket are taken to be spread evenly over it. Zero asks for the minimum, one for the
    /// maximum.
    Duration quantile(double p) const;

    /// The share of records above the limit, by the same assumption: many equal durations that
    /// share the limit's bucket but do not exceed it count in part, unless one of them is the
    /// maximum.
    double fraction_above(Duration limit) const;

    /// The buckets that are not empty, in ascending order.
    std::vector<Bucket> buckets() const;

private:
    using Scale = LogLinear<7>;

    static constexpr std::uint8_t absent = 0xFF;

    static std::size_t position(std::uint8_t block, unsigned bucket) {
        return std::size_t{block} * Scale::buckets_per_octave + bucket % Scale::buckets_per_octave;
    }

    std::uint8_t add_octave(unsigned octave);

    /// Calls visit(bucket, count) for the non-empty buckets in ascending order, until it says true.
    template <class Visit>
    void visit_until(Visit visit) const;

    // Which block of `counts_` serves an octave: one cache line instead of a table of pointers.
    std::array<std::uint8_t, Scale::octaves> blocks_;
    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    Wide sum_ = 0;
    Duration min_ = Duration::max();
    Duration max_ = Duration::zero();
};

}  // namespace prodsim
