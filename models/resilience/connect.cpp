// Opens a connection for each call and closes it after the reply, as users do who come once, and
// programs that keep nothing:
//
//     call ─▶ connect ─▶ agree on keys ─▶ call over it ─▶ reply
//               └───────────┴─ refused, reset ─▶ reply: it never reached the application
//
// When the caller gives up, the connection is given up at once, whatever it is doing.
//
// Simplifications: closing takes no time and no port; see also sim/world/greeting.hpp.

#include "sim/core/pool.hpp"
#include "sim/world/greeting.hpp"

#include <utility>

namespace prodsim {
namespace {

class Connect final : public Node, private Greeter::Host {
public:
    struct Parameters {
        Transport transport = Transport::tls_1_3;
        Share resumed;

        void describe(Fields& fields) {
            fields("transport", transport, "What is opened.", {.position = 1});
            fields("resumed", resumed, "The share of connections that take up an earlier session.");
        }
    };

    Connect(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          resumed_(parameters.resumed.value),
          next_(behind.next()),
          greeter_(behind, next_, parameters.transport, *this),
          chance_(behind.stream("connect")),
          opened_(world_.meters.counter(behind.edge(), "connect.opened", "Connections opened.")),
          failed_(world_.meters.counter(behind.edge(), "connect.failed",
                                        "Connections that could not be opened.")) {}

    void on_call(Call& call) override {
        Visit& visit = visits_.acquire();
        visit.call = &call;
        visit.route = call.route;  // a pool around this one may have chosen
        call.callee_note = reinterpret_cast<std::uint64_t>(&visit);
        greeter_.begin(visit, call);
    }

    void on_reply(Call& child, Reply reply) override {
        auto& visit = child.caller_frame<Visit>();
        Call& call = *visit.call;
        call.route = child.route;
        visits_.release(visit);
        world_.calls.reply(call, reply);
    }

    // Between the end of the child and the reply there is nothing in which a caller could give up.
    void on_abandon(Call& call) override {
        auto& visit = call.callee_frame<Visit>();
        greeter_.stop(visit);
        if (visit.child != nullptr) world_.calls.abandon(*visit.child);
        visits_.release(visit);
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    struct Visit : Greeting {
        Call* call = nullptr;
        Call* child = nullptr;
    };

    void turned(Greeting& greeting) override {
        world_.traces.spend(*static_cast<Visit&>(greeting).call, greeting.label);
    }

    bool resumes(const Greeting& greeting) override {
        return chance_.draws(greeting.cause.demand_key()).chance(resumed_);
    }

    void opened(Greeting& greeting) override {
        auto& visit = static_cast<Visit&>(greeting);
        opened_.add();
        Call& child = world_.calls.open(*this, *visit.call, world_.now());
        child.route = visit.route;
        child.caller_note = reinterpret_cast<std::uint64_t>(&visit);
        visit.child = &child;
        world_.calls.send(child, next_);
    }

    void not_opened(Greeting& greeting, Reply reply) override {
        auto& visit = static_cast<Visit&>(greeting);
        failed_.add();
        Call& call = *visit.call;
        call.route = visit.route;
        visits_.release(visit);
        world_.calls.reply(call, reply);
    }

    World& world_;
    double resumed_;
    Node& next_;
    Greeter greeter_;
    Stream chance_;
    Counter& opened_;
    Counter& failed_;
    Pool<Visit>& visits_ = world_.pools.of<Visit>();
};

}  // namespace

void add_connect(Catalogue& catalogue) {
    catalogue.policy<Connect>("connect", PolicyKind::stateless,
                              "Opens a connection for each call and closes it after the reply.");
}

}  // namespace prodsim
