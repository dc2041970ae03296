// Rolling updates: the rounding of their bounds against Kubernetes' own test
// (deployment_util_test.go, TestResolveFenceposts), their course against the algorithm by hand.

#include "models/operations/replicas.hpp"
#include "tests/catch.hpp"
#include "tests/models/probes.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace prodsim;

namespace {

/// Ten instances, a rollout at 100 s, and what the levels are at the instants of the probes.
testing::Probed rollout(const std::string& parameters, const std::vector<testing::Probe>& probes,
                        const std::string& more = "") {
    return testing::probed(R"json({ "version": 1,
        "run": { "duration": "600s", "warm_up": "0s", "seed": 1, "replications": 1 },
        "components": {
            "users": { "type": "clients", "arrivals": "paced(100/s)",
                       "journeys": { "visit": { "call": "shop.serve" } } },
            "shop": { "type": "service", "instances": 10,
                      "operations": { "serve": { "steps": [ { "wait": "50ms" } ] } } },
            "release": { "type": "rollout", "target": "shop", "at": "100s",
                         "ready_after": "30s" )json" +
                               parameters + " }" + more + " } }",
                           probes);
}

}  // namespace

TEST_CASE("the surge is rounded up and the unavailable down, and not both are nothing") {
    struct Row {
        PodCount surge;
        PodCount unavailable;
        std::int64_t replicas;
        std::int64_t surges;
        std::int64_t misses;
    };
    const std::vector<Row> rows{
        {{0, true}, {0, true}, 0, 0, 1},    {{39, true}, {39, true}, 10, 4, 3},
        {{25, true}, {25, true}, 8, 2, 2},  {{25, true}, {25, true}, 4, 1, 1},
        {{25, true}, {25, true}, 10, 3, 2}, {{0, true}, {1, true}, 1, 0, 1},
        {{0, false}, {0, false}, 10, 0, 1},
    };
    for (const Row& row : rows) {
        const RollingBounds bounds = rolling_bounds(row.surge, row.unavailable, row.replicas);
        REQUIRE(bounds.surge == row.surges);
        REQUIRE(bounds.unavailable == row.misses);
    }
}

TEST_CASE("ten instances are replaced in two waves, never more than 13 and never fewer than 8") {
    // 3 start and 2 go at once, so 2 more start: 5 new and 8 old. At 130 s the 5 serve, 5 old ones
    // go and 5 more start; at 160 s these serve and the last 3 old ones go.
    const testing::Probed seen = rollout("", {{"release.pods", "101s"},
                                              {"release.old", "101s"},
                                              {"release.new", "129s"},
                                              {"release.new", "131s"},
                                              {"release.old", "131s"},
                                              {"release.pods", "131s"},
                                              {"release.new", "161s"},
                                              {"release.old", "161s"},
                                              {"release.pods", "161s"}});
    REQUIRE(seen.levels == std::vector<double>{13, 8, 0, 5, 3, 13, 10, 0, 10});
    REQUIRE(seen.run.readings.level("release", "pods")->maximum == 13);
    // Calls to instances that go are finished: a release that is good is not noticed.
    REQUIRE(seen.run.journeys[0].latency_bad().count() == 0);
}

TEST_CASE("without a surge instances are replaced one after the other") {
    const testing::Probed seen =
        rollout(R"(, "max_surge": "0", "max_unavailable": "1")", {{"release.old", "101s"},
                                                                  {"release.new", "131s"},
                                                                  {"release.old", "131s"},
                                                                  {"release.new", "401s"},
                                                                  {"release.old", "401s"}});
    REQUIRE(seen.levels == std::vector<double>{9, 1, 8, 10, 0});
    REQUIRE(seen.run.readings.level("release", "pods")->maximum == 10);
}

TEST_CASE("a release that fails is rolled back after an alert was heard") {
    const std::string page = R"(, "page": { "type": "alert", "journey": "visit", "evaluation": "1s",
        "delivery": "10s", "rules": [ { "over": "10min", "and_over": "1min", "burn": 14.4 } ] })";
    const testing::Probed seen = rollout(R"(, "errors": "100%", "undo_on": "page")",
                                         {{"release.new", "161s"},
                                          {"release.new", "300s"},
                                          {"release.old", "300s"},
                                          {"release.pods", "300s"}},
                                         page);
    REQUIRE(seen.levels[0] <= 10);
    REQUIRE(std::vector<double>(seen.levels.begin() + 1, seen.levels.end()) ==
            std::vector<double>{0, 10, 10});
    REQUIRE(seen.run.journeys[0].failed().total() > 0);
}

TEST_CASE("the share of calls that fail is the share of instances of the failing release") {
    const testing::Probed seen =
        rollout(R"(, "errors": "100%", "max_unavailable": "0", "undo_at": "159s")", {});
    // With a surge of 3 and nothing unavailable 3 new ones serve beside 7 old ones from 130 s on.
    // They are undone at 159 s, and 3 old ones serve in their place at 189 s: of 100 calls a second
    // for 59 s three in ten fail, each by chance of its own.
    const double failed = static_cast<double>(seen.run.journeys[0].failed().total());
    const double expected = 5900 * 0.3;
    const double error = 4 * std::sqrt(5900 * 0.3 * 0.7);
    REQUIRE(failed > expected - error);
    REQUIRE(failed < expected + error + 3);  // and the calls of the instant of 130 s
}

TEST_CASE(
    "new instances stand in the zones of their component, and a fault of the zone hits them") {
    const testing::Probed seen = testing::probed(R"json({ "version": 1,
        "run": { "duration": "600s", "warm_up": "0s", "seed": 1, "replications": 1 },
        "places": { "eu": { "zones": [ "a", "b" ] } },
        "components": {
            "users": { "type": "clients", "arrivals": "paced(100/s)",
                       "journeys": { "visit": { "call": "shop.serve" } } },
            "shop": { "type": "service", "instances": 4, "zones": [ "b" ],
                      "operations": { "serve": { "steps": [ { "wait": "1ms" } ] } } },
            "release": { "type": "rollout", "target": "shop", "at": "100s", "ready_after": "30s" }
        },
        "faults": [ { "name": "b", "target": { "zone": "b" }, "at": "50s", "for": "450s",
                      "errors": "100%" } ] })json",
                                                 {{"release.new", "400s"}});
    REQUIRE(seen.levels == std::vector<double>{4});
    // 100 a second for 450 s, with those of the first and the last instant or without.
    const std::uint64_t failed = seen.run.journeys[0].failed().total();
    REQUIRE(failed >= 45000 - 1);
    REQUIRE(failed <= 45000 + 1);
}

TEST_CASE("a rollout and an autoscaler of one service leave each other's instances alone") {
    const std::string busy = R"json(, "hpa": { "type": "autoscaler", "target": "shop",
        "maximum": 30, "request": 0.01, "down": { "stabilisation": "0s" } })json";
    const testing::Probed seen =
        rollout("", {{"release.new", "590s"}, {"release.old", "590s"}}, busy);
    // Nothing runs on the processors: all but one instance go, whoever started them.
    REQUIRE(seen.levels[0] + seen.levels[1] == 1);
}
