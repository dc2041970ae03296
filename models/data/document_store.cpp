// Objects by key, each on several nodes. Whichever node a call arrives at coordinates it: it asks
// all replicas of the key and answers when the quorum has answered, so its latency is that of the
// quorum-th fastest.
//
//     call ─▶ partition's quota ─▶ enough replicas up ─▶ to each replica: leg, cpu, leg back
//                │ throttled          └ no quorum         └─ the quorum-th ▶ ok, or stale
//                                                          └─ not in time ▶ error
//
// Reads and writes of which the quorums do not overlap may miss each other. Every write has a
// version, and a read is stale when none of the answers that it waited for has the newest version
// that had been acknowledged when it began.
//
// When the caller gives up, nothing changes: replicas that were asked do their work. Nodes that are
// down are known to be down at once. A node that crashes keeps what it had and drops what it was
// doing; a coordinator that crashes takes its calls with it, but not what it asked of others.
//
// Simplifications: what a node missed while it was down it never gets, until the key is written
// again (no hinted handoff, no read repair); versions are counted, so clocks and conflicts do not
// matter; partitions neither split nor move, and nodes neither join nor leave; messages between
// nodes take the time of their legs and feel no cut of the network; a quota counts calls, not
// bytes.

#include "models/data/contents.hpp"
#include "models/data/popularity.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

constexpr std::int64_t most_replicas = 7;

struct Operation {
    bool write = false;
    std::optional<std::int64_t> quorum;
    double units = 1;
    Law<Duration> cpu = "100us";

    void describe(Fields& fields) {
        fields("write", write, "It changes the object.", {.position = 1});
        fields("quorum", quorum, "Replicas that must answer; a majority if not given.",
               {.minimum = 1,
                .maximum = most_replicas,
                .source = "MongoDB 8.0 writes to a majority; Apache Cassandra 5.0 drivers default "
                          "to one"});
        fields("units", units, "How much of the partition's quota a call takes.",
               {.minimum = 0,
                .source = "Amazon DynamoDB: 1 for a strong read up to 4 kB or a write up to 1 kB, "
                          "half for an eventual read"});
        fields("cpu", cpu, "Processor time at each replica.", {.source = "assumed"});
    }
};

/// How long messages between nodes take, apart from the work that they cause.
struct Legs {
    Law<Duration> write = "lognormal(p50=0.5ms, p99=3ms)";
    Law<Duration> acknowledge = "lognormal(p50=0.5ms, p99=3ms)";
    Law<Duration> read = "lognormal(p50=0.5ms, p99=3ms)";
    Law<Duration> answer = "lognormal(p50=0.5ms, p99=3ms)";

    void describe(Fields& fields) {
        const FieldOptions assumed{.source = "assumed: three zones of a region"};
        fields("write", write, "A write on its way to a replica.", assumed);
        fields("acknowledge", acknowledge, "The reply to a write.", assumed);
        fields("read", read, "A read on its way to a replica.", assumed);
        fields("answer", answer, "The reply to a read.", assumed);
    }
};

/// What one partition allows. Tokens drip in at a rate up to those of the burst.
class Quota {
public:
    Quota(Rate rate, Duration burst)
        : rate_(rate.per_second),
          most_(std::max(1.0, rate.per_second * in_seconds(burst))),
          tokens_(most_) {}

    bool take(double units, Time now) {
        if (rate_ == 0) return true;
        tokens_ = std::min(most_, tokens_ + rate_ * in_seconds(now - since_));
        since_ = now;
        if (tokens_ < units) return false;
        tokens_ -= units;
        return true;
    }

private:
    double rate_;
    double most_;
    double tokens_;
    Time since_{};
};

class DocumentStore final : public Callee {
public:
    struct Parameters {
        std::int64_t nodes = 3;
        std::vector<ZoneName> zones;
        std::int64_t replicas = 3;
        std::int64_t partitions = 1;
        std::int64_t keys = 1000000;
        Choice<PopularityFamily> popularity{"zipf", ZipfPopularity{}};
        Rate partition_reads{3000};
        Rate partition_writes{1000};
        Duration burst = std::chrono::seconds(300);
        double cores = 4;
        Legs legs;
        Duration read_timeout = std::chrono::seconds(5);
        Duration write_timeout = std::chrono::seconds(2);
        Named<Operation> operations;

        void describe(Fields& fields) {
            fields("nodes", nodes, "How many nodes the replicas are spread over.",
                   {.minimum = 1, .maximum = 10000});
            fields("zones", zones, "The zones they are spread over in turn; all zones if empty.");
            fields("cores", cores, "Processor cores of one node.",
                   {.above = 0, .source = "assumed"});
            fields("replicas", replicas, "On how many nodes an object is, one after another.",
                   {.minimum = 1,
                    .maximum = most_replicas,
                    .source = "Amazon DynamoDB: three; usual for Apache Cassandra and MongoDB"});
            fields("legs", legs, "How long messages between nodes take.");
            describe_partitions(fields);
            const std::string_view cassandra = "Apache Cassandra 5.0 cassandra.yaml";
            fields("read_timeout", read_timeout, "How long a read waits for its quorum.",
                   {.above = 0, .source = cassandra});
            fields("write_timeout", write_timeout, "How long a write waits for its quorum.",
                   {.above = 0, .source = cassandra});
            fields("operations", operations, "What it can be asked to do.", {.required = true});
            fields.rule(replicas <= nodes, "replicas", "must not be more than \"nodes\"");
            for (const auto& item : operations) {
                fields.rule(item.value.quorum.value_or(1) <= replicas, "operations",
                            "the quorum of \"" + item.name + "\" is more than \"replicas\"");
            }
        }

    private:
        void describe_partitions(Fields& fields) {
            fields("keys", keys, "How many objects there are.",
                   {.minimum = 1, .maximum = std::int64_t{1} << 48, .source = "assumed"});
            fields("popularity", popularity, "How often each of the `keys` is asked for.");
            fields("partitions", partitions, "Over which the keys are spread by their hash.",
                   {.minimum = 1, .maximum = 1000000});
            const std::string_view dynamo =
                "Amazon DynamoDB Developer Guide: of a partition; Cassandra and MongoDB have none";
            fields("partition_reads", partition_reads,
                   "Units a second that a partition reads; 0 is no limit.",
                   {.minimum = 0, .source = dynamo});
            fields("partition_writes", partition_writes,
                   "Units a second that a partition writes; 0 is no limit.",
                   {.minimum = 0, .source = dynamo});
            fields("burst", burst, "Unused units are kept for this long.",
                   {.minimum = 0, .source = "Amazon DynamoDB Developer Guide: 300 s"});
        }
    };

    DocumentStore(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          meters_(world.meters, this->name()),
          chosen_(world.stream(this->name() + "/keys")),
          popularity_(parameters.popularity, parameters.keys),
          reads_(static_cast<std::size_t>(parameters.partitions),
                 Quota(parameters.partition_reads, parameters.burst)),
          writes_(static_cast<std::size_t>(parameters.partitions),
                  Quota(parameters.partition_writes, parameters.burst)) {}

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        for (std::size_t i = 0; i < parameters_.operations.size(); ++i) {
            if (parameters_.operations[i].name == wanted) return static_cast<std::uint16_t>(i);
        }
        return std::nullopt;
    }

    void start() override { add_instances(parameters_.nodes, zones_of(world_, parameters_.zones)); }

    // A hot partition is throttled long before all partitions are: no quota is said here.
    Workload workload() const override {
        Workload work{.instances = parameters_.nodes};
        const auto replicas = static_cast<double>(parameters_.replicas);
        for (const auto& item : parameters_.operations) {
            work.operations.push_back(
                {item.name, {.cpu_s = replicas * item.value.cpu.distribution().mean()}});
        }
        work.add_cores({.sets = parameters_.nodes, .each = parameters_.cores});
        return work;
    }

private:
    struct StoreMeters {
        StoreMeters(Meters& meters, std::string_view owner)
            : cpu(meters, owner),
              inside(meters.level(owner, "inside", "Calls that nodes coordinate.")),
              stays(meters.stays(inside)),
              latency(meters.histogram(owner, "latency", "From a call's arrival to its reply.")),
              served(meters.counter(owner, "served", "Calls that got their quorum.")),
              stale(meters.counter(owner, "stale", "Reads that missed the newest version.")),
              throttled(meters.counter(owner, "throttled", "Calls over a partition's quota.")),
              unavailable(meters.counter(owner, "unavailable",
                                         "Calls refused because too few replicas were up.")),
              timed_out(meters.counter(owner, "timed_out", "Calls without a quorum in time.")),
              dropped(meters.counter(owner, "dropped", "Requests that a dead replica lost.")),
              wasted(meters.counter(owner, "wasted",
                                    "Calls answered although their caller had gone.")) {}

        CpuMeters cpu;
        Level& inside;
        StayBook& stays;
        Histogram& latency;
        Counter& served;
        Counter& stale;
        Counter& throttled;
        Counter& unavailable;
        Counter& timed_out;
        Counter& dropped;
        Counter& wasted;
    };

    /// What is known of one object that has been written.
    struct Versions {
        std::uint32_t latest = 0;        // given to a write
        std::uint32_t acknowledged = 0;  // the newest whose writer was told so
        std::array<std::uint32_t, most_replicas> at{};
    };

    /// A call that a node coordinates. It outlives its reply by what was asked of replicas.
    struct Coordination {
        Call* call = nullptr;  // none once it has ended
        const Operation* operation = nullptr;
        std::uint64_t key = 0;
        std::uint64_t draws = 0;
        std::uint32_t version = 0;   // that it writes
        std::uint32_t expected = 0;  // that a fresh read finds
        std::uint32_t newest = 0;    // found
        std::int64_t missing = 0;    // answers to the quorum
        std::uint32_t under_way = 0;
        Time since{};  // later than the call where the node hung when that came
        Timer timeout;
        Neighbours<Coordination> others;
    };

    class Node;

    /// What one replica is asked to do.
    struct Work : CpuTask {
        Coordination* coordination = nullptr;
        Node* coordinator = nullptr;
        Node* replica = nullptr;
        std::size_t number = 0;     // of the replica, for this key
        std::uint32_t version = 0;  // found
        bool on_cpu = false;
        Neighbours<Work> others;
    };

    class Node final : public Instance {
    public:
        Node(DocumentStore& store, ZoneId zone, std::uint16_t number)
            : Instance(store.world_, store.name(), zone, number),
              store_(store),
              parameters_(store.parameters_),
              meters_(store.meters_),
              legs_(world_.stream(store.name() + "/legs")),
              demands_(world_.stream(store.name())),
              cpu_(world_.engine, meters_.cpu, parameters_.cores, Cpu::unlimited,
                   action<&Node::computed>(*this)),
              throttled_(world_.reason(store.name(), "partition quota")),
              no_quorum_(world_.reason(store.name(), "no quorum")),
              too_late_(world_.reason(store.name(), "no quorum in time")),
              stale_(world_.reason(store.name(), "stale read")) {}

        void on_reply(Call&, Reply) override {}  // nodes talk without calls

        bool is_dead() const { return condition().mode >= Condition::Mode::refusing; }

    private:
        // ---- as a coordinator ----

        void accept(Call& call) override {
            const Operation& operation = parameters_.operations[call.operation].value;
            const std::uint64_t key = store_.key_of(call);
            if (!store_.allows(operation, key, world_.now())) {
                meters_.throttled.add();
                world_.calls.reply(call, {Outcome::rejected_rate, throttled_});
                return;
            }
            const std::int64_t quorum = operation.quorum.value_or(parameters_.replicas / 2 + 1);
            if (store_.replicas_up(key) < quorum) {
                meters_.unavailable.add();
                world_.calls.reply(call, {Outcome::error, no_quorum_});
                return;
            }
            coordinate(call, operation, key, quorum);
        }

        void coordinate(Call& call, const Operation& operation, std::uint64_t key,
                        std::int64_t quorum) {
            Coordination& coordination = coordinations_.acquire();
            call.callee_note = reinterpret_cast<std::uint64_t>(&coordination);
            inside_.push_back(coordination);
            meters_.inside.add(1, world_.now());
            coordination.since = world_.now();
            coordination.call = &call;
            coordination.operation = &operation;
            coordination.key = key;
            coordination.draws = call.demand_key();
            coordination.missing = quorum;
            Versions& versions = store_.versions_of(key);
            coordination.expected = versions.acknowledged;
            if (operation.write) coordination.version = ++versions.latest;
            const Duration limit =
                operation.write ? parameters_.write_timeout : parameters_.read_timeout;
            coordination.timeout =
                world_.engine.after(limit, action<&Node::give_up_quorum>(*this, coordination));
            for (std::size_t i = 0; i < store_.replicas(); ++i) ask(coordination, i);
        }

        void ask(Coordination& coordination, std::size_t number) {
            Node& replica = store_.replica(coordination.key, number);
            if (replica.is_dead()) return;
            Work& work = works_.acquire();
            work.coordination = &coordination;
            work.coordinator = this;
            work.replica = &replica;
            work.number = number;
            ++coordination.under_way;
            const Legs& legs = parameters_.legs;
            const bool write = coordination.operation->write;
            world_.engine.after(leg(write ? legs.write : legs.read, work, 0),
                                action<&Node::arrive>(replica, work));
        }

        // A slow node is slow to take messages and to send them.
        Duration leg(const Law<Duration>& law, const Work& work, std::uint64_t way) const {
            Draws draws = legs_.draws(mix(work.coordination->draws, 2 * work.number + way));
            return from_seconds(law.distribution().sample(draws) * work.replica->condition().slow);
        }

        void hear(Work& work) {
            Coordination& coordination = *work.coordination;
            coordination.newest = std::max(coordination.newest, work.version);
            settle(work);
        }

        void settle(Work& work) {
            Coordination& coordination = *work.coordination;
            works_.release(work);
            --coordination.under_way;
            if (coordination.call != nullptr && --coordination.missing == 0) {
                answer(coordination);
            } else {
                forget_if_done(coordination);
            }
        }

        void answer(Coordination& coordination) {
            if (condition().mode == Condition::Mode::hanging) {
                stalled_answers_.add(coordination);
                return;
            }
            Reply reply;
            if (coordination.operation->write) {
                Versions& versions = store_.versions_of(coordination.key);
                versions.acknowledged = std::max(versions.acknowledged, coordination.version);
            } else if (coordination.newest < coordination.expected) {
                meters_.stale.add();
                reply = {Outcome::stale, stale_};
            }
            meters_.served.add();
            meters_.latency.record(world_.now() - coordination.call->started);
            if (coordination.call->has(Trait::orphan)) meters_.wasted.add();
            end(coordination, reply);
        }

        void give_up_quorum(Coordination& coordination) {
            coordination.timeout = {};
            if (coordination.missing <= 0 || condition().mode == Condition::Mode::hanging) return;
            meters_.timed_out.add();
            end(coordination, {Outcome::error, too_late_});
        }

        void end(Coordination& coordination, Reply reply) {
            Call& call = *coordination.call;
            leave(coordination);
            world_.calls.reply(call, reply);
        }

        void leave(Coordination& coordination) {
            coordination.call = nullptr;
            world_.engine.cancel(coordination.timeout);
            meters_.inside.add(-1, world_.now());
            meters_.stays.add(world_.now() - coordination.since);
            inside_.remove(coordination);
            forget_if_done(coordination);
        }

        void forget_if_done(Coordination& coordination) {
            if (coordination.call != nullptr || coordination.under_way > 0) return;
            coordinations_.release(coordination);
        }

        // ---- as a replica ----

        void arrive(Work& work) {
            if (is_dead()) {
                lose(work);
                return;
            }
            works_here_.push_back(work);
            if (condition().mode == Condition::Mode::hanging) {
                stalled_work_.add(work);
            } else {
                begin(work);
            }
        }

        void begin(Work& work) {
            Draws draws = demands_.draws(mix(work.coordination->draws, work.number));
            const Law<Duration>& cpu = work.coordination->operation->cpu;
            const Duration demand = sample_duration(cpu.distribution(), draws);
            if (demand.count() == 0) {
                carry_out(work);
            } else {
                work.on_cpu = true;
                cpu_.run(work, demand);
            }
        }

        void computed(CpuTask& task) { carry_out(static_cast<Work&>(task)); }

        void carry_out(Work& work) {
            work.on_cpu = false;
            works_here_.remove(work);
            const Coordination& coordination = *work.coordination;
            std::uint32_t& version = store_.versions_of(coordination.key).at[work.number];
            if (coordination.operation->write) version = std::max(version, coordination.version);
            work.version = version;
            const Legs& legs = parameters_.legs;
            world_.engine.after(
                leg(coordination.operation->write ? legs.acknowledge : legs.answer, work, 1),
                action<&Node::hear>(*work.coordinator, work));
        }

        void lose(Work& work) {
            meters_.dropped.add();
            Node& coordinator = *work.coordinator;
            Coordination& coordination = *work.coordination;
            works_.release(work);
            --coordination.under_way;
            coordinator.forget_if_done(coordination);
        }

        // ---- what befalls it ----

        void give_up(Call&) override {}  // replicas have been asked

        void condition_changed(const Condition&) override {
            weaken(cpu_, {.cores = parameters_.cores}, condition());
            if (condition().mode != Condition::Mode::up) return;
            stalled_work_.release([this](Work& work) { begin(work); });
            stalled_answers_.release([this](Coordination& coordination) { answer(coordination); });
            for (Coordination* each = inside_.first(); each != nullptr;
                 each = inside_.after(*each)) {
                if (each->timeout.is_set()) continue;  // its time ran out while the node hung
                each->timeout =
                    world_.engine.after(Duration{0}, action<&Node::give_up_quorum>(*this, *each));
            }
        }

        void crash() override {
            stalled_work_.clear();
            stalled_answers_.clear();
            while (!works_here_.empty()) {
                Work& work = *works_here_.first();
                if (work.on_cpu) cpu_.stop(work);
                works_here_.remove(work);
                lose(work);
            }
            while (!inside_.empty()) {
                Coordination& coordination = *inside_.first();
                doom(*coordination.call);
                leave(coordination);
            }
        }

        DocumentStore& store_;
        const Parameters& parameters_;
        StoreMeters& meters_;
        Stream legs_;
        Stream demands_;
        Cpu cpu_;
        ReasonId throttled_;
        ReasonId no_quorum_;
        ReasonId too_late_;
        ReasonId stale_;
        Pool<Coordination>& coordinations_ = world_.pools.of<Coordination>();
        Pool<Work>& works_ = world_.pools.of<Work>();
        List<Coordination, &Coordination::others> inside_;
        List<Work, &Work::others> works_here_;
        Stalled<Work> stalled_work_;             // arrived while it hung
        Stalled<Coordination> stalled_answers_;  // got their quorum while it hung
    };

    std::uint64_t key_of(const Request& request) const {
        Draws draws = chosen_.draws(request.subject);
        return popularity_.object(draws);
    }

    std::size_t partition_of(std::uint64_t key) const { return mix(key) % reads_.size(); }

    bool allows(const Operation& operation, std::uint64_t key, Time now) {
        Quota& quota = (operation.write ? writes_ : reads_)[partition_of(key)];
        return quota.take(operation.units, now);
    }

    std::size_t replicas() const { return static_cast<std::size_t>(parameters_.replicas); }

    /// Those of a partition are neighbours, so zones in turn keep them apart.
    Node& replica(std::uint64_t key, std::size_t number) const {
        const std::size_t place = (partition_of(key) + number) % instances().size();
        return static_cast<Node&>(*instances()[place]);
    }

    std::int64_t replicas_up(std::uint64_t key) const {
        std::int64_t up = 0;
        for (std::size_t i = 0; i < replicas(); ++i) up += replica(key, i).is_dead() ? 0 : 1;
        return up;
    }

    /// Kept from the first call for the key on. Valid until the next call of this.
    Versions& versions_of(std::uint64_t key) {
        std::uint64_t place = places_.find(key);
        if (place == KeyIndex::absent) {
            place = versions_.size();
            places_.add(key, place);
            versions_.emplace_back();
        }
        return versions_[place];
    }

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Node>(*this, zone, number);
    }

    const Parameters& parameters_;
    StoreMeters meters_;
    Stream chosen_;
    Popularity popularity_;
    std::vector<Quota> reads_;
    std::vector<Quota> writes_;
    KeyIndex places_;
    std::vector<Versions> versions_;
};

}  // namespace

void add_document_store(Catalogue& catalogue) {
    add_popularity(catalogue.families);
    catalogue.component<DocumentStore>(
        "document_store", "Objects by key on several nodes, read and written by quorum.");
}

}  // namespace prodsim
