// The policies that decide when an attempt has taken long enough and what then: timeout, deadline,
// fallback and throttle; and all of them in a row with retry and hedge.

#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <cmath>

using namespace prodsim;
using namespace prodsim::testing;

// ---- Timeout and deadline -----------------------------------------------------------------------

TEST_CASE("a timeout says so at its instant, and the callee works on") {
    Bench bench({add_timeout});
    bench.backend.plays({replies(150ms)});
    Client& client = bench.client({"timeout(100ms)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::timeout);
    REQUIRE(client.answer().at == 100ms);
    REQUIRE(client.answer().component == "client -> backend");
    REQUIRE(client.answer().mechanism == "timeout");
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{100ms});
    REQUIRE(bench.backend.visits()[0].ended == Duration{150ms});
    REQUIRE(bench.world.calls.wasted() == 1);
    REQUIRE(bench.count("timeout.expired") == 1);
}

TEST_CASE("timeout, when the caller gives up: it tells its child, and never expires") {
    Bench bench({add_timeout});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"timeout(100ms)"});
    client.call();
    client.give_up_at(60ms);
    bench.run();
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{60ms});
    REQUIRE(bench.count("timeout.expired") == 0);
    REQUIRE(client.answers().empty());
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("a timeout around each attempt makes zombies: the work of the abandoned ones is done") {
    Bench bench({add_retry, add_timeout});
    bench.backend.plays({replies(150ms)});
    Client& client = bench.client({"retry(3, backoff=none)", "timeout(100ms)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 100ms, 200ms});
    REQUIRE(client.answer().outcome == Outcome::timeout);
    REQUIRE(client.answer().at == 300ms);
    REQUIRE(bench.world.calls.wasted() == 3);
    REQUIRE(bench.balanced());
}

TEST_CASE("a deadline gives up at its instant and travels to the callee") {
    Bench bench({add_deadline});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"deadline(100ms)"});
    client.call_at(5ms);
    bench.run();
    REQUIRE(bench.backend.visits()[0].request.deadline == Time{105ms});
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{105ms});
    REQUIRE(client.answer().outcome == Outcome::deadline_exceeded);
    REQUIRE(client.answer().at == 105ms);
    REQUIRE(bench.count("deadline.exceeded") == 1);
}

TEST_CASE("an earlier deadline stands, and a call whose deadline has passed is not sent") {
    Bench bench({add_deadline});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"deadline(100ms)"});
    Request request;
    request.deadline = Time{60ms};
    client.call(request);
    bench.run(60ms);
    REQUIRE(bench.backend.visits()[0].request.deadline == Time{60ms});
    REQUIRE(client.answer().at == 60ms);
    client.call(request);
    REQUIRE(bench.backend.count() == 1);
    REQUIRE(client.count(Outcome::deadline_exceeded) == 2);
    REQUIRE(bench.count("deadline.unsent") == 1);
}

TEST_CASE("the deadline bounds the attempts of a retry behind it") {
    Bench bench({add_deadline, add_retry});
    bench.backend.plays({fails(Outcome::error, 10ms)});
    Client& client = bench.client({"deadline(250ms)", "retry(9, backoff=fixed, base=100ms)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 110ms, 220ms});
    REQUIRE(client.answer().outcome == Outcome::error);
    REQUIRE(client.answer().at == 230ms);
}

TEST_CASE("deadline, when the caller gives up: it tells its child, and never expires") {
    Bench bench({add_deadline});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"deadline(100ms)"});
    SECTION("before its instant") {
        client.call();
        client.give_up_at(60ms);
        bench.run();
        REQUIRE(bench.backend.visits()[0].abandoned == Duration{60ms});
        REQUIRE(bench.count("deadline.exceeded") == 0);
    }
    SECTION("because it gave up itself") {
        bench.backend.when_abandoned([&] {
            if (client.waits_for(0)) client.give_up();
        });
        client.call();
        bench.run();
        REQUIRE(bench.count("deadline.exceeded") == 1);
    }
    REQUIRE(client.answers().empty());
    REQUIRE(bench.world.calls.live() == 0);
}

// ---- Fallback -----------------------------------------------------------------------------------

TEST_CASE("a fallback answers with something lesser, which takes its own time") {
    Bench bench({add_fallback});
    bench.backend.plays({fails(Outcome::error, 10ms), replies(10ms)});
    Client& client = bench.client({"fallback(5ms)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::degraded);
    REQUIRE(client.answer().at == 15ms);
    REQUIRE(client.answer().mechanism.empty());
    client.call();
    bench.run();
    REQUIRE(client.answers()[1].outcome == Outcome::ok);
    REQUIRE(bench.count("fallback.taken") == 1);
}

TEST_CASE("a fallback stands in only for the failures that it lists") {
    Bench bench({add_fallback});
    bench.backend.plays({fails(Outcome::rejected_breaker), fails(Outcome::error)});
    Client& client = bench.client({"fallback(on=[rejected_breaker])"});
    client.call();
    client.call();
    REQUIRE(client.answers()[0].outcome == Outcome::degraded);
    REQUIRE(client.answers()[1].outcome == Outcome::error);
}

TEST_CASE("fallback, when the caller gives up: so does it, on the call or on its own work") {
    Bench bench({add_fallback});
    bench.backend.plays({cancellable(fails(Outcome::error, 10ms))});
    Client& client = bench.client({"fallback(5ms)"});
    client.call();
    SECTION("on the call") {
        client.give_up_at(7ms);
        bench.run();
        REQUIRE(bench.backend.visits()[0].abandoned == Duration{7ms});
        REQUIRE(bench.count("fallback.taken") == 0);
    }
    SECTION("on its own work") {
        client.give_up_at(12ms);
        bench.run();
        REQUIRE(bench.count("fallback.taken") == 1);
    }
    REQUIRE(client.answers().empty());
    REQUIRE(bench.world.calls.live() == 0);
}

// ---- Throttle -----------------------------------------------------------------------------------

TEST_CASE("a throttle turns calls away with the probability of the SRE book") {
    // Equation 21-1 with K = 2. The draw of a request is known, so the threshold can be bracketed.
    struct Row {
        int requests;
        int accepts;
        double chance;
    };
    for (const auto [requests, accepts, chance] :
         {Row{1000, 400, 0.1998}, Row{1000, 500, 0.0}, Row{1000, 0, 0.999001},
          Row{100, 10, 0.792079}}) {
        for (const double offset : {-1e-5, 1e-5}) {
            if (chance + offset < 0) continue;
            Bench bench({add_throttle});
            Client& client = bench.client({"throttle"});
            for (int i = 0; i < requests; ++i) {
                bench.backend.plays({i < accepts ? replies() : fails(Outcome::rejected_overload)});
                client.call();
            }
            const Stream stream = bench.world.stream("client -> backend/throttle");
            Request probe;
            while (std::abs(stream.draws(++probe.subject).uniform() - chance - offset) > 9e-6) {}
            const std::uint64_t before = bench.count("throttle.rejected");
            client.call(probe);
            REQUIRE(bench.count("throttle.rejected") - before == (offset < 0 ? 1u : 0u));
        }
    }
}

TEST_CASE("a throttle forgets what lies outside its window, and says who turned the call away") {
    Bench bench({add_throttle});
    bench.backend.plays({fails(Outcome::rejected_overload)});
    Client& client = bench.client({"throttle(window=2min)"});
    for (int i = 0; i < 1000; ++i) client.call();
    REQUIRE(client.count(Outcome::rejected_rate) > 900);
    REQUIRE(client.answers().back().mechanism == "throttle");
    bench.run(2min);
    const std::size_t before = bench.backend.count();
    client.call();
    REQUIRE(bench.backend.count() == before + 1);
}

TEST_CASE("throttle, when the caller gives up: it tells its child, and the call was not accepted") {
    Bench bench({add_throttle});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"throttle"});
    client.call();
    client.give_up_at(10ms);
    bench.run();
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{10ms});
    REQUIRE(bench.world.calls.live() == 0);
}

// ---- All of them together -----------------------------------------------------------------------

TEST_CASE("nothing is lost between all policies, whatever fails and whoever gives up") {
    const std::vector<std::string> policies{
        "fallback(on=[timeout], after=1ms)",
        "throttle",
        "deadline(300ms)",
        "retry(3, backoff=full_jitter, base=20ms, budget=tokens(50))",
        "hedge(30ms, attempts=3)",
        "timeout(80ms)"};
    Bench bench({add_fallback, add_throttle, add_deadline, add_retry, add_hedge, add_timeout});
    bench.backend.add_instance(0);
    bench.backend.plays([stream = Stream(3, 0, "mix")](const Request& request) {
        Draws draws = stream.draws(request.demand_key());
        const double kind = draws.uniform();
        const Duration after =
            draws.chance(0.3) ? Duration{0} : from_seconds(draws.uniform() * 0.1);
        Act act = kind < 0.4 ? replies(after) : fails(Outcome::error, after);
        if (kind > 0.6) act = fails(Outcome::refused, after);
        if (kind > 0.8) act = hangs();
        act.stops |= draws.chance(0.5);
        return act;
    });
    Client& client = bench.client(policies);
    Draws draws = Stream(4, 0, "test").draws(0);
    constexpr std::size_t calls = 5000;
    std::size_t given_up = 0;
    for (std::size_t i = 0; i < calls; ++i) {
        client.call_at(i * 2ms);
        if (!draws.chance(0.3)) continue;
        bench.at(i * 2ms + from_seconds(draws.uniform() * 0.2), [&, i] {
            if (!client.waits_for(i)) return;
            client.give_up(i);
            ++given_up;
        });
    }
    for (int i = 0; i < 100; ++i) {
        bench.run(i * 150ms);
        REQUIRE(bench.balanced());
    }
    bench.run();
    REQUIRE(given_up > 0);
    REQUIRE(client.answers().size() + given_up == calls);
    REQUIRE(bench.world.calls.live() == 0);
    REQUIRE(bench.balanced());
}
