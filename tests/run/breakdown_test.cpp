// Where the time of journeys goes, in worlds in which nothing varies: every part is known.

#include "sim/run/breakdown.hpp"

#include "sim/run/judgement.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <map>
#include <string>
#include <vector>

using namespace prodsim;
using Catch::Matchers::WithinAbs;

namespace {

constexpr double one_ns = 1e-9;

/// Runs components given as JSON for ten seconds, once, with one request a second unless `users`
/// says otherwise.
std::vector<BreakdownReport> breakdowns(const std::string& components,
                                        const std::string& more = "") {
    const auto scenario =
        Scenario::parse(R"({ "version": 1, "run": { "duration": "10500ms", "warm_up": "0s" }, )" +
                            more + R"("components": { )" + components + " } }",
                        "breakdown", testing::everything());
    RunWatch watch;
    const Replication run =
        simulate(*scenario, plans_of(*scenario, FaultSelection::all()).front(), watch);
    for (const Audit& audit : run.audits) {
        INFO(audit.law << ", " << audit.subject << ": " << audit.detail);
        REQUIRE(audit.holds);
    }
    return breakdowns_of({&run});
}

BreakdownReport breakdown_of(const std::string& components, const std::string& more = "") {
    return breakdowns(components, more).at(0);
}

/// "shop cpu" -> seconds.
std::map<std::string, double> parts(const TimeSplitReport& split) {
    std::map<std::string, double> found;
    for (const TimePart& part : split.parts) {
        found[part.label.owner + " " + std::string(name_of(part.label.kind))] = part.mean_s;
    }
    return found;
}

void require_parts(const TimeSplitReport& split, const std::map<std::string, double>& expected) {
    const auto found = parts(split);
    std::string names;
    for (const auto& [name, seconds] : found) {
        names += name + "=" + std::to_string(seconds) + " ";
    }
    INFO(names);
    REQUIRE(found.size() == expected.size());
    for (const auto& [name, seconds] : expected) {
        INFO(name);
        REQUIRE(found.count(name) == 1);
        CHECK_THAT(found.at(name), WithinAbs(seconds, one_ns));
    }
}

const std::string one_a_second =
    R"json("users": { "type": "clients", "arrivals": "paced(1/s)",
              "journeys": { "buy": { "call": "shop.buy" } } }, )json";

}  // namespace

TEST_CASE("time along the critical path: the slower of two branches, not both") {
    const BreakdownReport found = breakdown_of(one_a_second + R"json(
        "shop": { "type": "service", "operations": { "buy": { "steps": [
            { "cpu": "5ms" },
            { "parallel": [ [ { "cpu": "2ms" }, { "call": "bank.pay" } ],
                            [ { "call": "post.send" } ] ] },
            { "wait": "3ms" } ] } } },
        "bank": { "type": "third_party", "latency": "20ms", "operations": { "pay": {} } },
        "post": { "type": "third_party", "latency": "15ms", "operations": { "send": {} } })json");
    REQUIRE(found.journey == "buy");
    REQUIRE(found.good.journeys == 10);
    CHECK_THAT(found.good.latency_mean_s, WithinAbs(0.030, one_ns));
    require_parts(found.good, {{"shop cpu", 0.007}, {"bank inside", 0.020}, {"shop pause", 0.003}});
}

TEST_CASE("time of a call that is given up: whatever it was doing until then, then the next try") {
    const BreakdownReport found =
        breakdown_of(one_a_second + R"json(
        "shop": { "type": "service",
            "calls": { "bank": { "policy": [
                "retry(attempts=2, backoff=fixed, base=30ms)", "timeout(50ms)" ] } },
            "operations": { "buy": { "steps": [ { "call": "bank.pay" } ] } } },
        "bank": { "type": "third_party", "latency": "20ms", "operations": { "pay": {} } })json",
                     R"json("faults": [ { "target": { "component": "bank" },
                                          "at": "0s", "for": "20s", "hang": true } ], )json");
    REQUIRE(found.failed.journeys == 10);
    require_parts(found.failed, {{"bank silence", 0.100}, {"shop -> bank backoff", 0.030}});
    REQUIRE(found.examples.size() == 1);
    REQUIRE(found.examples[0].pieces.size() == 3);
    CHECK_THAT(found.examples[0].pieces[1].from_s, WithinAbs(0.050, one_ns));
    CHECK_THAT(found.examples[0].pieces[2].to_s, WithinAbs(0.130, one_ns));
}

// Two come together, each with 10 ms of work. With one thread the second waits 10 ms; with two
// threads on one core both take 20 ms, of which 10 are work.
TEST_CASE("time before a thread is queueing, time before a core is contention") {
    const auto shop = [](const std::string& threads) {
        return one_a_second + R"json(
            "others": { "type": "clients", "arrivals": "paced(1/s)",
                        "journeys": { "sell": { "call": "shop.buy" } } },
            "shop": { "type": "service", "cores": 1, "threads": )json" +
               threads +
               R"json(, "operations": { "buy": { "steps": [ { "cpu": "10ms" } ] } } })json";
    };
    const auto queueing = breakdowns(shop("1"));
    require_parts(queueing.at(0).good, {{"shop cpu", 0.010}});
    require_parts(queueing.at(1).good, {{"shop cpu", 0.010}, {"shop queue", 0.010}});
    for (const BreakdownReport& found : breakdowns(shop("2"))) {
        require_parts(found.good, {{"shop cpu", 0.010}, {"shop contention", 0.010}});
    }
}

TEST_CASE("time of a call: over the network, into a connection, onto a processor, to the disk") {
    const BreakdownReport found = breakdown_of(one_a_second + R"json(
        "shop": { "type": "service",
            "calls": { "pg": { "policy": [ "pool(size=1, connect=4ms, lifetime=500ms)" ] } },
            "operations": { "buy": { "steps": [ { "call": "pg.read" } ] } } },
        "pg": { "type": "sql_database", "io_time": "8ms", "iops": "0/s",
            "operations": { "read": { "cpu": "2ms", "pages": 1, "buffer_hit": 0 } } })json",
                                               R"json("places": { "north": { "zones": [ "n1" ] } },
            "network": { "within_zone": "1ms" }, )json");
    require_parts(found.good, {{"users -> shop network", 0.002},
                               {"shop -> pg network", 0.002},
                               {"shop -> pg connect", 0.004},
                               {"pg cpu", 0.002},
                               {"pg io", 0.008}});
}

TEST_CASE("time is that of a sample, which is spread evenly and stays small") {
    const BreakdownReport found =
        breakdown_of(R"json("users": { "type": "clients", "arrivals": "paced(1000/s)",
                                "journeys": { "buy": { "call": "shop.buy" } } },
            "shop": { "type": "service",
                      "operations": { "buy": { "steps": [ { "wait": "1ms" } ] } } })json");
    // 10 500 journeys; every 64th is kept, because every 32nd would be more than 256.
    CHECK(found.good.journeys == 165);
    require_parts(found.good, {{"shop pause", 0.001}});
}
