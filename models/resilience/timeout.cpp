// Waits for a reply for a fixed time, from the moment the call is made, connecting and queueing
// included; then it says *timed out* upwards and tells its callee that nobody waits. Whether the
// callee stops is the callee's affair: abandoning is not cancelling.

#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

#include <utility>

namespace prodsim {
namespace {

class Timeout final : public Node {
public:
    struct Parameters {
        Duration limit = std::chrono::seconds(1);

        void describe(Fields& fields) {
            fields("limit", limit, "How long the caller waits for one attempt.",
                   {.above = 0, .required = true, .position = 1});
        }
    };

    Timeout(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          limit_(parameters.limit),
          next_(behind.next()),
          reason_(world_.reason(behind.edge(), "timeout")),
          expired_(world_.meters.counter(behind.edge(), "timeout.expired",
                                         "Attempts that were not answered in time.")) {}

    void on_call(Call& call) override {
        Wait& wait = waits_.acquire();
        wait.call = &call;
        wait.child = &world_.calls.open(*this, call, world_.now());
        wait.child->caller_note = reinterpret_cast<std::uint64_t>(&wait);
        call.callee_note = reinterpret_cast<std::uint64_t>(&wait);
        wait.timer = world_.engine.after(limit_, action<&Timeout::expire>(*this, wait));
        world_.calls.send(*wait.child, next_);
    }

    void on_reply(Call& child, Reply reply) override {
        auto& wait = child.caller_frame<Wait>();
        Call& call = *wait.call;
        world_.engine.cancel(wait.timer);
        call.route = child.route;
        waits_.release(wait);
        world_.calls.reply(call, reply);
    }

    void on_abandon(Call& call) override {
        auto& wait = call.callee_frame<Wait>();
        if (wait.child == nullptr) return;  // it is timing out at this very moment
        world_.engine.cancel(wait.timer);
        world_.calls.abandon(*std::exchange(wait.child, nullptr));
        waits_.release(wait);
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    struct Wait {
        Call* call = nullptr;
        Call* child = nullptr;
        Timer timer;
    };

    void expire(Wait& wait) {
        expired_.add();
        Call& call = *wait.call;
        world_.calls.abandon(*std::exchange(wait.child, nullptr));
        waits_.release(wait);
        world_.calls.reply(call, {Outcome::timeout, reason_});
    }

    World& world_;
    Duration limit_;
    Node& next_;
    ReasonId reason_;
    Counter& expired_;
    Pool<Wait>& waits_ = world_.pools.of<Wait>();
};

}  // namespace

void add_timeout(Catalogue& catalogue) {
    catalogue.policy<Timeout>("timeout", PolicyKind::stateless,
                              "Gives up on an attempt after a fixed time.");
}

}  // namespace prodsim
