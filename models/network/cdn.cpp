// Copies of objects at the edge, in front of an origin. Each point of presence is an instance with
// contents of its own.
//
//     call ─▶ edge ─▶ cacheable? ──no──▶ origin ─▶ reply
//                        │ yes
//                        fresh ▶ ok
//                        stale, revalidating ▶ stale, and a load that nobody waits for
//                        failed a moment ago ▶ stale if allowed, else the failure again
//                        miss ▶ load: origin ─ok▶ kept, ok
//                               ▲ collapsed  └─fails▶ remembered for error_ttl; stale if allowed
//
// The operations are those of the origin; `cacheable` says which of them are answered from copies,
// and calls that write never are. Which object a call is about belongs to the request: with `keys`
// it is drawn by `popularity`, and hits follow from capacity, eviction and time to live; with
// `hit_ratio` that share of calls is for one of `working_set` equally popular objects, all held at
// the start, and the others for objects that never come again and are not kept. A CDN whose origin
// is another CDN with the same description of objects asks it for the same objects: that is an
// origin shield. `flush` is a purge of everything.
//
// When the caller gives up, it leaves; a load goes on and is kept, and what is passed on for this
// caller alone is given up at once.
//
// Simplifications: which point of presence serves a call is the choice of the caller's balancer;
// one set of objects is shared by all cacheable operations; objects are of one size, and to
// revalidate one costs the origin what a load costs; the edge adds `latency` and never runs out of
// processor or bandwidth, so the fault `capacity_loss` takes nothing; a purge reaches all points of
// presence at once, and a load that it overtakes still fills; a point of presence that dies comes
// back empty.

#include "models/data/contents.hpp"
#include "models/data/popularity.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"

#include <algorithm>
#include <optional>
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

struct CdnParameters {
    ComponentName origin;
    std::vector<std::string> cacheable;
    std::int64_t instances = 1;
    std::vector<ZoneName> zones;
    std::optional<Share> hit_ratio;
    std::int64_t working_set = 10000;
    std::optional<std::int64_t> keys;
    Choice<PopularityFamily> popularity{"zipf", ZipfPopularity{}};
    std::optional<std::int64_t> capacity;
    Eviction eviction = Eviction::lru;
    std::optional<Duration> ttl;
    bool collapse = true;
    Duration stale_while_revalidate{};
    Duration stale_if_error = std::chrono::hours(24);
    Duration error_ttl = std::chrono::seconds(10);
    std::vector<Choice<PolicyFamily>> policy;
    Law<Duration> latency = "1ms";

    void describe(Fields& fields) {
        fields("origin", origin, "Who has the objects; its operations are those of the CDN.",
               {.required = true, .position = 1});
        fields("cacheable", cacheable, "The operations answered from copies; all if empty.");
        fields("instances", instances, "Points of presence.", {.minimum = 1, .maximum = 60000});
        fields("zones", zones, "The zones they are spread over in turn; all zones if empty.");
        describe_contents(fields);
        describe_loads(fields);
        fields("latency", latency, "What the edge adds to each call on its way in.",
               {.source = "assumed"});
    }

    Duration life() const { return ttl.value_or(std::chrono::hours(24)); }

private:
    void describe_contents(Fields& fields) {
        fields("hit_ratio", hit_ratio,
               "Dictates the share of cacheable calls for objects of the working set.",
               {.minimum = 0, .maximum = 1});
        fields("working_set", working_set, "How many objects a dictated hit ratio is about.",
               {.minimum = 1, .maximum = 100000000, .source = "assumed"});
        fields("keys", keys, "How many objects there are, instead of a hit ratio.",
               {.minimum = 1, .maximum = std::int64_t{1} << 48});
        fields("popularity", popularity, "How often each of the `keys` is asked for.");
        fields("capacity", capacity, "Objects that one point of presence holds; all if not given.",
               {.minimum = 1, .maximum = Contents::most});
        fields("eviction", eviction, "Which object makes room for another.");
        fields("ttl", ttl,
               "How long an object is fresh after its load: a day if not given, and for ever under "
               "a dictated hit ratio.",
               {.above = 0, .source = "Amazon CloudFront default TTL: 86 400 s"});
        fields.rule(hit_ratio.has_value() != keys.has_value(), "keys",
                    "needs either \"hit_ratio\" or \"keys\"",
                    "write \"hit_ratio\": \"92%\" if the ratio is known");
        const auto* weighted = popularity.as<WeightedPopularity>();
        fields.rule(weighted == nullptr || !keys ||
                        weighted->weights.size() == static_cast<std::uint64_t>(*keys),
                    "popularity", "must have one weight for each of the \"keys\"");
        fields.rule(!hit_ratio || (!capacity && !ttl), "hit_ratio",
                    "dictates what \"capacity\" and \"ttl\" would decide",
                    "use \"keys\" to let hits follow from them");
    }

    void describe_loads(Fields& fields) {
        fields("collapse", collapse,
               "Whoever misses an object that is being loaded waits for that load.",
               {.source = "Amazon CloudFront: requests for one object at one edge are collapsed"});
        fields("stale_while_revalidate", stale_while_revalidate,
               "How long after its end an object still answers while it is loaded again.",
               {.minimum = 0, .source = "RFC 5861 section 3; off unless asked for"});
        fields("stale_if_error", stale_if_error,
               "How long after its end an object still answers when its load fails.",
               {.minimum = 0,
                .source = "Amazon CloudFront answers with what it still holds; a day is assumed"});
        fields("error_ttl", error_ttl,
               "How long the failure of a load is remembered: no other is made meanwhile.",
               {.minimum = 0, .source = "Amazon CloudFront error caching minimum TTL"});
        fields("policy", policy,
               "What is done around a call to the origin, outermost first; preset(cloudfront) is "
               "what Amazon CloudFront does.");
    }
};

struct CdnMeters {
    CdnMeters(Meters& meters, std::string_view owner)
        : inside(meters.level(owner, "inside", "Calls under way through the edge.")),
          contents(meters, owner),
          latency(meters.histogram(owner, "latency", "From a call's arrival to its reply.")),
          hits(meters.counter(owner, "hits", "Calls answered with a fresh object.")),
          misses(meters.counter(owner, "misses", "Calls that found nothing to answer with.")),
          stale(meters.counter(owner, "stale", "Calls answered with an expired object.")),
          passed(meters.counter(owner, "passed", "Calls that are not cacheable.")),
          loads(meters.counter(owner, "loads", "Calls to the origin for an object.")),
          collapsed(meters.counter(owner, "collapsed", "Misses that waited for another's load.")),
          failed(meters.counter(owner, "loads.failed", "Loads that the origin failed.")),
          errors(meters.counter(owner, "errors.cached",
                                "Calls answered with a failure that is remembered.")),
          late(meters.counter(owner, "loads.late",
                              "Loads kept although their callers had given up.")) {}

    Level& inside;
    ContentsMeters contents;
    Histogram& latency;
    Counter& hits;
    Counter& misses;
    Counter& stale;
    Counter& passed;
    Counter& loads;
    Counter& collapsed;
    Counter& failed;
    Counter& errors;
    Counter& late;
};

class Cdn final : public Callee {
public:
    using Parameters = CdnParameters;

    Cdn(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          loading_{parameters.policy},
          meters_(world.meters, this->name()),
          // By one name for all, so that a shield sees the objects that the edge was asked for.
          objects_(world.stream("cdn/objects")),
          popularity_(parameters.popularity, parameters.keys.value_or(1)) {}

    std::pair<std::string, std::string> objection() const override {
        for (const std::string& wanted : parameters_.cacheable) {
            if (world_.find(parameters_.origin.name) == nullptr || operation(wanted)) continue;
            return {"\"" + parameters_.origin.name + "\" has no operation \"" + wanted +
                        "\" to be cacheable",
                    "name operations of the origin, or none"};
        }
        return {};
    }

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        return operation_behind(world_, parameters_.origin, wanted);
    }

    void connect() override {
        for (const std::string& name : parameters_.cacheable) {
            cacheable_.push_back(operation(name).value_or(0));
        }
    }

    void start() override {
        add_instances(parameters_.instances, zones_of(world_, parameters_.zones));
        if (!parameters_.hit_ratio) return;
        for (const auto& instance : instances()) {
            auto& edge = static_cast<Edge&>(*instance);
            for (std::int64_t key = 0; key < parameters_.working_set; ++key) {
                edge.keep(static_cast<std::uint64_t>(key));
            }
        }
    }

    // Without a dictated ratio it is not known how many calls hit: all misses is the bound.
    Workload workload() const override {
        const bool known = parameters_.hit_ratio.has_value() && parameters_.cacheable.empty();
        const double misses = known ? 1 - parameters_.hit_ratio->value : 1;
        return {.instances = parameters_.instances,
                .passes_to = {{.target = parameters_.origin, .count = misses, .at_most = !known}},
                .passes_at_once = parameters_.latency.distribution().mean() == 0};
    }

    bool flush() override {
        for (const auto& instance : instances()) static_cast<Edge&>(*instance).clear();
        return true;
    }

private:
    struct Load;

    /// A call inside.
    struct Visit {
        Call* call = nullptr;
        Timer arrival;  // at the end of the edge's latency
        Object object{};
        Load* load = nullptr;  // that it waits for
        Neighbours<Visit> others;
        Neighbours<Visit> companions;  // who wait for the same load
    };

    /// A call to the origin, and who waits for it.
    struct Load {
        explicit Load(Object what) : object(what) {}

        Object object;
        bool passes = false;      // for one caller, whatever comes back
        bool is_known = false;    // others may join it
        bool background = false;  // wanted even if nobody waits
        Call* child = nullptr;
        Reply reply;
        List<Visit, &Visit::companions> waiting;
        Neighbours<Load> others;
    };

    class Edge final : public Instance {
    public:
        Edge(Cdn& cdn, ZoneId zone, std::uint16_t number)
            : Instance(cdn.world_, cdn.name(), zone, number),
              cdn_(cdn),
              parameters_(cdn.parameters_),
              meters_(cdn.meters_),
              latencies_(world_.stream(cdn.name() + "/latency")),
              contents_({static_cast<std::uint64_t>(parameters_.capacity.value_or(Contents::most)),
                         parameters_.eviction, evictions(cdn, "/eviction#", number)},
                        meters_.contents),
              failures_(Contents::most, Eviction::fifo, evictions(cdn, "/failures#", number)),
              chain_(world_, cdn.loading_, Caller{cdn.name(), number, zone},
                     callee_named(world_, parameters_.origin)),
              remembered_(world_.reason(cdn.name(), "failure remembered")) {}

        void keep(std::uint64_t key) {
            const Time expires = parameters_.hit_ratio ? never : world_.now() + parameters_.life();
            contents_.keep(key, expires, world_.now());
        }

        void clear() {
            contents_.clear(world_.now());
            failures_.clear();
        }

        void on_reply(Call& child, Reply reply) override {
            auto& load = child.caller_frame<Load>();
            load.child = nullptr;
            load.reply = reply;
            if (condition().mode == Condition::Mode::hanging) {
                stalled_loads_.add(load);
            } else {
                end(load);
            }
        }

    private:
        static Stream evictions(Cdn& cdn, const std::string& use, std::uint16_t number) {
            return cdn.world_.stream(cdn.name() + use + std::to_string(number));
        }

        // ---- visits ----

        void accept(Call& call) override {
            Visit& visit = visits_.acquire();
            visit.call = &call;
            call.callee_note = reinterpret_cast<std::uint64_t>(&visit);
            inside_.push_back(visit);
            meters_.inside.add(1, world_.now());
            Draws draws = latencies_.draws(call.demand_key());
            const double seconds =
                parameters_.latency.distribution().sample(draws) * condition().slow;
            if (seconds == 0) {
                look_up(visit);
            } else {
                visit.arrival = world_.engine.after(from_seconds(seconds),
                                                    action<&Edge::arrived>(*this, visit));
            }
        }

        void arrived(Visit& visit) {
            visit.arrival = {};
            if (condition().mode == Condition::Mode::hanging) {
                stalled_visits_.add(visit);
            } else {
                look_up(visit);
            }
        }

        void look_up(Visit& visit) {
            if (!cdn_.is_cacheable(*visit.call)) {
                pass(visit);
                return;
            }
            visit.object = cdn_.object_of(*visit.call);
            const Contents::Entry* entry = contents_.find(visit.object.key);
            if (entry != nullptr && world_.now() < entry->expires) {
                meters_.hits.add();
                contents_.touch(*entry);
                finish(visit, {});
            } else if (failed_lately(visit.object)) {
                meters_.errors.add();
                const Reply again{Outcome::dependency_failed, remembered_};
                finish(visit, or_stale(visit.object, again));
            } else if (is_within(parameters_.stale_while_revalidate, entry)) {
                contents_.touch(*entry);
                revalidate(visit);
                finish(visit, {Outcome::stale, 0});
            } else {
                meters_.misses.add();
                miss(visit);
            }
        }

        bool is_within(Duration grace, const Contents::Entry* entry) const {
            return entry != nullptr && world_.now() - grace < entry->expires;
        }

        bool failed_lately(Object object) const {
            const Contents::Entry* failure = failures_.find(object.key);
            return failure != nullptr && world_.now() < failure->expires;
        }

        Reply or_stale(Object object, Reply failure) const {
            const Contents::Entry* entry = contents_.find(object.key);
            if (!is_within(parameters_.stale_if_error, entry)) return failure;
            return {Outcome::stale, 0};
        }

        void pass(Visit& visit) {
            meters_.passed.add();
            Load& load = new_load(visit.object);
            load.passes = true;
            wait_for(load, visit);
            call_origin(load, *visit.call);
        }

        void miss(Visit& visit) {
            const bool joins = parameters_.collapse && visit.object.comes_again;
            const std::uint64_t known = loads_by_key_.find(visit.object.key);
            if (joins && known != KeyIndex::absent) {
                meters_.collapsed.add();
                wait_for(*reinterpret_cast<Load*>(known), visit);
                return;
            }
            Load& load = new_load(visit.object);
            wait_for(load, visit);
            if (joins) announce(load);
            load_for(*visit.call, load);
        }

        void revalidate(Visit& visit) {
            if (loads_by_key_.find(visit.object.key) != KeyIndex::absent) return;
            Load& load = new_load(visit.object);
            load.background = true;
            announce(load);
            load_for(*visit.call, load);
        }

        void finish(Visit& visit, Reply reply) {
            Call& call = *visit.call;
            if (reply.outcome == Outcome::stale) meters_.stale.add();
            meters_.latency.record(world_.now() - call.started);
            forget(visit);
            world_.calls.reply(call, reply);
        }

        // ---- loads ----

        Load& new_load(Object object) {
            Load& load = loads_.acquire(object);
            under_way_.push_front(load);
            return load;
        }

        void announce(Load& load) {
            load.is_known = true;
            loads_by_key_.add(load.object.key, reinterpret_cast<std::uint64_t>(&load));
        }

        void load_for(const Call& cause, Load& load) {
            meters_.loads.add();
            call_origin(load, cause);
        }

        // The subject stays that of the request: a shield draws the same object with it. A load
        // that outlives its callers does not inherit their deadline.
        void call_origin(Load& load, const Call& cause) {
            Call& child = world_.calls.open(*this, cause, world_.now());
            child.route = 0;
            if (!load.passes) child.deadline = never;
            child.caller_note = reinterpret_cast<std::uint64_t>(&load);
            load.child = &child;
            world_.calls.send(child, chain_.head());
        }

        // Whoever is answered may do anything, call here again or make others give up: so each of
        // those who wait is taken out of the list before it is answered.
        void end(Load& load) {
            Reply reply = load.reply;
            if (!load.passes) reply = reply.good() ? loaded(load) : not_loaded(load);
            take_out(load);
            while (!load.waiting.empty()) {
                Visit& visit = *load.waiting.first();
                leave(visit);
                finish(visit, reply);
            }
            loads_.release(load);
        }

        Reply loaded(const Load& load) {
            if (load.waiting.empty() && !load.background) meters_.late.add();
            if (load.object.comes_again) keep(load.object.key);
            return load.reply;
        }

        Reply not_loaded(const Load& load) {
            meters_.failed.add();
            if (load.object.comes_again && parameters_.error_ttl.count() > 0) {
                failures_.keep(load.object.key, world_.now() + parameters_.error_ttl);
            }
            return or_stale(load.object, {Outcome::dependency_failed, load.reply.reason,
                                          load.reply.retry_after_us});
        }

        void take_out(Load& load) {
            if (load.is_known) loads_by_key_.remove(load.object.key);
            under_way_.remove(load);
        }

        void drop(Load& load) {
            take_out(load);
            stalled_loads_.remove(load);
            if (load.child != nullptr) world_.calls.abandon(*load.child);
            loads_.release(load);
        }

        void wait_for(Load& load, Visit& visit) {
            visit.load = &load;
            load.waiting.push_back(visit);
        }

        void leave(Visit& visit) { std::exchange(visit.load, nullptr)->waiting.remove(visit); }

        // ---- what befalls it ----

        // What is passed on has an answer under way only while its one caller waits for it.
        void give_up(Call& call) override {
            auto& visit = call.callee_frame<Visit>();
            world_.engine.cancel(visit.arrival);
            stalled_visits_.remove(visit);
            if (visit.load != nullptr) {
                Load& load = *visit.load;
                leave(visit);
                if (load.passes) drop(load);
            }
            forget(visit);
            world_.calls.reply(call, {Outcome::cancelled, 0});
        }

        void condition_changed(const Condition&) override {
            if (condition().mode != Condition::Mode::up) return;
            stalled_loads_.release([this](Load& load) { end(load); });
            stalled_visits_.release([this](Visit& visit) { look_up(visit); });
        }

        void crash() override {
            clear();
            stalled_loads_.clear();
            stalled_visits_.clear();
            while (!inside_.empty()) {
                Visit& visit = *inside_.first();
                world_.engine.cancel(visit.arrival);
                if (visit.load != nullptr) leave(visit);
                doom(*visit.call);
                forget(visit);
            }
            while (!under_way_.empty()) drop(*under_way_.first());
        }

        void forget(Visit& visit) {
            meters_.inside.add(-1, world_.now());
            inside_.remove(visit);
            visits_.release(visit);
        }

        Cdn& cdn_;
        const Parameters& parameters_;
        CdnMeters& meters_;
        Stream latencies_;
        CountedContents contents_;
        Contents failures_;  // and until when they are remembered
        Chain chain_;        // to the origin
        ReasonId remembered_;
        KeyIndex loads_by_key_;  // those that others may join
        Pool<Visit>& visits_ = world_.pools.of<Visit>();
        Pool<Load>& loads_ = world_.pools.of<Load>();
        List<Visit, &Visit::others> inside_;
        List<Load, &Load::others> under_way_;
        Stalled<Visit> stalled_visits_;
        Stalled<Load> stalled_loads_;
    };

    bool is_cacheable(const Call& call) const {
        if (call.has(Trait::write)) return false;
        return parameters_.cacheable.empty() ||
               std::find(cacheable_.begin(), cacheable_.end(), call.operation) != cacheable_.end();
    }

    Object object_of(const Call& call) const {
        Draws draws = objects_.draws(call.subject);
        if (parameters_.hit_ratio) {
            if (!draws.chance(parameters_.hit_ratio->value)) return {mix(call.subject), false};
            return {draws.below(static_cast<std::uint64_t>(parameters_.working_set)), true};
        }
        return {popularity_.object(draws), true};
    }

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Edge>(*this, zone, number);
    }

    const Parameters& parameters_;
    CallParameters loading_;
    CdnMeters meters_;
    Stream objects_;
    Popularity popularity_;
    std::vector<std::uint16_t> cacheable_;
};

}  // namespace

void add_cdn(Catalogue& catalogue) {
    add_popularity(catalogue.families);
    catalogue.component<Cdn>("cdn", "Copies of objects at the edge, in front of an origin.");
}

}  // namespace prodsim
