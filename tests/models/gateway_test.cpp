// The gateway: which route a request takes, and what becomes of it there.

#include "models/catalogue.hpp"
#include "sim/run/simulation.hpp"
#include "tests/models/stage.hpp"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// A gateway of these operations and routes, before one backend.
std::string gateway(const std::string& operations, const std::string& routes,
                    const std::string& more = "") {
    return R"({"type": "gateway", "operations": {)" + operations + R"(}, "routes": {)" + routes +
           "}" + more + "}";
}

std::string route(const std::string& name, const std::string& rest) {
    return '"' + name + R"(": {"backends": ["backend"], )" + rest + "}";
}

/// The route that one request takes: the name of the only counter that moved.
std::string taken(const std::string& looks, const std::vector<std::string>& routes,
                  const std::string& more = "") {
    std::string all;
    for (const std::string& one : routes) all += (all.empty() ? "" : ", ") + one;
    Stage stage(gateway(R"("op": )" + looks, all, more));
    stage.call();
    std::string name = "none";
    for (const auto& [id, counter] : stage.world.meters.counters()) {
        if (id.name.rfind("routes.", 0) == 0 && counter->total() == 1) name = id.name.substr(7);
    }
    return name;
}

/// A scenario in which users read and write, 50 times a second each, through one route.
std::unique_ptr<const Scenario> scenario(const Catalogue& catalogue, const std::string& all) {
    const std::string text = R"json({
        "run": {"duration": "101s", "warm_up": "1s", "replications": 1},
        "components": {
            "users": {"type": "clients", "arrivals": "paced(100/s)",
                      "journeys": {"read": "door.read", "write": "door.write"}},
            "old": {"type": "service", "operations": {"read": {}, "write": {}}},
            "new": {"type": "service", "operations": {"write": {}, "read": {}}},
            "reader": {"type": "service", "operations": {"read": {}}},
            "door": {"type": "gateway", "operations": {"write": "/w", "read": "/r"},
                     "routes": {"all": )json";
    return Scenario::parse(text + all + "}}}}", "test", catalogue);
}

Catalogue all_there_is() {
    Catalogue catalogue = full_catalogue();
    add_scenario_families(catalogue.families);
    return catalogue;
}

const std::string anything = route("anything", R"("path": "/")");

}  // namespace

TEST_CASE("a prefix is one of elements, unless it is one of letters") {
    const std::string elements = route("pay", R"("path": "/pay")");
    for (const std::string path : {"/pay", "/pay/", "/pay/1"}) {
        CAPTURE(path);
        REQUIRE(taken('"' + path + '"', {anything, elements}) == "pay");
    }
    REQUIRE(taken(R"("/payments")", {anything, elements}) == "anything");
    REQUIRE(taken(R"("/pay/1")", {anything, route("pay", R"("path": "/pay/")")}) == "pay");
    const std::string letters = route("pay", R"("path": "/pay", "match": "text_prefix")");
    REQUIRE(taken(R"("/payments")", {anything, letters}) == "pay");
    REQUIRE(taken(R"("/")", {anything, letters}) == "anything");
}

TEST_CASE("the most specific route is taken, wherever it stands in the list") {
    // As HTTPRouteRule of the Kubernetes Gateway API 1.2 orders them.
    const std::string looks =
        R"({"path": "/pay/1", "method": "POST",
            "headers": [{"name": "x-a", "value": "1"}, "x-b"]})";
    const std::vector<std::string> from_least = {
        anything,
        route("headers_of_short",
              R"("path": "/", "headers": [{"name": "x-a", "value": "1"}, "x-b"])"),
        route("method_of_short", R"("path": "/", "method": "POST")"),
        route("longer", R"("path": "/pay")"),
        route("one_header", R"("path": "/pay", "headers": [{"name": "x-a", "value": "1"}])"),
        route("two_headers",
              R"("path": "/pay", "headers": [{"name": "x-a", "value": "1"}, "x-b"])"),
        route("method", R"("path": "/pay", "method": "POST")"),
        route("exact", R"("path": "/pay/1", "match": "exact")"),
    };
    const std::vector<std::string> names = {
        "anything",   "headers_of_short", "method_of_short", "longer",
        "one_header", "two_headers",      "method",          "exact"};
    std::vector<std::string> some;
    for (std::size_t i = 0; i < names.size(); ++i) {
        some.push_back(from_least[i]);
        REQUIRE(taken(looks, some) == names[i]);
        REQUIRE(taken(looks, {some.rbegin(), some.rend()}) == names[i]);
    }
    const std::string in_order = R"(, "precedence": "first")";
    REQUIRE(taken(looks, some, in_order) == "anything");
    REQUIRE(taken(looks, {some.rbegin(), some.rend()}, in_order) == "exact");
}

TEST_CASE("a route is taken only by requests that have its method and all of its headers") {
    const std::string picky =
        route("picky",
              R"("path": "/", "method": "PUT", "headers": [{"name": "x-a", "value": "1"}, "x-b"])");
    REQUIRE(
        taken(
            R"({"path": "/", "method": "PUT", "headers": [{"name": "x-a", "value": "1"}, "x-b"]})",
            {picky}) == "picky");
    REQUIRE(taken(R"({"path": "/", "headers": [{"name": "x-a", "value": "1"}, "x-b"]})", {picky}) ==
            "none");
    REQUIRE(
        taken(
            R"({"path": "/", "method": "PUT", "headers": [{"name": "x-a", "value": "2"}, "x-b"]})",
            {picky}) == "none");
    REQUIRE(taken(R"({"path": "/", "method": "PUT", "headers": [{"name": "x-a", "value": "1"}]})",
                  {picky}) == "none");
}

TEST_CASE("where there is no route, or nobody at its end, a gateway answers with an error") {
    Stage nowhere(gateway(R"("op": "/")", route("pay", R"("path": "/pay")")));
    nowhere.call();
    REQUIRE(nowhere.client().answer().outcome == Outcome::error);
    REQUIRE(nowhere.client().answer().mechanism == "no route");
    REQUIRE(nowhere.count("no_route") == 1);

    Stage nobody(
        gateway(R"("op": "/")", R"("all": {"backends": [{"to": "backend", "weight": 0}]})"));
    nobody.call();
    REQUIRE(nobody.client().answer().outcome == Outcome::error);
    REQUIRE(nobody.client().answer().mechanism == "route without a backend");
    REQUIRE(nobody.backend().count() == 0);
    REQUIRE(nobody.balanced());
}

TEST_CASE("a header that a share of the requests has leads that share, with all their attempts") {
    Stage stage(gateway(
        R"("op": {"path": "/", "headers": [{"name": "x-canary", "value": "on",
                                                            "share": "20%"}]})",
        route("canary", R"("headers": [{"name": "x-canary", "value": "on"}])") + ", " + anything));
    constexpr int requests = 20000;
    for (int i = 0; i < requests; ++i) stage.call();
    REQUIRE(static_cast<double>(stage.count("routes.canary")) ==
            within(4 * std::sqrt(requests * 0.2 * 0.8), requests * 0.2));

    Request request = stage.request("op", 1);
    const std::uint64_t before = stage.count("routes.canary");
    for (unsigned attempt = 1; attempt <= 20; ++attempt) {
        request.set_attempt(1, attempt);
        stage.client().call(request);
    }
    const std::uint64_t more = stage.count("routes.canary") - before;
    REQUIRE((more == 0 || more == 20));
}

TEST_CASE("backends are chosen by weight, and asked for the operation of the same name") {
    const Catalogue catalogue = all_there_is();
    const auto weighed =
        scenario(catalogue, R"({"backends": ["old", {"to": "new", "weight": 3}]})");
    RunWatch watch;
    const Replication run = simulate(*weighed, plans_of(*weighed, FaultSelection::all())[0], watch);
    const auto served = [&](std::string_view owner) {
        return static_cast<double>(run.readings.counter(owner, "served")->total);
    };
    constexpr double all = 10100;
    REQUIRE(served("new") == within(4 * std::sqrt(all * 0.25 * 0.75), all * 0.75));
    REQUIRE(served("old") + served("new") == all);
}

TEST_CASE("a route gives up when its time is over, and no route keeps the time of another") {
    Stage stage(gateway(R"("op": "/", "slow": "/slow", "free": "/free")",
                        anything + ", " + route("slow", R"("path": "/slow", "timeout": "2s")") +
                            ", " + route("free", R"("path": "/free", "timeout": 0)")));
    stage.backend().plays({hangs()});
    stage.call("op");
    stage.call("slow");
    stage.call("free");
    stage.run(1h);
    REQUIRE(stage.answered_at() == std::vector<Duration>{2s, 15s});
    REQUIRE(stage.client().count(Outcome::timeout) == 2);
    REQUIRE(stage.client().answers()[0].mechanism == "route timeout");
    REQUIRE(stage.backend().visits()[1].abandoned == 2s);
    REQUIRE(stage.backend().waited_for() == 1);
    REQUIRE(stage.balanced());
}

TEST_CASE("the nodes of a gateway reject calls beyond their connections, of all routes together") {
    Stage stage(gateway(R"("op": "/", "slow": "/slow")",
                        anything + ", " + route("slow", R"("path": "/slow")"),
                        R"(, "connections": 2)"));
    stage.backend().plays({replies(1s)});
    stage.call("slow");
    stage.call("slow");
    stage.call("op");
    REQUIRE(stage.client().answer().outcome == Outcome::rejected_overload);
    stage.run(2s);
    stage.call("op");
    stage.run(4s);
    REQUIRE(stage.client().count(Outcome::ok) == 3);
}

TEST_CASE("when the caller gives up, a gateway gives up on its own call at once") {
    Stage stage(gateway(R"("op": "/")", anything, R"(, "latency": "2ms")"));
    stage.backend().plays({cancellable(replies(1s))});
    const std::size_t early = stage.call();
    const std::size_t late = stage.call();
    stage.run(1ms);
    stage.give_up(early);
    stage.run(100ms);
    stage.give_up(late);
    REQUIRE(stage.backend().count() == 1);
    REQUIRE(stage.backend().visits().front().abandoned == 100ms);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a node of a gateway that hangs passes nothing on, and answers when it goes on") {
    Stage stage(gateway(R"("op": "/")", anything, R"(, "latency": "2ms")"));
    stage.backend().plays({replies(10ms)});
    stage.call();
    stage.run(5ms);
    stage.hang();
    stage.call();
    stage.run(50ms);
    REQUIRE(stage.client().answers().empty());
    stage.recover();
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>{50ms, 62ms});
    REQUIRE(stage.balanced());
}

TEST_CASE("a node of a gateway that dies resets its calls and lets go of those it made") {
    Stage stage(gateway(R"("op": "/")", anything));
    stage.backend().plays({cancellable(replies(10ms))});
    for (int i = 0; i < 3; ++i) stage.call();
    stage.crash();
    stage.run();
    REQUIRE(stage.client().count(Outcome::reset) == 3);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a gateway says what is wrong with its description") {
    const auto problems = [](const std::string& operations, const std::string& routes) {
        return Stage::problems_of(gateway(operations, routes));
    };
    REQUIRE_THAT(problems(R"("op": "pay")", anything),
                 ContainsSubstring("\"path\" must begin with \"/\""));
    REQUIRE_THAT(problems(R"("op": "/")", route("pay", R"("path": "pay")")),
                 ContainsSubstring("\"path\" must begin with \"/\""));
    REQUIRE_THAT(problems(R"("op": "/")", R"("all": {})"), ContainsSubstring("\"backends\""));
}

TEST_CASE("a backend must have the operations that its routes send there, and no others") {
    const Catalogue catalogue = all_there_is();
    REQUIRE_NOTHROW(scenario(catalogue, R"({"path": "/r", "backends": ["reader"]})"));
    REQUIRE_THROWS_WITH(
        scenario(catalogue, R"({"backends": ["reader"]})"),
        ContainsSubstring("route \"all\" sends \"write\" to \"reader\", which has no such"));
}
