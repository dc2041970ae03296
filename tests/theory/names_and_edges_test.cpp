// What stands between the public and a site: how soon callers follow a name that has moved, how
// many questions and loads get through a cache, and which scenarios make no sense.

#include "tests/theory/laboratory.hpp"

#include <exception>
#include <string>
#include <vector>

using namespace prodsim;
using namespace prodsim::testing;
using namespace std::chrono_literals;

TEST_CASE("D03: a resolver answers lambda T of lambda T + 1 calls from what it keeps") {
    // Jung, Berger & Balakrishnan, "Modeling TTL-based Internet caches", INFOCOM 2003: a hit does
    // not renew the time to live.
    struct Row {
        std::string rate, ttl, length;
        double hits;
    };
    const std::vector<Row> rows{{"0.05/s", "60s", "200h", 0.75},
                                {"10/s", "1s", "2h", 10.0 / 11},
                                {"0.01/s", "60s", "400h", 0.375},
                                {"1/s", "300s", "100h", 300.0 / 301}};
    for (const Row& row : rows) {
        Experiment experiment(R"json({
            "run": {"duration": "$length", "warm_up": "10min", "replications": 5},
            "components": {
                "users": {"type": "clients", "arrivals": "poisson($rate)",
                          "journeys": {"visit": {"call": "www.page"}}},
                "www": {"type": "dns", "records": ["site"], "ttl": "$ttl", "latency": "0s"},
                "site": {"type": "service", "operations": {"page": {"steps": []}}}}})json",
                              {{"length", row.length}, {"rate", row.rate}, {"ttl", row.ttl}});
        CAPTURE(row.rate, row.ttl);
        REQUIRE(experiment.measures(ratio("www.hits", "visit.offered"), 3_percent) == row.hits);
    }
}

namespace {

/// A name of two records, the first of which dies at 200 s, with checks every interval. It has 25
/// resolvers, each asked twice a second.
std::unique_ptr<const Scenario> failover(int interval, int threshold, int ttl) {
    return understood(filled(R"json({
        "run": {"duration": "700s", "warm_up": "60s", "replications": 20},
        "components": {
            "users": {"type": "clients", "arrivals": "paced(50/s)",
                      "journeys": {"visit": {"call": "www.page"}}},
            "www": {"type": "dns", "records": ["a", "b"], "ttl": "$ttls", "latency": "0s",
                    "resolvers": 25,
                    "health": {"operation": "page", "interval": "$intervals",
                               "threshold": $threshold}},
            "a": {"type": "service", "operations": {"page": {"steps": []}}},
            "b": {"type": "service", "operations": {"page": {"steps": []}}}},
        "faults": [{"target": {"component": "a"}, "at": "200s", "crash": true}]})json",
                             {{"ttl", std::to_string(ttl)},
                              {"interval", std::to_string(interval)},
                              {"threshold", std::to_string(threshold)}}));
}

double share_ok(const Replication& run, Duration from, Duration to) {
    return Metric::parse("visit.availability")->of(run, {Time{from}, Time{to}}).value();
}

}  // namespace

TEST_CASE("D01: callers have moved after interval x threshold and the time to live") {
    struct Row {
        int interval, threshold, ttl;
    };
    for (const Row& row : {Row{30, 3, 60}, Row{10, 3, 60}, Row{10, 1, 60}, Row{30, 3, 300}}) {
        const auto scenario = failover(row.interval, row.threshold, row.ttl);
        RunWatch watch;
        const auto runs =
            simulate_all(*scenario, plans_of(*scenario, FaultSelection::all()), 1, watch);
        const Duration undetected = std::chrono::seconds((row.threshold - 1) * row.interval);
        const Duration detected = std::chrono::seconds(row.threshold * row.interval);
        const Duration moved = detected + std::chrono::seconds(row.ttl);
        CAPTURE(row.interval, row.threshold, row.ttl);
        std::vector<double> switches;
        for (const Replication& run : runs) {
            if (row.threshold > 1) REQUIRE(share_ok(run, 202s, 200s + undetected) == 0);
            REQUIRE(share_ok(run, 202s + moved, 700s) == 1);
            // A caller fails from the crash until it has moved, and all callers are equally busy.
            switches.push_back(static_cast<double>(run.journeys[0].latency_bad().count()) / 50);
        }
        // The phase of the checks is uniform, and so is the age of an answer. A resolver is asked
        // twice a second, so it may hold an answer for half a second more before it asks again.
        const double mean = (row.threshold - 0.5) * row.interval + row.ttl / 2.0;
        const Estimate switched = estimate_mean(switches);
        CAPTURE(switched.mean, switched.standard_error);
        REQUIRE(switched.mean == within(4 * switched.standard_error + 0.5, mean));
        REQUIRE(switched.standard_error < 5);
    }
}

TEST_CASE("a call does not pass through a name, nor does what befalls the way to its servers") {
    // 1 ms each way within the zone of the users, where the site is; the servers are 50 ms away. An
    // answer is kept for 10 s, so 1 of 101 calls, the one after that, takes 100 ms and 2 ms more.
    Experiment experiment(R"json({
        "run": {"duration": "111s", "warm_up": "10s", "replications": 2},
        "places": {"eu": {"zones": ["eu-a"]}, "us": {"zones": ["us-a"]}},
        "network": {"within_zone": "1ms", "between_regions": "50ms"},
        "components": {
            "users": {"type": "clients", "zones": ["eu-a"], "arrivals": "paced(10/s)",
                      "journeys": {"visit": {"call": "www.page"}}},
            "www": {"type": "dns", "records": ["site"], "ttl": "10s", "latency": "0s",
                    "zones": ["us-a"], "start": "$start"},
            "site": {"type": "service", "zones": ["eu-a"],
                     "operations": {"page": {"steps": []}}}},
        "faults": [{"target": {"component": "users", "to": "$cut"}, "at": "5s", "for": "1s",
                    "partition": true}]})json",
                          {{"start", "cold"}, {"cut", "www"}});
    REQUIRE(experiment.mean("visit.latency_p50") == within(1e-5, 0.002));
    REQUIRE(experiment.mean("visit.latency_max") == within(1e-9, 0.102));
    REQUIRE(experiment.mean("visit.availability") == 1);
    REQUIRE(experiment.mean("www.to.site") == within(1e-9, 10));
}

TEST_CASE("behind a shield the origin is asked once for an object, not once from each edge") {
    // 20 objects are asked for 1000 times each at 5 points of presence: all are, at each.
    const char* text = R"json({
        "run": {"duration": "200s", "warm_up": "0s", "replications": 3},
        "components": {
            "users": {"type": "clients", "arrivals": "poisson(100/s)",
                      "journeys": {"read": {"call": "edge.page"}}},
            "edge": {"type": "cdn", "origin": "$origin", "instances": 5, "keys": 20,
                     "popularity": "uniform"},
            "shield": {"type": "cdn", "origin": "site", "keys": 20, "popularity": "uniform"},
            "site": {"type": "service", "operations": {"page": {"steps": [{"cpu": "1ms"}]}}}}}
        )json";
    Experiment shielded(text, {{"origin", "shield"}});
    REQUIRE(shielded.mean("edge.loads") == within(1e-9, 100.0 / 200));
    REQUIRE(shielded.mean("shield.loads") == within(1e-9, 20.0 / 200));
    Experiment bare(text, {{"origin", "site"}});
    REQUIRE(bare.mean("edge.loads") == within(1e-9, 100.0 / 200));
    REQUIRE(bare.mean("shield.loads") == 0);
}

TEST_CASE("only cacheable operations are answered from copies") {
    const char* text = R"json({
        "run": {"duration": "20s", "warm_up": "0s", "replications": 1},
        "components": {
            "users": {"type": "clients", "arrivals": "paced(100/s)", "journeys": {
                "read": {"call": "edge.page"}, "buy": {"call": "edge.order"}}},
            "edge": {"type": "cdn", "origin": "site", "keys": 1, "cacheable": ["$cacheable"]},
            "site": {"type": "service", "operations": {
                "page": {"steps": []}, "order": {"steps": []}}}}})json";
    Experiment experiment(text, {{"cacheable", "page"}});
    REQUIRE(experiment.mean("edge.passed") == experiment.mean("buy.goodput"));
    REQUIRE(experiment.mean("edge.loads") == within(1e-9, 1.0 / 20));
    REQUIRE_THROWS_WITH(understood(filled(text, {{"cacheable", "pages"}})),
                        ContainsSubstring("has no operation \"pages\" to be cacheable"));
}

namespace {

/// What the loader says of this name; nothing when all is well.
std::string problems_with(const std::string& record, const std::string& more) {
    try {
        understood(filled(R"json({"components": {
            "users": {"type": "clients", "arrivals": "poisson(1/s)",
                      "journeys": {"visit": {"call": "www.page"}}},
            "www": {"type": "dns", "records": ["$record"] $more},
            "other": {"type": "dns", "records": ["www"]},
            "site": {"type": "service", "operations": {"page": {"steps": []}}}}})json",
                          {{"record", record}, {"more", more}}));
    } catch (const std::exception& problem) {
        return problem.what();
    }
    return {};
}

}  // namespace

TEST_CASE("a record without the operation to check is a problem, and so is a circle of names") {
    REQUIRE(problems_with("site", "").empty());
    REQUIRE_THAT(problems_with("site", R"(, "health": "ping")"),
                 ContainsSubstring("has no operation \"ping\" to check"));
    REQUIRE_THAT(problems_with("site", R"(, "weights": [1, 2])"),
                 ContainsSubstring("more \"weights\" than \"records\""));
    REQUIRE_THAT(problems_with("other", ""), ContainsSubstring("has no operation \"page\""));
}
