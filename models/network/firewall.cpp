// Stands in the way and looks at each call before it lets it through: a firewall, a web application
// firewall, a rate limiter, or all of them. Its target is called through the same policies as by
// any caller.
//
//     call ─▶ connection table ─▶ cpu ─▶ rules ─▶ limit ─▶ policies ─▶ target ─▶ reply
//               └─ full ▶ silence         │        └─ over ▶ rejected_rate, with Retry-After
//                                         └─ false positive ▶ rejected_rule
//
// A connection is in the table from its call to its reply, so a slow target fills it. The table
// that is full drops in silence, as a packet filter does: the caller finds out by its timeout. When
// an instance is down, `fails: closed` stops its calls as any process that is down, and `open` lets
// them pass unseen, as a device with a bypass does. The fault `errors` is a bad rule: that share of
// calls ends as rejected_rule; `slow` is one that is expensive.
//
// When the caller gives up, the firewall gives up on its own call at once; at the processor the
// work is done all the same.
//
// Simplifications: there are no attackers, so what a rule blocks is always a mistake; each instance
// counts for itself, as with a local store; a limit of one client is that of whoever shares its
// address; replies are not looked at; idle connections take no room in the table.

#include "models/data/popularity.hpp"
#include "models/resilience/limiter.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"
#include "sim/world/station.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

enum class Failing : std::uint8_t { closed, open };

std::span<const Word> words(Failing) {
    static constexpr std::array all{
        Word{"closed", Failing::closed, "Its calls fail: nothing passes unseen."},
        Word{"open", Failing::open, "Its calls pass unseen."},
    };
    return all;
}

struct ClientLimit : RateLaw {
    std::int64_t clients = 0;
    Choice<PopularityFamily> popularity{"uniform", UniformPopularity{}};

    void describe(Fields& fields) {
        RateLaw::describe(fields);
        fields("clients", clients,
               "Counts for each of so many clients apart; 0 counts all calls together.",
               {.minimum = 0, .maximum = 100000000});
        fields("popularity", popularity, "How busy each of the `clients` is.");
        fields.rule(clients == 0 || !per, "clients", "must be 0 where a limit is that of a tenant");
        const auto* weighted = popularity.as<WeightedPopularity>();
        fields.rule(
            weighted == nullptr || weighted->weights.size() == static_cast<std::uint64_t>(clients),
            "popularity", "must have one weight for each of the \"clients\"");
    }
};

/// The limiters of all clients seen so far.
class Limits {
public:
    Limits(const ClientLimit& law, Stream clients)
        : law_(law), clients_(clients), popularity_(law.popularity, std::max(law.clients, one)) {}

    /// How long the call has to wait to be let through; 0 when it passes, and is counted.
    Duration wait(const Request& request, Time now) {
        Limiter& limiter = limiter_of(request);
        const Time turn = limiter.next(now);
        if (turn == now) limiter.book(now);
        return turn - now;
    }

private:
    static constexpr std::int64_t one = 1;

    Limiter& limiter_of(const Request& request) {
        std::uint64_t client = law_.per ? request.tenant : 0;
        if (law_.clients > 0) {
            Draws draws = clients_.draws(request.subject);
            client = popularity_.object(draws);
        }
        const auto [place, is_new] = limiters_.try_emplace(client, law_);
        return place->second;
    }

    const ClientLimit& law_;
    Stream clients_;
    Popularity popularity_;
    std::map<std::uint64_t, Limiter> limiters_;
};

struct FirewallParameters {
    ComponentName target;
    std::int64_t instances = 1;
    std::vector<ZoneName> zones;
    double cores = 4;
    Law<Duration> cpu = "100us";
    std::int64_t connections = 262144;
    Share false_positives{0};
    std::optional<ClientLimit> limit;
    Failing fails = Failing::closed;
    std::vector<Choice<PolicyFamily>> policy;

    void describe(Fields& fields) {
        fields("target", target, "Who the calls are for; its operations are the firewall's.",
               {.required = true, .position = 1});
        fields("instances", instances, "How many instances share the calls.",
               {.minimum = 1, .maximum = 60000});
        fields("zones", zones, "The zones they are spread over in turn; all zones if empty.");
        fields("cores", cores, "Cores of one instance; calls take turns on them.",
               {.minimum = 1, .source = "assumed"});
        fields("cpu", cpu, "Processor time to look at a call.",
               {.source = "assumed: a managed rule set without expensive expressions"});
        fields("connections", connections, "Calls under way through one instance.",
               {.minimum = 1, .source = "Linux 6.1 nf_conntrack_max with 4 GiB of memory or more"});
        fields("false_positives", false_positives,
               "The share of calls that the rules block by mistake; the same at every attempt.",
               {.minimum = 0, .maximum = 1});
        fields("limit", limit, "A rate above which calls are turned away.");
        fields("fails", fails, "What becomes of calls while an instance is down.");
        fields("policy", policy, "What is done around a call to the target, outermost first.");
    }
};

struct FirewallMeters {
    FirewallMeters(Meters& meters, std::string_view owner)
        : connections(meters, owner, "connections", "a place in the table"),
          cpu(meters, owner),
          latency(meters.histogram(owner, "latency", "From a call's arrival to its reply.")),
          blocked(meters.counter(owner, "blocked", "Calls that a rule blocked by mistake.")),
          limited(meters.counter(owner, "limited", "Calls over the limit.")),
          dropped(meters.counter(owner, "dropped", "Calls dropped because the table was full.")),
          unseen(meters.counter(owner, "unseen", "Calls let through while an instance was down.")),
          wasted(
              meters.counter(owner, "wasted", "Calls looked at although their caller had gone.")) {}

    StationMeters connections;
    CpuMeters cpu;
    Histogram& latency;
    Counter& blocked;
    Counter& limited;
    Counter& dropped;
    Counter& unseen;
    Counter& wasted;
};

class Firewall final : public Callee {
public:
    using Parameters = FirewallParameters;

    Firewall(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          forwarding_{parameters.policy},
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
                .passes_at_once = parameters_.cpu.distribution().mean() == 0};
    }

private:
    /// A call on its way through.
    struct Flight : Waiter, CpuTask {
        Call* call = nullptr;
        Call* child = nullptr;
        bool on_cpu = false;
        bool in_table = false;
        bool answered = false;
        Reply reply;
        Neighbours<Flight> others;
    };

    class Inspector final : public Instance {
    public:
        Inspector(Firewall& firewall, ZoneId zone, std::uint16_t number)
            : Instance(firewall.world_, firewall.name(), zone, number),
              parameters_(firewall.parameters_),
              meters_(firewall.meters_),
              demands_(world_.stream(firewall.name())),
              mistakes_(world_.stream(firewall.name() + "/false positives")),
              table_(world_.engine, meters_.connections,
                     {.servers = parameters_.connections, .line = 0}, {}, {}),
              cpu_(world_.engine, meters_.cpu, parameters_.cores,
                   static_cast<std::int64_t>(parameters_.cores),
                   action<&Inspector::computed>(*this)),
              chain_(world_, firewall.forwarding_, Caller{firewall.name(), number, zone},
                     callee_named(world_, parameters_.target)),
              blocked_(world_.reason(firewall.name(), "false positive")),
              limited_(world_.reason(firewall.name(), "limit")) {
            ends_faulty_calls_with(Outcome::rejected_rule);
            if (!parameters_.limit) return;
            limits_.emplace(*parameters_.limit, world_.stream(firewall.name() + "/clients"));
        }

        void on_reply(Call& child, Reply reply) override {
            auto& flight = child.caller_frame<Flight>();
            flight.child = nullptr;
            flight.reply = reply;
            flight.answered = true;
            if (condition().mode == Condition::Mode::hanging && flight.in_table) {
                stalled_.add(flight);
            } else {
                finish(flight, reply);
            }
        }

    private:
        void accept(Call& call) override {
            Flight& flight = begin(call);
            if (table_.enter(flight) == Station::Entry::refused) {
                meters_.dropped.add();
                world_.calls.swallow();
                return;
            }
            flight.in_table = true;
            Draws draws = demands_.draws(call.demand_key());
            const Duration demand = sample_duration(parameters_.cpu.distribution(), draws);
            if (demand.count() == 0) {
                look_at(flight);
            } else {
                flight.on_cpu = true;
                cpu_.run(flight, demand);
            }
        }

        bool takes_anyway(Call& call) override {
            if (parameters_.fails == Failing::closed) return false;
            meters_.unseen.add();
            forward(begin(call));
            return true;
        }

        Flight& begin(Call& call) {
            Flight& flight = flights_.acquire();
            flight.call = &call;
            call.callee_note = reinterpret_cast<std::uint64_t>(&flight);
            inside_.push_back(flight);
            return flight;
        }

        void computed(CpuTask& task) {
            Flight& flight = static_cast<Flight&>(task);
            flight.on_cpu = false;
            look_at(flight);
        }

        void look_at(Flight& flight) {
            const Call& call = *flight.call;
            if (call.is_abandoned()) {
                meters_.wasted.add();
                finish(flight, {Outcome::cancelled, 0});
                return;
            }
            Draws draws = mistakes_.draws(call.subject);
            if (draws.chance(parameters_.false_positives.value)) {
                meters_.blocked.add();
                finish(flight, {Outcome::rejected_rule, blocked_});
                return;
            }
            const Duration wait = limits_ ? limits_->wait(call, world_.now()) : Duration{0};
            if (wait.count() > 0) {
                meters_.limited.add();
                finish(flight, {Outcome::rejected_rate, limited_, retry_after_us(wait)});
                return;
            }
            forward(flight);
        }

        void forward(Flight& flight) {
            Call& child = world_.calls.open(*this, *flight.call, world_.now());
            child.route = 0;  // the caller's connection leads here, not to the target
            child.caller_note = reinterpret_cast<std::uint64_t>(&flight);
            flight.child = &child;
            world_.calls.send(child, chain_.head());
        }

        void finish(Flight& flight, Reply reply) {
            Call& call = *flight.call;
            meters_.latency.record(world_.now() - call.started);
            forget(flight);
            world_.calls.reply(call, reply);
        }

        bool was_dropped(const Flight& flight) const {
            return !flight.in_table && flight.child == nullptr && !flight.answered;
        }

        void give_up(Call& call) override {
            auto& flight = call.callee_frame<Flight>();
            if (flight.on_cpu) return;
            if (was_dropped(flight)) world_.calls.give_back();
            if (flight.child != nullptr) world_.calls.abandon(*flight.child);
            stalled_.remove(flight);
            forget(flight);
            world_.calls.reply(call, {Outcome::cancelled, 0});
        }

        void condition_changed(const Condition& before) override {
            weaken(cpu_, {.cores = parameters_.cores}, condition());
            if (condition().capacity != before.capacity) {
                const auto left =
                    static_cast<double>(parameters_.connections) * condition().capacity;
                table_.resize(static_cast<std::int64_t>(left));
            }
            if (condition().mode != Condition::Mode::up) return;
            stalled_.release([this](Flight& flight) { finish(flight, flight.reply); });
        }

        void crash() override {
            stalled_.clear();
            while (!inside_.empty()) {
                Flight& flight = *inside_.first();
                if (flight.on_cpu) cpu_.stop(flight);
                if (was_dropped(flight)) world_.calls.give_back();
                if (flight.child != nullptr) world_.calls.abandon(*flight.child);
                doom(*flight.call);
                forget(flight);
            }
        }

        void forget(Flight& flight) {
            if (flight.in_table) table_.leave(flight);
            inside_.remove(flight);
            flights_.release(flight);
        }

        const Parameters& parameters_;
        FirewallMeters& meters_;
        Stream demands_;
        Stream mistakes_;
        Station table_;
        Cpu cpu_;
        Chain chain_;
        std::optional<Limits> limits_;
        ReasonId blocked_;
        ReasonId limited_;
        Pool<Flight>& flights_ = world_.pools.of<Flight>();
        List<Flight, &Flight::others> inside_;
        Stalled<Flight> stalled_;
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Inspector>(*this, zone, number);
    }

    const Parameters& parameters_;
    CallParameters forwarding_;
    FirewallMeters meters_;
};

}  // namespace

void add_firewall(Catalogue& catalogue) {
    add_popularity(catalogue.families);
    catalogue.component<Firewall>("firewall", "Looks at each call before it lets it through.");
}

}  // namespace prodsim
