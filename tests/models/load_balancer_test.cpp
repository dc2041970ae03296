// The load balancer, driven by callers whose every instant is known.

#include "tests/models/stage.hpp"

#include <set>
#include <string>
#include <vector>

using namespace prodsim;
using namespace prodsim::testing;

TEST_CASE("a load balancer without a policy lets the instances take turns") {
    Stage stage(R"({"type": "load_balancer", "target": "backend"})", 3);
    for (int i = 0; i < 9; ++i) stage.call();
    REQUIRE(stage.client().count(Outcome::ok) == 9);
    std::vector<std::uint16_t> turns;
    for (const Visit& visit : stage.backend().visits()) turns.push_back(visit.endpoint);
    for (std::size_t i = 3; i < turns.size(); ++i) REQUIRE(turns[i] == turns[i - 3]);
    REQUIRE(std::set<std::uint16_t>(turns.begin(), turns.begin() + 3).size() == 3);
    // An empty list would say that it does nothing around its calls.
    REQUIRE(stage.echoed().find("policy") == nullptr);
}

TEST_CASE("a load balancer that is given a balancing policy uses that one") {
    Stage stage(R"({"type": "load_balancer", "target": "backend",
                    "policy": [{"type": "balance", "algorithm": "weighted",
                                "weights": [0, 1, 0]}]})",
                3);
    for (int i = 0; i < 9; ++i) stage.call();
    for (const Visit& visit : stage.backend().visits()) REQUIRE(visit.endpoint == 2);
}

TEST_CASE("a load balancer passes requests on as they are, and replies too") {
    Stage stage(R"({"type": "load_balancer", "target": "backend", "latency": "2ms"})");
    stage.backend().plays({fails(Outcome::error, 10ms)});
    Request request = stage.request("op", 42);
    request.deadline = Time{1s};
    request.tries = 7;
    request.priority = 3;
    stage.client().call(request);
    stage.run();
    const Request& seen = stage.backend().visits().front().request;
    REQUIRE(seen.subject == 42);
    REQUIRE(seen.deadline == Time{1s});
    REQUIRE(seen.tries == 7);
    REQUIRE(seen.priority == 3);
    REQUIRE(stage.client().answer().at == 12ms);
    REQUIRE(stage.client().answer().outcome == Outcome::error);
    REQUIRE(stage.client().answer().component == "backend");
    REQUIRE(stage.count("failed") == 1);
}

TEST_CASE("a load balancer does around its calls what its policy says") {
    Stage stage(R"({"type": "load_balancer", "target": "backend",
                    "policy": [{"type": "timeout", "limit": "1s"}]})");
    stage.backend().plays({hangs()});
    stage.call();
    stage.run();
    REQUIRE(stage.client().answer().at == 1s);
    REQUIRE(stage.client().answer().outcome == Outcome::timeout);
    REQUIRE(stage.client().answer().component == "it -> backend");
}

TEST_CASE("a node of a load balancer rejects calls beyond its connections, and only those") {
    Stage stage(R"({"type": "load_balancer", "target": "backend", "connections": 2})");
    stage.backend().plays({replies(1s)});
    for (int i = 0; i < 3; ++i) stage.call();
    REQUIRE(stage.client().answer().outcome == Outcome::rejected_overload);
    REQUIRE(stage.client().answer().mechanism == "connections in use");
    stage.run(2s);
    stage.call();
    stage.run(4s);
    REQUIRE(stage.client().count(Outcome::ok) == 3);
}

TEST_CASE("when the caller gives up, a load balancer gives up on its own call at once") {
    Stage stage(R"({"type": "load_balancer", "target": "backend", "connections": 1})");
    stage.backend().plays({cancellable(replies(1s)), replies(0s)});
    const std::size_t number = stage.call();
    stage.run(100ms);
    stage.give_up(number);
    REQUIRE(stage.backend().visits().front().abandoned == 100ms);
    stage.call();  // the connection is free again
    REQUIRE(stage.client().answer().outcome == Outcome::ok);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("when the caller gives up before a load balancer has passed it on, nobody hears of it") {
    Stage stage(R"({"type": "load_balancer", "target": "backend", "latency": "2ms"})");
    const std::size_t number = stage.call();
    stage.run(1ms);
    stage.give_up(number);
    stage.run();
    REQUIRE(stage.backend().count() == 0);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("a node of a load balancer that hangs passes nothing on until it goes on") {
    Stage stage(R"({"type": "load_balancer", "target": "backend"})");
    stage.backend().plays({replies(10ms)});
    stage.call();
    stage.run(5ms);
    stage.hang();
    stage.call();
    const std::size_t impatient = stage.call();
    stage.run(50ms);
    REQUIRE(stage.client().answers().empty());
    stage.give_up(impatient);
    stage.run(100ms);
    stage.recover();
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>{100ms, 110ms});
    REQUIRE(stage.balanced());
}

TEST_CASE("a node of a load balancer that dies resets its calls and lets go of those it made") {
    Stage stage(R"({"type": "load_balancer", "target": "backend"})");
    stage.backend().plays({cancellable(replies(10ms))});
    for (int i = 0; i < 3; ++i) stage.call();
    stage.run(5ms);
    stage.crash();
    REQUIRE(stage.client().count(Outcome::reset) == 3);
    stage.call();
    REQUIRE(stage.client().count(Outcome::refused) == 1);
    stage.recover();
    stage.call();
    stage.run();
    REQUIRE(stage.client().count(Outcome::ok) == 1);
    REQUIRE(stage.level("connections.present") == 0);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a load balancer has the operations of its target, and smaller it takes less") {
    Stage stage(R"({"type": "load_balancer", "target": "backend", "connections": 4})");
    REQUIRE(stage.it().operation("whatever the backend can do") == 0);
    stage.backend().plays({replies(10ms)});
    stage.set({.capacity = 0.5});
    for (int i = 0; i < 4; ++i) stage.call();
    REQUIRE(stage.client().count(Outcome::rejected_overload) == 2);
}
