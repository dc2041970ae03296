#include "sim/run/topology.hpp"

#include "sim/run/scenario.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

using Names = std::vector<std::string>;

/// A scenario of these components; `more` are further members, each with a comma before it.
std::unique_ptr<const Scenario> scenario_of(const std::string& components,
                                            const std::string& more = "") {
    return Scenario::parse(R"j({"version": 1, "components": {)j" + components + "}" + more + "}",
                           "test", testing::everything());
}

Topology topology_of(const std::string& components) { return analyse(*scenario_of(components)); }

PredictedLoad load_of(const Topology& topology, const std::string& component,
                      const std::string& operation) {
    for (const PredictedLoad& load : topology.loads) {
        if (load.component == component && load.operation == operation) return load;
    }
    return {"none", "none", -1, false};
}

PredictedUse use_of(const Topology& topology, const std::string& component,
                    const std::string& resource = "cores") {
    for (const PredictedUse& use : topology.uses) {
        if (use.component == component && use.resource == resource) return use;
    }
    return {"none", "none", -1, 1, false};
}

Names sentences(const Topology& topology, const std::string& rule) {
    Names found;
    for (const Finding& finding : topology.findings) {
        if (finding.rule == rule) found.push_back(finding.sentence);
    }
    return found;
}

std::string dominator(const JourneyTopology& journey, const std::string& component) {
    for (const auto& dominated : journey.dominators) {
        if (dominated.component == component) return dominated.by;
    }
    return "not reached";
}

/// What the loader says of these components; nothing when all is well.
std::vector<Problem> problems_of(const std::string& components, const std::string& more = "") {
    try {
        scenario_of(components, more);
        return {};
    } catch (const InvalidInput& wrong) {
        return {wrong.problems().kept().begin(), wrong.problems().kept().end()};
    }
}

testing::Within near(double value) { return testing::within(1e-9 * value, value); }

}  // namespace

TEST_CASE("the architect hears how many cores are needed before anything runs") {
    const Topology topology = topology_of(R"j(
        "shoppers": {"type": "clients", "arrivals": "poisson(700/s)",
                     "journeys": {"order": {"call": "shop.order"}}},
        "shop": {"type": "service", "instances": 9, "cores": 2, "operations": {"order": {"steps": [
            {"cpu": "lognormal(mean=4ms, cv=0.7)"}, {"call": "orders-pg.write"}]}}},
        "orders-pg": {"type": "sql_database", "cores": 16, "operations": {
            "write": {"cpu": "exp(16ms)", "pages": "10", "buffer_hit": "90%"}}})j");
    // 700/s x 4 ms of 9 x 2 cores; 700/s x 16 ms of 16; 700/s x 10 x (1 - 0.9) of 3000 reads/s.
    REQUIRE(use_of(topology, "shop").needed == near(2.8));
    REQUIRE(use_of(topology, "shop").available == 18);
    REQUIRE(use_of(topology, "orders-pg").sentence() ==
            "orders-pg needs 11.2 of its 16 cores (70 %)");
    REQUIRE(use_of(topology, "orders-pg", "reads/s").needed == near(700));
    REQUIRE(*topology.journeys.at(0).per_s == near(700));
    REQUIRE(sentences(topology, "overload").empty());
    REQUIRE(topology.edges == std::vector<ServiceEdge>{{"shoppers", "shop", "calls"},
                                                       {"shop", "orders-pg", "calls"}});
}

TEST_CASE("loads with feedback solve the traffic equations of a Jackson network") {
    // Jackson 1957: l1 = 10 + 0.2 l2, l2 = 0.7 l1 + 0.1 l3, l3 = 0.1 l1 + 0.5 l2. The third in the
    // second gives 0.95 l2 = 0.71 l1, so l1 = 9.5 / 0.808, l2 = 7.1 / 0.808, l3 = 4.5 / 0.808.
    const Topology topology = topology_of(R"j(
        "outside": {"type": "clients", "arrivals": "poisson(10/s)",
                    "journeys": {"job": {"call": "one.serve"}}},
        "one": {"type": "service", "operations": {"serve": {"steps": [{"cpu": "exp(40ms)"},
            {"choose": [{"weight": 7, "steps": [{"publish": "two.serve"}]},
                        {"weight": 1, "steps": [{"publish": "three.serve"}]},
                        {"weight": 2}]}]}}},
        "two": {"type": "service", "operations": {"serve": {"steps": [{"cpu": "exp(50ms)"},
            {"choose": [{"weight": 2, "steps": [{"publish": "one.serve"}]},
                        {"weight": 5, "steps": [{"publish": "three.serve"}]},
                        {"weight": 3}]}]}}},
        "three": {"type": "service", "operations": {"serve": {"steps": [{"cpu": "exp(83.333ms)"},
            {"publish": "two.serve", "probability": "10%"}]}}})j");
    REQUIRE(load_of(topology, "one", "serve").per_s == near(9.5 / 0.808));
    REQUIRE(load_of(topology, "two", "serve").per_s == near(7.1 / 0.808));
    REQUIRE(load_of(topology, "three", "serve").per_s == near(4.5 / 0.808));
    REQUIRE(use_of(topology, "one").share() == near(9.5 / 0.808 / 25));
    REQUIRE(use_of(topology, "two").share() == near(7.1 / 0.808 / 20));
    REQUIRE(topology.cycles == std::vector<Names>{{"one", "two", "three"}});
    REQUIRE_FALSE(load_of(topology, "three", "serve").at_most);
}

TEST_CASE("weights, counts, probabilities, repeats, copies and misses multiply") {
    const Topology topology = topology_of(R"j(
        "users": {"type": "clients", "arrivals": "paced(100/s)", "journeys": {
            "view": {"call": "door.view", "weight": 3}, "buy": {"call": "shop.buy"}}},
        "door": {"type": "load_balancer", "target": "shop"},
        "shop": {"type": "service", "operations": {
            "view": {"steps": [{"repeat": [{"call": "cache.get"}], "times": 2}]},
            "buy": {"steps": [
                {"call": "db.write", "count": 3, "probability": "50%"},
                {"parallel": [{"steps": [{"call": "db.copy"}]}], "copies": 3, "at_least": 2},
                {"try": [{"call": "db.read"}], "otherwise": [{"call": "db.guess"}]}]}}},
        "cache": {"type": "cache", "hit_ratio": "90%", "origin": "db.read", "cpu": "1ms"},
        "db": {"type": "sql_database", "operations": {"read": {"cpu": "1ms"},
            "write": {"cpu": "2ms"}, "copy": {"cpu": "1ms"}, "guess": {"cpu": "1ms"}}})j");
    REQUIRE(load_of(topology, "door", "view").per_s == near(75));
    REQUIRE(load_of(topology, "shop", "view").per_s == near(75));
    REQUIRE(load_of(topology, "cache", "get").per_s == near(150));
    REQUIRE(load_of(topology, "db", "read").per_s == near(15 + 25));
    REQUIRE(load_of(topology, "db", "write").per_s == near(37.5));
    REQUIRE_FALSE(load_of(topology, "db", "write").at_most);
    REQUIRE(load_of(topology, "db", "copy").per_s == near(75));
    REQUIRE(load_of(topology, "db", "copy").at_most);
    REQUIRE(load_of(topology, "db", "guess").per_s == 0);
    // 40/s x 1 ms + 37.5/s x 2 ms + at most 75/s x 1 ms, of 4 cores.
    REQUIRE(use_of(topology, "db").sentence() == "db needs at most 0.19 of its 4 cores (4.8 %)");
    REQUIRE(use_of(topology, "cache").sentence() == "cache needs 0.15 of its 1 core (15 %)");
    // Nobody reads pages, so the disk is not worth a row.
    REQUIRE(use_of(topology, "db", "reads/s").component == "none");
    REQUIRE(sentences(topology, "unreached").empty());
}

TEST_CASE("of a closed population the bound of its thinking or of its bottleneck is known") {
    const auto staff = [](const std::string& users) {
        return topology_of(R"j("staff": {"type": "clients", "users": )j" + users +
                           R"j(, "think": "exp(1s)", "journeys": {"ask": {"call": "shop.ask"}}},
            "shop": {"type": "service", "cores": 2, "operations": {"ask": {"steps": [
                {"cpu": "exp(20ms)"}]}}})j");
    };
    // Denning and Buzen 1978: X <= min(N / Z, 1 / D); D is 20 ms on 2 cores.
    REQUIRE(*staff("50").journeys.at(0).per_s == near(50));
    REQUIRE(*staff("500").journeys.at(0).per_s == near(100));
    REQUIRE(use_of(staff("50"), "shop").sentence() == "shop needs at most 1 of its 2 cores (50 %)");
    REQUIRE(sentences(staff("500"), "overload").empty());
}

TEST_CASE("a quota is used up as cores are") {
    const Topology topology = topology_of(R"j(
        "users": {"type": "clients", "arrivals": "poisson(120/s)",
                  "journeys": {"pay": {"call": "bank.charge"}}},
        "bank": {"type": "third_party", "quota": "200/s",
                 "operations": {"charge": {"quota": "100/s"}, "refund": {}}})j");
    REQUIRE(use_of(topology, "bank", "calls/s").share() == near(0.6));
    REQUIRE(sentences(topology, "overload") ==
            Names{"bank needs 120 of its 100 calls/s of charge (120 %): it cannot keep up"});
    REQUIRE(sentences(topology, "unreached") == Names{"no journey leads to bank.refund"});
    REQUIRE(topology.single_points.empty());
}

// 15/s doubled by a sale, and 2/s of others; at 1.5 times the load it would fit.
TEST_CASE("what a peak of the load asks for is known before it comes") {
    const auto overload = [](const std::string& factor) {
        return sentences(analyse(*scenario_of(R"j(
            "buyers": {"type": "clients", "arrivals": "poisson(15/s)",
                       "shape": ["step(at=20s, factor=)j" +
                                                  factor + R"j(, for=5s)"],
                       "journeys": {"pay": {"call": "bank.charge"}}},
            "others": {"type": "clients", "arrivals": "poisson(2/s)",
                       "journeys": {"give": {"call": "bank.charge"}}},
            "bank": {"type": "third_party", "operations": {"charge": {"quota": "25/s"}}})j",
                                              R"j(, "run": {"duration": "200s"})j")),
                         "overload");
    };
    REQUIRE(overload("2") ==
            Names{"bank needs 32 of its 25 calls/s of charge (128 %) at the peak of the load, from "
                  "about 20s on: it cannot keep up then"});
    REQUIRE(overload("1.5").empty());
}

TEST_CASE("calls that multiply without end are an error instead of a prediction") {
    const auto chatter = [](const std::string& probability) {
        return topology_of(R"j(
            "users": {"type": "clients", "arrivals": "poisson(1/s)",
                      "journeys": {"talk": {"call": "a.say"}}},
            "a": {"type": "service", "operations": {"say": {"steps": [{"cpu": "1ms"},
                {"publish": "b.say", "probability": ")j" +
                           probability + R"j("},
                {"publish": "b.say", "probability": ")j" +
                           probability + R"j("}]}}},
            "b": {"type": "service", "operations": {"say": {"steps": [{"cpu": "1ms"},
                {"publish": "a.say"}]}}})j");
    };
    // A round brings 2p rounds: rates of a are 1 / (1 - 2p) as long as 2p < 1.
    REQUIRE(load_of(chatter("40%"), "a", "say").per_s == near(5));
    REQUIRE(load_of(chatter("40%"), "b", "say").per_s == near(4));
    REQUIRE(chatter("50%").loads.empty());
    REQUIRE(chatter("60%").loads.empty());
    REQUIRE(chatter("60%").findings.front().severity == Severity::error);
    REQUIRE(sentences(chatter("50%"), "calls_multiply").front().find("a.say -> b.say -> a.say") ==
            0);
}

TEST_CASE("the Online Boutique has its known articulation points and dominators") {
    // The service graph of GoogleCloudPlatform/microservices-demo; expectations by networkx.
    const std::vector<std::pair<std::string, Names>> shop{
        {"frontend",
         {"productcatalog", "currency", "cart", "recommendation", "shipping", "checkout", "ad"}},
        {"cart", {"redis-cart"}},
        {"recommendation", {"productcatalog"}},
        {"checkout", {"productcatalog", "shipping", "payment", "email", "currency", "cart"}},
        {"productcatalog", {}},
        {"currency", {}},
        {"shipping", {}},
        {"ad", {}},
        {"redis-cart", {}},
        {"payment", {}},
        {"email", {}}};
    std::string components = R"j("users": {"type": "clients", "arrivals": "poisson(1/s)",
        "journeys": {"browse": {"call": "frontend.serve"}}})j";
    for (const auto& [name, callees] : shop) {
        std::string steps = R"j({"cpu": "1ms"})j";
        for (const std::string& callee : callees) {
            steps += R"j(, {"call": ")j" + callee + R"j(.serve"})j";
        }
        components += ", \"" + name + R"j(": {"type": "service", "instances": 2,
            "operations": {"serve": {"steps": [)j" +
                      steps + "]}}}";
    }
    const Topology topology = topology_of(components);
    REQUIRE(topology.edges.size() == 15 + 1);
    REQUIRE(topology.cycles.empty());
    REQUIRE(topology.unreached.empty());
    Names points = topology.articulation_points;
    std::sort(points.begin(), points.end());
    REQUIRE(points == Names{"cart", "checkout", "frontend"});
    const JourneyTopology& browse = topology.journeys.at(0);
    REQUIRE(browse.dominators.size() == 11);
    REQUIRE(dominator(browse, "email") == "checkout");
    REQUIRE(dominator(browse, "payment") == "checkout");
    REQUIRE(dominator(browse, "redis-cart") == "cart");
    REQUIRE(dominator(browse, "cart") == "frontend");
    REQUIRE(dominator(browse, "productcatalog") == "frontend");
    REQUIRE(dominator(browse, "frontend").empty());
    REQUIRE(topology.single_points.empty());
    // Two ways lead to the cart: directly and through the checkout.
    REQUIRE(load_of(topology, "redis-cart", "serve").per_s == near(2));
}

TEST_CASE("a single point of failure says who depends on it and what it cuts off") {
    const Topology topology = topology_of(R"j(
        "users": {"type": "clients", "arrivals": "poisson(1/s)", "journeys": {
            "order": {"call": "shop.order"}, "browse": {"call": "shop.browse"}}},
        "shop": {"type": "service", "instances": 3, "operations": {
            "order": {"steps": [{"cpu": "1ms"}, {"call": "checkout.pay"}]},
            "browse": {"steps": [{"try": [{"call": "ads.show"}]}]}}},
        "checkout": {"type": "service", "operations": {"pay": {"steps": [{"cpu": "1ms"},
            {"call": "ledger.write"}]}}},
        "ledger": {"type": "service", "instances": 2, "operations": {"write": {"steps": []}}},
        "ads": {"type": "service", "operations": {"show": {"steps": []}}},
        "archive": {"type": "service", "operations": {"read": {"steps": [
            {"call": "ledger.write"}]}}})j");
    REQUIRE(sentences(topology, "single_point") ==
            Names{"order depends on checkout, of which there is one instance; nothing else leads "
                  "to ledger"});
    REQUIRE(topology.unreached == Names{"archive"});
    REQUIRE(topology.single_points.at(0).cuts_off == Names{"ledger"});
}

TEST_CASE("a scenario whose operations call one another at one instant is refused") {
    const auto circle = [](const std::string& before, const std::string& options,
                           const std::string& more = "") {
        return problems_of(R"j(
            "a": {"type": "service", "operations": {"x": {"steps": [)j" +
                               before + R"j({"call": "b.y")j" + options + R"j(}]}}},
            "b": {"type": "service", "operations": {"y": {"steps": [{"call": "a.x"}]}}})j",
                           more);
    };
    const std::string places = R"j(, "places": {"eu": {"zones": ["eu-a"]}}, "network":
        {"within_zone": "0.2ms"})j";
    REQUIRE(circle("", "").size() == 1);
    REQUIRE(circle("", "").front().message ==
            R"j("a.x" calls itself at the same instant, for ever: a.x -> b.y -> a.x)j");
    REQUIRE(circle(R"j({"cpu": "0s"}, )j", "").size() == 1);
    REQUIRE(circle(R"j({"wait": "0s"}, )j", "").size() == 1);
    REQUIRE(circle("", R"j(, "count": 2, "probability": "50%")j").size() == 1);
    REQUIRE(circle("", R"j(, "probability": "99%")j").empty());
    REQUIRE(circle(R"j({"wait": "1ms"}, )j", "").empty());
    REQUIRE(circle(R"j({"cpu": "exp(1ms)"}, )j", "").empty());
    REQUIRE(circle("", "", places).empty());
}

TEST_CASE("an instant circle is shown at its call, with its cure") {
    const std::string text = R"j({"version": 1, "components": {
      "a": {"type": "service", "operations": {"x": {"steps": [{"publish": "a.x"}]}}}}})j";
    try {
        Scenario::parse(text, "circle.json", testing::everything());
        FAIL("the run would never get past its first instant");
    } catch (const InvalidInput& wrong) {
        const Problem& problem = wrong.problems().kept().front();
        REQUIRE(text.substr(problem.place.offset, problem.place.length) == "\"a.x\"");
        REQUIRE_THAT(problem.cure, ContainsSubstring("\"wait\" step before the call"));
        REQUIRE_THAT(wrong.what(), ContainsSubstring("--> circle.json:2:"));
    }
}

TEST_CASE("lint finds timeouts that outlast their callers and attempts that multiply") {
    const auto layers = [](const std::string& outer, const std::string& inner) {
        return topology_of(R"j(
            "users": {"type": "clients", "arrivals": "poisson(1/s)",
                "journeys": {"order": {"call": "shop.order"}},
                "calls": {"shop": {"policy": [)j" +
                           outer + R"j(]}}},
            "shop": {"type": "service", "instances": 2, "operations": {"order": {"steps": [
                {"cpu": "1ms"}, {"call": "db.write"}]}}, "calls": {"db": {"policy": [)j" +
                           inner +
                           R"j(]}}},
            "db": {"type": "sql_database", "operations": {"write": {"cpu": "1ms"}}})j");
    };
    const Topology inverted = layers(R"j("timeout(1s)")j", R"j("timeout(1s)")j");
    REQUIRE(sentences(inverted, "timeout_inversion") ==
            Names{"shop waits up to 1s for db, but users gives up on shop after 1s"});
    const Topology fits = layers(R"j("timeout(1s)")j", R"j("timeout(800ms)")j");
    REQUIRE(sentences(fits, "timeout_inversion").empty());
    REQUIRE(sentences(fits, "attempts_too_long").empty());

    const Topology eager =
        layers(R"j("retry(3)", "timeout(1s)")j", R"j("retry(3)", "timeout(800ms)")j");
    REQUIRE(sentences(eager, "attempts_too_long") ==
            Names{"3 attempts of 800ms by shop at db do not fit into the 1s that users waits for "
                  "shop"});
    REQUIRE(sentences(eager, "attempts_multiply") ==
            Names{"one call may become 9 attempts at db.write: 3 by users and 3 by shop"});

    const Topology hidden = layers("", R"j("timeout(300ms)", "timeout(500ms)")j");
    REQUIRE(sentences(hidden, "timeout_inversion") ==
            Names{"the timeout of 500ms around the calls of shop to db never ends one, because a "
                  "timeout of 300ms stands around it"});
}

TEST_CASE("lint adds up the pools of all callers") {
    const auto shops = [](const std::string& size) {
        return sentences(topology_of(R"j(
            "users": {"type": "clients", "arrivals": "poisson(1/s)", "journeys": {
                "order": {"steps": [{"call": "shop.order"}, {"call": "stock.order"}]}}},
            "shop": {"type": "service", "instances": 9, "operations": {"order": {"steps": [
                {"call": "db.write"}]}}, "calls": {"db": {"policy": ["pool(10)"]}}},
            "stock": {"type": "service", "instances": 2, "operations": {"order": {"steps": [
                {"call": "db.write"}]}}, "calls": {"db": {"policy": ["pool()j" +
                                     size + R"j()"]}}},
            "db": {"type": "sql_database", "operations": {"write": {"cpu": "1ms"}}})j"),
                         "pools_too_large");
    };
    // 9 x 10 + 2 x 5 connections are the 100 that the database takes; 2 x 6 are two too many.
    REQUIRE(shops("5").empty());
    REQUIRE(shops("6") == Names{"the pools of shop and stock allow 102 calls at once, but db takes "
                                "100"});
}

}  // namespace prodsim
