// What became of a system after a fault, where the sum of all journeys does not tell.

#include "sim/run/judgement.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <string>

using namespace prodsim;

namespace {

FaultVerdict verdict_of(const std::string& policy, const std::string& fault) {
    const auto scenario = Scenario::parse(R"json({ "version": 1,
        "run": { "duration": "12min", "warm_up": "30s", "replications": 2 },
        "components": {
            "users": { "type": "clients", "arrivals": "poisson(100/s)", "journeys": {
                "look": { "weight": 19, "call": "web.look" },
                "order": { "weight": 1, "call": "web.order" } } },
            "web": { "type": "service", "instances": 2, "operations": {
                "look": { "steps": [ { "cpu": "exp(2ms)" } ] },
                "order": { "steps": [ { "cpu": "exp(2ms)" }, { "call": "events.placed" } ] } } },
            "events": { "type": "broker", "topics": { "placed": {} }, "subscriptions": {
                "mails": { "topic": "placed", "call": "notify.mail", "consumers": 10,
                           "journey": "mail", "policy": [)json" +
                                              policy + R"json(] } } },
            "notify": { "type": "service", "operations": {
                "mail": { "steps": [ { "cpu": "exp(5ms)" } ] } } } },
        "faults": [ )json" + fault + " ] }",
                                          "verdict", testing::everything());
    RunWatch watch;
    const Trial trial = run_trial(*scenario, 1, watch);
    return judge(*scenario, trial, 1, watch).faults.at(0);
}

const std::string lost_notify =
    R"({ "target": { "component": "notify" }, "at": "3min", "for": "1min", "black_hole": true })";

}  // namespace

// 5 mails a second are a twentieth of all that succeed, so their sum would not show it.
TEST_CASE("a journey behind a broker that never comes back is no recovery") {
    const FaultVerdict verdict = verdict_of("", lost_notify);
    REQUIRE(verdict.worlds.size() == 1);
    CHECK(verdict.worlds.front().fate == Fate::metastable);
    CHECK(verdict.worlds.front().journeys == std::vector<std::string>{"mail"});
}

TEST_CASE("with consumers that give up the same journey recovers") {
    const FaultVerdict verdict = verdict_of(R"j("timeout(5s)")j", lost_notify);
    CHECK(verdict.count(Fate::recovered) == 2);
    CHECK(verdict.worlds.front().journeys.empty());
}

TEST_CASE("more load for a while loses nothing where all of it is served") {
    const FaultVerdict verdict = verdict_of(
        "", R"({ "target": { "component": "users" }, "at": "3min", "for": "1min", "load": 2 })");
    CHECK(verdict.count(Fate::recovered) == 2);
    CHECK(verdict.lost.mean < 0);
}
