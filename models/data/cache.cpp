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

#include "sim/core/elementary.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/station.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

// ---- which object ----

struct PopularityFamily {
    static constexpr std::string_view name = "popularity";
};

struct ZipfPopularity {
    double exponent = 0.9;

    void describe(Fields& fields) {
        fields("exponent", exponent, "The object of rank k is asked for in proportion to 1/k^s.",
               {.minimum = 0,
                .maximum = 10,
                .position = 1,
                .source = "assumed; Breslau et al. 1999 measured 0.64 to 0.83 for web pages"});
    }
};

struct UniformPopularity {
    void describe(Fields&) {}
};

struct WeightedPopularity {
    std::vector<double> weights;

    void describe(Fields& fields) {
        fields("weights", weights, "How often each object is asked for, relative to the others.",
               {.minimum = 0, .required = true, .position = 1});
    }
};

/// Ranks from 1 to n with probability proportional to rank^-s, exactly, without a table:
/// rejection-inversion (Hoermann & Derflinger 1996, "Rejection-inversion to generate variates from
/// monotone discrete distributions"), 1.1 draws on average.
class Zipf {
public:
    Zipf(std::int64_t n, double exponent)
        : n_(static_cast<double>(n)),
          exponent_(exponent),
          first_(integral(1.5) - 1),
          last_(integral(n_ + 0.5)),
          sure_(2 - inverse(integral(2.5) - density(2))) {}

    std::uint64_t rank(Draws& draws) const {
        while (true) {
            const double u = last_ + draws.uniform() * (first_ - last_);
            const double x = inverse(u);
            const auto nearest = static_cast<double>(static_cast<std::int64_t>(x + 0.5));
            const double k = std::clamp(nearest, 1.0, n_);
            if (k - x <= sure_ || u >= integral(k + 0.5) - density(k)) {
                return static_cast<std::uint64_t>(k);
            }
        }
    }

private:
    double density(double x) const { return elementary::exp(-exponent_ * elementary::log(x)); }

    // The integral of t^-s from 1 to x, and its inverse, without cancellation near s = 1.
    double integral(double x) const {
        const double log_x = elementary::log(x);
        const double power = (1 - exponent_) * log_x;
        return power == 0 ? log_x : log_x * (elementary::expm1(power) / power);
    }
    double inverse(double area) const {
        const double power = std::max(-1.0, (1 - exponent_) * area);
        return elementary::exp(power == 0 ? area : area * (elementary::log1p(power) / power));
    }

    double n_;
    double exponent_;
    double first_;
    double last_;
    double sure_;
};

/// What a call is about.
struct Object {
    std::uint64_t key;
    bool comes_again;
};

// ---- what is held ----

/// From keys to words: open addressing, at most three quarters full. A removal moves its followers
/// back, so nothing is left to clean up.
class Index {
public:
    static constexpr std::uint64_t absent = ~std::uint64_t{0};

    std::uint64_t find(std::uint64_t key) const {
        for (std::size_t at = home(key); places_[at].word != absent; at = next(at)) {
            if (places_[at].key == key) return places_[at].word;
        }
        return absent;
    }

    /// REQUIRES: the key is not there.
    void add(std::uint64_t key, std::uint64_t word) {
        if (4 * (count_ + 1) > 3 * places_.size()) grow();
        ++count_;
        put(key, word);
    }

    /// REQUIRES: the key is there.
    void remove(std::uint64_t key) {
        std::size_t hole = home(key);
        while (places_[hole].key != key) hole = next(hole);
        for (std::size_t at = next(hole); places_[at].word != absent; at = next(at)) {
            const std::size_t distance = (at - home(places_[at].key)) & mask();
            if (distance < ((at - hole) & mask())) continue;
            places_[hole] = places_[at];
            hole = at;
        }
        places_[hole] = {};
        --count_;
    }

    void clear() {
        places_.assign(smallest, {});
        count_ = 0;
    }

private:
    static constexpr std::size_t smallest = 16;
    struct Place {
        std::uint64_t key = 0;
        std::uint64_t word = absent;
    };

    std::size_t mask() const { return places_.size() - 1; }
    std::size_t home(std::uint64_t key) const { return mix(key) & mask(); }
    std::size_t next(std::size_t at) const { return (at + 1) & mask(); }

    void put(std::uint64_t key, std::uint64_t word) {
        std::size_t at = home(key);
        while (places_[at].word != absent) at = next(at);
        places_[at] = {key, word};
    }

    void grow() {
        const std::vector<Place> before =
            std::exchange(places_, std::vector<Place>(2 * places_.size()));
        for (const Place& place : before) {
            if (place.word != absent) put(place.key, place.word);
        }
    }

    std::vector<Place> places_ = std::vector<Place>(smallest);
    std::size_t count_ = 0;
};

enum class Eviction : std::uint8_t { lru, fifo, random };

std::span<const Word> words(Eviction) {
    static constexpr std::array all{
        Word{"lru", Eviction::lru, "The one that was not asked for the longest."},
        Word{"fifo", Eviction::fifo, "The one that was kept first."},
        Word{"random", Eviction::random, "Any, each with the same chance."},
    };
    return all;
}

/// The objects of one instance. Every operation takes constant time; memory grows with what is
/// held. Expired objects are still here: whoever finds one decides what it is good for.
class Contents {
public:
    struct Entry {
        std::uint64_t key;
        Time expires;
        std::uint32_t older;
        std::uint32_t newer;
    };

    Contents(std::uint64_t capacity, Eviction eviction, Stream chance)
        : capacity_(capacity), eviction_(eviction), chance_(chance) {}

    const Entry* find(std::uint64_t key) const {
        const std::uint64_t slot = index_.find(key);
        return slot == Index::absent ? nullptr : &entries_[slot];
    }

    /// It was asked for.
    void touch(const Entry& entry) {
        if (eviction_ == Eviction::lru) refresh(slot_of(entry));
    }

    /// Keeps it until `expires`, in place of another if there is no room. True if one was evicted.
    bool keep(std::uint64_t key, Time expires) {
        const std::uint64_t known = index_.find(key);
        if (known != Index::absent) {
            entries_[known].expires = expires;
            if (eviction_ == Eviction::lru) refresh(static_cast<std::uint32_t>(known));
            return false;
        }
        const bool full = size_ >= capacity_;
        if (full) remove(entries_[victim()].key);
        const std::uint32_t slot = free_slot();
        entries_[slot] = {key, expires, none, none};
        append(slot);
        index_.add(key, slot);
        ++size_;
        return full;
    }

    /// True if it was there.
    bool remove(std::uint64_t key) {
        const std::uint64_t known = index_.find(key);
        if (known == Index::absent) return false;
        const auto slot = static_cast<std::uint32_t>(known);
        detach(slot);
        index_.remove(key);
        entries_[slot].newer = std::exchange(free_, slot);
        --size_;
        return true;
    }

    void clear() {
        entries_.clear();
        index_.clear();
        oldest_ = newest_ = free_ = none;
        size_ = 0;
    }

    std::uint64_t size() const { return size_; }

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    std::uint32_t slot_of(const Entry& entry) const {
        return static_cast<std::uint32_t>(&entry - entries_.data());
    }

    // A full cache has no free slots, so any slot is an object.
    std::uint32_t victim() {
        if (eviction_ != Eviction::random) return oldest_;
        return static_cast<std::uint32_t>(chance_.next().below(entries_.size()));
    }

    std::uint32_t free_slot() {
        if (free_ == none) {
            entries_.emplace_back();
            return static_cast<std::uint32_t>(entries_.size() - 1);
        }
        return std::exchange(free_, entries_[free_].newer);
    }

    void refresh(std::uint32_t slot) {
        if (slot == newest_) return;
        detach(slot);
        append(slot);
    }

    void append(std::uint32_t slot) {
        entries_[slot].older = newest_;
        entries_[slot].newer = none;
        (newest_ == none ? oldest_ : entries_[newest_].newer) = slot;
        newest_ = slot;
    }

    void detach(std::uint32_t slot) {
        const Entry& entry = entries_[slot];
        (entry.older == none ? oldest_ : entries_[entry.older].newer) = entry.newer;
        (entry.newer == none ? newest_ : entries_[entry.newer].older) = entry.older;
    }

    std::uint64_t capacity_;
    Eviction eviction_;
    Stream chance_;
    Index index_;
    std::vector<Entry> entries_;
    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
    std::uint32_t free_ = none;
    std::uint64_t size_ = 0;
};

// ---- the component ----

class Cache final : public Callee {
public:
    struct Parameters {
        std::int64_t instances = 1;
        std::vector<std::string> zones;
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
                   {.source = "Redis 7: about 100 000 simple commands a second and core"});
            fields("cores", cores, "Cores of one instance; commands take turns on them.",
                   {.minimum = 1, .source = "Redis 7: one thread runs all commands"});
            fields("connections", connections,
                   "Calls inside one instance, those that wait for a load included.",
                   {.minimum = 1, .source = "Redis 7 maxclients"});
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
                   {.minimum = 1, .maximum = 4000000000});
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
          objects_(world.stream(this->name() + "/objects")) {
        if (const auto* zipf = parameters.popularity.as<ZipfPopularity>()) {
            zipf_.emplace(parameters.keys.value_or(1), zipf->exponent);
        } else if (const auto* weighted = parameters.popularity.as<WeightedPopularity>()) {
            double sum = 0;
            for (const double weight : weighted->weights) cumulative_.push_back(sum += weight);
        }
    }

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
            work.operations.push_back({std::string(command), {.cpu_s = cpu_s}});
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
        work.add_cores(static_cast<double>(parameters_.instances) * parameters_.cores);
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
              entries(meters.level(owner, "entries", "Objects held, expired ones included.")),
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
              evicted(meters.counter(owner, "evicted", "Objects that made room for others.")),
              wasted(meters.counter(owner, "wasted",
                                    "Commands carried out although their caller had gone.")) {}

        StationMeters connections;
        CpuMeters cpu;
        Level& entries;
        Histogram& latency;
        Counter& hits;
        Counter& misses;
        Counter& stale;
        Counter& loads;
        Counter& coalesced;
        Counter& failed;
        Counter& dropped;
        Counter& late;
        Counter& evicted;
        Counter& wasted;
    };

    struct Load;

    /// A call inside.
    struct Job : Waiter, CpuTask {
        Call* call = nullptr;
        Object object{};
        bool on_cpu = false;
        Load* load = nullptr;  // that it waits for
        Job* before = nullptr;
        Job* after = nullptr;
        Job* earlier = nullptr;  // of those who wait for the same load
        Job* later = nullptr;
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
        Job* first = nullptr;
        Job* last = nullptr;
        Load* before = nullptr;
        Load* after = nullptr;
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
              contents_(static_cast<std::uint64_t>(parameters_.capacity.value_or(4000000000)),
                        parameters_.eviction,
                        world_.stream(cache.name() + "/eviction#" + std::to_string(number))),
              full_(world_.reason(cache.name(), "too many clients")) {
            if (cache.origin_ == nullptr) return;
            chain_.emplace(world_, cache.loading_, Caller{cache.name(), number, zone},
                           *cache.origin_);
        }

        void keep(std::uint64_t key, Time expires) {
            const auto before = static_cast<std::int64_t>(contents_.size());
            if (contents_.keep(key, expires)) meters_.evicted.add();
            meters_.entries.add(static_cast<std::int64_t>(contents_.size()) - before, world_.now());
        }

        void clear() {
            meters_.entries.add(-static_cast<std::int64_t>(contents_.size()), world_.now());
            contents_.clear();
        }

        void on_reply(Call& child, Reply reply) override {
            auto& load = child.caller_frame<Load>();
            load.child = nullptr;
            load.reply = reply;
            if (condition().mode == Condition::Mode::hanging) {
                stalled_.push_back(&load);
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
            link(job);
            Draws draws = demands_.draws(call.demand_key());
            const Duration demand = sample_duration(parameters_.cpu.distribution(), draws);
            if (demand.count() == 0) {
                carry_out(job);
            } else {
                job.on_cpu = true;
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
            if (contents_.remove(job.object.key)) meters_.entries.add(-1, world_.now());
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
                wait_for(*load, job);
            } else {
                Load& own = new_load(job);
                wait_for(own, job);
                if (parameters_.single_flight && job.object.comes_again) announce(own);
                call_origin(own, *job.call);
            }
        }

        void revalidate(Job& job) {
            if (loads_by_key_.find(job.object.key) != Index::absent) return;
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
            return known == Index::absent ? nullptr : reinterpret_cast<Load*>(known);
        }

        Load& new_load(Job& job) {
            Load& load = loads_.acquire(job.object, life(*job.call));
            load.after = std::exchange(first_load_, &load);
            if (load.after != nullptr) load.after->before = &load;
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
            child.subject = mix(cause.subject, load.object.key);
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
            const bool was_wanted = load.first != nullptr || load.background;
            const Reply reply = load.reply.good() ? loaded(load) : not_loaded(load);
            if (!was_wanted && load.reply.good()) meters_.late.add();
            take_out(load);
            load.answering = true;
            while (load.first != nullptr) {
                Job& job = *load.first;
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
            (load.before == nullptr ? first_load_ : load.before->after) = load.after;
            if (load.after != nullptr) load.after->before = load.before;
        }

        void drop(Load& load) {
            take_out(load);
            const auto stalled = std::find(stalled_.begin(), stalled_.end(), &load);
            if (stalled != stalled_.end()) stalled_.erase(stalled);
            if (load.child != nullptr) world_.calls.abandon(*load.child);
            loads_.release(load);
        }

        void wait_for(Load& load, Job& job) {
            job.load = &load;
            job.earlier = load.last;
            (load.last == nullptr ? load.first : load.last->later) = &job;
            load.last = &job;
        }

        void leave(Load& load, Job& job) {
            (job.earlier == nullptr ? load.first : job.earlier->later) = job.later;
            (job.later == nullptr ? load.last : job.later->earlier) = job.earlier;
            job.earlier = job.later = nullptr;
            job.load = nullptr;
        }

        // ---- what befalls it ----

        void give_up(Call& call) override {
            auto& job = call.callee_frame<Job>();
            if (job.load == nullptr) return;
            Load& load = *job.load;
            leave(load, job);
            const bool wanted = load.first != nullptr || load.background || parameters_.fill_late;
            if (!wanted && !load.answering) {
                meters_.dropped.add();
                drop(load);
            }
            forget(job);
            world_.calls.reply(call, {Outcome::cancelled, 0});
        }

        void condition_changed(const Condition& before) override {
            const Condition& now = condition();
            const double speed = now.mode == Condition::Mode::hanging ? 0 : 1 / now.slow;
            if (speed != cpu_.speed()) cpu_.set_speed(speed);
            if (now.capacity != before.capacity) {
                cpu_.set_cores(std::max(1e-9, parameters_.cores * now.capacity));
            }
            if (now.mode != Condition::Mode::up) return;
            std::reverse(stalled_.begin(), stalled_.end());
            while (!stalled_.empty()) {
                Load& load = *stalled_.back();
                stalled_.pop_back();
                finish_load(load);
            }
        }

        // What it held is gone with the process.
        void crash() override {
            clear();
            stalled_.clear();
            while (first_ != nullptr) {
                Job& job = *first_;
                if (job.on_cpu) cpu_.stop(job);
                if (job.load != nullptr) leave(*job.load, job);
                doom(*job.call);
                forget(job);
            }
            while (first_load_ != nullptr) drop(*first_load_);
        }

        void forget(Job& job) {
            connections_.leave(job);
            (job.before == nullptr ? first_ : job.before->after) = job.after;
            (job.after == nullptr ? last_ : job.after->before) = job.before;
            jobs_.release(job);
        }

        void link(Job& job) {
            job.before = last_;
            (last_ == nullptr ? first_ : last_->after) = &job;
            last_ = &job;
        }

        Cache& cache_;
        const Parameters& parameters_;
        ShardMeters& meters_;
        Stream demands_;
        Stream ttls_;
        Station connections_;
        Cpu cpu_;
        Contents contents_;
        ReasonId full_;
        std::optional<Chain> chain_;  // to the origin
        Index loads_by_key_;          // those that others may join
        Pool<Job>& jobs_ = world_.pools.of<Job>();
        Pool<Load>& loads_ = world_.pools.of<Load>();
        Job* first_ = nullptr;
        Job* last_ = nullptr;
        Load* first_load_ = nullptr;
        std::vector<Load*> stalled_;  // the origin has replied, but the instance hangs
    };

    Object object_of(const Call& call) const {
        Draws draws = objects_.draws(call.subject);
        if (parameters_.hit_ratio) {
            if (!draws.chance(parameters_.hit_ratio->value)) return {mix(call.subject), false};
            return {draws.below(static_cast<std::uint64_t>(parameters_.working_set)), true};
        }
        if (zipf_) return {zipf_->rank(draws) - 1, true};
        if (cumulative_.empty()) {
            return {draws.below(static_cast<std::uint64_t>(*parameters_.keys)), true};
        }
        const double point = draws.uniform() * cumulative_.back();
        const auto chosen = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, point);
        return {static_cast<std::uint64_t>(chosen - cumulative_.begin()), true};
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
    std::optional<Zipf> zipf_;
    std::vector<double> cumulative_;
    Callee* origin_ = nullptr;
    std::uint16_t origin_operation_ = 0;
};

}  // namespace

void add_cache(Catalogue& catalogue) {
    Family& popularity = catalogue.families.declare(std::string(PopularityFamily::name),
                                                    "How often each of many objects is asked for.");
    popularity.add<ZipfPopularity>("zipf", "Few objects are popular, most are not.");
    popularity.add<UniformPopularity>("uniform", "All objects equally often.");
    popularity.add<WeightedPopularity>("weights", "As given, object by object.");
    catalogue.component<Cache>("cache", "Copies of objects in front of a slower origin.");
}

}  // namespace prodsim
