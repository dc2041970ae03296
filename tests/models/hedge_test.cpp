// The hedge: when it sends another attempt, and which answer wins.

#include "sim/core/distribution.hpp"
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <algorithm>
#include <array>
#include <cmath>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// A backend whose attempts take exponential times, each attempt independently.
std::function<Act(const Request&)> exponential(Duration mean) {
    return [law = Distribution::exponential(in_seconds(mean)),
            stream = Stream(7, 0, "latency")](const Request& request) {
        Draws draws = stream.draws(request.demand_key());
        return replies(sample_duration(law, draws));
    };
}

}  // namespace

TEST_CASE("a hedge sends another attempt after its delay, the first good answer wins") {
    Bench bench({add_hedge});
    bench.backend.plays({replies(100ms), replies(20ms)});
    Client& client = bench.client({"hedge(50ms)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 50ms});
    REQUIRE(client.answer().at == 70ms);
    const Visit& loser = bench.backend.visits().front();
    REQUIRE(loser.abandoned == Duration{70ms});
    REQUIRE(loser.ended == Duration{100ms});  // abandoning is not cancelling
    REQUIRE(bench.count("hedge.won") == 1);
    REQUIRE(bench.world.calls.wasted() == 1);
    REQUIRE(bench.balanced());
}

TEST_CASE("a hedge that is not needed is not sent") {
    Bench bench({add_hedge});
    bench.backend.plays({replies(50ms)});
    Client& client = bench.client({"hedge(51ms)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.count() == 1);
    REQUIRE(bench.count("hedge.attempts") == 1);
}

TEST_CASE("hedges follow one another while the server never answers") {
    // gRPC A6, hedging policy: maxAttempts 4, hedgingDelay 0.5 s.
    Bench bench({add_hedge});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"hedge(500ms, attempts=4)"});
    client.call();
    for (const int number : {0, 1, 2, 3}) {
        bench.run(number * 500ms + 1ms);
        REQUIRE(bench.backend.waited_for() == static_cast<std::size_t>(number) + 1);
    }
    bench.run(10s);
    REQUIRE(bench.backend.count() == 4);
    client.give_up();
}

TEST_CASE("a hedge at the 95th percentile of exponential latency") {
    // With T > t as long as both attempts last: P = e^-t up to d, then e^-(2t - d); d = log 20.
    constexpr double calls = 100000;
    const double d = std::log(20.0);
    Bench bench({add_hedge});
    bench.backend.plays(exponential(1s));
    bench.backend.forget_visits();
    Client& client = bench.client({"hedge(2995732274ns)"});
    for (int i = 0; i < calls; ++i) client.call();
    bench.run();

    double sum = 0, squares = 0;
    std::array<double, 3> beyond{};
    const std::array share{0.05, 0.01, 0.001};
    for (const Answer& answer : client.answers()) {
        const double latency = in_seconds(answer.latency);
        sum += latency;
        squares += latency * latency;
        for (std::size_t i = 0; i < share.size(); ++i) {
            const double quantile = (d - std::log(share[i])) / 2;  // 2.99573, 3.80045, 4.95174
            beyond[i] += latency > quantile ? 1 : 0;
        }
    }
    const double mean = sum / calls;
    const double spread = std::sqrt((squares / calls - mean * mean) / calls);
    REQUIRE(mean == within(4 * spread, 0.975));
    for (std::size_t i = 0; i < share.size(); ++i) {
        REQUIRE(beyond[i] / calls == within(4 * standard_error(share[i], calls), share[i]));
    }
    const auto attempts = static_cast<double>(bench.count("hedge.attempts"));
    REQUIRE(attempts / calls - 1 == within(4 * standard_error(0.05, calls), 0.05));
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("a hedge learns the percentile from its own latencies, losers included") {
    constexpr int calls = 20000;
    Bench bench({add_hedge});
    bench.backend.plays(exponential(100ms));
    bench.backend.forget_visits();
    Client& client = bench.client({"hedge(after_percentile=95%)"});
    for (int i = 0; i < calls; ++i) client.call_at(i * 100ms);
    bench.run();
    const auto attempts = static_cast<double>(bench.count("hedge.attempts"));
    // A new one exceeds the 950th of 1000 with probability 51/1001 (exchangeability). The
    // percentile is as uncertain as 1000 draws and renewed 20 times; the hedges add the error of
    // their own draw.
    const double error = std::sqrt(0.05 * 0.95 / calls * 2);
    REQUIRE(attempts / calls - 1 == within(4 * error, 51.0 / 1001));
}

TEST_CASE("until enough latencies are seen a hedge uses its delay, or none is sent") {
    Bench bench({add_hedge});
    bench.backend.plays({replies(10ms), replies(20ms), replies(30ms), replies(1s)});
    SECTION("the percentile takes over") {
        Client& client = bench.client({"hedge(100ms, after_percentile=50%, least_seen=3)"});
        for (const int i : {0, 1, 2, 3}) client.call_at(i * 10s);
        bench.run();
        REQUIRE(bench.backend.visited_at() == Instants{0s, 10s, 20s, 30s, 30s + 20ms});
    }
    SECTION("without a delay there is no hedge") {
        Client& client = bench.client({"hedge(after_percentile=50%, least_seen=10)"});
        for (const int i : {0, 1, 2, 3}) client.call_at(i * 10s);
        bench.run();
        REQUIRE(bench.backend.count() == 4);
    }
    REQUIRE_THAT(bench.problems_of({"hedge"}), ContainsSubstring("after_percentile"));
}

TEST_CASE("a failure that is not fatal sends the next attempt at once, and the delay starts anew") {
    Bench bench({add_hedge});
    bench.backend.plays({fails(Outcome::refused, 10ms), replies(200ms)});
    Client& client = bench.client({"hedge(50ms, attempts=3)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 10ms, 60ms});
    REQUIRE(client.answer().at == 210ms);
}

TEST_CASE("a fatal failure ends the race, the others are given up") {
    Bench bench({add_hedge});
    bench.backend.plays({hangs(), fails(Outcome::error, 10ms)});
    Client& client = bench.client({"hedge(50ms, attempts=3)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::error);
    REQUIRE(client.answer().at == 60ms);
    REQUIRE(bench.backend.count() == 2);
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{60ms});
}

TEST_CASE("when every hedged attempt has failed the last failure is the answer") {
    Bench bench({add_hedge});
    bench.backend.plays({fails(Outcome::refused, 200ms), fails(Outcome::reset, 10ms)});
    Client& client = bench.client({"hedge(50ms)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::refused);
    REQUIRE(client.answer().at == 200ms);
}

TEST_CASE("a hedge is sent when the callee asks for it, if that is before the deadline") {
    Bench bench({add_hedge});
    bench.backend.plays({with_retry_after(fails(Outcome::rejected_overload, 10ms), 1s), replies()});
    Client& client = bench.client({"hedge(50ms)"});
    Request request;
    SECTION("in time") {
        client.call(request);
        bench.run();
        REQUIRE(bench.backend.visited_at() == Instants{0ms, 1010ms});
        REQUIRE(client.answer().outcome == Outcome::ok);
    }
    SECTION("too late") {
        request.deadline = Time{1010ms};
        client.call(request);
        bench.run();
        REQUIRE(client.answer().outcome == Outcome::rejected_overload);
        REQUIRE(client.answer().at == 10ms);
    }
}

TEST_CASE("calls that change state are hedged only when that is asked for") {
    for (const bool asked : {false, true}) {
        Bench bench({add_hedge});
        bench.backend.plays({hangs()});
        Client& client = bench.client({asked ? "hedge(50ms, writes=true)" : "hedge(50ms)"});
        Request request;
        request.traits = Trait::write;
        client.call(request);
        bench.run();
        REQUIRE(bench.backend.count() == (asked ? 2u : 1u));
        client.give_up();
    }
}

TEST_CASE("hedge, when the caller gives up: the attempts have ended and none is made instead") {
    Bench bench({add_hedge});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"hedge(50ms, attempts=4)"});
    SECTION("between two attempts") {
        client.call();
        client.give_up_at(70ms);
        bench.run();
        REQUIRE(bench.backend.visited_at() == Instants{0ms, 50ms});
        for (const Visit& visit : bench.backend.visits()) {
            REQUIRE(visit.abandoned == Duration{70ms});
        }
    }
    SECTION("while an attempt is being sent") {
        bench.backend.plays([&](const Request&) {
            client.give_up();
            return fails(Outcome::refused);
        });
        client.call_at(1ms);
        bench.run();
        REQUIRE(bench.backend.count() == 1);
    }
    SECTION("because a loser was given up") {
        bench.backend.plays({hangs(), replies(10ms)});
        bench.backend.when_abandoned([&] {
            if (client.waits_for(0)) client.give_up();
        });
        client.call();
        bench.run();
        REQUIRE(bench.backend.count() == 2);
    }
    REQUIRE(client.answers().empty());
    REQUIRE(bench.balanced());
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("hedged attempts that are refused at once end the call at once") {
    Bench bench({add_hedge});
    bench.backend.plays({fails(Outcome::refused)});
    Client& client = bench.client({"hedge(50ms, attempts=5)"});
    client.call();
    REQUIRE(client.answer().at == 0ms);
    REQUIRE(bench.backend.count() == 5);
    bench.run();
    REQUIRE(bench.backend.count() == 5);
}
