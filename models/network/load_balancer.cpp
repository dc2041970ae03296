// Nodes that take calls and hand each on to an instance of one component. Every node has its own
// view of the instances behind it and forwards through the same policies as any caller: what a
// balancer does is a chain, what it adds is a hop, a limit and something that can fail.
//
//     call ─▶ node ──connection──▶ latency ──▶ policies ──▶ target ──▶ reply, connection freed
//               └─ all in use ▶ rejected_overload
//
// When the caller gives up, the node gives up on its own call at once.
//
// Simplifications: balancing is by request (layer 7), not by connection; the replies take no time
// in the node; a node does not run out of processor, only of connections; health checks are a
// controller of their own.

#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"
#include "sim/world/station.hpp"
#include "sim/world/taking_turns.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

class LoadBalancer final : public Callee {
public:
    struct Parameters {
        std::int64_t instances = 1;
        std::vector<std::string> zones;
        ComponentName target;
        std::optional<Policies> policy;
        Law<Duration> latency = "0s";
        std::int64_t connections = 16384;

        void describe(Fields& fields) {
            fields("target", target, "Who the calls are for; its operations are the balancer's.",
                   {.required = true, .position = 1});
            fields("instances", instances, "How many nodes share the calls.",
                   {.minimum = 0, .maximum = 60000});
            fields("zones", zones, "The zones they are spread over in turn; all zones if empty.");
            fields(
                "policy", policy,
                "What a node does around each call, outermost first; where none of it balances, "
                "the instances of the target take turns.",
                {.source = "AWS Application Load Balancer, target group attributes: round robin"});
            fields("latency", latency, "What a node adds to each call on its way in.");
            fields("connections", connections, "Calls under way through one node.",
                   {.minimum = 1,
                    .source = "ingress-nginx 1 ConfigMap max-worker-connections, of one worker"});
        }
    };

    LoadBalancer(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          forwarding_(taking_turns(world.catalogue, parameters.policy.value_or(Policies{}))),
          meters_(world.meters, this->name()) {}

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        return operation_behind(world_, parameters_.target, wanted);
    }

    void start() override {
        add_instances(parameters_.instances, zones_of(world_, parameters_.zones));
    }

    Workload workload() const override {
        return {.instances = parameters_.instances,
                .inside = parameters_.connections,
                .passes_to = {{parameters_.target}},
                .passes_at_once = parameters_.latency.distribution().mean() == 0,
                .passes_in_s = parameters_.latency.distribution().mean()};
    }

private:
    struct NodeMeters {
        NodeMeters(Meters& meters, std::string_view owner)
            : connections(meters, owner, "connections", "a connection"),
              latency(meters.histogram(owner, "latency", "From a call's arrival to its reply.")),
              failed(meters.counter(owner, "failed", "Calls that came back with a failure.")),
              abandoned(meters.counter(owner, "abandoned", "Calls whose caller gave up.")) {}

        StationMeters connections;
        Histogram& latency;
        Counter& failed;
        Counter& abandoned;
    };

    /// A call on its way through a node.
    struct Flight : Waiter {
        Call* call = nullptr;
        Call* child = nullptr;
        Timer arrival;  // at the end of the node's own latency
        Reply reply;
        bool answered = false;
        Neighbours<Flight> others;
    };

    class Forwarder final : public Instance {
    public:
        Forwarder(LoadBalancer& balancer, ZoneId zone, std::uint16_t number)
            : Instance(balancer.world_, balancer.name(), zone, number),
              parameters_(balancer.parameters_),
              meters_(balancer.meters_),
              stream_(world_.stream(balancer.name() + "/latency")),
              connections_(world_.engine, meters_.connections,
                           {.servers = parameters_.connections, .line = 0}, {}, {}),
              chain_(world_, balancer.forwarding_, {balancer.name(), number, zone},
                     callee_named(world_, parameters_.target)),
              full_(world_.reason(balancer.name(), "connections in use")) {}

        void on_reply(Call& child, Reply reply) override {
            auto& flight = child.caller_frame<Flight>();
            flight.child = nullptr;
            flight.reply = reply;
            flight.answered = true;
            go_on(flight);
        }

    private:
        void accept(Call& call) override {
            Flight& flight = flights_.acquire();
            if (connections_.enter(flight) == Station::Entry::refused) {
                flights_.release(flight);
                world_.calls.reply(call, {Outcome::rejected_overload, full_});
                return;
            }
            flight.call = &call;
            call.callee_note = reinterpret_cast<std::uint64_t>(&flight);
            inside_.push_back(flight);
            Draws draws = stream_.draws(call.demand_key());
            const double seconds =
                parameters_.latency.distribution().sample(draws) * condition().slow;
            if (seconds == 0) {
                forward(flight);
            } else {
                flight.arrival = world_.engine.after(from_seconds(seconds),
                                                     action<&Forwarder::arrived>(*this, flight));
            }
        }

        void arrived(Flight& flight) {
            flight.arrival = {};
            go_on(flight);
        }

        void go_on(Flight& flight) {
            if (condition().mode == Condition::Mode::hanging) {
                stalled_.add(flight);
            } else if (flight.answered) {
                finish(flight);
            } else {
                forward(flight);
            }
        }

        void forward(Flight& flight) {
            Call& child = world_.calls.open(*this, *flight.call, world_.now());
            child.route = 0;  // the caller's connection leads here, not to the target
            child.caller_note = reinterpret_cast<std::uint64_t>(&flight);
            flight.child = &child;
            world_.calls.send(child, chain_.head());
        }

        void finish(Flight& flight) {
            Call& call = *flight.call;
            const Reply reply = flight.reply;
            meters_.latency.record(world_.now() - call.started);
            if (!reply.good()) meters_.failed.add();
            forget(flight);
            world_.calls.reply(call, reply);
        }

        void give_up(Call& call) override {
            auto& flight = call.callee_frame<Flight>();
            meters_.abandoned.add();
            stop(flight);
            forget(flight);
            world_.calls.reply(call, {Outcome::cancelled, 0});
        }

        void stop(Flight& flight) {
            world_.engine.cancel(flight.arrival);
            if (flight.child != nullptr) world_.calls.abandon(*flight.child);
            stalled_.remove(flight);
        }

        void condition_changed(const Condition& before) override {
            const Condition& now = condition();
            if (now.capacity != before.capacity) {
                const auto left = static_cast<double>(parameters_.connections) * now.capacity;
                connections_.resize(static_cast<std::int64_t>(left));
            }
            if (now.mode != Condition::Mode::up) return;
            stalled_.release([this](Flight& flight) { go_on(flight); });
        }

        void crash() override {
            stalled_.clear();
            while (!inside_.empty()) {
                Flight& flight = *inside_.first();
                stop(flight);
                doom(*flight.call);
                forget(flight);
            }
        }

        void forget(Flight& flight) {
            connections_.leave(flight);
            inside_.remove(flight);
            flights_.release(flight);
        }

        const Parameters& parameters_;
        NodeMeters& meters_;
        Stream stream_;
        Station connections_;
        Chain chain_;
        ReasonId full_;
        Pool<Flight>& flights_ = world_.pools.of<Flight>();
        List<Flight, &Flight::others> inside_;
        Stalled<Flight> stalled_;
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Forwarder>(*this, zone, number);
    }

    const Parameters& parameters_;
    CallParameters forwarding_;
    NodeMeters meters_;
};

}  // namespace

void add_load_balancer(Catalogue& catalogue) {
    catalogue.component<LoadBalancer>("load_balancer",
                                      "Hands each call on to an instance of one component.");
}

}  // namespace prodsim
