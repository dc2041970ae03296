// The guide, followed to the letter: its component is compiled from its page, its scenario is read
// from there and judged by its own expectations.

#include "models/catalogue.hpp"
#include "sim/run/judgement.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "tests/catch.hpp"

#include <docs/delay_box.cpp>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>

using namespace prodsim;

namespace {

std::string block(const std::string& language) {
    std::ifstream file("docs/how_to_add_a_component.md");
    std::stringstream page;
    page << file.rdbuf();
    const std::string fence = "```" + language + "\n";
    const std::size_t begin = page.str().find(fence) + fence.size();
    return page.str().substr(begin, page.str().find("```", begin) - begin);
}

Catalogue with_delay_box() {
    Catalogue catalogue = full_catalogue();
    add_delay_box(catalogue);
    add_scenario_families(catalogue.families);
    return catalogue;
}

}  // namespace

TEST_CASE("the scenario of the guide meets what it expects") {
    const Catalogue catalogue = with_delay_box();
    const auto scenario = Scenario::parse(block("json"), "delay-box.json", catalogue);
    RunWatch watch;
    for (const RunPlan& plan : plans_of(*scenario, FaultSelection::all())) {
        const Replication run = simulate(*scenario, plan, watch);
        for (const Audit& audit : run.audits) REQUIRE(audit.holds);
        const Histogram& latency = run.journeys[0].latency_good();
        REQUIRE(latency.min() == std::chrono::milliseconds(25));
        REQUIRE(latency.max() == std::chrono::milliseconds(25));
        REQUIRE(run.journeys[0].latency_bad().count() == 0);
    }
}

TEST_CASE("the component of the guide lives through a crash") {
    const Catalogue catalogue = with_delay_box();
    const auto scenario = Scenario::parse(R"json({
        "version": 1,
        "run": { "duration": "20s", "warm_up": "0s", "replications": 1 },
        "components": {
            "users": { "type": "clients", "arrivals": "paced(100/s)",
                       "journeys": { "ask": { "call": "box.ask" } } },
            "box": { "type": "delay_box", "delay": "25ms" }
        },
        "faults": [ { "name": "crash", "target": { "component": "box" }, "crash": true,
                      "at": "10s", "for": "5s" } ]
    })json",
                                          "crash.json", catalogue);
    RunWatch watch;
    const Replication run =
        simulate(*scenario, plans_of(*scenario, FaultSelection::all())[0], watch);
    for (const Audit& audit : run.audits) REQUIRE(audit.holds);
    // 5 s of arrivals are refused, and the two or three that were inside end with a reset.
    const std::uint64_t failed = run.journeys[0].latency_bad().count();
    REQUIRE(failed >= 500 + 2);
    REQUIRE(failed <= 500 + 3);
}
