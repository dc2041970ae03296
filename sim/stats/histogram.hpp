#pragma once

#include "sim/core/time.hpp"
#include "sim/stats/log_linear.hpp"
#include "sim/stats/wide.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace prodsim {

/// How often each duration occurred. Count, sum, minimum and maximum are exact; quantiles know a
/// duration to its bucket, which is at most 1/128 of it wide (1 ns below 256 ns). Every octave from
/// the lowest that was hit to the highest costs 1 KiB, whatever the number of records; zeros are
/// counted apart. Merging is exact in any order. A bucket counts to 2^64. A record touches two
/// cache lines: this one and that of the bucket.
class alignas(64) Histogram {
public:
    /// The durations from `low` to `high`, both included.
    struct Bucket {
        Duration low;
        Duration high;
        std::uint64_t count;

        bool operator==(const Bucket&) const = default;
    };

    void record(Duration duration) {
        assert(duration >= Duration::zero());
        const auto value = static_cast<std::uint64_t>(duration.count());
        std::size_t place = place_of(value);
        if (place >= counts_.size()) [[unlikely]]
            place = make_place(value);
        ++counts_[place];
        sum_ += duration.count();
        if (duration < min_) min_ = duration;
        if (duration > max_) max_ = duration;
    }

    void merge(const Histogram& other);

    /// Forgets the records and keeps the memory: the same octaves will be hit again.
    void reset();

    std::uint64_t count() const;

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

    /// In `counts_`: zeros first, then the buckets from `first_` on.
    std::size_t place_of(std::uint64_t value) const {
        return value == 0 ? 0 : std::size_t{Scale::bucket_of(value) - first_} + 1;
    }

    std::size_t make_place(std::uint64_t value);

    /// Makes room for these buckets, which begin and end with an octave.
    void cover(unsigned first, unsigned end);
    unsigned end() const { return first_ + static_cast<unsigned>(counts_.size()) - 1; }

    /// Calls visit(bucket, count) for the non-empty buckets in ascending order, until it says true.
    template <class Visit>
    void visit_until(Visit visit) const;

    std::vector<std::uint64_t> counts_;
    unsigned first_ = 0;  // bucket, the first of an octave
    Wide sum_ = 0;
    Duration min_ = Duration::max();
    Duration max_ = Duration::zero();
};

}  // namespace prodsim
