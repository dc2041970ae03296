// The circuit breaker, with the cases that resilience4j, gobreaker and Hystrix test or document.
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

using namespace prodsim;
using namespace prodsim::testing;

namespace {

Level& level(Bench& bench, std::string_view name) {
    return bench.world.meters.level("client -> backend", name, "");
}

Duration now(const Bench& bench) { return bench.world.now().time_since_epoch(); }

/// Makes one call and lets it come to its end, which the clock then shows.
void call_to_the_end(Bench& bench, Client& client, const Act& act) {
    bench.backend.plays({act});
    client.call();
    bench.run(now(bench) + act.after);
}

Act success(Duration took = 0s) { return replies(took); }
Act failure(Duration took = 0s) { return fails(Outcome::error, took); }

bool is_open(Bench& bench) { return level(bench, "breaker.open").value() == 1; }

/// Tries a call that the backend would answer at once.
Outcome try_call(Bench& bench, Client& client) {
    bench.backend.plays({success()});
    client.call();
    return client.answers().back().outcome;
}

// The breaker of resilience4j's CircuitBreakerStateMachineTest, and the rates at which it opens.
std::string state_machine_test(const std::string& failure_rate, const std::string& slow_rate) {
    return "breaker(time, duration=20s, minimum_calls=5, slow_after=4s, open_for=5s, probes=4, "
           "failure_rate=" +
           failure_rate + ", slow_rate=" + slow_rate + ")";
}

constexpr std::string_view gobreaker = "breaker(consecutive, open_for=60s, probes=1)";
constexpr std::string_view hystrix =
    "breaker(time, duration=10s, minimum_calls=20, open_for=5s, probes=1)";

}  // namespace

TEST_CASE("a breaker opens when slow calls, failed or not, reach their share") {
    // resilience4j shouldOpenAfterSlowCallRateThresholdExceeded: 3 of 5 took more than 4 s, which
    // is 60 %; 2 of 5 failed.
    const std::vector<Act> acts{failure(5s), success(5s), failure(100ms), success(100ms),
                                success(5s)};
    for (const auto& [slow_rate, opens] :
         {std::pair{"50%", true}, std::pair{"60%", true}, std::pair{"60.1%", false}}) {
        Bench bench({add_circuit_breaker});
        Client& client = bench.client({state_machine_test("50%", slow_rate)});
        for (const Act& act : acts) {
            REQUIRE_FALSE(is_open(bench));
            call_to_the_end(bench, client, act);
        }
        REQUIRE(is_open(bench) == opens);
    }
}

TEST_CASE("a call that takes exactly the slow limit is not slow") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(calls, calls=1, slow_after=4s)"});
    call_to_the_end(bench, client, success(4s));
    REQUIRE_FALSE(is_open(bench));
    call_to_the_end(bench, client, success(4s + 1ns));
    REQUIRE(is_open(bench));
}

TEST_CASE("an open breaker rejects, and turns half open at the first call after its wait") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({state_machine_test("50%", "50%")});
    for (int i = 0; i < 5; ++i) call_to_the_end(bench, client, failure());
    REQUIRE(is_open(bench));
    REQUIRE(try_call(bench, client) == Outcome::rejected_breaker);
    REQUIRE(client.answers().back().component == "client -> backend");
    REQUIRE(client.answers().back().mechanism == "breaker open");
    bench.run(3s);
    REQUIRE(try_call(bench, client) == Outcome::rejected_breaker);
    bench.run(6s);
    REQUIRE(is_open(bench));

    bench.backend.plays({hangs()});
    for (int i = 0; i < 6; ++i) client.call();
    REQUIRE_FALSE(is_open(bench));
    REQUIRE(bench.backend.waited_for() == 4);
    REQUIRE(bench.count("breaker.rejected") == 4);
    REQUIRE(bench.count("breaker.opened") == 1);
    REQUIRE(bench.balanced());
}

TEST_CASE("an automatic breaker turns half open by itself") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(calls, calls=1, open_for=5s, automatic=true)"});
    call_to_the_end(bench, client, failure());
    bench.run(5s - 1ns);
    REQUIRE(is_open(bench));
    bench.run(5s);
    REQUIRE_FALSE(is_open(bench));
}

TEST_CASE("a half open breaker decides when all its probes have ended") {
    const auto reopens = [](const std::string& failure_rate, const std::vector<Act>& probes) {
        Bench bench({add_circuit_breaker});
        Client& client = bench.client({state_machine_test(failure_rate, "100%")});
        for (int i = 0; i < 5; ++i) call_to_the_end(bench, client, failure());
        bench.run(6s);
        for (const Act& probe : probes) {
            REQUIRE(bench.count("breaker.opened") == 1);
            call_to_the_end(bench, client, probe);
        }
        return is_open(bench);
    };
    const std::vector<Act> three_of_four{failure(), failure(), success(), failure()};
    const std::vector<Act> one_of_four{failure(), success(), success(), success()};
    REQUIRE(reopens("50%", three_of_four));
    REQUIRE_FALSE(reopens("50%", one_of_four));
    REQUIRE(reopens("75%", three_of_four));
    REQUIRE_FALSE(reopens("75.1%", three_of_four));
    REQUIRE(reopens("25%", one_of_four));
    REQUIRE_FALSE(reopens("25.1%", one_of_four));
}

TEST_CASE("a breaker that closes again has an empty window") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({state_machine_test("50%", "100%")});
    for (int i = 0; i < 5; ++i) call_to_the_end(bench, client, failure());
    bench.run(6s);
    for (int i = 0; i < 4; ++i) call_to_the_end(bench, client, success());
    for (int i = 0; i < 4; ++i) {
        call_to_the_end(bench, client, failure());
        REQUIRE_FALSE(is_open(bench));
    }
    call_to_the_end(bench, client, failure());
    REQUIRE(is_open(bench));
}

namespace {

// resilience4j SlidingTimeWindowMetricsTest: an error at 0 s, a success at 0.1 s and a slow error
// at 0.8 s (after its beginning at a whole second, here 1 s), in a window of 5 s.
constexpr Duration epoch = 1s;

void play_three_calls(Bench& bench, Client& client) {
    bench.backend.plays({failure(1000ms), failure(100ms), success(100ms), failure()});
    client.call_at(epoch + 800ms - 1000ms);
    client.call_at(epoch - 100ms);
    client.call_at(epoch);
}

/// How many calls the window holds then: four are a verdict, so few more failures open it.
int calls_in_window(Duration then) {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(time, duration=5s, minimum_calls=4, failure_rate=1%)"});
    play_three_calls(bench, client);
    bench.run(epoch + then);
    int missing = 0;
    for (; !is_open(bench); ++missing) client.call();
    return 4 - missing;
}

bool opens_at(Duration then, const std::string& minimum_calls, const std::string& failure_rate) {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(time, duration=5s, minimum_calls=" + minimum_calls +
                                   ", failure_rate=" + failure_rate + ")"});
    play_three_calls(bench, client);
    bench.run(epoch + then);
    if (minimum_calls == "4") client.call();
    return is_open(bench);
}

}  // namespace

TEST_CASE("a window of time moves by whole seconds") {
    REQUIRE(calls_in_window(800ms) == 3);
    REQUIRE(calls_in_window(4800ms) == 3);
    REQUIRE(calls_in_window(5s - 1ns) == 3);
    REQUIRE(calls_in_window(5s) == 0);
    REQUIRE(calls_in_window(5800ms) == 0);

    // Two of the three failed: with one more failure it is 3 of 4.
    REQUIRE(opens_at(4800ms, "4", "75%"));
    REQUIRE_FALSE(opens_at(4800ms, "4", "75.1%"));
    // After two calls one had failed.
    REQUIRE(opens_at(100ms, "2", "50%"));
    REQUIRE_FALSE(opens_at(100ms, "2", "50.1%"));
}

TEST_CASE("a window of calls forgets the oldest") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(calls, calls=4, minimum_calls=1, failure_rate=75%)"});
    for (const Act& act : {success(), success(), failure(), failure()}) {
        call_to_the_end(bench, client, act);
    }
    call_to_the_end(bench, client, success());
    call_to_the_end(bench, client, failure());  // of the last four, three: F F S F
    REQUIRE(is_open(bench));
}

TEST_CASE("shares are compared exactly") {
    // 7 of 100 is 7 %, although 0.07 times 100 is more than 7 in binary.
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(calls, failure_rate=7%)"});
    for (int i = 0; i < 100; ++i) {
        REQUIRE_FALSE(is_open(bench));
        call_to_the_end(bench, client, i < 7 ? failure() : success());
    }
    REQUIRE(is_open(bench));
}

TEST_CASE("gobreaker opens at more than five failures in a row and decides by one probe") {
    // sony/gobreaker TestDefaultCircuitBreaker.
    for (const bool probe_succeeds : {false, true}) {
        Bench bench({add_circuit_breaker});
        Client& client = bench.client({std::string(gobreaker)});
        for (int i = 0; i < 5; ++i) call_to_the_end(bench, client, failure());
        REQUIRE_FALSE(is_open(bench));
        call_to_the_end(bench, client, success());
        for (int i = 0; i < 5; ++i) call_to_the_end(bench, client, failure());
        REQUIRE_FALSE(is_open(bench));
        call_to_the_end(bench, client, failure());
        REQUIRE(is_open(bench));

        bench.run(59999ms);
        REQUIRE(try_call(bench, client) == Outcome::rejected_breaker);
        bench.run(60999ms);
        const Act probe = probe_succeeds ? success(1ms) : failure(1ms);
        bench.backend.plays({probe});
        client.call();
        REQUIRE_FALSE(is_open(bench));
        REQUIRE(try_call(bench, client) == Outcome::rejected_breaker);  // one probe at a time
        bench.run(61s);
        REQUIRE(is_open(bench) != probe_succeeds);
    }
}

TEST_CASE("one failed probe is enough for a breaker that counts failures in a row") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(consecutive, consecutive=1, probes=3, open_for=1s)"});
    call_to_the_end(bench, client, failure());
    bench.run(1s);
    call_to_the_end(bench, client, success());
    call_to_the_end(bench, client, failure());
    REQUIRE(is_open(bench));
    bench.run(2s);
    for (int i = 0; i < 2; ++i) call_to_the_end(bench, client, success());
    REQUIRE(bench.count("breaker.opened") == 2);
    call_to_the_end(bench, client, success());  // the third of three closes it
    for (int i = 0; i < 9; ++i) REQUIRE(try_call(bench, client) == Outcome::ok);
}

TEST_CASE("Hystrix needs 20 calls in 10 s and tries one call after 5 s") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({std::string(hystrix)});
    for (int i = 0; i < 19; ++i) call_to_the_end(bench, client, failure());
    REQUIRE_FALSE(is_open(bench));
    SECTION("the twentieth opens it") {
        call_to_the_end(bench, client, failure());
        REQUIRE(is_open(bench));
        bench.run(5s - 1ns);
        REQUIRE(try_call(bench, client) == Outcome::rejected_breaker);
        bench.run(5s);
        bench.backend.plays({success(1ms)});
        client.call();
        REQUIRE(try_call(bench, client) == Outcome::rejected_breaker);
        bench.run(6s);
        REQUIRE(try_call(bench, client) == Outcome::ok);
    }
    SECTION("after 10 s the nineteen are forgotten") {
        bench.run(10s);
        call_to_the_end(bench, client, failure());
        REQUIRE_FALSE(is_open(bench));
    }
}

TEST_CASE("when the caller gives up, a breaker counts a failure then and ignores the late reply") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(calls, calls=1, open_for=2s, probes=1)"});
    bench.backend.plays({success(10s)});
    client.call();
    client.give_up_at(1s);
    bench.run(1s);
    REQUIRE(is_open(bench));
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{1s});
    bench.run(4s);
    bench.backend.plays({hangs()});
    client.call();  // the probe, under way while the late reply comes
    bench.run(11s);
    REQUIRE(bench.backend.visits()[0].ended == Duration{10s});
    REQUIRE(try_call(bench, client) == Outcome::rejected_breaker);
    REQUIRE(bench.balanced());
}

TEST_CASE("when the caller gives up on a call over the slow limit, it was slow as well") {
    for (const auto& [gives_up, opens] : {std::pair{2s, false}, std::pair{3s, true}}) {
        Bench bench({add_circuit_breaker});
        Client& client =
            bench.client({"breaker(calls, calls=2, slow_after=2s, slow_rate=50%, "
                          "failure_rate=100%)"});
        call_to_the_end(bench, client, success());
        bench.backend.plays({hangs()});
        client.call();
        client.give_up_at(gives_up, 1);
        bench.run();
        REQUIRE(is_open(bench) == opens);
    }
}

TEST_CASE("when the caller gives up on a probe, it has failed") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(calls, calls=1, open_for=1s, probes=1)"});
    call_to_the_end(bench, client, failure());
    bench.backend.plays({hangs()});
    client.call_at(2s);
    client.give_up_at(3s, 1);
    bench.run(3s);
    REQUIRE(is_open(bench));
    REQUIRE(bench.count("breaker.opened") == 2);
}

TEST_CASE("a call counts only in the state in which it was let through") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(calls, calls=1, open_for=1s, probes=1)"});
    bench.backend.plays({success(5s), failure(), hangs()});
    client.call();
    client.call();       // opens it
    client.call_at(2s);  // the probe
    bench.run(6s);       // the success of the closed state has ended
    REQUIRE(try_call(bench, client) == Outcome::rejected_breaker);
}

TEST_CASE("only the listed outcomes are failures of a breaker") {
    Bench bench({add_circuit_breaker});
    Client& client = bench.client({"breaker(calls, calls=1, failures=[timeout, reset])"});
    call_to_the_end(bench, client, failure());
    REQUIRE_FALSE(is_open(bench));
    call_to_the_end(bench, client, fails(Outcome::reset));
    REQUIRE(is_open(bench));
}

TEST_CASE("a timeout inside a breaker is a failure, and every client has a breaker of its own") {
    Bench bench({add_circuit_breaker, add_timeout});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"breaker(calls, calls=1)", "timeout(1s)"});
    Client& other = bench.client({"breaker(calls, calls=1)", "timeout(1s)"});
    client.call();
    bench.run(2s);
    REQUIRE(is_open(bench));
    REQUIRE(try_call(bench, client) == Outcome::rejected_breaker);
    REQUIRE(try_call(bench, other) == Outcome::ok);
}

TEST_CASE("the steps of a breaker's window divide it") {
    Bench bench({add_circuit_breaker});
    REQUIRE(bench.problems_of({"breaker(time, duration=10s, bucket=500ms)"}).empty());
    REQUIRE_THAT(bench.problems_of({"breaker(time, duration=10s, bucket=3s)"}),
                 ContainsSubstring("equal parts"));
}
