// Answers with something lesser instead of a failure: a default, an old copy, a part. The answer
// counts as degraded. When the caller gives up, so does this, on the call or on its own work.
//
// Simplification: the lesser answer takes time and never fails; one that calls another component is
// the step `try` with its `otherwise`.

#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

#include <algorithm>
#include <vector>

namespace prodsim {

namespace {

class Fallback final : public Node {
public:
    struct Parameters {
        std::vector<Outcome> on;
        Law<Duration> after;

        void describe(Fields& fields) {
            fields("on", on, "The failures that it stands in for; every failure if empty.");
            fields("after", after, "The time that the lesser answer takes.", {.position = 1});
        }
    };

    Fallback(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          parameters_(parameters),
          next_(behind.next()),
          stream_(behind.stream("fallback")),
          standing_in_(world_.traces.label(behind.edge(), TimeKind::fallback)),
          taken_(world_.meters.counter(behind.edge(), "fallback.taken",
                                       "Failures that were answered with something lesser.")) {}

    void on_call(Call& call) override {
        Wait& wait = waits_.acquire();
        wait.call = &call;
        wait.child = &world_.calls.open(*this, call, world_.now());
        wait.child->caller_note = reinterpret_cast<std::uint64_t>(&wait);
        call.callee_note = reinterpret_cast<std::uint64_t>(&wait);
        world_.calls.send(*wait.child, next_);
    }

    void on_reply(Call& child, Reply reply) override {
        auto& wait = child.caller_frame<Wait>();
        Call& call = *wait.call;
        wait.child = nullptr;
        call.route = child.route;
        if (reply.good() || !stands_in_for(reply.outcome)) {
            waits_.release(wait);
            world_.calls.reply(call, reply);
            return;
        }
        taken_.add();
        Draws draws = stream_.draws(call.demand_key());
        const Duration after = sample_duration(parameters_.after.distribution(), draws);
        if (after == Duration{0}) {
            answer(wait);
        } else {
            world_.traces.spend(call, standing_in_);
            wait.timer = world_.engine.after(after, action<&Fallback::answer>(*this, wait));
        }
    }

    void on_abandon(Call& call) override {
        auto& wait = call.callee_frame<Wait>();
        world_.engine.cancel(wait.timer);
        if (wait.child != nullptr) world_.calls.abandon(*wait.child);
        waits_.release(wait);
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    struct Wait {
        Call* call = nullptr;
        Call* child = nullptr;  // null while the lesser answer is made
        Timer timer;
    };

    bool stands_in_for(Outcome failure) const {
        const auto& on = parameters_.on;
        return on.empty() || std::find(on.begin(), on.end(), failure) != on.end();
    }

    void answer(Wait& wait) {
        Call& call = *wait.call;
        waits_.release(wait);
        world_.calls.reply(call, {Outcome::degraded, 0});
    }

    World& world_;
    const Parameters& parameters_;
    Node& next_;
    Stream stream_;
    TimeLabelId standing_in_;
    Counter& taken_;
    Pool<Wait>& waits_ = world_.pools.of<Wait>();
};

}  // namespace

void add_fallback(Catalogue& catalogue) {
    catalogue.policy<Fallback>("fallback", PolicyKind::stateless,
                               "Answers with something lesser instead of a failure.");
}

}  // namespace prodsim
