// Sets the instant after which nobody needs the answer. It travels with the call to everything that
// is called on its behalf, so callees may decline to start what would be late. At the instant
// itself the caller gives up. A call whose deadline has passed is not sent. When the caller gives
// up earlier, so does this.
//
// Simplification: clocks agree; a deadline loses nothing on its way from one machine to another.

#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

#include <algorithm>
#include <utility>

namespace prodsim {
namespace {

class Deadline final : public Node {
public:
    struct Parameters {
        Duration limit = std::chrono::seconds(1);

        void describe(Fields& fields) {
            fields("limit", limit,
                   "How long the whole request may take from here; an earlier deadline stands.",
                   {.above = 0, .required = true, .position = 1});
        }
    };

    Deadline(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          limit_(parameters.limit),
          next_(behind.next()),
          reason_(world_.reason(behind.edge(), "deadline")),
          exceeded_(world_.meters.counter(behind.edge(), "deadline.exceeded",
                                          "Calls that were given up at their deadline.")),
          unsent_(world_.meters.counter(behind.edge(), "deadline.unsent",
                                        "Calls not made because their deadline had passed.")) {}

    void on_call(Call& call) override {
        if (call.deadline <= world_.now()) {
            unsent_.add();
            world_.calls.reply(call, {Outcome::deadline_exceeded, reason_});
            return;
        }
        Wait& wait = waits_.acquire();
        wait.call = &call;
        wait.child = &world_.calls.open(*this, call, world_.now());
        wait.child->deadline = std::min(call.deadline, world_.now() + limit_);
        wait.child->caller_note = reinterpret_cast<std::uint64_t>(&wait);
        call.callee_note = reinterpret_cast<std::uint64_t>(&wait);
        wait.timer = world_.engine.at(wait.child->deadline, action<&Deadline::expire>(*this, wait));
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

    // The end of the child may make the caller give up while `expire` is at it.
    void on_abandon(Call& call) override {
        auto& wait = call.callee_frame<Wait>();
        if (wait.child == nullptr) return;
        world_.engine.cancel(wait.timer);
        end(wait, {Outcome::cancelled, 0});
    }

private:
    struct Wait {
        Call* call = nullptr;
        Call* child = nullptr;
        Timer timer;
    };

    void expire(Wait& wait) {
        exceeded_.add();
        end(wait, {Outcome::deadline_exceeded, reason_});
    }

    void end(Wait& wait, Reply reply) {
        Call& call = *wait.call;
        world_.calls.abandon(*std::exchange(wait.child, nullptr));
        waits_.release(wait);
        world_.calls.reply(call, reply);
    }

    World& world_;
    Duration limit_;
    Node& next_;
    ReasonId reason_;
    Counter& exceeded_;
    Counter& unsent_;
    Pool<Wait>& waits_ = world_.pools.of<Wait>();
};

}  // namespace

void add_deadline(Catalogue& catalogue) {
    catalogue.policy<Deadline>("deadline", PolicyKind::stateless,
                               "Bounds the whole request; callees know the bound.");
}

}  // namespace prodsim
