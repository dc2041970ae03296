// Keeps copies of objects in front of a slower origin. A get is a hit, or it loads the object from
// the origin, keeps it, and answers.
//
//     get ─▶ connection ─▶ cpu ─▶ fresh ▶ ok
//                                 stale, revalidating ▶ stale, and a load that nobody waits for
//                                 miss ▶ load: origin ─ok▶ kept, ok
//                                        ▲ single flight     └─fails▶ stale if allowed, or fails
//
// Which object a call is about belongs to the request: every attempt asks for the same. There are
// two ways to say what is popular. With `keys` each call draws its object by `popularity`, and hits
// follow from capacity, eviction and time to live. With `hit_ratio` they are dictated: that share
// of the calls asks for one of `working_set` equally popular objects, all of them held at the
// start, and the others for objects that never come again and are not kept. So a flush makes such a
// cache cold too, and it warms at the rate at which distinct objects of the working set are loaded.
//
// With several instances each object has its home by the remainder of a hash, so the loss of an
// instance from the membership moves nearly all. A call that arrives elsewhere is passed on to its
// home at once, as by a client that knows the layout; faults of where it arrived apply as well.
//
// When the caller gives up, a call that waits for a load leaves; the load itself goes on with
// `fill_late`, otherwise it ends with the last who waits for it. Commands already at the processor
// are carried out.
//
// Simplifications: the calls of one journey draw their objects independently, so a set or a delete
// hits other objects than its own reads; a load that a delete overtakes still fills; all objects
// are of one size; keeping an object costs no processor; expired objects hold their place until
// they are asked for or evicted; calls inside count as connections, idle connections do not; while
// an instance hangs, origins that reply are heard when it goes on.

#include "models/data/contents.hpp"
#include "models/data/popularity.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"
#include "sim/world/station.hpp"

#include <array>
#include <cassert>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

/// What a call is about.
struct Object {
    std::uint64_t key;
    bool comes_again;
};

class Cache final : public Callee {
public:
    struct Parameters {
        std::int64_t instances = 1;
        std::vector<ZoneName> zones;
        std::optional<Share> hit_ratio;
        std::int64_t working_set = 10000;
        std::optional<std::int64_t> keys;
        Choice<PopularityFamily> popularity{"zipf", ZipfPopularity{}};
        std::optional<std::int64_t> capacity;
        Eviction eviction = Eviction::lru;
        Duration ttl{};
        Share ttl_jitter{0};
        std::optional<OperationName> origin;
        std::vector<Choice<PolicyFamily>> policy;
        bool single_flight = false;
        bool fill_late = true;
        Duration stale_if_error{};
        Duration stale_while_revalidate{};
        Law<Duration> cpu = "10us";
        double cores = 1;
        std::int64_t connections = 10000;

        void describe(Fields& fields) {
            describe_contents(fields);
            describe_loads(fields);
            fields("instances", instances, "How many instances the objects are spread over.",
                   {.minimum = 1, .maximum = 60000});
            fields("zones", zones, "The zones they are spread over in turn; all zones if empty.");
            fields("cpu", cpu, "Processor time of a command.",
                   {.source =
                        "assumed: the order of what redis-benchmark measures without pipelining"});
            fields("cores", cores, "Cores of one instance; commands take turns on them.",
                   {.minimum = 1,
                    .source = "Redis 7: one thread runs all commands, also with io-threads"});
            fields("connections", connections,
                   "Calls inside one instance, those that wait for a load included.",
                   {.minimum = 1, .source = "Redis 7 redis.conf maxclients"});
        }

    private:
        void describe_contents(Fields& fields) {
            fields("hit_ratio", hit_ratio,
                   "Dictates the share of calls for objects of the working set.",
                   {.minimum = 0, .maximum = 1});
            fields("working_set", working_set, "How many objects a dictated hit ratio is about.",
                   {.minimum = 1, .maximum = 100000000, .source = "assumed"});
            fields("keys", keys, "How many objects there are, instead of a hit ratio.",
                   {.minimum = 1, .maximum = std::int64_t{1} << 48});
            fields("popularity", popularity, "How often each of the `keys` is asked for.");
            fields("capacity", capacity, "Objects that one instance holds; all if not given.",
                   {.minimum = 1, .maximum = Contents::most});
            fields("eviction", eviction, "Which object makes room for another.");
            fields("ttl", ttl, "How long an object is fresh after its load; 0 is for ever.",
                   {.minimum = 0});
            fields("ttl_jitter", ttl_jitter, "Each ttl is longer or shorter by up to this share.",
                   {.minimum = 0, .maximum = 1});
            fields.rule(hit_ratio.has_value() != keys.has_value(), "keys",
                        "needs either \"hit_ratio\" or \"keys\"",
                        "write \"hit_ratio\": \"92%\" if the ratio is known");
            const auto* weighted = popularity.as<WeightedPopularity>();
            fields.rule(weighted == nullptr || !keys ||
                            weighted->weights.size() == static_cast<std::uint64_t>(*keys),
                        "popularity", "must have one weight for each of the \"keys\"");
            fields.rule(!hit_ratio || (!capacity && ttl.count() == 0), "hit_ratio",
                        "dictates what \"capacity\" and \"ttl\" would decide",
                        "use \"keys\" to let hits follow from them");
        }

        void describe_loads(Fields& fields) {
            fields("origin", origin,
                   "What a miss calls; without it a miss is filled at once, at no cost.");
            fields("policy", policy, "What is done around a call to the origin, outermost first.");
            fields("single_flight", single_flight,
                   "Whoever misses an object that is being loaded waits for that load.");
            fields("fill_late", fill_late,
                   "A load goes on and is kept although its callers have given up.");
            fields("stale_if_error", stale_if_error,
                   "How long after its end an object still answers when its load fails.",
                   {.minimum = 0, .source = "RFC 5861 section 4; off unless asked for"});
            fields("stale_while_revalidate", stale_while_revalidate,
                   "How long after its end an object still answers while it is loaded again.",
                   {.minimum = 0, .source = "RFC 5861 section 3; off unless asked for"});
        }
    };

    Cache(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          loading_{parameters.policy},
          meters_(world.meters, this->name()),
          objects_(world.stream(this->name() + "/objects")),
          popularity_(parameters.popularity, parameters.keys.value_or(1)) {}

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        for (std::uint16_t i = 0; i < commands.size(); ++i) {
            if (commands[i] == wanted) return i;
        }
        return std::nullopt;
    }

    void connect() override {
        if (!parameters_.origin) return;
        origin_ = dynamic_cast<Callee*>(world_.find(parameters_.origin->component));
        assert(origin_ != nullptr && "the loader has checked that the origin can be called");
        const auto operation = origin_->operation(parameters_.origin->operation);
        assert(operation && "the loader has checked that the operation exists");
        origin_operation_ = *operation;
    }

    void start() override {
        add_instances(parameters_.instances, zones_of(world_, parameters_.zones));
        if (!parameters_.hit_ratio) return;
        for (std::int64_t key = 0; key < parameters_.working_set; ++key) {
            const auto number = static_cast<std::uint64_t>(key);
            home_of(number)->keep(number, never);
        }
    }

    // Without a dictated ratio it is not known how many calls hit: all misses is the bound.
    Workload workload() const override {
        Workload work{.instances = parameters_.instances, .inside = parameters_.connections};
        for (const std::string_view command : commands) {
            const double cpu_s = parameters_.cpu.distribution().mean();
            const double cpu_cv = parameters_.cpu.distribution().cv();
            work.operations.push_back({std::string(command), {.cpu_s = cpu_s, .cpu_cv = cpu_cv}});
        }
        if (parameters_.origin) {
            const bool dictated = parameters_.hit_ratio.has_value();
            const double misses = dictated ? 1 - parameters_.hit_ratio->value : 1;
            const bool computes = work.operations[get].demand.cpu_s > 0;
            work.operations[get].demand.calls.push_back({.target = *parameters_.origin,
                                                         .count = misses,
                                                         .at_most = !dictated,
                                                         .at_once = !computes});
        }
        work.add_cores({.sets = parameters_.instances, .each = parameters_.cores, .in_turn = true});
        return work;
    }

    bool flush() override {
        for (const auto& instance : instances()) static_cast<Shard&>(*instance).clear();
        return true;
    }

private:
    enum Command : std::uint16_t { get, set, remove };
    static constexpr std::array<std::string_view, 3> commands{"get", "set", "delete"};

    struct ShardMeters {
        ShardMeters(Meters& meters, std::string_view owner)
            : connections(meters, owner, "connections", "a connection"),
              cpu(meters, owner),
              contents(meters, owner),
              latency(meters.histogram(owner, "latency", "From a call's arrival to its reply.")),
              hits(meters.counter(owner, "hits", "Gets answered with a fresh object.")),
              misses(meters.counter(owner, "misses", "Gets that found nothing to answer with.")),
              stale(meters.counter(owner, "stale", "Gets answered with an expired object.")),
              loads(meters.counter(owner, "loads", "Calls to the origin.")),
              coalesced(meters.counter(owner, "coalesced",
                                       "Misses that waited for the load of another.")),
              failed(meters.counter(owner, "loads.failed", "Loads that the origin failed.")),
              dropped(meters.counter(owner, "loads.dropped",
                                     "Loads given up because nobody waited any more.")),
              late(meters.counter(owner, "loads.late",
                                  "Loads kept although their callers had given up.")),
              wasted(meters.counter(owner, "wasted",
                                    "Commands carried out although their caller had gone.")) {}

        StationMeters connections;
        CpuMeters cpu;
        ContentsMeters contents;
        Histogram& latency;
        Counter& hits;
        Counter& misses;
        Counter& stale;
        Counter& loads;
        Counter& coalesced;
        Counter& failed;
        Counter& dropped;
        Counter& late;
        Counter& wasted;
    };

    struct Load;

    /// A call inside.
    struct Job : Waiter, CpuTask {
        Call* call = nullptr;
        Object object{};
        bool on_cpu = false;
        Load* load = nullptr;  // that it waits for
        Neighbours<Job> others;
        Neighbours<Job> companions;  // who wait for the same load
    };

    /// A call to the origin, and who waits for it.
    struct Load {
        Load(Object what, Duration how_long) : object(what), life(how_long) {}

        Object object;
        Duration life;            // of what it brings, from its end
        bool is_known = false;    // others may join it
        bool background = false;  // wanted even if nobody waits
        bool answering = false;   // it has ended
        Call* child = nullptr;
        Reply reply;
        List<Job, &Job::companions> waiting;
        Neighbours<Load> others;
    };

    class Shard final : public Instance {
    public:
        Shard(Cache& cache, ZoneId zone, std::uint16_t number)
            : Instance(cache.world_, cache.name(), zone, number),
              cache_(cache),
              parameters_(cache.parameters_),
              meters_(cache.meters_),
              demands_(world_.stream(cache.name())),
              ttls_(world_.stream(cache.name() + "/ttl")),
              connections_(world_.engine, meters_.connections,
                           {.servers = parameters_.connections, .line = 0}, {}, {}),
              cpu_(world_.engine, meters_.cpu, parameters_.cores,
                   static_cast<std::int64_t>(parameters_.cores), action<&Shard::computed>(*this)),
              contents_({static_cast<std::uint64_t>(parameters_.capacity.value_or(Contents::most)),
                         parameters_.eviction,
                         world_.stream(cache.name() + "/eviction#" + std::to_string(number))},
                        meters_.contents),
              computing_(world_.traces.label(cache.name(), TimeKind::cpu)),
              queueing_(world_.traces.label(cache.name(), TimeKind::queue)),
              full_(world_.reason(cache.name(), "too many clients")) {
            if (cache.origin_ == nullptr) return;
            chain_.emplace(world_, cache.loading_, Caller{cache.name(), number, zone},
                           *cache.origin_);
        }

        void keep(std::uint64_t key, Time expires) { contents_.keep(key, expires, world_.now()); }

        void clear() { contents_.clear(world_.now()); }

        void on_reply(Call& child, Reply reply) override {
            auto& load = child.caller_frame<Load>();
            load.child = nullptr;
            load.reply = reply;
            if (condition().mode == Condition::Mode::hanging) {
                stalled_.add(load);
            } else {
                finish_load(load);
            }
        }

    private:
        // ---- commands ----

        void accept(Call& call) override {
            const Object object = cache_.object_of(call);
            Shard* home = cache_.home_of(object.key);
            if (home != nullptr && home != this) {
                world_.calls.send(call, *home);
                return;
            }
            Job& job = jobs_.acquire();
            if (connections_.enter(job) == Station::Entry::refused) {
                jobs_.release(job);
                world_.calls.reply(call, {Outcome::refused, full_});
                return;
            }
            job.call = &call;
            job.object = object;
            call.callee_note = reinterpret_cast<std::uint64_t>(&job);
            inside_.push_back(job);
            Draws draws = demands_.draws(call.demand_key());
            const Duration demand = sample_duration(parameters_.cpu.distribution(), draws);
            if (demand.count() == 0) {
                carry_out(job);
            } else {
                job.on_cpu = true;
                world_.traces.spend(call, computing_, demand);
                cpu_.run(job, demand);
            }
        }

        void computed(CpuTask& task) {
            Job& job = static_cast<Job&>(task);
            job.on_cpu = false;
            carry_out(job);
        }

        void carry_out(Job& job) {
            if (job.call->has(Trait::orphan)) meters_.wasted.add();
            switch (job.call->operation) {
                case get:
                    look_up(job);
                    return;
                case set:
                    put(job);
                    return;
                default:
                    take_out(job);
                    return;
            }
        }

        void put(Job& job) {
            if (job.object.comes_again) keep(job.object.key, end_of(life(*job.call)));
            finish(job, {});
        }

        void take_out(Job& job) {
            contents_.remove(job.object.key, world_.now());
            finish(job, {});
        }

        void look_up(Job& job) {
            const Contents::Entry* entry = contents_.find(job.object.key);
            if (entry != nullptr && world_.now() < entry->expires) {
                meters_.hits.add();
                contents_.touch(*entry);
                finish(job, {});
            } else if (entry != nullptr && chain_ &&
                       is_within(parameters_.stale_while_revalidate, *entry)) {
                meters_.stale.add();
                contents_.touch(*entry);
                revalidate(job);
                finish(job, {Outcome::stale, 0});
            } else {
                meters_.misses.add();
                miss(job);
            }
        }

        bool is_within(Duration grace, const Contents::Entry& entry) const {
            return world_.now() - grace < entry.expires;
        }

        void miss(Job& job) {
            if (!chain_) {
                put(job);
            } else if (job.call->is_abandoned() && !parameters_.fill_late) {
                finish(job, {Outcome::cancelled, 0});
            } else if (Load* load = joinable(job.object)) {
                meters_.coalesced.add();
                world_.traces.spend(*job.call, queueing_);
                wait_for(*load, job);
            } else {
                Load& own = new_load(job);
                wait_for(own, job);
                if (parameters_.single_flight && job.object.comes_again) announce(own);
                call_origin(own, *job.call);
            }
        }

        void revalidate(Job& job) {
            if (loads_by_key_.find(job.object.key) != KeyIndex::absent) return;
            Load& load = new_load(job);
            load.background = true;
            announce(load);
            call_origin(load, *job.call);
        }

        void finish(Job& job, Reply reply) {
            Call& call = *job.call;
            meters_.latency.record(world_.now() - call.started);
            forget(job);
            world_.calls.reply(call, reply);
        }

        // ---- loads ----

        Load* joinable(Object object) {
            if (!parameters_.single_flight || !object.comes_again) return nullptr;
            const std::uint64_t known = loads_by_key_.find(object.key);
            return known == KeyIndex::absent ? nullptr : reinterpret_cast<Load*>(known);
        }

        Load& new_load(Job& job) {
            Load& load = loads_.acquire(job.object, life(*job.call));
            under_way_.push_front(load);
            return load;
        }

        void announce(Load& load) {
            load.is_known = true;
            loads_by_key_.add(load.object.key, reinterpret_cast<std::uint64_t>(&load));
        }

        // A load that outlives its callers does not inherit their deadline either.
        void call_origin(Load& load, const Call& cause) {
            meters_.loads.add();
            Call& child = world_.calls.open(*this, cause, world_.now());
            // In this order: the key of an object that never comes again is mix(cause.subject), and
            // mix(s, mix(s)) is the same for every s.
            child.subject = mix(load.object.key, cause.subject);
            child.operation = cache_.origin_operation_;
            child.route = 0;
            child.traits &= static_cast<std::uint8_t>(~Trait::write);
            if (parameters_.fill_late || load.background) child.deadline = never;
            child.caller_note = reinterpret_cast<std::uint64_t>(&load);
            load.child = &child;
            world_.calls.send(child, chain_->head());
        }

        Duration life(const Call& call) const {
            if (parameters_.ttl.count() == 0) return Duration{0};
            Draws draws = ttls_.draws(call.demand_key());
            const double swing = parameters_.ttl_jitter.value * (2 * draws.uniform() - 1);
            return from_seconds(in_seconds(parameters_.ttl) * (1 + swing));
        }

        Time end_of(Duration life) const {
            return parameters_.ttl.count() == 0 ? never : world_.now() + life;
        }

        // Whoever is answered may do anything, call here again or make others give up: so each of
        // those who wait is taken out of the list before it is answered.
        void finish_load(Load& load) {
            const bool was_wanted = !load.waiting.empty() || load.background;
            const Reply reply = load.reply.good() ? loaded(load) : not_loaded(load);
            if (!was_wanted && load.reply.good()) meters_.late.add();
            take_out(load);
            load.answering = true;
            while (!load.waiting.empty()) {
                Job& job = *load.waiting.first();
                leave(load, job);
                if (reply.outcome == Outcome::stale && !load.reply.good()) meters_.stale.add();
                finish(job, reply);
            }
            loads_.release(load);
        }

        Reply loaded(const Load& load) {
            if (load.object.comes_again) keep(load.object.key, end_of(load.life));
            return load.reply;
        }

        Reply not_loaded(const Load& load) {
            meters_.failed.add();
            const Contents::Entry* entry = contents_.find(load.object.key);
            if (entry != nullptr && is_within(parameters_.stale_if_error, *entry)) {
                return {Outcome::stale, 0};
            }
            return {Outcome::dependency_failed, load.reply.reason, load.reply.retry_after_us};
        }

        void take_out(Load& load) {
            if (load.is_known) loads_by_key_.remove(load.object.key);
            under_way_.remove(load);
        }

        void drop(Load& load) {
            take_out(load);
            stalled_.remove(load);
            if (load.child != nullptr) world_.calls.abandon(*load.child);
            loads_.release(load);
        }

        void wait_for(Load& load, Job& job) {
            job.load = &load;
            load.waiting.push_back(job);
        }

        void leave(Load& load, Job& job) {
            load.waiting.remove(job);
            job.load = nullptr;
        }

        // ---- what befalls it ----

        void give_up(Call& call) override {
            auto& job = call.callee_frame<Job>();
            if (job.load == nullptr) return;
            Load& load = *job.load;
            leave(load, job);
            const bool wanted = !load.waiting.empty() || load.background || parameters_.fill_late;
            if (!wanted && !load.answering) {
                meters_.dropped.add();
                drop(load);
            }
            forget(job);
            world_.calls.reply(call, {Outcome::cancelled, 0});
        }

        void condition_changed(const Condition&) override {
            weaken(cpu_, {.cores = parameters_.cores}, condition());
            if (condition().mode != Condition::Mode::up) return;
            stalled_.release([this](Load& load) { finish_load(load); });
        }

        // What it held is gone with the process.
        void crash() override {
            clear();
            stalled_.clear();
            while (!inside_.empty()) {
                Job& job = *inside_.first();
                if (job.on_cpu) cpu_.stop(job);
                if (job.load != nullptr) leave(*job.load, job);
                doom(*job.call);
                forget(job);
            }
            while (!under_way_.empty()) drop(*under_way_.first());
        }

        void forget(Job& job) {
            connections_.leave(job);
            inside_.remove(job);
            jobs_.release(job);
        }

        Cache& cache_;
        const Parameters& parameters_;
        ShardMeters& meters_;
        Stream demands_;
        Stream ttls_;
        Station connections_;
        Cpu cpu_;
        CountedContents contents_;
        TimeLabelId computing_;
        TimeLabelId queueing_;
        ReasonId full_;
        std::optional<Chain> chain_;  // to the origin
        KeyIndex loads_by_key_;       // those that others may join
        Pool<Job>& jobs_ = world_.pools.of<Job>();
        Pool<Load>& loads_ = world_.pools.of<Load>();
        List<Job, &Job::others> inside_;
        List<Load, &Load::others> under_way_;
        Stalled<Load> stalled_;  // the origin has replied, but the instance hangs
    };

    Object object_of(const Call& call) const {
        Draws draws = objects_.draws(call.subject);
        if (parameters_.hit_ratio) {
            if (!draws.chance(parameters_.hit_ratio->value)) return {mix(call.subject), false};
            return {draws.below(static_cast<std::uint64_t>(parameters_.working_set)), true};
        }
        return {popularity_.object(draws), true};
    }

    /// Null when no instance is in service.
    Shard* home_of(std::uint64_t key) const {
        if (members().empty()) return nullptr;
        const std::size_t place = members().size() == 1 ? 0 : mix(key, 1) % members().size();
        return static_cast<Shard*>(members()[place]);
    }

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Shard>(*this, zone, number);
    }

    const Parameters& parameters_;
    CallParameters loading_;
    ShardMeters meters_;
    Stream objects_;
    Popularity popularity_;
    Callee* origin_ = nullptr;
    std::uint16_t origin_operation_ = 0;
};

}  // namespace

void add_cache(Catalogue& catalogue) {
    add_popularity(catalogue.families);
    catalogue.component<Cache>("cache", "Copies of objects in front of a slower origin.");
}

}  // namespace prodsim
