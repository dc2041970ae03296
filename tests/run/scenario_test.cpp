// What only shows when a whole scenario has been read: names that lead nowhere, told with their
// place, and regions that stand for their zones.

#include "sim/run/scenario.hpp"

#include "sim/run/simulation.hpp"
#include "sim/world/component.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <string>
#include <vector>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// Lines 1 to 5 are the same for all; `more` begins in line 6.
std::string scenario(const std::string& shop, const std::string& more = "") {
    return R"j({ "version": 1, "run": { "duration": "1s", "warm_up": "0s" },
"places": { "eu": ["eu-1", "eu-2"], "us": ["us-1"] },
"components": { "users": { "type": "clients", "arrivals": "paced(1/s)",
                           "journeys": { "look": { "call": "shop.look" } } },
"shop": { "type": "service", )j" +
           shop + R"j( "operations": { "look": { "steps": [ { "cpu": "1ms" } ] } } } }
)j" + more +
           "}";
}

std::string told(const std::string& text) {
    try {
        (void)Scenario::parse(text, "shop.json", testing::everything());
    } catch (const InvalidInput& invalid) {
        return invalid.what();
    }
    return "";
}

}  // namespace

TEST_CASE("a name that leads nowhere is told with its place and what may be meant") {
    struct Case {
        std::string text;
        std::string what;
        std::string where;
        std::string cure;
    };
    const std::vector<Case> cases{
        {scenario(R"("zones": ["eu-1", "eu-3"],)"), "no zone or region \"eu-3\"", "shop.json:5:48",
         "eu-1"},
        {scenario("",
                  R"(, "faults": [ { "at": "0s", "crash": true, "target": { "zone": "eu3" } } ])"),
         "no zone or region \"eu3\"", "shop.json:6:54", "eu"},
        {scenario("", R"(, "faults": [ { "at": "0s", "crash": true, "target": "shpo" } ])"),
         "no component \"shpo\"", "shop.json:6:54", "shop"},
        {scenario("", R"(, "faults": [ { "at": "0s", "partition": true,
"target": { "component": "shop", "to": "users2" } } ])"),
         "no component \"users2\"", "shop.json:7:11", "users"},
        {scenario("",
                  R"(, "faults": [ { "at": "0s", "load": 2, "target": { "tenant": "acme" } } ])"),
         "no tenant of clients \"acme\"", "shop.json:6:50", ""},
        {scenario(
             "",
             R"(, "network": { "paths": [ { "from": "eu", "to": "asia", "latency": "1ms" } ] })"),
         "no zone or region \"asia\"", "shop.json:6:27", ""},
        {scenario("", R"(, "groups": { "x": [ { "component": "shop", "zone": "eu-9" } ] })"),
         "no zone or region \"eu-9\"", "shop.json:6:22", "eu-1"},
    };
    for (const Case& one : cases) {
        INFO(one.text);
        const std::string message = told(one.text);
        CHECK_THAT(message, ContainsSubstring(one.what));
        CHECK_THAT(message, ContainsSubstring(one.where));
        CHECK_THAT(message, ContainsSubstring(one.cure));
    }
}

TEST_CASE("a region in the place of a zone stands for all of its zones") {
    const auto zones_of_shop = [](const std::string& zones) {
        const auto loaded = Scenario::parse(scenario(R"("instances": 4, "zones": )" + zones + ","),
                                            "shop", testing::everything());
        const auto world = loaded->world(1, 0);
        world->start();
        std::vector<std::string> names;
        for (const auto& instance : dynamic_cast<Callee&>(*world->find("shop")).instances()) {
            names.push_back(world->network.zones()[instance->zone()].name);
        }
        return names;
    };
    using Names = std::vector<std::string>;
    CHECK(zones_of_shop(R"(["eu"])") == Names{"eu-1", "eu-2", "eu-1", "eu-2"});
    CHECK(zones_of_shop(R"(["us", "eu-2"])") == Names{"us-1", "eu-2", "us-1", "eu-2"});
    CHECK(zones_of_shop("[]") == Names{"eu-1", "eu-2", "us-1", "eu-1"});
}
