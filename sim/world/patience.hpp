#pragma once

// The common part of policies that pass each call on once and wait for its end until an instant,
// at which they give up on it. Whether the callee stops is its own affair: abandoning is not
// cancelling.

#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

#include <string_view>
#include <utility>

namespace prodsim {

class Patience : public Node {
public:
    void on_reply(Call& child, Reply reply) final {
        auto& wait = child.caller_frame<Wait>();
        Call& call = *wait.call;
        world_.engine.cancel(wait.timer);
        call.route = child.route;
        waits_.release(wait);
        world_.calls.reply(call, reply);
    }

    // The end of the child may make the caller give up while `expire` is at it.
    void on_abandon(Call& call) final {
        auto& wait = call.callee_frame<Wait>();
        if (wait.child == nullptr) return;
        world_.engine.cancel(wait.timer);
        end(wait, {Outcome::cancelled, 0});
    }

protected:
    /// What a call whose end does not come in time is answered with, and who counts it.
    struct Verdict {
        Outcome outcome;
        std::string_view mechanism;
        std::string_view counter;
        std::string_view doc;
    };

    Patience(const Behind& behind, const Verdict& verdict)
        : world_(behind.world()),
          next_(behind.next()),
          too_late_{verdict.outcome, world_.reason(behind.edge(), verdict.mechanism)},
          expired_(world_.meters.counter(behind.edge(), verdict.counter, verdict.doc)) {}

    /// The call that is made for this one, as yet the same.
    Call& open(Call& call) {
        Wait& wait = waits_.acquire();
        wait.call = &call;
        wait.child = &world_.calls.open(*this, call, world_.now());
        wait.child->caller_note = reinterpret_cast<std::uint64_t>(&wait);
        call.callee_note = reinterpret_cast<std::uint64_t>(&wait);
        return *wait.child;
    }

    void send(Call& child, Time until) {
        auto& wait = child.caller_frame<Wait>();
        wait.timer = world_.engine.at(until, action<&Patience::expire>(*this, wait));
        world_.calls.send(child, next_);
    }

    Reply too_late() const { return too_late_; }

    World& world_;

private:
    struct Wait {
        Call* call = nullptr;
        Call* child = nullptr;
        Timer timer;
    };

    void expire(Wait& wait) {
        expired_.add();
        end(wait, too_late_);
    }

    void end(Wait& wait, Reply reply) {
        Call& call = *wait.call;
        world_.calls.abandon(*std::exchange(wait.child, nullptr));
        waits_.release(wait);
        world_.calls.reply(call, reply);
    }

    Node& next_;
    Reply too_late_;
    Counter& expired_;
    Pool<Wait>& waits_ = world_.pools.of<Wait>();
};

}  // namespace prodsim
