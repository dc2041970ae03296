// Lets only so many calls of one caller be under way at once, so that one slow callee cannot take
// all of the caller's threads. Whoever finds no permit is turned away, or waits a little.
//
// When the caller gives up, the permit is free at once although the callee may work on: a bulkhead
// bounds what its caller waits for, not what the callee has to do.

#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"
#include "sim/world/station.hpp"

#include <optional>
#include <utility>

namespace prodsim {
namespace {

class Bulkhead final : public Node {
public:
    struct Parameters {
        std::int64_t limit = 25;
        Duration wait{};
        std::optional<std::int64_t> queue;

        void describe(Fields& fields) {
            fields("limit", limit, "How many calls may be under way at once.",
                   {.minimum = 1, .position = 1, .source = "resilience4j 2 maxConcurrentCalls"});
            fields("wait", wait, "The longest wait for a permit; 0 turns calls away at once.",
                   {.minimum = 0, .source = "resilience4j 2 maxWaitDuration"});
            fields("queue", queue, "How many calls may wait; no limit unless given.",
                   {.minimum = 1});
            fields.rule(!queue || wait.count() > 0, "queue", "nobody waits while \"wait\" is 0");
        }
    };

    Bulkhead(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          meters_(world_.meters.shared<StationMeters>(behind.edge(), "bulkhead",
                                                      "a permit of the bulkhead")),
          station_(world_.engine, meters_, limits(parameters), action<&Bulkhead::admit>(*this),
                   action<&Bulkhead::expire>(*this)),
          next_(behind.next()),
          queueing_(world_.traces.label(behind.edge(), TimeKind::queue)),
          full_(world_.reason(behind.edge(), "bulkhead full")),
          waited_(world_.reason(behind.edge(), "bulkhead wait")) {}

    void on_call(Call& call) override {
        Permit& permit = permits_.acquire();
        permit.call = &call;
        call.callee_note = reinterpret_cast<std::uint64_t>(&permit);
        switch (station_.enter(permit)) {
            case Station::Entry::served:
                forward(permit);
                return;
            case Station::Entry::waits:
                world_.traces.spend(call, queueing_);
                return;
            case Station::Entry::refused:
                turn_away(permit, full_);
                return;
        }
    }

    void on_reply(Call& child, Reply reply) override {
        auto& permit = child.caller_frame<Permit>();
        Call& call = *permit.call;
        call.route = child.route;
        permit.child = nullptr;
        station_.leave(permit);
        permits_.release(permit);
        world_.calls.reply(call, reply);
    }

    // Whoever is let in next may fail at once and make the caller give up on a call whose answer is
    // on its way: then there is nothing left to do.
    void on_abandon(Call& call) override {
        auto& permit = call.callee_frame<Permit>();
        if (permit.waiting) {
            station_.withdraw(permit);
        } else if (permit.child == nullptr) {
            return;
        } else {
            world_.calls.abandon(*std::exchange(permit.child, nullptr));
            station_.leave(permit);
        }
        permits_.release(permit);
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    struct Permit : Waiter {
        Call* call = nullptr;
        Call* child = nullptr;
    };

    static Station::Limits limits(const Parameters& parameters) {
        const std::int64_t line = parameters.queue.value_or(Station::unlimited);
        return {.servers = parameters.limit,
                .line = parameters.wait.count() == 0 ? 0 : line,
                .patience = parameters.wait};
    }

    void forward(Permit& permit) {
        Call& child = world_.calls.open(*this, *permit.call, world_.now());
        permit.child = &child;
        child.caller_note = reinterpret_cast<std::uint64_t>(&permit);
        world_.calls.send(child, next_);
    }

    void admit(Waiter& waiter) { forward(static_cast<Permit&>(waiter)); }
    void expire(Waiter& waiter) { turn_away(static_cast<Permit&>(waiter), waited_); }

    void turn_away(Permit& permit, ReasonId reason) {
        Call& call = *permit.call;
        permits_.release(permit);
        world_.calls.reply(call, {Outcome::rejected_bulkhead, reason});
    }

    World& world_;
    StationMeters& meters_;
    Station station_;
    Node& next_;
    TimeLabelId queueing_;
    ReasonId full_;
    ReasonId waited_;
    Pool<Permit>& permits_ = world_.pools.of<Permit>();
};

}  // namespace

void add_bulkhead(Catalogue& catalogue) {
    catalogue.policy<Bulkhead>("bulkhead", PolicyKind::stateful,
                               "Lets only so many calls be under way at once.");
}

}  // namespace prodsim
