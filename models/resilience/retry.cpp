// Tries again after a failure: at most so many attempts, after a pause that may grow and be spread
// by chance, as long as the budget allows and the deadline leaves time to start. When the caller
// gives up the attempt has ended, or the pause, and none is made in its place.
//
//     call ──▶ attempt ──ok──▶ reply
//                │ ▲ failed: worth it? attempts left? in time? budget?  ──no──▶ reply the failure
//                ▼ │
//               pause
//
// Simplification: attempts are made one after another by the same client; a proxy that tries again
// on behalf of many clients is a component with this policy around its calls.

#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace prodsim {

namespace {

// ---- How long it pauses -------------------------------------------------------------------------

enum class Backoff : std::uint8_t {
    none,
    fixed,
    exponential,
    full_jitter,
    equal_jitter,
    decorrelated,
    symmetric_jitter,
};

std::span<const Word> words(Backoff) {
    static constexpr std::array all{
        Word{"none", Backoff::none, "At once."},
        Word{"fixed", Backoff::fixed, "`base`, every time."},
        Word{"exponential", Backoff::exponential,
             "`base`, then `multiplier` times as long each time, up to `max`."},
        Word{"full_jitter", Backoff::full_jitter,
             "Evenly spread from 0 to the exponential pause (AWS Architecture Blog 2015)."},
        Word{"equal_jitter", Backoff::equal_jitter,
             "Evenly spread over the upper half of the exponential pause."},
        Word{"decorrelated", Backoff::decorrelated,
             "Evenly spread from `base` to three times the last pause, up to `max`."},
        Word{"symmetric_jitter", Backoff::symmetric_jitter,
             "The exponential pause, give or take 20 % (gRPC A6)."},
    };
    return all;
}

// ---- How many retries a client allows itself ----------------------------------------------------

/// How an attempt ended, as far as budgets care.
enum class Ending : std::uint8_t { succeeded, worth_a_retry, final_failure, given_up };

/// Bounds the retries of one client, whatever its single calls would like.
class Budget {
public:
    virtual ~Budget() = default;

    /// A call came in: a first attempt follows.
    virtual void call_began() {}

    /// Pays for another attempt after this failure while `under_way` attempts, the failed one
    /// included, had not ended. Returns what was paid; nothing if the budget is spent.
    virtual std::optional<std::int64_t> pay(Outcome failure, std::int64_t under_way) = 0;

    /// The attempt that this was paid for (0: the first one) has ended.
    virtual void attempt_ended(std::int64_t paid, Ending ending) = 0;
};

// Not what AWS_NEW_RETRIES_2026 asks for: there the first pause is 50 ms, and a retry costs 14
// tokens unless the call was throttled.
constexpr std::string_view aws_standard = "AWS SDKs, standard retry mode before 2026";

struct BudgetFamily {
    static constexpr std::string_view name = "retry_budget";
};

/// Finagle's RetryBudget: every call puts in a token, every retry takes out 1 / ratio of them, and
/// both are forgotten after a while. A reserve allows some retries whatever the traffic.
class RatioBudget final : public Budget {
public:
    struct Parameters {
        Share ratio{0.2};
        Rate reserve{10};
        Duration memory = std::chrono::seconds(10);

        void describe(Fields& fields) {
            fields("ratio", ratio, "Retries for each call.",
                   {.position = 1, .source = "Finagle RetryBudget.apply: percentCanRetry"});
            fields("reserve", reserve, "Retries that are allowed whatever the traffic.",
                   {.minimum = 0,
                    .position = 2,
                    .source = "Finagle RetryBudget.apply: minRetriesPerSec"});
            fields("memory", memory, "How long calls and retries count.",
                   {.minimum = std::chrono::seconds(1),
                    .maximum = std::chrono::seconds(60),
                    .source = "Finagle RetryBudget.apply: ttl"});
        }
    };

    RatioBudget(const Engine& engine, const Parameters& parameters)
        : engine_(engine),
          slice_(parameters.memory / slices),
          deposit_(parameters.ratio.value > 0 ? scale : 0),
          price_(parameters.ratio.value > 0
                     ? static_cast<std::int64_t>(scale / parameters.ratio.value)
                     : 1),
          reserve_(static_cast<std::int64_t>(parameters.reserve.per_second *
                                             in_seconds(parameters.memory)) *
                   price_) {}

    void call_began() override { put(deposit_); }

    std::optional<std::int64_t> pay(Outcome, std::int64_t) override {
        put(0);
        if (reserve_ + sum_ < price_) return std::nullopt;
        put(-price_);
        return price_;
    }

    void attempt_ended(std::int64_t, Ending) override {}

private:
    static constexpr std::int64_t slices = 10;   // of its memory, as in Finagle's WindowedAdder
    static constexpr std::int64_t scale = 1000;  // a token, so that ratios need no fractions

    // Slices that have passed out of memory since the last time are emptied first.
    void put(std::int64_t amount) {
        const std::int64_t present = engine_.now().time_since_epoch() / slice_;
        const std::int64_t passed = std::min(present - last_, slices);
        for (std::int64_t i = 0; i < passed; ++i) {
            std::int64_t& old = tokens_[static_cast<std::size_t>((present - i) % slices)];
            sum_ -= old;
            old = 0;
        }
        last_ = present;
        tokens_[static_cast<std::size_t>(present % slices)] += amount;
        sum_ += amount;
    }

    const Engine& engine_;
    Duration slice_;
    std::int64_t deposit_;
    std::int64_t price_;
    std::int64_t reserve_;
    std::int64_t last_ = 0;
    std::int64_t sum_ = 0;
    std::array<std::int64_t, slices> tokens_{};
};

/// Envoy's retry budget: a share of the attempts under way may be retries, or a few at least. A
/// retry counts from the decision on, its pause included.
class ConcurrentBudget final : public Budget {
public:
    struct Parameters {
        Share share{0.2};
        std::int64_t least = 3;

        void describe(Fields& fields) {
            fields("share", share, "Retries, as a share of the attempts under way.",
                   {.position = 1, .source = "Envoy 1.31 RetryBudget.budget_percent"});
            fields("least", least, "Retries that are allowed whatever is under way.",
                   {.minimum = 0,
                    .position = 2,
                    .source = "Envoy 1.31 RetryBudget.min_retry_concurrency"});
        }
    };

    ConcurrentBudget(const Engine&, const Parameters& parameters) : parameters_(parameters) {}

    std::optional<std::int64_t> pay(Outcome, std::int64_t under_way) override {
        const auto share =
            static_cast<std::int64_t>(parameters_.share.value * static_cast<double>(under_way));
        if (retries_ >= std::max(share, parameters_.least)) return std::nullopt;
        ++retries_;
        return 1;
    }

    void attempt_ended(std::int64_t paid, Ending) override { retries_ -= paid; }

private:
    const Parameters& parameters_;
    std::int64_t retries_ = 0;
};

/// The token bucket of the AWS SDKs' standard mode: a retry costs tokens, its success gives back
/// what it cost (but not what earlier retries of the call cost), a success at the first try earns
/// one.
class TokenBudget final : public Budget {
public:
    struct Parameters {
        std::int64_t capacity = 500;
        std::int64_t cost = 5;
        std::int64_t timeout_cost = 10;

        void describe(Fields& fields) {
            fields("capacity", capacity, "Tokens, at most and at first.",
                   {.minimum = 0, .position = 1, .source = aws_standard});
            fields("cost", cost, "Tokens that a retry takes.",
                   {.minimum = 0, .source = aws_standard});
            fields("timeout_cost", timeout_cost, "Tokens that a retry after a timeout takes.",
                   {.minimum = 0, .source = aws_standard});
        }
    };

    TokenBudget(const Engine&, const Parameters& parameters)
        : parameters_(parameters), tokens_(parameters.capacity) {}

    std::optional<std::int64_t> pay(Outcome failure, std::int64_t) override {
        const std::int64_t cost = is_timeout(failure) ? parameters_.timeout_cost : parameters_.cost;
        if (tokens_ < cost) return std::nullopt;
        tokens_ -= cost;
        return cost;
    }

    void attempt_ended(std::int64_t paid, Ending ending) override {
        if (ending != Ending::succeeded) return;
        tokens_ = std::min(parameters_.capacity, tokens_ + (paid == 0 ? 1 : paid));
    }

private:
    const Parameters& parameters_;
    std::int64_t tokens_;
};

/// gRPC's retry throttling: a failure takes a token, a success brings back a part of one, and while
/// half of them or fewer are left there are no retries.
class ThrottlingBudget final : public Budget {
public:
    struct Parameters {
        std::int64_t max_tokens = 10;
        double token_ratio = 0.1;

        void describe(Fields& fields) {
            fields("max_tokens", max_tokens, "Tokens, at most and at first.",
                   {.minimum = 1,
                    .maximum = 1000,
                    .position = 1,
                    .source = "gRPC A6, example of retryThrottling"});
            fields("token_ratio", token_ratio, "Tokens that a success brings, to the thousandth.",
                   {.minimum = 0.001,
                    .maximum = 1000,
                    .position = 2,
                    .source = "gRPC A6, example of retryThrottling"});
        }
    };

    ThrottlingBudget(const Engine&, const Parameters& parameters)
        : max_(parameters.max_tokens * token),
          gain_(static_cast<std::int64_t>(parameters.token_ratio * token + 0.5)),
          tokens_(max_) {}

    std::optional<std::int64_t> pay(Outcome, std::int64_t) override {
        if (tokens_ <= max_ / 2) return std::nullopt;
        return 0;
    }

    void attempt_ended(std::int64_t, Ending ending) override {
        if (ending == Ending::succeeded) tokens_ = std::min(max_, tokens_ + gain_);
        if (ending == Ending::worth_a_retry) tokens_ = std::max(std::int64_t{0}, tokens_ - token);
    }

private:
    static constexpr std::int64_t token = 1000;  // in the thousandths that gRPC counts

    std::int64_t max_;
    std::int64_t gain_;
    std::int64_t tokens_;
};

template <class Kind>
std::unique_ptr<Budget> make_if(const Choice<BudgetFamily>& choice, const Engine& engine) {
    const auto* parameters = choice.as<typename Kind::Parameters>();
    if (parameters == nullptr) return nullptr;
    return std::make_unique<Kind>(engine, *parameters);
}

std::unique_ptr<Budget> make_budget(const Choice<BudgetFamily>& choice, const Engine& engine) {
    if (auto budget = make_if<RatioBudget>(choice, engine)) return budget;
    if (auto budget = make_if<ConcurrentBudget>(choice, engine)) return budget;
    if (auto budget = make_if<TokenBudget>(choice, engine)) return budget;
    return make_if<ThrottlingBudget>(choice, engine);
}

// ---- The policy ---------------------------------------------------------------------------------

class Retry final : public Node {
public:
    struct Parameters {
        std::int64_t attempts = 3;
        std::vector<Outcome> on{
            Outcome::error,         Outcome::dependency_failed, Outcome::timeout,
            Outcome::timeout_queue, Outcome::timeout_connect,   Outcome::rejected_overload,
            Outcome::rejected_rate, Outcome::rejected_bulkhead, Outcome::rejected_pool,
            Outcome::no_endpoint,   Outcome::refused,           Outcome::reset,
            Outcome::unreachable};
        Backoff backoff = Backoff::full_jitter;
        Duration base = std::chrono::seconds(1);
        double multiplier = 2;
        Duration max = std::chrono::seconds(20);
        bool retry_after = true;
        std::optional<Choice<BudgetFamily>> budget;

        void describe(Fields& fields) {
            fields("attempts", attempts, "Tries in all, the first one included.",
                   {.minimum = 1,
                    .maximum = 1'000'000,
                    .position = 1,
                    .source = "AWS SDKs, standard retry mode; resilience4j 2 maxAttempts"});
            fields("on", on,
                   "The failures that are tried again: by default all but an open breaker, which "
                   "is there to stop attempts, and a deadline that has passed.");
            fields("backoff", backoff, "How the pauses between attempts grow and spread.",
                   {.source = aws_standard,
                    .cure = "for pauses of one length write backoff=fixed, base=100ms"});
            fields("base", base, "The first pause.", {.minimum = 0, .source = aws_standard});
            fields("multiplier", multiplier, "Growth from one pause to the next.",
                   {.minimum = 1, .maximum = 1000, .source = aws_standard});
            fields("max", max, "The longest pause, before any symmetric jitter.",
                   {.minimum = 0, .source = aws_standard});
            fields(
                "retry_after", retry_after,
                "Pauses as long as the callee asks, if it asks; after that `backoff` begins anew.",
                {.source = "gRPC A6 pushback"});
            fields("budget", budget, "What bounds the retries of one client together.");
        }
    };

    static PolicyKind kind_of(const Parameters& parameters) {
        return parameters.budget ? PolicyKind::stateful : PolicyKind::stateless;
    }

    Retry(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          parameters_(parameters),
          next_(behind.next()),
          stream_(behind.stream("retry")),
          salt_(behind.salt()),
          budget_(parameters.budget ? make_budget(*parameters.budget, world_.engine) : nullptr),
          backing_off_(world_.traces.label(behind.edge(), TimeKind::backoff)),
          calls_(counter(behind, "retry.calls", "Calls that came in.")),
          attempts_(counter(behind, "retry.attempts", "Attempts made for them.")),
          exhausted_(counter(behind, "retry.exhausted", "Calls that failed at every attempt.")),
          budget_refused_(counter(behind, "retry.budget_refused",
                                  "Calls that failed because the budget was spent.")),
          too_late_(counter(behind, "retry.too_late",
                            "Calls that failed because a retry would have missed the deadline.")) {
        for (const Outcome outcome : parameters.on) retried_ |= bit(outcome);
    }

    void on_call(Call& call) override {
        calls_.add();
        if (budget_ != nullptr) budget_->call_began();
        Effort& effort = efforts_.acquire();
        effort.call = &call;
        call.callee_note = reinterpret_cast<std::uint64_t>(&effort);
        attempt(effort);
    }

    void on_reply(Call& child, Reply reply) override {
        auto& effort = child.caller_frame<Effort>();
        effort.child = nullptr;
        const std::optional<Duration> pause = pause_after(effort, reply);
        --under_way_;
        if (!pause) {
            finish(effort, child.route, reply);
        } else if (*pause > Duration{0}) {
            world_.traces.spend(*effort.call, backing_off_);
            effort.pause = world_.engine.after(*pause, action<&Retry::attempt>(*this, effort));
        } else if (effort.attempting) {
            effort.again = true;
        } else {
            attempt(effort);
        }
    }

    void on_abandon(Call& call) override {
        auto& effort = call.callee_frame<Effort>();
        end_attempt(effort, Ending::given_up);
        world_.engine.cancel(effort.pause);
        if (effort.child != nullptr) {
            --under_way_;
            world_.calls.abandon(*effort.child);
        }
        forget(effort);
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    /// What is done for one call.
    struct Effort {
        Call* call = nullptr;   // null when it has been answered
        Call* child = nullptr;  // the attempt under way
        Timer pause;
        unsigned attempt = 0;     // the number of the last one
        std::int64_t paid = 0;    // to the budget, for the attempt under way or the pause before it
        double last_pause = 0;    // in seconds, without jitter unless decorrelated; 0: none yet
        bool attempting = false;  // inside the loop of `attempt`
        bool again = false;       // the attempt failed inside the loop, and another one is due
    };

    static constexpr std::uint32_t bit(Outcome outcome) {
        return std::uint32_t{1} << static_cast<unsigned>(outcome);
    }

    Counter& counter(const Behind& behind, std::string_view name, std::string_view doc) const {
        return world_.meters.counter(behind.edge(), name, doc);
    }

    // A loop, so that attempts that fail at once need no stack.
    void attempt(Effort& effort) {
        effort.attempting = true;
        do {
            effort.again = false;
            attempts_.add();
            ++under_way_;
            Call& child = world_.calls.open(*this, *effort.call, world_.now());
            child.set_attempt(salt_, ++effort.attempt);
            child.caller_note = reinterpret_cast<std::uint64_t>(&effort);
            effort.child = &child;
            world_.calls.send(child, next_);
        } while (effort.again && effort.call != nullptr);
        effort.attempting = false;
        if (effort.call == nullptr) efforts_.release(effort);
    }

    // How long to pause before another attempt; nothing if this reply is the last word.
    std::optional<Duration> pause_after(Effort& effort, const Reply& reply) {
        if (reply.good()) return end_attempt(effort, Ending::succeeded);
        if ((retried_ & bit(reply.outcome)) == 0) return end_attempt(effort, Ending::final_failure);
        end_attempt(effort, Ending::worth_a_retry);
        if (effort.attempt >= parameters_.attempts) return refuse(exhausted_);
        const Duration pause = draw_pause(effort, reply);
        if (world_.now() >= effort.call->deadline - pause) return refuse(too_late_);
        if (budget_ == nullptr) return pause;
        const auto paid = budget_->pay(reply.outcome, under_way_);
        if (!paid) return refuse(budget_refused_);
        effort.paid = *paid;
        return pause;
    }

    std::nullopt_t end_attempt(Effort& effort, Ending ending) {
        if (budget_ != nullptr) budget_->attempt_ended(std::exchange(effort.paid, 0), ending);
        return std::nullopt;
    }

    static std::nullopt_t refuse(Counter& why) {
        why.add();
        return std::nullopt;
    }

    Duration draw_pause(Effort& effort, const Reply& reply) {
        if (parameters_.retry_after && reply.retry_after_us > 0) {
            effort.last_pause = 0;
            return std::chrono::microseconds(reply.retry_after_us);
        }
        Draws draws = stream_.draws(mix(effort.call->demand_key(), effort.attempt));
        const double base = in_seconds(parameters_.base);
        const double max = in_seconds(parameters_.max);
        if (parameters_.backoff == Backoff::decorrelated) {
            const double last = effort.last_pause > 0 ? effort.last_pause : base;
            effort.last_pause = std::min(max, base + draws.uniform() * (3 * last - base));
            return from_seconds(effort.last_pause);
        }
        const double grown =
            effort.last_pause > 0 ? effort.last_pause * parameters_.multiplier : base;
        const double nominal = effort.last_pause = std::min(max, grown);
        switch (parameters_.backoff) {
            case Backoff::none:
                return Duration{0};
            case Backoff::fixed:
                return parameters_.base;
            case Backoff::full_jitter:
                return from_seconds(nominal * draws.uniform());
            case Backoff::equal_jitter:
                return from_seconds(nominal * (0.5 + 0.5 * draws.uniform()));
            case Backoff::symmetric_jitter:
                return from_seconds(nominal * (0.8 + 0.4 * draws.uniform()));
            case Backoff::exponential:
            case Backoff::decorrelated:
                break;
        }
        return from_seconds(nominal);
    }

    void finish(Effort& effort, std::uint16_t route, Reply reply) {
        Call& call = *effort.call;
        call.route = route;
        forget(effort);
        world_.calls.reply(call, reply);
    }

    // The loop of `attempt`, if it runs, looks at the effort once more and lets go of it.
    void forget(Effort& effort) {
        effort.call = nullptr;
        if (!effort.attempting) efforts_.release(effort);
    }

    World& world_;
    const Parameters& parameters_;
    Node& next_;
    Stream stream_;
    std::uint64_t salt_;
    std::uint32_t retried_ = 0;  // a bit for each outcome
    std::unique_ptr<Budget> budget_;
    std::int64_t under_way_ = 0;
    TimeLabelId backing_off_;
    Counter& calls_;
    Counter& attempts_;
    Counter& exhausted_;
    Counter& budget_refused_;
    Counter& too_late_;
    Pool<Effort>& efforts_ = world_.pools.of<Effort>();
};

}  // namespace

void add_retry(Catalogue& catalogue) {
    Family& budgets = catalogue.families.declare(std::string(BudgetFamily::name),
                                                 "What bounds the retries of one client together.");
    budgets.add<RatioBudget::Parameters>("ratio", "A share of the calls, as Finagle counts.");
    budgets.add<ConcurrentBudget::Parameters>("concurrent",
                                              "A share of what is under way, as Envoy counts.");
    budgets.add<TokenBudget::Parameters>("tokens", "A bucket of tokens, as the AWS SDKs count.");
    budgets.add<ThrottlingBudget::Parameters>("throttling",
                                              "Tokens that failures take, as gRPC counts.");
    catalogue.policy<Retry>("retry", PolicyKind::stateless, "Tries again after a failure.");
}

}  // namespace prodsim
