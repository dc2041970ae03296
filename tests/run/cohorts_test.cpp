// Regions, classes and tenants of clients: figures, faults and limits of their own.

#include "sim/run/metric.hpp"
#include "sim/run/simulation.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <string>

namespace prodsim {
namespace {

using testing::everything;

std::unique_ptr<const Scenario> scenario_of(const std::string& components,
                                            const std::string& more = "") {
    return Scenario::parse(R"j({"run": {"duration": "100s", "warm_up": "0s", "replications": 1},
                                "places": {"eu": ["eu-a", "eu-b"], "us": ["us-a"]},
                                "network": {"between_regions": "40ms"},
                                "components": {)j" +
                               components + "}" + more + "}",
                           "test", everything());
}

Replication run_of(const Scenario& scenario) {
    RunWatch watch;
    return simulate(scenario, plans_of(scenario, FaultSelection::all())[0], watch);
}

double value(const Replication& run, const char* metric) { return *Metric::parse(metric)->of(run); }

std::string clients(const std::string& name, const std::string& rate, const std::string& whose) {
    return '"' + name + R"j(": {"type": "clients", "arrivals": "paced()j" + rate + R"j()", )j" +
           whose + R"j(, "journeys": {"order": {"call": "shop.order"}}},)j";
}

std::string complaint_about(const std::string& components, const std::string& more = "") {
    try {
        scenario_of(components, more);
        return "none";
    } catch (const InvalidInput& wrong) {
        return wrong.problems().kept().begin()->message;
    }
}

const std::string shop = R"j("shop": {"type": "service", "zones": ["eu-a"],
                                      "operations": {"order": {"steps": []}}})j";

}  // namespace

TEST_CASE("a journey has figures for each region, class and tenant of its users") {
    const Replication run = run_of(
        *scenario_of(clients("a", "100/s", R"("class": "gold", "tenant": "acme", "region": "eu")") +
                     clients("b", "50/s", R"("class": "gold", "region": "us")") +
                     clients("c", "10/s", R"("tenant": "acme", "zones": ["us-a"])") + shop));
    CHECK(value(run, "order.offered") == 160);
    CHECK(value(run, "order@gold.offered") == 150);
    CHECK(value(run, "order@acme.offered") == 110);
    CHECK(value(run, "order@eu.offered") == 100);
    CHECK(value(run, "order@us.offered") == 50);
    // Who is in a region calls from there: twice 40 ms over the ocean.
    CHECK(value(run, "order@us.latency_p50") == testing::within(0.001, 0.080));
    CHECK(value(run, "order@eu.latency_max") == 0);
}

TEST_CASE("a load grows for the users of one tenant, one class or one region") {
    const auto during = [](const std::string& target) {
        const auto scenario = scenario_of(
            clients("a", "100/s", R"("class": "gold", "tenant": "acme", "region": "eu")") +
                clients("b", "40/s", R"("class": "gold", "tenant": "bell", "region": "us")") +
                clients("c", "10/s", R"("class": "free", "tenant": "bell", "region": "us")") + shop,
            R"j(, "faults": [{"at": "0s", "load": 2, "target": )j" + target + "}]");
        return value(run_of(*scenario), "order.offered");
    };
    CHECK(during(R"({"tenant": "acme"})") == testing::within(0.02, 250));
    CHECK(during(R"({"class": "gold"})") == testing::within(0.02, 290));
    CHECK(during(R"({"zone": "us"})") == testing::within(0.02, 200));
    CHECK(during(R"({"class": "gold", "tenant": "bell"})") == testing::within(0.02, 190));
    CHECK(during(R"({})") == testing::within(0.02, 300));
}

TEST_CASE("a rate limit for each tenant lets the others be, also behind another service") {
    const std::string front =
        R"j("shop": {"type": "service", "zones": ["eu-a"],
                     "operations": {"order": {"steps": [{"call": "bank.pay"}]}},
                     "calls": {"bank": {"policy": ["rate_limit(50/s, per=tenant)"]}}},
            "bank": {"type": "service", "zones": ["eu-a"], "operations": {"pay": {"steps": []}}})j";
    const Replication run = run_of(
        *scenario_of(clients("a", "200/s", R"("tenant": "acme", "zones": ["eu-a"])") +
                     clients("b", "40/s", R"("tenant": "bell", "zones": ["eu-a"])") +
                     clients("c", "25/s", R"("class": "nobody's", "zones": ["eu-a"])") +
                     clients("d", "25/s", R"("class": "nobody's", "zones": ["eu-a"])") + front));
    CHECK(value(run, "order@acme.availability") == testing::within(0.001, 50. / 200));
    CHECK(value(run, "order@bell.availability") == 1);
    // Those of no tenant share one limit: two at one instant are 50/s in pairs, of which one passes
    // when it comes and the other finds that the next token is due 20 ms later.
    CHECK(value(run, "order@nobody's.offered") == 50);
    CHECK(value(run, "order@nobody's.availability") == testing::within(0.001, 0.5));
}

TEST_CASE("cohorts that cannot be are told of") {
    CHECK(complaint_about(clients("a", "1/s", R"("class": "x")") +
                          clients("b", "1/s", R"("tenant": "x")") + shop) ==
          "\"x\" is a class and a tenant");
    CHECK(complaint_about(clients("a", "1/s", R"("region": "asia")") + shop) ==
          "there is no region \"asia\"");
    CHECK(
        complaint_about(clients("a", "1/s", R"("tenant": "x")") + shop,
                        R"j(, "faults": [{"at": "0s", "load": 2, "target": {"tenant": "y"}}])j") ==
        "there is no tenant of clients \"y\"");
    CHECK(complaint_about(
              clients("a", "1/s", R"("tenant": "x")") + shop,
              R"j(, "faults": [{"at": "0s", "crash": true, "target": {"tenant": "x"}}])j") ==
          "\"target\" names a class or a tenant, which has no instances");
    std::string crowd;
    for (int i = 0; i < 32; ++i) {
        const std::string name = std::to_string(i);
        crowd += clients("c" + name, "1/s", R"("tenant": "t)" + name + '"');
    }
    CHECK(complaint_about(crowd + shop) == "there are more than 31 tenants");
}

}  // namespace prodsim
