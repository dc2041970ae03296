// What must not change when something else does: another component, another policy, another order
// in the file, another number of threads; and instances that come and go under load.

#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "sim/world/component.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace prodsim;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<const Scenario> understood(const std::string& components) {
    return Scenario::parse(R"json({ "version": 1,
        "run": { "duration": "60s", "warm_up": "5s", "seed": 7, "replications": 4 },
        "components": {)json" + components +
                               "} }",
                           "invariance", testing::everything());
}

std::vector<Replication> runs_of(const std::string& components, unsigned threads) {
    const auto scenario = understood(components);
    RunWatch watch;
    return simulate_all(*scenario, plans_of(*scenario, FaultSelection::all()), threads, watch);
}

Replication run_of(const std::string& components) { return runs_of(components, 1).front(); }

const Journey& journey(const Replication& run, std::string_view name) {
    return *std::find_if(run.journeys.begin(), run.journeys.end(),
                         [&](const Journey& candidate) { return candidate.name() == name; });
}

/// Bit by bit: when journeys began and ended, and how long they took.
void require_same_journeys(const Journey& one, const Journey& other) {
    REQUIRE(one.offered().total() == other.offered().total());
    const bool same_offers = one.offers().windows() == other.offers().windows();
    const bool same_ends = one.ends().windows() == other.ends().windows();
    const bool same_latencies = one.latency_good().buckets() == other.latency_good().buckets();
    REQUIRE(same_offers);
    REQUIRE(same_ends);
    REQUIRE(same_latencies);
    REQUIRE(one.latency_good().sum() == other.latency_good().sum());
    REQUIRE(one.latency_bad().sum() == other.latency_bad().sum());
}

/// All counters and the sums of all histograms of a component.
void require_same_meters(const Replication& one, const Replication& other, std::string_view owner) {
    std::size_t compared = 0;
    for (const auto& reading : one.readings.counters) {
        if (reading.name.owner != owner) continue;
        CAPTURE(reading.name.owner, reading.name.name);
        const auto* twin = other.readings.counter(reading.name.owner, reading.name.name);
        REQUIRE(twin != nullptr);
        REQUIRE(twin->total == reading.total);
        ++compared;
    }
    for (const auto& reading : one.readings.histograms) {
        if (reading.name.owner != owner) continue;
        const auto* twin = other.readings.histogram(reading.name.owner, reading.name.name);
        REQUIRE(twin != nullptr);
        REQUIRE(twin->histogram.sum() == reading.histogram.sum());
        ++compared;
    }
    REQUIRE(compared > 5);
}

const std::string shop = R"json(
    "public": { "type": "clients", "arrivals": "poisson(50/s)",
                "journeys": { "order": { "weight": 2, "call": "shop.order" },
                              "look": { "weight": 1, "call": "shop.look" } } },
    "shop": { "type": "service", "instances": 3, "cores": 1, "threads": 4, "queue": 20,
              "operations": { "order": [ { "cpu": "exp(10ms)" }, { "call": "store.set" } ],
                              "look": [ { "cpu": "lognormal(5ms, 1)" },
                                        { "call": "store.get", "probability": "50%" } ] } },
    "store": { "type": "service", "instances": 2, "cores": 1, "threads": 8,
               "operations": { "get": [ { "cpu": "exp(3ms)" } ],
                               "set": [ { "cpu": "exp(6ms)" }, { "wait": "exp(5ms)" } ] } })json";

const std::string bank = R"json(
    "traders": { "type": "clients", "arrivals": "poisson(30/s)",
                 "journeys": { "trade": { "call": "bank.pay" } } },
    "bank": { "type": "service", "instances": 2, "cores": 1, "threads": 4,
              "operations": { "pay": [ { "cpu": "exp(10ms)" } ] } })json";

}  // namespace

TEST_CASE("a component that nobody calls changes nobody's arrivals, routes or demands") {
    const Replication alone = run_of(shop);
    for (const std::string& together : {shop + "," + bank, bank + "," + shop}) {
        const Replication with = run_of(together);
        require_same_journeys(journey(alone, "order"), journey(with, "order"));
        require_same_journeys(journey(alone, "look"), journey(with, "look"));
        require_same_meters(alone, with, "shop");
        require_same_meters(alone, with, "store");
    }
}

TEST_CASE("a retry policy leaves arrivals, and the fate and cost of first attempts, as they were") {
    // Nobody waits for anybody here, so a second attempt can disturb no first one.
    const auto provider = [](const std::string& policy) {
        return R"json("public": { "type": "clients", "arrivals": "poisson(100/s)",
                   "calls": { "bank": { "policy": [)json" +
               policy + R"json(] } },
                   "journeys": { "pay": { "call": "bank.pay" } } },
               "bank": { "type": "third_party", "latency": "exp(20ms)", "error_rate": "10%",
                         "quota": "0/s", "operations": { "pay": { "quota": "0/s" } } })json";
    };
    const Replication once = run_of(provider(""));
    const Replication twice = run_of(provider("\"retry(2, backoff=fixed, base=10s)\""));
    const Journey& plain = journey(once, "pay");
    const Journey& retried = journey(twice, "pay");
    const bool same_offers = plain.offers().windows() == retried.offers().windows();
    REQUIRE(same_offers);

    // Whoever needed a second attempt took more than ten seconds; the others are the same as ever.
    std::vector<Histogram::Bucket> first_attempts;
    for (const auto& bucket : retried.latency_good().buckets()) {
        if (bucket.low < 5s) first_attempts.push_back(bucket);
    }
    const bool same = first_attempts == plain.latency_good().buckets();
    REQUIRE(same);
    const auto* first = once.readings.counter("bank", "errors");
    const auto* calls = twice.readings.counter("public -> bank", "retry.calls");
    const auto* attempts = twice.readings.counter("public -> bank", "retry.attempts");
    const auto* under_way = once.readings.counter("bank", "calls.arrivals");
    REQUIRE(calls->total == under_way->total);
    REQUIRE(attempts->total > calls->total);
    REQUIRE(attempts->total <= calls->total + first->total);
}

TEST_CASE("the number of threads changes nothing") {
    const auto one = runs_of(shop + "," + bank, 1);
    const auto two = runs_of(shop + "," + bank, 2);
    REQUIRE(one.size() == two.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
        REQUIRE(one[i].fingerprint == two[i].fingerprint);
        REQUIRE(one[i].events == two[i].events);
        require_same_journeys(journey(one[i], "order"), journey(two[i], "order"));
    }
    REQUIRE(one[0].fingerprint != one[1].fingerprint);
}

TEST_CASE("which journeys are traced changes no event") {
    const auto scenario = understood(shop);
    std::vector<std::uint64_t> fingerprints;
    std::vector<Duration> traced;
    for (const int before : {0, 1, 1 << 20}) {
        const auto world = scenario->world(7, 0);
        // The sample thins out as journeys begin: after a million, one in 4096 or so is traced.
        // Those that begin here take no time.
        for (const char* name : {"order", "look"}) {
            const std::size_t kind = world->traces.journey(name);
            for (int i = 0; i < before; ++i) {
                Request request;
                world->traces.begin(request, kind);
                world->traces.end(request, {});
            }
        }
        world->start();
        world->engine.run_until(start_of_run + 60s);
        fingerprints.push_back(world->engine.fingerprint());
        traced.emplace_back();
        for (const Breakdown& breakdown : world->traces.breakdowns()) {
            traced.back() += breakdown.good.latency + breakdown.failed.latency;
        }
    }
    REQUIRE(traced[0] > 1s);
    REQUIRE(traced[2] < traced[0] / 20);
    REQUIRE(fingerprints[1] == fingerprints[0]);
    REQUIRE(fingerprints[2] == fingerprints[0]);
}

TEST_CASE("the order of the components in the file changes nothing") {
    const std::vector<std::string> parts = [] {
        std::vector<std::string> all;
        const std::string whole = shop + "," + bank;
        std::size_t from = 0;
        int depth = 0;
        for (std::size_t i = 0; i < whole.size(); ++i) {
            if (whole[i] == '{' || whole[i] == '[') ++depth;
            if (whole[i] == '}' || whole[i] == ']') --depth;
            if (whole[i] == ',' && depth == 0) {
                all.push_back(whole.substr(from, i - from));
                from = i + 1;
            }
        }
        all.push_back(whole.substr(from));
        return all;
    }();
    REQUIRE(parts.size() == 5);
    const Replication forwards = run_of(shop + "," + bank);
    std::string reversed = parts.back();
    for (std::size_t i = parts.size() - 1; i-- > 0;) reversed += "," + parts[i];
    const Replication backwards = run_of(reversed);
    for (const char* name : {"order", "look", "trade"}) {
        require_same_journeys(journey(forwards, name), journey(backwards, name));
    }
    for (const char* name : {"shop", "store", "bank"}) {
        require_same_meters(forwards, backwards, name);
    }
}

// ---- membership ---------------------------------------------------------------------------------

namespace {

/// Adds an instance to a component at one instant, and takes the first one out at another.
class Crew {
public:
    Crew(World& world, std::string_view component)
        : world_(world), callee_(dynamic_cast<Callee&>(*world.find(component))) {
        world.engine.at(start_of_run + 2s, action<&Crew::add>(*this));
        world.engine.at(start_of_run + 4s, action<&Crew::remove>(*this));
        world.engine.at(start_of_run + 6s, action<&Crew::add>(*this));
        world.engine.at(start_of_run + 8s, action<&Crew::remove>(*this));
    }

private:
    void add() { callee_.add_instance(0); }
    void remove() {
        REQUIRE(world_.calls.live() > 0);  // under load
        callee_.remove_instance(*callee_.members().front());
    }

    World& world_;
    Callee& callee_;
};

void require_unnoticed_changes(const std::string& policy, std::string_view component) {
    CAPTURE(policy, std::string(component));
    const auto scenario = understood(R"json(
        "public": { "type": "clients", "arrivals": "poisson(100/s)", "per": "device_pool",
                    "calls": { "front": { "policy": [)json" +
                                     policy + R"json(] } },
                    "journeys": { "visit": { "call": "front.do" } } },
        "front": { "type": "service", "instances": 2, "threads": 50, "queue": 1000,
                   "calls": { "back": { "policy": [)json" +
                                     policy + R"json(] } },
                   "operations": { "do": [ { "cpu": "exp(5ms)" }, { "call": "back.do" } ] } },
        "back": { "type": "service", "instances": 2, "threads": 50, "queue": 1000,
                  "operations": { "do": [ { "cpu": "exp(5ms)" },
                                          { "wait": "exp(50ms)" } ] } })json");
    const auto world = scenario->world(1, 0);
    world->start();
    const Crew crew(*world, component);
    const auto& callee = dynamic_cast<const Callee&>(*world->find(component));
    world->engine.run_until(start_of_run + 10s);
    REQUIRE(callee.members().size() == 2);
    REQUIRE(callee.instances().size() == 4);
    REQUIRE(callee.instances()[0]->is_closed());
    REQUIRE(callee.instances()[1]->is_closed());
    for (const auto& each : world->components()) each->stop_arrivals();
    world->engine.run_until(start_of_run + 1h);
    const Calls& calls = world->calls;
    REQUIRE(calls.live() == 0);
    REQUIRE(calls.opened() == calls.answered() + calls.wasted());
    const Journey& books = world->journey("visit");
    REQUIRE(books.ended().total() == books.offered().total());
    REQUIRE(books.ended().total() > 800);
    const OutcomeTable& outcomes = books.outcomes();
    for (ReasonId reason = 1; reason < outcomes.reasons(); ++reason) {
        CAPTURE(world->reasons()[reason].mechanism);
        std::uint64_t failures = 0;
        for (const Outcome outcome : {Outcome::reset, Outcome::dependency_failed}) {
            failures += outcomes.count(reason, outcome);
        }
        // A connection outlives membership: whoever keeps one finds out when it is used again.
        const bool keeps = policy.find("pool") != std::string::npos;
        REQUIRE(
            (failures == 0 || (keeps && world->reasons()[reason].mechanism == "instance gone")));
    }
    if (policy.find("pool") == std::string::npos) REQUIRE(books.latency_bad().count() == 0);
}

}  // namespace

TEST_CASE("instances that come and go under load lose no call, as callers or as callees") {
    for (const char* component : {"front", "back"}) {
        for (const char* policy :
             {R"json("balance(random)")json", R"json("balance(round_robin)")json",
              R"json("balance(least_request)")json", R"json("balance(power_of_choices)")json",
              R"json("balance(join_idle_queue)")json",
              R"json("timeout(5s)", "retry(2)", "balance(random)", "timeout(4s)")json",
              R"json("balance(random)", "breaker(consecutive)", "bulkhead(100)")json",
              R"json("pool(1000, idle=1s)")json"}) {
            require_unnoticed_changes(policy, component);
        }
    }
}
