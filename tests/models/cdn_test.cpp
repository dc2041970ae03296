// The CDN, driven by callers whose every instant is known, with a backend as its origin.

#include "tests/models/stage.hpp"

#include <string>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// One object, kept for a minute.
std::string edge(const std::string& more = {}, const std::string& latency = "0s") {
    return R"({"type": "cdn", "origin": "backend", "keys": 1, "ttl": "1min", "latency": ")" +
           latency + '"' + more + "}";
}

Outcome outcome_at(Stage& stage, Duration when) {
    stage.run(when);
    stage.call();
    stage.run(when);
    return stage.client().answers().back().outcome;
}

}  // namespace

TEST_CASE("an edge asks its origin once for all who miss the same object at once") {
    Stage stage(edge());
    stage.backend().plays({replies(100ms)});
    for (int i = 0; i < 5; ++i) stage.call();
    stage.run(50ms);
    stage.call();
    stage.run(1s);
    REQUIRE(stage.backend().count() == 1);
    REQUIRE(stage.count("collapsed") == 5);
    REQUIRE(stage.client().count(Outcome::ok) == 6);
    REQUIRE(outcome_at(stage, 60s) == Outcome::ok);  // it came at 100 ms
    REQUIRE(stage.count("hits") == 1);
    Stage apart(edge(R"(, "collapse": false)"));
    apart.backend().plays({replies(100ms)});
    for (int i = 0; i < 5; ++i) apart.call();
    REQUIRE(apart.backend().count() == 5);
    REQUIRE(stage.balanced());
}

TEST_CASE("an edge answers with what it holds while the origin fails, and asks every 10 s") {
    Stage stage(edge());
    stage.backend().plays({replies(), fails(Outcome::error)});
    REQUIRE(outcome_at(stage, 0s) == Outcome::ok);
    for (const Duration when : {60s, 61s, 69s}) REQUIRE(outcome_at(stage, when) == Outcome::stale);
    REQUIRE(stage.backend().count() == 2);
    REQUIRE(outcome_at(stage, 70s) == Outcome::stale);
    REQUIRE(stage.backend().count() == 3);
    REQUIRE(stage.count("stale") == 4);
    REQUIRE(outcome_at(stage, 24h + 59s) == Outcome::stale);
    REQUIRE(outcome_at(stage, 24h + 60s) == Outcome::dependency_failed);
}

TEST_CASE("a failure that is remembered outlasts the failure of the origin") {
    Stage stage(edge());
    stage.backend().plays({fails(Outcome::error), replies()});
    REQUIRE(outcome_at(stage, 0s) == Outcome::dependency_failed);
    REQUIRE(stage.client().answers().back().component == "backend");
    REQUIRE(outcome_at(stage, 9s) == Outcome::dependency_failed);
    REQUIRE(stage.client().answers().back().mechanism == "failure remembered");
    REQUIRE(stage.backend().count() == 1);
    REQUIRE(outcome_at(stage, 10s) == Outcome::ok);
    REQUIRE(stage.count("errors.cached") == 1);
}

TEST_CASE("an expired object answers while it is loaded again, once") {
    Stage stage(edge(R"(, "stale_while_revalidate": "30s")"));
    stage.backend().plays({replies(100ms)});
    stage.call();
    stage.run(61s);
    for (int i = 0; i < 3; ++i) stage.call();
    REQUIRE(stage.client().count(Outcome::stale) == 3);
    REQUIRE(stage.backend().count() == 2);
    REQUIRE(outcome_at(stage, 62s) == Outcome::ok);
    REQUIRE(stage.backend().count() == 2);
}

TEST_CASE("a purge makes every point of presence ask again") {
    Stage stage(edge());
    outcome_at(stage, 0s);
    REQUIRE(outcome_at(stage, 1s) == Outcome::ok);
    REQUIRE(stage.backend().count() == 1);
    REQUIRE(stage.it().flush());
    REQUIRE(stage.level("entries") == 0);
    outcome_at(stage, 2s);
    REQUIRE(stage.backend().count() == 2);
}

TEST_CASE("writes pass through an edge, each for itself, and end with their caller") {
    Stage stage(edge());
    stage.backend().plays({cancellable(replies(1s))});
    Request request = stage.request("op", 1);
    request.traits = Trait::write;
    const std::size_t impatient = stage.client().call(request);
    stage.client().call(request);
    REQUIRE(stage.backend().count() == 2);
    REQUIRE(stage.count("passed") == 2);
    stage.run(100ms);
    stage.give_up(impatient);
    REQUIRE(stage.backend().visits().front().abandoned == 100ms);
    stage.run(2s);
    REQUIRE(stage.client().count(Outcome::ok) == 1);
    REQUIRE(stage.level("entries") == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("when the caller of an edge gives up, the load goes on and is kept") {
    Stage stage(edge());
    stage.backend().plays({cancellable(replies(1s))});
    const std::size_t impatient = stage.call();
    stage.run(100ms);
    stage.give_up(impatient);
    REQUIRE(outcome_at(stage, 2s) == Outcome::ok);
    REQUIRE(stage.count("loads.late") == 1);
    REQUIRE(stage.count("hits") == 1);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("a point of presence that dies resets its calls and comes back empty") {
    Stage stage(edge("", "1ms"));
    stage.backend().plays({cancellable(replies(10ms))});
    for (int i = 0; i < 3; ++i) stage.call();
    stage.run(5ms);
    stage.call();  // at the door when it dies
    stage.crash();
    REQUIRE(stage.client().count(Outcome::reset) == 4);
    REQUIRE(stage.world.calls.live() == 0);
    stage.recover();
    stage.call();
    stage.run(1s);
    stage.crash();
    stage.recover();
    stage.call();
    stage.run(2s);
    REQUIRE(stage.backend().count() == 3);
    REQUIRE(stage.level("inside") == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a point of presence that hangs goes on with what came and with what was loaded") {
    Stage stage(edge("", "1ms"));
    stage.backend().plays({replies(10ms)});
    stage.call();
    stage.run(5ms);
    stage.call();
    stage.hang();
    stage.call();
    stage.run(50ms);
    REQUIRE(stage.client().answers().empty());
    stage.recover();
    stage.run();
    // The load of the first ends, then the second is looked up; the third has come in only now.
    REQUIRE(stage.answered_at() == Instants{50ms, 50ms, 51ms});
    REQUIRE(stage.backend().count() == 1);
    REQUIRE(stage.balanced());
}

TEST_CASE("a dictated hit ratio is kept, and points of presence hold objects of their own") {
    Stage stage(R"({"type": "cdn", "origin": "backend", "hit_ratio": "90%", "working_set": 100,
                    "instances": 2, "latency": "0s"})");
    constexpr int calls = 20000;
    for (int i = 0; i < calls; ++i) stage.call();
    const auto hits = static_cast<double>(stage.count("hits")) / calls;
    REQUIRE(hits == within(4 * standard_error(0.9, calls), 0.9));
    REQUIRE(stage.level("entries") == 200);
    REQUIRE_THAT(Stage::problems_of(R"({"type": "cdn", "origin": "backend"})"),
                 ContainsSubstring("either \"hit_ratio\" or \"keys\""));
    REQUIRE_THAT(Stage::problems_of(
                     R"({"type": "cdn", "origin": "backend", "hit_ratio": "90%", "ttl": "1min"})"),
                 ContainsSubstring("dictates what"));
}

TEST_CASE("an edge answers 100 000 who wait for one load, also if that makes others give up") {
    Stage stage(edge());
    stage.backend().plays({replies(1s)});
    for (int i = 0; i < 100000; ++i) stage.call();
    stage.run(1s);
    REQUIRE(stage.client().count(Outcome::ok) == 100000);
    REQUIRE(stage.balanced());

    Stage nervous(edge());
    nervous.backend().plays({replies(1s)});
    Listener listener(nervous.world);
    listener.gives_up_another = true;
    for (std::uint64_t subject = 1; subject <= 10; ++subject) {
        listener.call(nervous.request("op", subject), *nervous.it().instances().front());
    }
    nervous.run(2s);
    REQUIRE(listener.replies.size() == 5);
    REQUIRE(nervous.world.calls.live() == 0);
    REQUIRE(nervous.level("inside") == 0);
    REQUIRE(nervous.balanced());
}
