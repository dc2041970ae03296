#pragma once

// How a rate of calls is kept. A law describes it; a limiter keeps it for one counter: says when
// the next call may pass, and books one that will pass then. All arithmetic is on whole numbers:
// the rate is taken to a millionth of a call an hour, and then nothing drifts.

#include "sim/config/fields.hpp"
#include "sim/core/time.hpp"
#include "sim/stats/wide.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace prodsim {

enum class LimitAlgorithm : std::uint8_t { token_bucket, fixed_window, sliding_log };

std::span<const Word> words(LimitAlgorithm);

enum class LimitPer : std::uint8_t { tenant };

std::span<const Word> words(LimitPer);

/// A rate as a whole number of millionths of a call per hour, and what one call is worth in units
/// of which that number comes in every nanosecond.
class ExactRate {
public:
    explicit ExactRate(Rate rate)
        : units_per_ns_(
              static_cast<std::int64_t>(std::min(rate.per_second, highest) * 3.6e9 + 0.5)) {}

    /// In calls per second; below the lowest a millionth of a call an hour is too coarse.
    static constexpr double lowest = 1e-6;
    static constexpr double highest = 1e9;

    static constexpr Wide call = Wide{3'600'000'000'000} * 1'000'000;

    Wide units_in(Duration duration) const { return Wide{units_per_ns_} * duration.count(); }

    /// The least whole number of nanoseconds in which so many units come in.
    Duration time_for(Wide units) const {
        return Duration{static_cast<std::int64_t>((units + units_per_ns_ - 1) / units_per_ns_)};
    }

    /// How many whole calls come in.
    std::int64_t calls_in(Duration duration) const {
        return static_cast<std::int64_t>(
            std::min(units_in(duration) / call, Wide{std::numeric_limits<std::int64_t>::max()}));
    }

private:
    std::int64_t units_per_ns_;
};

// Each algorithm says when the next call may pass, and books one that will pass then.

class TokenBucket {
public:
    TokenBucket(ExactRate rate, std::int64_t burst)
        : rate_(rate), size_(burst * ExactRate::call), tokens_(size_) {}

    Time next(Time now) {
        tokens_ = std::min(size_, tokens_ + rate_.units_in(now - filled_));
        filled_ = now;
        if (tokens_ >= ExactRate::call) return now;
        return now + rate_.time_for(ExactRate::call - tokens_);
    }

    /// Below zero stand the tokens that are promised to those who wait.
    void book(Time) { tokens_ -= ExactRate::call; }

private:
    ExactRate rate_;
    Wide size_;
    Wide tokens_;
    Time filled_ = start_of_run;
};

class FixedWindow {
public:
    FixedWindow(std::int64_t limit, Duration window) : limit_(limit), window_(window) {}

    Time next(Time now) const {
        const Time start = booked_ < limit_ ? start_ : start_ + window_;
        return std::max(now, start);
    }

    void book(Time passes) {
        const Time start{passes.time_since_epoch() / window_ * window_};
        if (start != start_) booked_ = 0;
        start_ = start;
        ++booked_;
    }

private:
    std::int64_t limit_;
    Duration window_;
    Time start_ = start_of_run;  // of the last window in which a call was booked
    std::int64_t booked_ = 0;    // in that window
};

class SlidingLog {
public:
    SlidingLog(std::int64_t limit, Duration window)
        : passed_(static_cast<std::size_t>(limit), start_of_run - window), window_(window) {}

    Time next(Time now) const { return std::max(now, passed_[oldest_] + window_); }

    void book(Time passes) {
        passed_[oldest_] = passes;
        oldest_ = (oldest_ + 1) % passed_.size();
    }

private:
    std::vector<Time> passed_;
    std::size_t oldest_ = 0;
    Duration window_;
};

/// The words of an architect for a limit.
struct RateLaw {
    Rate rate{};
    LimitAlgorithm algorithm = LimitAlgorithm::token_bucket;
    std::optional<LimitPer> per;  // all calls together if not said
    std::int64_t burst = 1;
    Duration window = std::chrono::seconds(1);

    void describe(Fields& fields);

private:
    static constexpr std::int64_t longest_log = 1000000;
};

/// Keeps a law for one counter.
class Limiter {
public:
    explicit Limiter(const RateLaw& law) : kept_(made(law)) {}

    /// When the next call may pass; now at the earliest.
    Time next(Time now) {
        return std::visit([now](auto& limit) { return limit.next(now); }, kept_);
    }

    /// A call will pass then. REQUIRES: `next` allowed it.
    void book(Time passes) {
        std::visit([passes](auto& limit) { limit.book(passes); }, kept_);
    }

private:
    using Kept = std::variant<TokenBucket, FixedWindow, SlidingLog>;
    static Kept made(const RateLaw& law);

    Kept kept_;
};

/// Keeps a law for each tenant, with those of nobody together, or one for everyone.
class Limiters {
public:
    Limiters(const RateLaw& law, std::size_t tenants)
        : each_(law.per ? tenants + 1 : 1, Limiter(law)) {}

    Limiter& of(std::uint8_t tenant) { return each_[each_.size() == 1 ? 0 : tenant]; }

private:
    std::vector<Limiter> each_;
};

/// Rounded up, so that who comes back then is not too early again; the longest that fits.
inline std::uint32_t retry_after_us(Duration wait) {
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::min((wait.count() + 999) / 1000, most));
}

}  // namespace prodsim
