// A name that callers resolve before they call. Which component it leads to is what its name
// servers answer, and for how long resolvers keep the answer. The calls themselves do not pass
// through here: they go from the caller to the component of a record, over the network between
// those two, and a connection that is open outlives the answer that led to it.
//
//     call ─▶ resolver ──an answer is kept──▶ policies ─▶ component of the record
//                │                               ▲
//                └─expired─▶ name server ─ok─────┘ kept for the time to live
//                                 │ error ▶ "no such name", kept for negative_ttl ▶ no_endpoint
//                                 └ silence ▶ a stale answer where allowed,
//                                             else kept for failure_ttl ▶ no_endpoint
//
// Faults on the component hit its name servers, never the answers that are kept: when all servers
// are down, callers notice one by one as their answers expire. The fault `errors` makes servers
// deny the name, as after an automation that empties the zone, and the denial outlives the fault.
// `flush` empties the resolvers.
//
// When the caller gives up, a query goes on for the next who asks that resolver.
//
// Simplifications: the resolvers of one caller are equally busy, and each call picks its own; a
// caller that is asked through several instances has resolvers for each; a name has one level (no
// delegation, no CNAME) and one answer at a time; no server runs out of capacity, so the fault
// `capacity_loss` takes nothing; the checker of a record is one, not a quorum, and what it finds is
// published at once; callers that balance towards a name leave that to it.

#include "models/network/health_check.hpp"
#include "models/network/kept_answer.hpp"
#include "models/network/ways.hpp"
#include "sim/core/pool.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

enum class Routing : std::uint8_t { failover, weighted };

std::span<const Word> words(Routing) {
    static constexpr std::array all{
        Word{"failover", Routing::failover, "The first healthy record."},
        Word{"weighted", Routing::weighted, "Any healthy record, in proportion to `weights`."},
    };
    return all;
}

enum class Start : std::uint8_t { warm, cold };

std::span<const Word> words(Start) {
    static constexpr std::array all{
        Word{"warm", Start::warm, "Every resolver holds an answer of a random age."},
        Word{"cold", Start::cold, "No resolver holds an answer."},
    };
    return all;
}

struct DnsParameters {
    std::vector<ComponentName> records;
    Routing routing = Routing::failover;
    std::vector<double> weights;
    Duration ttl = std::chrono::seconds(60);
    std::optional<HealthCheck> health;
    std::vector<Choice<PolicyFamily>> policy;
    std::int64_t instances = 4;
    std::vector<ZoneName> zones;
    Law<Duration> latency = "20ms";
    std::int64_t resolvers = 1;
    Start start = Start::warm;
    Duration timeout = std::chrono::seconds(5);
    std::int64_t attempts = 2;
    Duration ttl_floor{};
    Duration ttl_ceiling = std::chrono::hours(24);
    Share ignoring{0};
    Duration negative_ttl = std::chrono::minutes(15);
    Duration failure_ttl = std::chrono::seconds(1);
    Duration serve_stale{};

    void describe(Fields& fields) {
        describe_zone(fields);
        describe_resolvers(fields);
    }

    KeepingRules keeping() const {
        const Duration life = std::min(std::max(ttl, ttl_floor), ttl_ceiling);
        return {life, negative_ttl, failure_ttl, serve_stale};
    }

private:
    void describe_zone(Fields& fields) {
        fields("records", records,
               "Where the name may lead: components that have the same operations in the same "
               "order.",
               {.required = true, .position = 1});
        fields("routing", routing, "Which of the records is the answer.");
        fields("weights", weights,
               "Weights of the records for `weighted`; records beyond the list have weight 1.",
               {.minimum = 0});
        fields("ttl", ttl, "How long an answer may be kept.",
               {.above = 0, .source = "Amazon Route 53: 60 s or less for health-checked records"});
        fields(
            "health", health,
            "Checks that take a record out of the answers; with none, or with no healthy record, "
            "all count as healthy.");
        fields("policy", policy,
               "What a caller does around a call to the component of a record, outermost first.");
        fields("instances", instances, "Name servers, which resolvers ask at random.",
               {.minimum = 1,
                .maximum = 60000,
                .source = "Amazon Route 53: a delegation set of four"});
        fields("zones", zones, "The zones they are spread over in turn; all zones if empty.");
        fields("latency", latency, "What a name server takes to answer, recursion included.",
               {.source = "assumed"});
        fields.rule(!records.empty(), "records", "must have at least one record");
    }

    void describe_resolvers(Fields& fields) {
        fields("resolvers", resolvers,
               "Caches between one calling instance and the name servers: 1 for a host, many for "
               "the public.",
               {.minimum = 1, .maximum = 1000000});
        fields("start", start, "What resolvers hold when the run begins.");
        fields("timeout", timeout, "How long a resolver waits for a name server.",
               {.above = 0, .source = "glibc 2.36 resolv.conf(5) timeout"});
        fields("attempts", attempts, "How often it asks before it gives up.",
               {.minimum = 1, .maximum = 5, .source = "glibc 2.36 resolv.conf(5) attempts"});
        fields("ttl_floor", ttl_floor, "Answers are kept at least so long, whatever they say.",
               {.minimum = 0, .source = "Unbound 1.17 cache-min-ttl"});
        fields("ttl_ceiling", ttl_ceiling, "Answers are kept at most so long.",
               {.above = 0, .source = "Unbound 1.17 cache-max-ttl"});
        fields("ignoring", ignoring,
               "The share of resolvers that keep their first answer for ever, as processes do that "
               "resolve once.",
               {.minimum = 0, .maximum = 1, .source = "RFC 1035 section 3.2.1: none should"});
        fields("negative_ttl", negative_ttl, "How long it is kept that there is no such name.",
               {.minimum = 0, .source = "Amazon Route 53: SOA record of a new zone, 900 s"});
        fields("failure_ttl", failure_ttl, "How long it is kept that no server answered.",
               {.minimum = 0, .source = "BIND 9.18 servfail-ttl"});
        fields("serve_stale", serve_stale,
               "How long after its end an answer still counts while no server answers.",
               {.minimum = 0, .source = "RFC 8767; off unless asked for, as in Unbound and BIND"});
        fields.rule(ttl_floor <= ttl_ceiling, "ttl_floor", "is above \"ttl_ceiling\"");
    }
};

struct DnsMeters {
    DnsMeters(Meters& meters, std::string_view owner, const std::vector<ComponentName>& records)
        : hits(meters.counter(owner, "hits", "Calls whose resolver held an answer.")),
          waited(meters.counter(owner, "waited", "Calls that waited for a name server.")),
          pinned(meters.counter(owner, "pinned", "Calls over a connection: nothing to resolve.")),
          stale(meters.counter(owner, "stale", "Calls that went by an answer past its end.")),
          unresolved(meters.counter(owner, "unresolved", "Calls that had nowhere to go.")),
          queries(meters.counter(owner, "queries", "Questions to name servers.")),
          denied(meters.counter(owner, "queries.denied", "Answered: there is no such name.")),
          failed(meters.counter(owner, "queries.failed", "Not answered.")),
          flips(meters.counter(owner, "health.changes", "Records that changed their health.")),
          unhealthy(meters.level(owner, "health.unhealthy", "Records out of the answers.")),
          resolution(meters.histogram(owner, "resolution", "What resolving added to a call.")) {
        for (const ComponentName& record : records) {
            to.push_back(&meters.counter(owner, "to." + record.name, "Calls that went there."));
        }
    }

    Counter& hits;
    Counter& waited;
    Counter& pinned;
    Counter& stale;
    Counter& unresolved;
    Counter& queries;
    Counter& denied;
    Counter& failed;
    Counter& flips;
    Level& unhealthy;
    Histogram& resolution;
    std::vector<Counter*> to;
};

/// Asks a record's component how it is, at a fixed pace from a random phase on.
class Checker final : public Node {
public:
    Checker(World& world, const Caller& caller, const HealthCheck& check, Callee& record,
            DnsMeters& meters)
        : world_(world),
          check_(check),
          meters_(meters),
          chain_(world, no_policies_, caller, record),
          operation_(record.operation(check.operation).value_or(0)),
          seed_(mix(hash_of(caller.component), caller.instance)) {}

    void start(double phase) {
        next_ = world_.engine.after(from_seconds(in_seconds(check_.interval) * phase),
                                    action<&Checker::check>(*this));
    }

    void stop() { world_.engine.cancel(next_); }

    bool is_healthy() const { return health_.is_healthy(); }

    void on_call(Call&) override {}
    void on_abandon(Call&) override {}
    void on_reply(Call&, Reply reply) override {
        world_.engine.cancel(limit_);
        judge(reply.good());
    }

private:
    void check() {
        next_ = world_.engine.after(check_.interval, action<&Checker::check>(*this));
        Request request;
        request.subject = mix(seed_, ++checks_);
        request.operation = operation_;
        Call& call = world_.calls.open(*this, request, world_.now());
        limit_ = world_.engine.after(check_.timeout, action<&Checker::expire>(*this, call));
        world_.calls.send(call, chain_.head());
    }

    void expire(Call& call) {
        world_.calls.abandon(call);
        judge(false);
    }

    void judge(bool good) {
        if (!health_.hear(good, check_.threshold)) return;
        meters_.flips.add();
        meters_.unhealthy.add(good ? -1 : 1, world_.now());
    }

    World& world_;
    const HealthCheck& check_;
    DnsMeters& meters_;
    CallParameters no_policies_;
    Chain chain_;
    std::uint16_t operation_;
    std::uint64_t seed_;
    std::uint64_t checks_ = 0;
    Health health_;
    Timer next_;
    Timer limit_;
};

class Dns final : public Callee {
public:
    using Parameters = DnsParameters;

    Dns(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          calling_{parameters.policy},
          meters_(world.meters, this->name(), parameters.records) {}

    std::pair<std::string, std::string> objection() const override {
        if (parameters_.weights.size() > parameters_.records.size()) {
            return {"there are more \"weights\" than \"records\"", "give one for each record"};
        }
        if (!parameters_.health) return {};
        for (const ComponentName& record : parameters_.records) {
            const std::string& wanted = parameters_.health->operation;
            if (world_.find(record.name) == nullptr) continue;
            if (operation_behind(world_, record, wanted)) continue;
            return {"\"" + record.name + "\" has no operation \"" + wanted + "\" to check",
                    "name one that all records have"};
        }
        return {};
    }

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        const auto number = operation_behind(world_, parameters_.records.front(), wanted);
        for (const ComponentName& record : parameters_.records) {
            if (operation_behind(world_, record, wanted) != number) return std::nullopt;
        }
        return number;
    }

    void start() override {
        const std::vector<ZoneId> zones = zones_of(world_, parameters_.zones);
        add_instances(parameters_.instances, zones);
        if (!parameters_.health) return;
        Stream phases = world_.stream(name() + "/health");
        for (std::size_t i = 0; i < parameters_.records.size(); ++i) {
            checkers_.push_back(std::make_unique<Checker>(
                world_, Caller{name(), i + 1, zones[i % zones.size()]}, *parameters_.health,
                callee_named(world_, parameters_.records[i]), meters_));
            checkers_.back()->start(phases.next().uniform());
        }
    }

    void stop_arrivals() override {
        for (const auto& checker : checkers_) checker->stop();
    }

    Workload workload() const override {
        Workload work{.instances = parameters_.instances, .passes_at_once = true};
        const std::size_t count = parameters_.records.size();
        double sum = 0;
        for (std::size_t i = 0; i < count; ++i) sum += weight(i);
        for (std::size_t i = 0; i < count; ++i) {
            const bool fails_over = parameters_.routing == Routing::failover;
            const double share = fails_over ? (i == 0 ? 1 : 0) : weight(i) / sum;
            const bool needed = share > 0 && (count == 1 || !parameters_.health);
            work.passes_to.push_back(
                {.target = parameters_.records[i], .count = share, .needed = needed});
        }
        return work;
    }

    bool flush() override {
        for (Stub* stub : stubs_) stub->forget();
        return true;
    }

    std::unique_ptr<Node> stub(const Caller& caller) override {
        auto stub = std::make_unique<Stub>(*this, caller);
        stubs_.push_back(stub.get());
        return stub;
    }

private:
    double weight(std::size_t record) const {
        if (parameters_.routing == Routing::failover) return 1;
        return record < parameters_.weights.size() ? parameters_.weights[record] : 1;
    }

    bool is_healthy(std::size_t record) const {
        return checkers_.empty() || checkers_[record]->is_healthy();
    }

    /// The record that a name server answers with now.
    std::size_t answer(Draws draws) const {
        const std::size_t count = parameters_.records.size();
        double sum = 0;
        for (std::size_t i = 0; i < count; ++i) sum += is_healthy(i) ? weight(i) : 0;
        const bool all = sum == 0;
        for (std::size_t i = 0; all && i < count; ++i) sum += weight(i);
        const bool fails_over = parameters_.routing == Routing::failover;
        double point = fails_over ? 0 : draws.uniform() * sum;
        std::size_t chosen = 0;
        for (std::size_t i = 0; i < count && point >= 0; ++i) {
            if (!all && !is_healthy(i)) continue;
            chosen = i;
            point -= weight(i);
        }
        return chosen;
    }

    // ---- a name server ----

    struct Question {
        Call* call;
        Timer end;
        Neighbours<Question> others;
    };

    class NameServer final : public Instance {
    public:
        NameServer(Dns& dns, ZoneId zone, std::uint16_t number)
            : Instance(dns.world_, dns.name(), zone, number),
              dns_(dns),
              latencies_(world_.stream(dns.name() + "/latency")),
              answers_(world_.stream(dns.name() + "/answers")) {}

        void on_reply(Call&, Reply) override {}  // it calls nobody

    private:
        void accept(Call& call) override {
            Question& question = questions_.acquire(Question{&call, {}, {}});
            call.callee_note = reinterpret_cast<std::uint64_t>(&question);
            inside_.push_back(question);
            Draws draws = latencies_.draws(call.demand_key());
            const double seconds =
                dns_.parameters_.latency.distribution().sample(draws) * condition().slow;
            question.end = world_.engine.after(from_seconds(seconds),
                                               action<&NameServer::answer>(*this, question));
        }

        void answer(Question& question) {
            if (condition().mode == Condition::Mode::hanging) {
                stalled_.add(question);
                return;
            }
            Call& call = *question.call;
            forget(question);
            call.route =
                static_cast<std::uint16_t>(dns_.answer(answers_.draws(call.demand_key())) + 1);
            world_.calls.reply(call, {});
        }

        void give_up(Call&) override {}  // it answers into the void

        void condition_changed(const Condition&) override {
            if (condition().mode != Condition::Mode::up) return;
            stalled_.release([this](Question& question) { answer(question); });
        }

        void crash() override {
            stalled_.clear();
            while (!inside_.empty()) {
                Question& question = *inside_.first();
                world_.engine.cancel(question.end);
                doom(*question.call);
                forget(question);
            }
        }

        void forget(Question& question) {
            inside_.remove(question);
            questions_.release(question);
        }

        Dns& dns_;
        Stream latencies_;
        Stream answers_;
        Pool<Question>& questions_ = world_.pools.of<Question>();
        List<Question, &Question::others> inside_;
        Stalled<Question> stalled_;
    };

    // ---- at the caller ----

    struct Lookup;

    /// A call on its way.
    struct Flight {
        Call* call = nullptr;
        Call* child = nullptr;
        Lookup* lookup = nullptr;  // that it waits for
        std::size_t record = 0;
        Neighbours<Flight> companions;
    };

    struct Resolver {
        KeptAnswer kept;
        Lookup* lookup = nullptr;  // under way
    };

    /// A question under way, and who waits for its answer.
    struct Lookup {
        Resolver* resolver = nullptr;
        Request request;
        Call* query = nullptr;
        Timer patience;
        unsigned tries = 0;
        List<Flight, &Flight::companions> waiting;
    };

    /// Resolves the calls of one calling instance and sends them to where the answers lead.
    class Stub final : public Node {
    public:
        Stub(Dns& dns, const Caller& caller)
            : world_(dns.world_),
              parameters_(dns.parameters_),
              rules_(parameters_.keeping()),
              meters_(dns.meters_),
              asking_(*this),
              edge_(std::string(caller.component) + " -> " + dns.name() + "#" +
                    std::to_string(caller.instance)),
              salt_(hash_of(edge_)),
              choices_(world_.stream(edge_ + "/resolvers")),
              resolvers_(static_cast<std::size_t>(parameters_.resolvers)),
              ways_(parameters_.records.size()),
              servers_(world_, no_policies_,
                       Caller{caller.component, caller.instance, caller.zone, true}, dns),
              resolving_(world_.traces.label(dns.name(), TimeKind::dns)),
              no_name_(world_.reason(dns.name(), "no such name")),
              silence_(world_.reason(dns.name(), "no name server answers")) {
            for (const ComponentName& record : parameters_.records) {
                chains_.push_back(std::make_unique<Chain>(world_, dns.calling_, caller,
                                                          callee_named(world_, record)));
            }
            Stream ages = world_.stream(edge_ + "/ages");
            for (Resolver& resolver : resolvers_) begin(resolver, ages.next(), dns);
        }

        void forget() {
            for (Resolver& resolver : resolvers_) resolver.kept.forget();
        }

        void on_call(Call& call) override {
            Flight& flight = flights_.acquire();
            flight.call = &call;
            call.callee_note = reinterpret_cast<std::uint64_t>(&flight);
            if (call.route != 0) {
                const Ways::Way way = ways_[call.route];
                meters_.pinned.add();
                forward(flight, way);
                return;
            }
            Resolver& resolver = resolver_of(call);
            if (resolver.kept.is_held(world_.now())) {
                meters_.hits.add();
                resolved(flight, resolver.kept);
            } else {
                meters_.waited.add();
                wait(flight, resolver);
            }
        }

        void on_reply(Call& child, Reply reply) override {
            auto& flight = child.caller_frame<Flight>();
            Call& call = *flight.call;
            call.route = ways_.number({flight.record, child.route});
            flights_.release(flight);
            world_.calls.reply(call, reply);
        }

        void on_abandon(Call& call) override {
            auto& flight = call.callee_frame<Flight>();
            if (flight.lookup != nullptr) {
                flight.lookup->waiting.remove(flight);
            } else {
                world_.calls.abandon(*flight.child);
            }
            flights_.release(flight);
            world_.calls.reply(call, {Outcome::cancelled, 0});
        }

    private:
        /// Hears the answers of name servers, as the stub hears those of components.
        class Asking final : public Node {
        public:
            explicit Asking(Stub& stub) : stub_(stub) {}
            void on_call(Call&) override {}
            void on_abandon(Call&) override {}
            void on_reply(Call& query, Reply reply) override {
                stub_.heard(query.caller_frame<Lookup>(), query.route, reply);
            }

        private:
            Stub& stub_;
        };

        void begin(Resolver& resolver, Draws draws, const Dns& dns) {
            if (draws.chance(parameters_.ignoring.value)) resolver.kept.ignore_ttl();
            const double age = draws.uniform();
            if (parameters_.start == Start::cold) return;
            resolver.kept.keep(dns.answer(draws), world_.now(), rules_);
            resolver.kept.age(from_seconds(age * in_seconds(rules_.life)));
        }

        Resolver& resolver_of(const Call& call) {
            if (resolvers_.size() == 1) return resolvers_.front();
            return resolvers_[choices_.draws(call.subject).below(resolvers_.size())];
        }

        void resolved(Flight& flight, const KeptAnswer& kept) {
            Call& call = *flight.call;
            if (kept.denial() != KeptAnswer::Denial::none) {
                meters_.unresolved.add();
                flights_.release(flight);
                const bool no_name = kept.denial() == KeptAnswer::Denial::no_such_name;
                world_.calls.reply(call, {Outcome::no_endpoint, no_name ? no_name_ : silence_});
                return;
            }
            meters_.resolution.record(world_.now() - call.started);
            if (kept.is_stale()) meters_.stale.add();
            forward(flight, {kept.record(), 0});
        }

        void forward(Flight& flight, Ways::Way way) {
            meters_.to[way.record]->add();
            flight.record = way.record;
            Call& child = world_.calls.open(*this, *flight.call, world_.now());
            child.route = way.endpoint;
            child.caller_note = reinterpret_cast<std::uint64_t>(&flight);
            flight.child = &child;
            world_.calls.send(child, chains_[way.record]->head());
        }

        void wait(Flight& flight, Resolver& resolver) {
            const bool is_first = resolver.lookup == nullptr;
            if (is_first) {
                resolver.lookup = &lookups_.acquire();
                resolver.lookup->resolver = &resolver;
                resolver.lookup->request.subject = mix(salt_, ++asked_);
            }
            world_.traces.spend(*flight.call, resolving_);
            flight.lookup = resolver.lookup;
            flight.lookup->waiting.push_back(flight);
            if (is_first) ask(*resolver.lookup);
        }

        void ask(Lookup& lookup) {
            meters_.queries.add();
            lookup.request.set_attempt(salt_, ++lookup.tries);
            Call& query = world_.calls.open(asking_, lookup.request, world_.now());
            query.caller_note = reinterpret_cast<std::uint64_t>(&lookup);
            lookup.query = &query;
            const bool has_stale = lookup.resolver->kept.may_serve_stale(world_.now());
            const Duration patience =
                has_stale ? std::min(parameters_.timeout, stale_after) : parameters_.timeout;
            lookup.patience = world_.engine.after(patience, action<&Stub::expire>(*this, lookup));
            world_.calls.send(query, servers_.head());
        }

        void expire(Lookup& lookup) {
            world_.calls.abandon(*lookup.query);
            fail(lookup);
        }

        void heard(Lookup& lookup, std::uint16_t answer, Reply reply) {
            world_.engine.cancel(lookup.patience);
            KeptAnswer& kept = lookup.resolver->kept;
            if (reply.good()) {
                kept.keep(answer - 1u, world_.now(), rules_);
                end(lookup);
            } else if (reply.outcome == Outcome::error) {
                meters_.denied.add();
                kept.deny_name(world_.now(), rules_);
                end(lookup);
            } else {
                fail(lookup);
            }
        }

        void fail(Lookup& lookup) {
            meters_.failed.add();
            KeptAnswer& kept = lookup.resolver->kept;
            if (kept.may_serve_stale(world_.now())) {
                kept.serve_stale(world_.now());
            } else if (lookup.tries < parameters_.attempts) {
                ask(lookup);
                return;
            } else {
                kept.deny_service(world_.now(), rules_);
            }
            end(lookup);
        }

        // Whoever goes on may call here again, so the answer is a copy.
        void end(Lookup& lookup) {
            const KeptAnswer answer = lookup.resolver->kept;
            lookup.resolver->lookup = nullptr;
            while (!lookup.waiting.empty()) {
                Flight& flight = *lookup.waiting.first();
                lookup.waiting.remove(flight);
                flight.lookup = nullptr;
                resolved(flight, answer);
            }
            lookups_.release(lookup);
        }

        // RFC 8767 section 5: the client response timer.
        static constexpr Duration stale_after = std::chrono::milliseconds(1800);

        World& world_;
        const Parameters& parameters_;
        KeepingRules rules_;
        DnsMeters& meters_;
        Asking asking_;
        std::string edge_;
        std::uint64_t salt_;
        Stream choices_;
        std::vector<Resolver> resolvers_;
        Ways ways_;
        CallParameters no_policies_;
        Chain servers_;
        std::vector<std::unique_ptr<Chain>> chains_;  // to the components of the records
        TimeLabelId resolving_;
        ReasonId no_name_;
        ReasonId silence_;
        std::uint64_t asked_ = 0;
        Pool<Flight>& flights_ = world_.pools.of<Flight>();
        Pool<Lookup>& lookups_ = world_.pools.of<Lookup>();
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<NameServer>(*this, zone, number);
    }

    const Parameters& parameters_;
    CallParameters calling_;
    DnsMeters meters_;
    std::vector<std::unique_ptr<Checker>> checkers_;
    std::vector<Stub*> stubs_;
};

}  // namespace

void add_dns(Catalogue& catalogue) {
    catalogue.component<Dns>("dns", "A name that callers resolve and keep for its time to live.");
}

}  // namespace prodsim
