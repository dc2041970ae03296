// Stops calling a callee that fails or is slow, and tries it again after a while with a few calls.
//
//     closed ──too many failures or slow calls──▶ open ──`open_for` is over──▶ half open
//       ▲                                           ▲                           │    │
//       │                                           └────────the probes fail────┘    │
//       └───────────────the probes are well──────────────────────────────────────────┘
//
// When the caller gives up, that is a failure at that instant (and slow, where it is over its
// limit); the late reply counts no more. A call counts only in the state in which it was let
// through. A probe that never ends keeps the breaker half open: it belongs outside a timeout.
//
// Simplifications: the wait in the open state is always the same; Hystrix looks at its window every
// 500 ms, here every end of a call is a look; gobreaker and resilience4j wait until the clock is
// past the end of the wait, here the instant itself will do.

#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace prodsim {

namespace {

enum class Window : std::uint8_t { calls, time, consecutive };

std::span<const Word> words(Window) {
    static constexpr std::array all{
        Word{"calls", Window::calls, "The last `calls` calls."},
        Word{"time", Window::time, "The calls that ended in the last `duration`."},
        Word{"consecutive", Window::consecutive,
             "The failures since the last success; one failed probe opens again."},
    };
    return all;
}

struct Totals {
    std::int64_t calls = 0;
    std::int64_t failed = 0;
    std::int64_t slow = 0;

    Totals& operator+=(const Totals& other) {
        calls += other.calls;
        failed += other.failed;
        slow += other.slow;
        return *this;
    }
    Totals& operator-=(const Totals& other) {
        calls -= other.calls;
        failed -= other.failed;
        slow -= other.slow;
        return *this;
    }
    double failure_rate() const { return static_cast<double>(failed) / static_cast<double>(calls); }
    double slow_rate() const { return static_cast<double>(slow) / static_cast<double>(calls); }
};

/// The totals of the last buckets: of one call each, or of the calls that ended in one step of
/// time. Steps are counted from the start of the run, so a window of 5 s holds 4 to 5 s.
class Buckets {
public:
    Buckets(std::int64_t count, Duration step)
        : buckets_(static_cast<std::size_t>(count)), step_(step) {}

    void record(const Totals& ended, Time now) {
        advance(step_.count() == 0 ? place_ + 1 : now.time_since_epoch() / step_);
        bucket(place_) += ended;
        sum_ += ended;
    }

    const Totals& sum() const { return sum_; }

    void clear() {
        std::fill(buckets_.begin(), buckets_.end(), Totals{});
        sum_ = {};
    }

private:
    void advance(std::int64_t to) {
        const auto count = static_cast<std::int64_t>(buckets_.size());
        for (std::int64_t i = std::max(place_ + 1, to - count + 1); i <= to; ++i) {
            sum_ -= bucket(i);
            bucket(i) = {};
        }
        place_ = to;
    }

    Totals& bucket(std::int64_t place) {
        return buckets_[static_cast<std::size_t>(place) % buckets_.size()];
    }

    std::vector<Totals> buckets_;
    Duration step_;
    std::int64_t place_ = 0;
    Totals sum_;
};

class CircuitBreaker final : public Node {
public:
    struct Parameters {
        Window window = Window::calls;
        std::int64_t calls = 100;
        Duration duration = std::chrono::seconds(10);
        Duration bucket = std::chrono::seconds(1);
        std::int64_t minimum_calls = 100;
        Share failure_rate{0.5};
        Duration slow_after = std::chrono::seconds(60);
        Share slow_rate{1};
        std::int64_t consecutive = 6;
        Duration open_for = std::chrono::seconds(60);
        std::int64_t probes = 10;
        bool automatic = false;
        std::vector<Outcome> failures;

        void describe(Fields& fields) {
            fields("window", window, "Which calls are judged.", {.position = 1});
            fields(
                "calls", calls, "How many calls the window `calls` holds.",
                {.minimum = 1, .maximum = 1000000, .source = "resilience4j 2 slidingWindowSize"});
            fields("duration", duration, "How far back the window `time` looks.",
                   {.above = 0, .source = "Hystrix 1.5 metrics.rollingStats.timeInMilliseconds"});
            fields("bucket", bucket, "The window `time` moves in steps of this length.",
                   {.above = 0, .source = "resilience4j 2 TIME_BASED; Hystrix 1.5 numBuckets 10"});
            fields(
                "minimum_calls", minimum_calls,
                "No verdict on fewer calls; the window `calls` never asks for more than it holds.",
                {.minimum = 1, .source = "resilience4j 2 minimumNumberOfCalls"});
            fields("failure_rate", failure_rate, "Opens at this share of failures or above.",
                   {.above = 0, .source = "resilience4j 2 failureRateThreshold"});
            fields("slow_after", slow_after, "A call that took longer than this was slow.",
                   {.above = 0, .source = "resilience4j 2 slowCallDurationThreshold"});
            fields("slow_rate", slow_rate, "Opens at this share of slow calls or above.",
                   {.above = 0, .source = "resilience4j 2 slowCallRateThreshold"});
            fields("consecutive", consecutive,
                   "Opens at this many failures in a row, for the window `consecutive`.",
                   {.minimum = 1, .source = "gobreaker 2 README, ReadyToTrip: more than 5"});
            fields("open_for", open_for, "How long it rejects all calls once it is open.",
                   {.above = 0,
                    .source = "resilience4j 2 waitDurationInOpenState; gobreaker 2 Timeout"});
            fields(
                "probes", probes, "How many calls it lets through half open before it decides.",
                {.minimum = 1, .source = "resilience4j 2 permittedNumberOfCallsInHalfOpenState"});
            fields("automatic", automatic,
                   "Turns half open by itself when the wait is over, not at the next call.",
                   {.source = "resilience4j 2 automaticTransitionFromOpenToHalfOpenEnabled"});
            fields("failures", failures,
                   "The outcomes that count as failures, all others as successes; every outcome "
                   "that is not a success if empty.",
                   {.source = "resilience4j 2 recordExceptions: all"});
            const std::int64_t steps = bucket.count() > 0 ? duration / bucket : 0;
            fields.rule(steps * bucket == duration && steps <= 100000, "bucket",
                        "must divide \"duration\" into at most 100000 equal parts");
        }
    };

    CircuitBreaker(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          parameters_(parameters),
          minimum_calls_(parameters.window == Window::calls
                             ? std::min(parameters.minimum_calls, parameters.calls)
                             : parameters.minimum_calls),
          failures_(mask_of(parameters.failures)),
          window_(window_of(parameters)),
          next_(behind.next()),
          reason_(world_.reason(behind.edge(), "breaker open")),
          open_(world_.meters.level(behind.edge(), "breaker.open", "Breakers that are open.")),
          opened_(world_.meters.counter(behind.edge(), "breaker.opened",
                                        "How often a breaker opened.")),
          rejected_(world_.meters.counter(behind.edge(), "breaker.rejected",
                                          "Calls turned away by a breaker.")) {}

    void on_call(Call& call) override {
        if (state_ == State::open && world_.now() >= open_until_) half_open();
        if (state_ != State::closed && !admits_probe()) {
            rejected_.add();
            world_.calls.reply(call, {Outcome::rejected_breaker, reason_});
            return;
        }
        Call& child = world_.calls.open(*this, call, world_.now());
        Flight& flight = flights_.acquire(Flight{&call, &child, generation_});
        child.caller_note = reinterpret_cast<std::uint64_t>(&flight);
        call.callee_note = reinterpret_cast<std::uint64_t>(&flight);
        world_.calls.send(child, next_);
    }

    void on_reply(Call& child, Reply reply) override {
        auto& flight = child.caller_frame<Flight>();
        Call& call = *flight.call;
        record(flight, is_failure(reply.outcome) ? 1 : 0);
        call.route = child.route;
        flights_.release(flight);
        world_.calls.reply(call, reply);
    }

    void on_abandon(Call& call) override {
        auto& flight = call.callee_frame<Flight>();
        record(flight, 1);
        world_.calls.abandon(*flight.child);
        flights_.release(flight);
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    enum class State : std::uint8_t { closed, open, half_open };

    struct Flight {
        Call* call;
        Call* child;
        std::uint64_t generation;  // of the state in which it was let through
    };

    static Buckets window_of(const Parameters& parameters) {
        switch (parameters.window) {
            case Window::calls:
                return {parameters.calls, Duration{0}};
            case Window::time:
                return {parameters.duration / parameters.bucket, parameters.bucket};
            case Window::consecutive:
                break;
        }
        return {1, Duration{0}};
    }

    static std::uint32_t mask_of(const std::vector<Outcome>& failures) {
        std::uint32_t mask = 0;
        for (const Outcome failure : failures) mask |= 1u << static_cast<unsigned>(failure);
        return mask;
    }

    bool is_failure(Outcome outcome) const {
        if (succeeded(outcome)) return false;
        return failures_ == 0 || (failures_ >> static_cast<unsigned>(outcome) & 1) != 0;
    }

    bool admits_probe() {
        if (state_ == State::open || probes_sent_ == parameters_.probes) return false;
        ++probes_sent_;
        return true;
    }

    void record(const Flight& flight, std::int64_t failed) {
        if (flight.generation != generation_) return;
        const Duration took = world_.now() - flight.child->started;
        const Totals ended{1, failed, took > parameters_.slow_after ? 1 : 0};
        if (state_ == State::half_open) {
            judge_probe(ended);
        } else {
            judge_call(ended);
        }
    }

    void judge_call(const Totals& ended) {
        if (parameters_.window == Window::consecutive) {
            failures_in_a_row_ = ended.failed == 0 ? 0 : failures_in_a_row_ + 1;
            if (failures_in_a_row_ == parameters_.consecutive) open();
            return;
        }
        window_.record(ended, world_.now());
        if (window_.sum().calls >= minimum_calls_ && is_too_much(window_.sum())) open();
    }

    void judge_probe(const Totals& ended) {
        probes_ended_ += ended;
        const bool all_ended = probes_ended_.calls == parameters_.probes;
        const bool failed = parameters_.window == Window::consecutive
                                ? ended.failed != 0
                                : all_ended && is_too_much(probes_ended_);
        if (failed) {
            open();
        } else if (all_ended) {
            close();
        }
    }

    bool is_too_much(const Totals& totals) const {
        return totals.failure_rate() >= parameters_.failure_rate.value ||
               totals.slow_rate() >= parameters_.slow_rate.value;
    }

    void open() {
        enter(State::open);
        opened_.add();
        open_.add(1, world_.now());
        open_until_ = world_.now() + parameters_.open_for;
        if (parameters_.automatic) {
            wait_ = world_.engine.at(open_until_, action<&CircuitBreaker::half_open>(*this));
        }
    }

    void half_open() {
        enter(State::half_open);
        open_.add(-1, world_.now());
        world_.engine.cancel(wait_);
        probes_sent_ = 0;
        probes_ended_ = {};
    }

    void close() {
        enter(State::closed);
        window_.clear();
        failures_in_a_row_ = 0;
    }

    void enter(State state) {
        state_ = state;
        ++generation_;
    }

    World& world_;
    const Parameters& parameters_;
    std::int64_t minimum_calls_;
    std::uint32_t failures_;
    Buckets window_;
    Node& next_;
    ReasonId reason_;
    Level& open_;
    Counter& opened_;
    Counter& rejected_;
    State state_ = State::closed;
    std::uint64_t generation_ = 0;
    std::int64_t failures_in_a_row_ = 0;
    Time open_until_{};
    Timer wait_;
    std::int64_t probes_sent_ = 0;
    Totals probes_ended_;
    Pool<Flight>& flights_ = world_.pools.of<Flight>();
};

}  // namespace

void add_circuit_breaker(Catalogue& catalogue) {
    catalogue.policy<CircuitBreaker>(
        "breaker", PolicyKind::stateful,
        "Stops calling a callee that fails or is slow, and probes it after a while.");
}

}  // namespace prodsim
