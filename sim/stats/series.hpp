#pragma once

#include "sim/core/time.hpp"
#include "sim/stats/log_linear.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace prodsim {

/// A coarse histogram for each window of a series: 8 buckets an octave, so a quantile is off by at
/// most one bucket, 12.5 % (typically 3 %). A window stores only the buckets between its lowest and
/// its highest, 4 bytes each, and all windows lie end to end in one array. A bucket stops counting
/// at 4 * 10^9.
class Sketches {
public:
    void resize(std::size_t windows);
    void record(std::size_t window, Duration duration);
    void merge(const Sketches& other);

    /// Joins each window with an even number and its right neighbour.
    void join_neighbours();

    /// REQUIRES a record in this window.
    Duration quantile(std::size_t window, double p) const;

    /// The records in buckets beyond that of the limit.
    std::uint64_t count_above(std::size_t window, Duration limit) const;

private:
    using Scale = LogLinear<3>;

    struct Range {
        std::uint32_t begin;  // in counts_
        std::uint16_t size;
        std::uint16_t first_bucket;
    };

    struct View {
        unsigned first_bucket = 0;
        std::span<const std::uint32_t> counts;

        unsigned end_bucket() const { return first_bucket + static_cast<unsigned>(counts.size()); }
    };

    View view(std::size_t window) const;
    void extend(std::size_t window, unsigned bucket);
    void append_sum(View left, View right);

    std::vector<Range> ranges_;
    std::vector<std::uint32_t> counts_;
};

/// What happened when: the run is cut into windows of one width, and each keeps totals of the
/// durations that ended in it. When a run outgrows `most_windows` the width doubles and neighbours
/// are joined, so memory is bounded (32 KB; with quantiles typically 150 KB) and no total is lost.
/// Durations of bad calls count like the others: they are what the caller saw.
class Series {
public:
    static constexpr int most_windows = 1000;

    enum class Detail { totals, quantiles };

    struct Window {
        std::uint64_t count = 0;
        std::uint64_t bad = 0;
        Duration sum{};  // stops growing at 292 years
        Duration max{};

        bool operator==(const Window&) const = default;
    };

    explicit Series(Duration width, Detail detail = Detail::totals)
        : width_{width}, detail_{detail} {
        assert(width > Duration::zero());
    }

    void record(Time now, Duration duration) { add(now, duration); }

    void record_bad(Time now, Duration duration) { ++add(now, duration).bad; }

    /// Adds a series of another replication. REQUIRES the same width at birth and the same detail;
    /// the result has the wider windows of the two.
    void merge(const Series& other);

    Duration width() const { return width_; }
    Detail detail() const { return detail_; }

    /// From the start of the run up to the last record. A run may end inside the last window, and
    /// may go on beyond it without records.
    const std::vector<Window>& windows() const { return windows_; }

    Time start(std::size_t window) const {
        return start_of_run + static_cast<Duration::rep>(window) * width_;
    }

    /// REQUIRES `Detail::quantiles` and a record in this window.
    Duration quantile(std::size_t window, double p) const;

    /// How many records of this window exceed the upper end of the limit's bucket. REQUIRES
    /// `Detail::quantiles`.
    std::uint64_t count_above(std::size_t window, Duration limit) const;

private:
    Window& add(Time now, Duration duration) {
        assert(duration >= Duration::zero());
        // Runs go forward, so only a new window costs a division; unsigned, one comparison tells.
        const auto offset = static_cast<std::uint64_t>((now - current_start_).count());
        if (offset >= static_cast<std::uint64_t>(width_.count())) [[unlikely]]
            enter(now);
        Window& window = windows_[current_];
        ++window.count;
        window.sum += std::min(duration, Duration::max() - window.sum);
        window.max = std::max(window.max, duration);
        if (detail_ == Detail::quantiles) sketches_.record(current_, duration);
        return window;
    }

    void enter(Time now);
    void double_width();

    Duration width_;
    Detail detail_;
    std::vector<Window> windows_;
    Sketches sketches_;
    std::size_t current_ = 0;
    Time current_start_ = never;  // no window yet: every record is outside
};

}  // namespace prodsim
