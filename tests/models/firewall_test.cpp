// The firewall, driven by callers whose every instant is known.

#include "tests/models/stage.hpp"

#include <string>
#include <vector>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// One that takes no time.
std::string firewall(const std::string& more = {}) {
    return R"({"type": "firewall", "target": "backend", "cpu": 0)" + more + "}";
}

/// How many of so many calls at one instant pass.
std::size_t passing(Stage& stage, Duration when, int calls) {
    stage.run(when);
    const std::size_t before = stage.client().count(Outcome::ok);
    for (int i = 0; i < calls; ++i) stage.call();
    stage.run(when);
    return stage.client().count(Outcome::ok) - before;
}

}  // namespace

TEST_CASE("P01: a firewall with a token bucket lets through the burst and what has dripped in") {
    Stage stage(firewall(R"(, "limit": {"rate": "10/s", "burst": 100})"));
    REQUIRE(passing(stage, 0s, 150) == 100);
    REQUIRE(passing(stage, 5s, 100) == 50);
    REQUIRE(passing(stage, 5s, 1) == 0);
    REQUIRE(passing(stage, 20s, 500) == 100);
    REQUIRE(stage.count("limited") == 50 + 50 + 1 + 400);
    REQUIRE(stage.client().answers().back().mechanism == "limit");
}

TEST_CASE("P02: a fixed window lets twice the limit through around a boundary, a log does not") {
    Stage fixed(firewall(
        R"(, "limit": {"rate": "100/min", "algorithm": "fixed_window", "window": "1min"})"));
    REQUIRE(passing(fixed, 59900ms, 100) + passing(fixed, 60s, 100) == 200);
    Stage sliding(firewall(
        R"(, "limit": {"rate": "100/min", "algorithm": "sliding_log", "window": "1min"})"));
    REQUIRE(passing(sliding, 59900ms, 100) + passing(sliding, 60s, 100) == 100);
}

TEST_CASE("a firewall that counts by client lets each have its share, whoever else is busy") {
    // Of 300 calls at once each client sends those that it draws, and has 10 tokens.
    Stage stage(firewall(R"(, "limit": {"rate": "1/s", "burst": 10, "clients": 3, "popularity":
                              {"type": "weights", "weights": [0.96, 0.02, 0.02]}})"));
    const std::size_t passed = passing(stage, 0s, 300);
    // Two quiet clients send 6 each on average, all of which pass but for what is beyond 10; the
    // busy one has 10 of its 288. More than 20 would be two buckets, 30 all three.
    REQUIRE(passed > 10);
    REQUIRE(passed <= 30);
    Stage together(firewall(R"(, "limit": {"rate": "1/s", "burst": 10})"));
    REQUIRE(passing(together, 0s, 300) == 10);
}

TEST_CASE("a firewall blocks its share of calls by mistake, the same at every attempt") {
    Stage stage(firewall(R"(, "false_positives": "5%")"));
    constexpr int calls = 20000;
    for (int i = 0; i < calls; ++i) stage.call();
    const auto share = static_cast<double>(stage.count("blocked")) / calls;
    REQUIRE(share == within(4 * standard_error(0.05, calls), 0.05));
    REQUIRE(stage.client().count(Outcome::rejected_rule) == stage.count("blocked"));
    const auto outcome_of = [&stage](std::uint64_t subject, std::uint16_t tries) {
        Request request = stage.request("op", subject);
        request.tries = tries;
        stage.client().call(request);
        return stage.client().answers().back().outcome;
    };
    for (std::uint64_t subject = 1; subject <= 200; ++subject) {
        REQUIRE(outcome_of(subject, 7) == outcome_of(subject, 0));
    }
}

TEST_CASE("a firewall takes its time on its cores, and the rest waits") {
    Stage stage(R"({"type": "firewall", "target": "backend", "cpu": "10ms", "cores": 2})");
    for (int i = 0; i < 3; ++i) stage.call();
    stage.run();
    REQUIRE(stage.answered_at() == Instants{10ms, 10ms, 20ms});
    stage.set({.slow = 100});  // an expensive rule
    stage.call();
    stage.run(25h);
    REQUIRE(stage.client().answers().back().latency == 1s);
    REQUIRE(stage.balanced());
}

TEST_CASE("a firewall whose table is full drops calls in silence") {
    Stage stage(firewall(R"(, "connections": 2)"));
    stage.backend().plays({replies(1s)});
    for (int i = 0; i < 3; ++i) stage.call();
    stage.run(2s);
    REQUIRE(stage.client().answers().size() == 2);
    REQUIRE(stage.count("dropped") == 1);
    REQUIRE(stage.world.calls.swallowed() == 1);
    stage.give_up(2);
    REQUIRE(stage.world.calls.swallowed() == 0);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
    stage.set({.capacity = 0.5});
    REQUIRE(passing(stage, 2s, 2) == 0);
    stage.run(4s);
    REQUIRE(stage.client().count(Outcome::ok) == 3);
}

TEST_CASE("a bad rule blocks the share of calls that the fault says") {
    Stage stage(firewall());
    stage.set({.error_rate = 1});
    stage.call();
    REQUIRE(stage.client().answer().outcome == Outcome::rejected_rule);
    REQUIRE(stage.backend().count() == 0);
}

TEST_CASE("a firewall that is down stops its calls, or lets them pass unseen") {
    Stage closed(firewall());
    closed.crash();
    closed.call();
    REQUIRE(closed.client().answer().outcome == Outcome::refused);

    Stage open(firewall(R"(, "fails": "open", "limit": {"rate": "1/s"})"));
    open.backend().plays({replies(10ms)});
    for (const Condition::Mode mode :
         {Condition::Mode::refusing, Condition::Mode::hanging, Condition::Mode::black_holed}) {
        open.set({.mode = mode});
        for (int i = 0; i < 5; ++i) open.call();
        open.run(open.world.now().time_since_epoch() + 1s);
    }
    REQUIRE(open.client().count(Outcome::ok) == 15);
    REQUIRE(open.count("unseen") == 15);
    open.recover();
    for (int i = 0; i < 5; ++i) open.call();
    REQUIRE(open.client().count(Outcome::rejected_rate) == 4);
    open.run();
    REQUIRE(open.world.calls.live() == 0);
    REQUIRE(open.balanced());
}

TEST_CASE("when the caller gives up, a firewall gives up on its own call at once") {
    Stage stage(firewall(R"(, "connections": 1)"));
    stage.backend().plays({cancellable(replies(1s)), replies()});
    const std::size_t number = stage.call();
    stage.run(100ms);
    stage.give_up(number);
    REQUIRE(stage.backend().visits().front().abandoned == 100ms);
    stage.call();
    REQUIRE(stage.client().answer().outcome == Outcome::ok);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("a firewall looks at a call although its caller has gone, and passes it to nobody") {
    Stage stage(R"({"type": "firewall", "target": "backend", "cpu": "10ms"})");
    const std::size_t number = stage.call();
    stage.run(1ms);
    stage.give_up(number);
    stage.run();
    REQUIRE(stage.backend().count() == 0);
    REQUIRE(stage.count("wasted") == 1);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a firewall that dies resets its calls, and one that hangs keeps replies back") {
    Stage stage(R"({"type": "firewall", "target": "backend", "cpu": "1ms"})");
    stage.backend().plays({cancellable(replies(10ms))});
    stage.call();
    stage.run(500us);
    stage.call();
    stage.run(5ms);
    stage.crash();
    REQUIRE(stage.client().count(Outcome::reset) == 2);
    stage.recover();
    stage.call();
    stage.run(10ms);
    stage.hang();
    stage.run(50ms);
    REQUIRE(stage.client().answers().size() == 2);
    stage.recover();
    stage.run();
    REQUIRE(stage.answered_at().back() == 50ms);
    REQUIRE(stage.level("connections.present") == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a firewall passes requests and replies on as they are") {
    Stage stage(firewall());
    stage.backend().plays({fails(Outcome::error, 10ms)});
    Request request = stage.request("op", 42);
    request.deadline = Time{1s};
    request.tries = 7;
    stage.client().call(request);
    stage.run();
    const Request& seen = stage.backend().visits().front().request;
    REQUIRE(seen.subject == 42);
    REQUIRE(seen.deadline == Time{1s});
    REQUIRE(seen.tries == 7);
    REQUIRE(stage.client().answer().outcome == Outcome::error);
    REQUIRE(stage.client().answer().component == "backend");
}
