// Lets calls through at no more than a rate. A call that comes too early is turned away and told
// when to come back, or waits until its turn if that is near enough. All arithmetic is on whole
// numbers: the rate is taken to a millionth of a call an hour, and then nothing drifts.
//
// When the caller gives up while it waits, its permit is lost: turns that were promised to those
// behind it stay where they are, as in resilience4j. A call that was let through is none of the
// limiter's business any more.

#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <variant>
#include <vector>

namespace prodsim {
namespace {

enum class Algorithm : std::uint8_t { token_bucket, fixed_window, sliding_log };

std::span<const Word> words(Algorithm) {
    static constexpr std::array all{
        Word{"token_bucket", Algorithm::token_bucket,
             "Tokens come at the rate and up to `burst` are kept; a call takes one."},
        Word{"fixed_window", Algorithm::fixed_window,
             "So many calls in each window since the start of the run; twice as many may pass "
             "around the boundary of two."},
        Word{"sliding_log", Algorithm::sliding_log,
             "So many calls in any window, by the instants of the last ones."},
    };
    return all;
}

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

using Limiter = std::variant<TokenBucket, FixedWindow, SlidingLog>;

class RateLimit final : public Node {
public:
    struct Parameters {
        Rate rate{};
        Algorithm algorithm = Algorithm::token_bucket;
        std::int64_t burst = 1;
        Duration window = std::chrono::seconds(1);
        Duration wait{};

        void describe(Fields& fields) {
            fields("rate", rate, "How many calls pass in the long run.",
                   {.minimum = Rate{ExactRate::lowest},
                    .maximum = Rate{ExactRate::highest},
                    .required = true,
                    .position = 1});
            fields("algorithm", algorithm, "How the rate is kept.");
            fields("burst", burst, "How many tokens a full token_bucket holds.",
                   {.minimum = 1, .maximum = 1000000000});
            fields("window", window,
                   "The window of fixed_window and sliding_log: the rate times this, rounded "
                   "down, is how many calls it lets through.",
                   {.above = 0});
            fields("wait", wait, "The longest wait for a turn; 0 turns calls away at once.",
                   {.minimum = 0});
            const std::int64_t most = ExactRate(rate).calls_in(window);
            const bool counts = algorithm != Algorithm::token_bucket;
            fields.rule(!counts || most >= 1, "window", "is too short for one call at this rate",
                        "make it longer, or the rate higher");
            fields.rule(algorithm != Algorithm::sliding_log || most <= longest_log, "window",
                        "lets more than a million calls through: too many to remember each",
                        "write algorithm=fixed_window");
        }
    };

    RateLimit(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          longest_wait_(parameters.wait),
          limiter_(limiter_of(parameters)),
          next_(behind.next()),
          reason_(world_.reason(behind.edge(), "rate limit")),
          rejected_(world_.meters.counter(behind.edge(), "rate_limit.rejected",
                                          "Calls turned away by the rate limit.")),
          waiting_(world_.meters.level(behind.edge(), "rate_limit.waiting",
                                       "Calls waiting for their turn.")) {}

    void on_call(Call& call) override {
        const Time now = world_.now();
        const Time turn = std::visit([now](auto& limiter) { return limiter.next(now); }, limiter_);
        if (turn - now > longest_wait_) {
            rejected_.add();
            world_.calls.reply(call, {Outcome::rejected_rate, reason_, microseconds(turn - now)});
            return;
        }
        std::visit([turn](auto& limiter) { limiter.book(turn); }, limiter_);
        if (turn == now) {
            world_.calls.send(call, next_);
        } else {
            keep_waiting(call, turn);
        }
    }

    void on_reply(Call&, Reply) override {}  // calls are handed over: it makes none of its own

    /// Only calls that still wait are its own.
    void on_abandon(Call& call) override {
        auto& wait = call.callee_frame<Wait>();
        world_.engine.cancel(wait.timer);
        end(wait);
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    static constexpr std::int64_t longest_log = 1000000;

    struct Wait {
        Call* call;
        Timer timer;
    };

    static Limiter limiter_of(const Parameters& parameters) {
        const ExactRate rate(parameters.rate);
        switch (parameters.algorithm) {
            case Algorithm::token_bucket:
                break;
            case Algorithm::fixed_window:
                return FixedWindow(rate.calls_in(parameters.window), parameters.window);
            case Algorithm::sliding_log:
                return SlidingLog(rate.calls_in(parameters.window), parameters.window);
        }
        return TokenBucket(rate, parameters.burst);
    }

    // Rounded up, so that who comes back then is not too early again.
    static std::uint32_t microseconds(Duration duration) {
        constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
        return static_cast<std::uint32_t>(std::min((duration.count() + 999) / 1000, most));
    }

    void keep_waiting(Call& call, Time turn) {
        Wait& wait = waits_.acquire(Wait{&call, {}});
        call.callee_note = reinterpret_cast<std::uint64_t>(&wait);
        wait.timer = world_.engine.at(turn, action<&RateLimit::let_through>(*this, wait));
        waiting_.add(1, world_.now());
    }

    void let_through(Wait& wait) {
        Call& call = *wait.call;
        end(wait);
        world_.calls.send(call, next_);
    }

    void end(Wait& wait) {
        waiting_.add(-1, world_.now());
        waits_.release(wait);
    }

    World& world_;
    Duration longest_wait_;
    Limiter limiter_;
    Node& next_;
    ReasonId reason_;
    Counter& rejected_;
    Level& waiting_;
    Pool<Wait>& waits_ = world_.pools.of<Wait>();
};

}  // namespace

void add_rate_limit(Catalogue& catalogue) {
    catalogue.policy<RateLimit>("rate_limit", PolicyKind::stateful,
                                "Lets calls through at no more than a rate.");
}

}  // namespace prodsim
