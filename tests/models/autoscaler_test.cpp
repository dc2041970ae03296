// The rules against the tables of Kubernetes' own tests (replica_calculator_test.go and
// horizontal_test.go), and the component in a scenario.

#include "models/operations/replicas.hpp"
#include "tests/catch.hpp"
#include "tests/models/probes.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace prodsim;
using namespace std::chrono_literals;

namespace {

struct Row {
    std::string name;
    std::int64_t current;
    std::vector<std::int64_t> levels;
    std::int64_t target;
    std::int64_t desired;
    std::vector<std::size_t> unready{};
    int missing = 0;
    int pending = 0;
};

std::vector<PodReading> pods_of(const Row& row) {
    std::vector<PodReading> pods;
    for (std::size_t i = 0; i < row.levels.size(); ++i) {
        const bool unready =
            std::find(row.unready.begin(), row.unready.end(), i) != row.unready.end();
        pods.push_back({1000, row.levels[i], !unready});
    }
    for (int i = 0; i < row.missing; ++i) pods.push_back({1000, std::nullopt, true});
    for (int i = 0; i < row.pending; ++i) pods.push_back({1000, std::nullopt, false});
    return pods;
}

ScalingHistory history(Duration up, Duration down) { return {{up, {}, {}}, {down, {}, {}}}; }

ScalingHistory usual() {
    using Unit = ScalingLimit::Unit;
    return {{0s, {}, {{Unit::percent, 100, 15s}, {Unit::pods, 4, 15s}}},
            {5min, {}, {{Unit::percent, 100, 15s}}}};
}

Replication run(const std::string& text) { return testing::probed(text, {}).run; }

/// 400 requests a second of 10 ms need 4 cores, which is a use of 50 % of 8 instances of one core.
std::string scenario_with(const std::string& arrivals, const std::string& scaler) {
    return R"json({ "version": 1,
        "run": { "duration": "20min", "warm_up": "10min", "seed": 1, "replications": 1 },
        "components": {
            "users": { "type": "clients", )json" +
           arrivals + R"json(, "journeys": { "visit": { "call": "shop.serve" } } },
            "shop": { "type": "service", "instances": 2, "cores": 1, "queue": 100000,
                      "operations": { "serve": { "steps": [ { "cpu": "exp(10ms)" } ] } } },
            "hpa": { "type": "autoscaler", "target": "shop", "utilisation": "50%",
                     "maximum": 20, )json" +
           scaler + R"json( } } })json";
}

constexpr const char* busy = R"json("arrivals": "poisson(400/s)")json";
constexpr const char* quiet_after_9min = R"json("arrivals": "poisson(400/s)",
    "shape": [ { "type": "step", "at": "9min", "factor": 0.25 } ])json";

}  // namespace

TEST_CASE("the replica calculator answers as the tables of Kubernetes do") {
    const std::vector<Row> rows{
        {"scale up", 3, {300, 500, 700}, 30, 5},
        {"an unready pod lessens growth", 3, {300, 500, 700}, 30, 4, {0}},
        {"unready pods prevent growth", 3, {400, 500, 700}, 30, 3, {1, 2}},
        {"failed pods do not count", 2, {500, 700}, 30, 4},
        {"scale down", 5, {100, 300, 500, 250, 250}, 50, 3},
        {"unready pods are left out of shrinking", 5, {100, 300, 500, 250, 250}, 50, 2, {3, 4}},
        {"pending pods are left out of shrinking", 5, {100}, 50, 1, {}, 0, 4},
        {"missing metrics", 4, {400, 95}, 100, 3, {}, 2},
        {"missing, at the target", 2, {1000}, 100, 2, {}, 1},
        {"missing, above the target", 2, {1900}, 100, 2, {}, 1},
        {"missing, below the target", 2, {600}, 100, 2, {}, 1},
        {"missing and unready", 3, {100, 450}, 50, 3, {0}, 1},
        {"missing and unready, growing", 3, {100, 2000}, 50, 4, {0}, 1},
        {"missing and unready, shrinking", 4, {100, 100, 100}, 50, 3, {0}, 1},
        // The metrics of pods that are gone are nobody's: 4.0, 9.5, 3.0 and 7.0 cores remain.
        {"superfluous metrics", 4, {4000, 9500, 3000, 7000}, 100, 24},
        {"more pods than replicas", 2, {100, 100}, 50, 2, {}, 1},
        {"ten at 50 % for 56 %", 10, std::vector<std::int64_t>(10, 500), 56, 9},
        {"ten at 50 % for 55 %", 10, std::vector<std::int64_t>(10, 500), 55, 10},
    };
    for (const Row& row : rows) {
        INFO(row.name);
        REQUIRE(desired_replicas(row.current, pods_of(row), row.target, 0.1) == row.desired);
    }
}

TEST_CASE("a use of 102 % of a target of 100 % is within the tolerance") {
    const std::vector<PodReading> pods{{900, 1010, true}, {1000, 1030, true}, {1100, 1020, true}};
    REQUIRE(desired_replicas(3, pods, 100, 0.1) == 3);
}

TEST_CASE("stabilisation looks back for the most cautious recommendation") {
    struct Past {
        std::int64_t value;
        Duration ago;
    };
    struct Case {
        std::int64_t current;
        std::int64_t desired;
        std::vector<Past> past;
        Duration up;
        Duration down;
        std::int64_t replicas;
    };
    const std::vector<Case> cases{
        {100, 3, {{4, 120s}, {5, 60s}}, 0s, 180s, 5},
        {1, 7, {{4, 120s}, {5, 60s}}, 300s, 0s, 4},
        {100, 3, {{1, 120s}, {2, 60s}}, 300s, 0s, 3},
        {1, 3, {{4, 120s}, {5, 60s}}, 0s, 300s, 3},
        {100, 3, {{10, 600s}, {9, 540s}}, 0s, 0s, 3},
        {100, 3, {{10, 600s}, {4, 60s}, {5, 120s}, {9, 540s}}, 0s, 180s, 5},
        {1, 100, {{10, 6000s}, {6, 60s}, {5, 120s}, {9, 180s}}, 300s, 0s, 5},
        {2, 1, {{2, 6000s}, {3, 180s}}, 300s, 300s, 2},
        {2, 3, {{2, 6000s}, {1, 180s}}, 300s, 300s, 2},
    };
    const Time now = start_of_run + 7000s;
    for (const Case& row : cases) {
        ScalingHistory scaling = history(row.up, row.down);
        auto past = row.past;
        std::sort(past.begin(), past.end(),
                  [](const Past& a, const Past& b) { return a.ago > b.ago; });
        for (const Past& one : past) scaling.stabilised(1, one.value, now - one.ago);
        REQUIRE(scaling.stabilised(row.current, row.desired, now) == row.replicas);
    }
}

TEST_CASE("A10: Knative's delay of scaling down is such a window") {
    // knative/serving, autoscaler_test.go, TestAutoscalerScaleDownDelay: 300 s and a target of 10.
    struct Step {
        Duration at;
        std::int64_t concurrency;
        std::int64_t desired;
    };
    ScalingHistory scaling = history(0s, 300s);
    std::int64_t replicas = 4;
    for (const Step& step : {Step{540s, 40, 4}, Step{600s, 30, 4}, Step{660s, 0, 4},
                             Step{840s, 0, 3}, Step{900s, 0, 0}}) {
        const std::int64_t wanted = (step.concurrency + 9) / 10;
        replicas = scaling.stabilised(replicas, wanted, start_of_run + step.at);
        REQUIRE(replicas == step.desired);
    }
}

TEST_CASE("by default growth doubles or adds four in 15 s, whichever is more") {
    ScalingHistory scaling = usual();
    std::int64_t pods = 1;
    std::vector<std::int64_t> seen{pods};
    for (Time now = start_of_run + 15s; seen.size() < 7; now += 15s) {
        const std::int64_t next = scaling.limited(pods, 1000, 1, 100, now);
        scaling.scaled(next - pods, now);
        seen.push_back(pods = next);
    }
    REQUIRE(seen == std::vector<std::int64_t>{1, 5, 10, 20, 40, 80, 100});
}

TEST_CASE("what changed within the period of a limit counts against it") {
    ScalingHistory scaling({0s, {}, {{ScalingLimit::Unit::pods, 4, 60s}}},
                           {0s, SelectLimit::disabled, {}});
    const Time start = start_of_run + 1000s;
    REQUIRE(scaling.limited(10, 100, 1, 100, start) == 14);
    scaling.scaled(4, start);
    REQUIRE(scaling.limited(14, 100, 1, 100, start + 59s) == 14);
    REQUIRE(scaling.limited(14, 100, 1, 100, start + 60s) == 18);
    REQUIRE(scaling.limited(14, 3, 1, 100, start) == 14);  // shrinking is disabled
}

TEST_CASE("an autoscaler brings the use of processors to its target and keeps it there") {
    const Replication result = run(scenario_with(busy, R"("ready_after": "20s")"));
    // 4 cores of work: within a tolerance of 10 % around 50 % stand 7.3 to 8.9 instances.
    const auto* ready = result.readings.level("hpa", "ready");
    REQUIRE(ready != nullptr);
    REQUIRE(ready->last >= 7);
    REQUIRE(ready->last <= 9);
    const double use = result.readings.level("shop", "cpu.busy")->mean /
                       result.readings.level("shop", "cpu.capacity")->mean;
    REQUIRE(use > 0.5 / 1.15);
    REQUIRE(use < 0.5 * 1.15);
}

TEST_CASE("an autoscaler lets a fleet shrink only after five quiet minutes") {
    const auto ready_after = [&](const std::string& duration) {
        std::string text = scenario_with(quiet_after_9min, R"("ready_after": "20s")");
        text.replace(text.find("20min"), 5, duration);
        return run(text).readings.level("hpa", "ready")->last;
    };
    REQUIRE(ready_after("13min") >= 7);
    // One core of work at 50 % is two instances; 15 s each for scrape and sync, and some noise.
    REQUIRE(ready_after("16min") <= 3);
}

TEST_CASE("calls to an instance that an autoscaler stops are finished, and none is lost") {
    const Replication result = run(scenario_with(
        quiet_after_9min, R"("ready_after": "20s", "down": { "stabilisation": "0s" })"));
    REQUIRE(result.readings.level("hpa", "ready")->last <= 3);
    REQUIRE(result.journeys[0].latency_bad().count() == 0);
}
