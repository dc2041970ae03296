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
#include "sim/world/proxy.hpp"
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
        std::vector<ZoneName> zones;
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
    class Forwarder final : public Proxy {
    public:
        Forwarder(LoadBalancer& balancer, ZoneId zone, std::uint16_t number)
            : Proxy(balancer.world_, balancer.name(), zone, number, balancer.meters_,
                    balancer.parameters_.connections, balancer.parameters_.latency),
              chain_(world_, balancer.forwarding_, {balancer.name(), number, zone},
                     callee_named(world_, balancer.parameters_.target)) {}

    private:
        void forward(Flight& flight) override { world_.calls.send(open(flight), chain_.head()); }

        Chain chain_;
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Forwarder>(*this, zone, number);
    }

    const Parameters& parameters_;
    CallParameters forwarding_;
    ProxyMeters meters_;
};

}  // namespace

void add_load_balancer(Catalogue& catalogue) {
    catalogue.component<LoadBalancer>("load_balancer",
                                      "Hands each call on to an instance of one component.");
}

}  // namespace prodsim
