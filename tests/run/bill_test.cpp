// What runs cost: prices, the bill of a run, and where it is seen.

#include "sim/run/bill.hpp"

#include "sim/run/judgement.hpp"
#include "sim/run/report.hpp"
#include "sim/run/report_formats.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"
#include "tests/models/bench.hpp"

#include <string>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// A shop of three instances, which pays for what a bank carries out, 10 calls a second.
std::unique_ptr<const Scenario> shop(const std::string& prices, const std::string& limit) {
    const std::string text = R"json({
        "run": {"duration": "110s", "warm_up": "10s", "replications": 2},
        "components": {
            "users": {"type": "clients", "arrivals": "paced(10/s)",
                      "journeys": {"pay": {"call": "shop.pay"}}},
            "shop": {"type": "service", "instances": 3,
                     "operations": {"pay": {"steps": [{"call": "bank.charge"}]}}},
            "bank": {"type": "third_party", "latency": "1ms", "error_rate": 0,
                     "operations": {"charge": {}}}
        },
        "requirements": {)json";
    return Scenario::parse(text + limit + R"(}, "prices": {)" + prices + "}}", "test",
                           everything());
}

}  // namespace

TEST_CASE("a run costs its instances by the hour and the calls that were carried out") {
    // 3 x 2 an hour, and 36 000 calls of 0.001 an hour; ten good journeys a second.
    const auto scenario = shop(R"("shop": 2, "bank": {"call": 0.001})",
                               R"("cost_per_hour": "<= 42.001", "shop.cost_per_hour": "<= 6",
                                  "cost_per_1000_good": "<= 1.1")");
    RunWatch watch;
    const Trial trial = run_trial(*scenario, 1, watch);
    const Bill& bill = trial.main.front().bill;
    REQUIRE(*bill.per_hour("shop") == within(1e-9, 6));
    REQUIRE(*bill.per_hour("bank") == within(1e-9, 36));
    REQUIRE(*bill.per_1000_good() == within(1e-9, 42.0 / 36));
    const Judgement judgement = judge(*scenario, trial, 1, watch);
    REQUIRE(judgement.requirements[0].verdict == Verdict::pass);
    REQUIRE(judgement.requirements[1].verdict == Verdict::pass);
    REQUIRE(judgement.requirements[2].verdict == Verdict::fail);
    const std::string text =
        text_report(make_report(*scenario, trial, judgement, "again"), Colour::off);
    REQUIRE_THAT(text, ContainsSubstring("Costs  in the currency of the prices"));
    REQUIRE_THAT(text, ContainsSubstring("A thousand good requests cost 1.17."));
}

TEST_CASE("instances cost for the time in which they are in service") {
    Bench bench({});
    World& world = bench.world;
    Backend& backend = bench.backend;
    const auto before = static_cast<double>(backend.members().size());
    world.engine.run_until(Time{10s});
    Instance& guest = backend.add_instance(0);
    world.engine.run_until(Time{40s});
    backend.remove_instance(guest);
    world.engine.run_until(Time{100s});
    REQUIRE(backend.mean_members(Time{0s}, Time{100s}) == within(1e-9, before + 0.3));
    REQUIRE(backend.mean_members(Time{30s}, Time{50s}) == within(1e-9, before + 0.5));
    REQUIRE(backend.mean_members(Time{50s}, Time{100s}) == within(1e-9, before));
}

TEST_CASE("prices are of components that can be called, and of calls that are counted") {
    REQUIRE_THROWS_WITH(shop(R"("shoop": 2)", ""),
                        ContainsSubstring("there is no \"shoop\" that could cost anything"));
    REQUIRE_THROWS_WITH(shop(R"("users": 2)", ""),
                        ContainsSubstring("there is no \"users\" that could cost anything"));
    REQUIRE_THROWS_WITH(shop("", R"("cost_per_hour": "<= 1")"),
                        ContainsSubstring("there is no metric \"cost_per_hour\""));
}

TEST_CASE("a component that a journey hides has no metrics, and the cure says why") {
    const std::string text = R"json({
        "components": {
            "users": {"type": "clients", "arrivals": "paced(10/s)",
                      "journeys": {"search": {"call": "search.find"}}},
            "search": {"type": "service", "operations": {"find": {"steps": [{"cpu": "1ms"}]}}}
        },
        "requirements": {"search.utilisation": "<= 50%"}})json";
    REQUIRE_THROWS_WITH(Scenario::parse(text, "test", everything()),
                        ContainsSubstring("a journey has the name of that component"));
}
