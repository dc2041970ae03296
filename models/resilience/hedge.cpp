// Sends the same call again when the answer takes long, and takes the first good answer. The losers
// are given up; whether their callees stop is the callees' affair. A failure that is not fatal
// sends the next attempt at once; a fatal one ends the race; when all have failed, the last failure
// is the answer. When the caller gives up, every attempt has ended and none is made in its place.
//
//     call ──▶ attempt 1 ───────────────────▶
//               ├─ delay ─▶ attempt 2 ──good──▶ reply, 1 is given up
//               └─ delay ─────────────▶ (attempt 3 is not needed)
//
// With `after_percentile` the delay is what the client itself has seen: the latencies of its last
// 1000 first attempts that succeeded or lost. The latency of a loser is cut short when it is given
// up, but it is beyond the percentile already, so the percentile stays right.

#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace prodsim {

namespace {

/// The last so many latencies and their order, exactly.
class Recent {
public:
    void add(Duration latency) {
        if (in_time_.size() < most) {
            in_time_.push_back(latency);
        } else {
            in_order_.erase(std::lower_bound(in_order_.begin(), in_order_.end(), in_time_[next_]));
            in_time_[next_] = latency;
            next_ = (next_ + 1) % most;
        }
        in_order_.insert(std::upper_bound(in_order_.begin(), in_order_.end(), latency), latency);
    }

    std::size_t count() const { return in_time_.size(); }

    /// The smallest that at least this share of them does not exceed. REQUIRES: there is one.
    Duration percentile(double share) const {
        const double rank = share * static_cast<double>(in_order_.size());
        auto place = static_cast<std::size_t>(rank);
        if (static_cast<double>(place) == rank && place > 0) --place;
        return in_order_[std::min(place, in_order_.size() - 1)];
    }

private:
    static constexpr std::size_t most = 1000;

    std::vector<Duration> in_time_;
    std::size_t next_ = 0;  // the oldest, once there are `most`
    std::vector<Duration> in_order_;
};

class Hedge final : public Node {
public:
    static constexpr std::size_t most_attempts = 5;

    struct Parameters {
        std::optional<Duration> delay;
        std::optional<Share> after_percentile;
        std::int64_t least_seen = 100;
        std::int64_t attempts = 2;
        std::vector<Outcome> non_fatal{Outcome::timeout,         Outcome::timeout_queue,
                                       Outcome::timeout_connect, Outcome::rejected_overload,
                                       Outcome::no_endpoint,     Outcome::refused,
                                       Outcome::reset,           Outcome::unreachable};
        bool retry_after = true;
        bool writes = false;

        void describe(Fields& fields) {
            fields("delay", delay, "How long an attempt may take before the next one is sent.",
                   {.minimum = 0, .position = 1});
            fields("after_percentile", after_percentile,
                   "Takes this percentile of the latencies seen as the delay.",
                   {.above = 0, .below = 1});
            fields("least_seen", least_seen,
                   "Latencies to be seen before the percentile is trusted; until then `delay` "
                   "holds, and without it only failures send the next attempt.",
                   {.minimum = 1, .maximum = 1000});
            fields("attempts", attempts, "Attempts in all, the first one included.",
                   {.minimum = 1,
                    .maximum = static_cast<std::int64_t>(most_attempts),
                    .source = "Dean & Barroso 2013; at most 5 as in gRPC A6"});
            fields("non_fatal", non_fatal,
                   "The failures that send the next attempt at once; all others end the race. By "
                   "default those that may be due to one endpoint or to chance.");
            fields("retry_after", retry_after,
                   "Sends the next attempt when the callee asks for it, if it asks.",
                   {.source = "gRPC A6 pushback"});
            fields("writes", writes, "Hedges also calls that change state.");
            fields.rule(delay || after_percentile, "", "needs \"delay\" or \"after_percentile\"",
                        "as in hedge(50ms) or hedge(after_percentile=95%)");
        }
    };

    static PolicyKind kind_of(const Parameters& parameters) {
        return parameters.after_percentile ? PolicyKind::stateful : PolicyKind::stateless;
    }

    Hedge(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          parameters_(parameters),
          next_(behind.next()),
          salt_(behind.salt()),
          holding_back_(world_.traces.label(behind.edge(), TimeKind::backoff)),
          calls_(counter(behind, "hedge.calls", "Calls that came in.")),
          attempts_(counter(behind, "hedge.attempts", "Attempts made for them.")),
          won_(counter(behind, "hedge.won", "Calls answered by another than the first attempt.")) {
        for (const Outcome outcome : parameters.non_fatal) non_fatal_ |= bit(outcome);
    }

    void on_call(Call& call) override {
        calls_.add();
        Race& race = races_.acquire();
        race.call = &call;
        const bool alone = call.has(Trait::write) && !parameters_.writes;
        race.attempts = alone ? 1 : static_cast<std::size_t>(parameters_.attempts);
        call.callee_note = reinterpret_cast<std::uint64_t>(&race);
        world_.traces.spend(call, holding_back_);  // while no attempt is under way
        attempt(race);
    }

    void on_reply(Call& child, Reply reply) override {
        auto& race = child.caller_frame<Race>();
        const std::size_t number = number_of(race, child);
        race.runners[number] = nullptr;
        --race.running;
        if (race.over) return;  // giving up on another attempt let this one end
        if (number == 0 && reply.good()) seen_.add(world_.now() - child.started);
        if (reply.good() && number > 0) won_.add();
        if (reply.good() || (non_fatal_ & bit(reply.outcome)) == 0) {
            finish(race, child.route, reply);
        } else if (may_attempt(race, pushback(reply))) {
            attempt_after(race, pushback(reply));
        } else if (race.running == 0) {
            finish(race, child.route, reply);
        }
    }

    // The ends of the attempts may make the caller give up while `finish` is at it.
    void on_abandon(Call& call) override {
        auto& race = call.callee_frame<Race>();
        if (race.over) return;
        race.over = true;
        world_.engine.cancel(race.next);
        give_up_runners(race);
        forget(race);
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    /// What is done for one call.
    struct Race {
        Call* call = nullptr;
        std::array<Call*, most_attempts> runners{};  // under way, by the number of the attempt
        std::size_t attempts = 0;                    // that may be made
        std::size_t sent = 0;
        std::size_t running = 0;
        Timer next;
        bool attempting = false;  // inside the loop of `attempt`
        bool again = false;       // another one became due inside the loop
        bool over = false;
    };

    static constexpr std::uint32_t bit(Outcome outcome) {
        return std::uint32_t{1} << static_cast<unsigned>(outcome);
    }

    Counter& counter(const Behind& behind, std::string_view name, std::string_view doc) const {
        return world_.meters.counter(behind.edge(), name, doc);
    }

    static std::size_t number_of(const Race& race, const Call& child) {
        const auto place = std::find(race.runners.begin(), race.runners.end(), &child);
        return static_cast<std::size_t>(place - race.runners.begin());
    }

    /// How long the callee asks the client to wait.
    Duration pushback(const Reply& failure) const {
        return std::chrono::microseconds(parameters_.retry_after ? failure.retry_after_us : 0);
    }

    bool may_attempt(const Race& race, Duration wait) const {
        return race.sent < race.attempts && world_.now() < race.call->deadline - wait;
    }

    void attempt_after(Race& race, Duration wait) {
        world_.engine.cancel(race.next);
        if (wait > Duration{0}) {
            schedule(race, wait);
        } else if (race.attempting) {
            race.again = true;
        } else {
            attempt(race);
        }
    }

    void due(Race& race) {
        if (may_attempt(race, Duration{0})) attempt(race);
    }

    // A loop, so that attempts that fail at once need no stack.
    void attempt(Race& race) {
        race.attempting = true;
        do {
            race.again = false;
            send_one(race);
        } while (race.again && !race.over);
        race.attempting = false;
        if (race.over) races_.release(race);
    }

    void send_one(Race& race) {
        attempts_.add();
        Call& child = world_.calls.open(*this, *race.call, world_.now());
        race.runners[race.sent] = &child;
        child.set_attempt(salt_, static_cast<unsigned>(++race.sent));
        child.caller_note = reinterpret_cast<std::uint64_t>(&race);
        ++race.running;
        if (race.sent < race.attempts) {
            if (const auto patience = delay()) schedule(race, *patience);
        }
        world_.calls.send(child, next_);
    }

    std::optional<Duration> delay() const {
        const auto seen = static_cast<std::int64_t>(seen_.count());
        const std::optional<Share>& percentile = parameters_.after_percentile;
        if (!percentile || seen < parameters_.least_seen) return parameters_.delay;
        return seen_.percentile(percentile->value);
    }

    void schedule(Race& race, Duration delay) {
        race.next = world_.engine.after(delay, action<&Hedge::due>(*this, race));
    }

    void finish(Race& race, std::uint16_t route, Reply reply) {
        race.over = true;
        world_.engine.cancel(race.next);
        give_up_runners(race);
        Call& call = *race.call;
        call.route = route;
        forget(race);
        world_.calls.reply(call, reply);
    }

    void give_up_runners(Race& race) {
        if (race.runners[0] != nullptr && race.sent > 1) {
            seen_.add(world_.now() - race.runners[0]->started);
        }
        for (Call*& runner : race.runners) {
            if (runner != nullptr) world_.calls.abandon(*std::exchange(runner, nullptr));
        }
    }

    // The loop of `attempt`, if it runs, looks at the race once more and lets go of it.
    void forget(Race& race) {
        if (!race.attempting) races_.release(race);
    }

    World& world_;
    const Parameters& parameters_;
    Node& next_;
    std::uint64_t salt_;
    std::uint32_t non_fatal_ = 0;  // a bit for each outcome
    Recent seen_;
    TimeLabelId holding_back_;
    Counter& calls_;
    Counter& attempts_;
    Counter& won_;
    Pool<Race>& races_ = world_.pools.of<Race>();
};

}  // namespace

void add_hedge(Catalogue& catalogue) {
    catalogue.policy<Hedge>("hedge", PolicyKind::stateless,
                            "Sends a call again when its answer takes long; the first one wins.");
}

}  // namespace prodsim
