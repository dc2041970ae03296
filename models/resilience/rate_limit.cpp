// Lets calls through at no more than a rate. A call that comes too early is turned away and told
// when to come back, or waits until its turn if that is near enough.
//
// When the caller gives up while it waits, its permit is lost: turns that were promised to those
// behind it stay where they are, as in resilience4j. A call that was let through is none of the
// limiter's business any more.

#include "models/resilience/limiter.hpp"
#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

namespace prodsim {
namespace {

class RateLimit final : public Node {
public:
    struct Parameters : RateLaw {
        Duration wait{};

        void describe(Fields& fields) {
            RateLaw::describe(fields);
            fields("wait", wait, "The longest wait for a turn; 0 turns calls away at once.",
                   {.minimum = 0});
        }
    };

    RateLimit(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          longest_wait_(parameters.wait),
          limiters_(parameters, world_.tenants()),
          next_(behind.next()),
          queueing_(world_.traces.label(behind.edge(), TimeKind::queue)),
          reason_(world_.reason(behind.edge(), "rate limit")),
          rejected_(world_.meters.counter(behind.edge(), "rate_limit.rejected",
                                          "Calls turned away by the rate limit.")),
          waiting_(world_.meters.level(behind.edge(), "rate_limit.waiting",
                                       "Calls waiting for their turn.")) {}

    void on_call(Call& call) override {
        const Time now = world_.now();
        Limiter& limiter = limiters_.of(call.tenant);
        const Time turn = limiter.next(now);
        if (turn - now > longest_wait_) {
            rejected_.add();
            world_.calls.reply(call, {Outcome::rejected_rate, reason_, retry_after_us(turn - now)});
            return;
        }
        limiter.book(turn);
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
    struct Wait {
        Call* call;
        Timer timer;
    };

    void keep_waiting(Call& call, Time turn) {
        Wait& wait = waits_.acquire(Wait{&call, {}});
        call.callee_note = reinterpret_cast<std::uint64_t>(&wait);
        world_.traces.spend(call, queueing_);
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
    Limiters limiters_;
    Node& next_;
    TimeLabelId queueing_;
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
