// Metrics over a stretch of a run and at an instant, of a clockwork in which every number is known:
// a call comes every 10 ms and stays for 25 ms.

#include "sim/run/metric.hpp"

#include "sim/run/judgement.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <memory>
#include <string>

using namespace prodsim;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<const Scenario> clockwork(const std::string& expect) {
    return Scenario::parse(R"json({ "version": 1,
        "run": { "duration": "30s", "warm_up": "5s", "seed": 1, "replications": 2 },
        "components": {
            "users": { "type": "clients", "arrivals": "paced(100/s)",
                       "journeys": { "visit": { "call": "shop.serve" } } },
            "shop": { "type": "service", "cores": 4,
                      "operations": { "serve": { "steps": [ { "cpu": "25ms" } ] } } }
        },
        "expect": [ )json" + expect +
                               " ] }",
                           "clockwork", testing::everything());
}

/// What an expectation with these words measures in the first replication.
double measured(const std::string& words) {
    const auto scenario =
        clockwork(R"({ "because": "of the clockwork", "at_most": "0", )" + words + " }");
    RunWatch watch;
    const Trial trial = run_trial(*scenario, 1, watch);
    const Judgement judgement = judge(*scenario, trial, 1, watch);
    REQUIRE(judgement.expectations.size() == 1);
    REQUIRE_FALSE(judgement.expectations[0].values.empty());
    return judgement.expectations[0].values[0];
}

std::string problem_of(const std::string& words) {
    try {
        clockwork(R"({ "because": "of the clockwork", "at_most": "0", )" + words + " }");
    } catch (const std::exception& problem) {
        return problem.what();
    }
    return "";
}

}  // namespace

TEST_CASE("a rate over a stretch is right where the stretch begins and ends inside a second") {
    REQUIRE(measured(R"("metric": "visit.offered", "from": "7.3s", "to": "12.8s")") ==
            within(1e-9, 100));
}

TEST_CASE("a level over a stretch is its mean, and at an instant its value") {
    // By Little's law 100 calls a second that stay for 25 ms are 2.5 at a time.
    REQUIRE(measured(R"("metric": "shop.cpu.runnable", "from": "7s", "to": "12s")") ==
            within(1e-9, 2.5));
    // At 10.005 s the calls of 9.98 s, 9.99 s and 10 s are inside, or one less or more, as the
    // first one came.
    const double at = measured(R"("metric": "shop.cpu.runnable", "at": "10.005s")");
    REQUIRE((at == 2 || at == 3));
    REQUIRE(measured(R"("metric": "shop.utilisation", "from": "7s", "to": "12s")") ==
            within(1e-9, 2.5 / 4));
}

TEST_CASE("a counter over a stretch is a rate") {
    REQUIRE(measured(R"("metric": "shop.cpu.tasks", "from": "7s", "to": "12s")") ==
            within(1e-9, 100));
}

TEST_CASE("what has no value at an instant or over a stretch is refused, with a cure") {
    REQUIRE_THAT(problem_of(R"("metric": "visit.goodput", "at": "10s")"),
                 ContainsSubstring("visit.goodput has no value at an instant"));
    REQUIRE_THAT(problem_of(R"("metric": "shop.latency_p99", "from": "10s")"),
                 ContainsSubstring("shop.latency_p99 is kept for whole runs only"));
    REQUIRE_THAT(problem_of(R"("metric": "shop.cpu.runnable", "at": "10s", "to": "20s")"),
                 ContainsSubstring("is an instant"));
}
