// Policies that bound what one caller asks for: bulkhead, rate limit and connection pool; and all
// of them in a row behind a circuit breaker.
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

using namespace prodsim;
using namespace prodsim::testing;

namespace {

Level& level(Bench& bench, std::string_view name) {
    return bench.world.meters.level("client -> backend", name, "");
}

}  // namespace

// --- Bulkhead ------------------------------------------------------------------------------------

TEST_CASE("a bulkhead turns away at once whoever finds no permit") {
    Bench bench({add_bulkhead});
    bench.backend.plays({replies(1s)});
    Client& client = bench.client({"bulkhead(2)"});
    for (int i = 0; i < 3; ++i) client.call();
    REQUIRE(client.answer().outcome == Outcome::rejected_bulkhead);
    REQUIRE(client.answer().mechanism == "bulkhead full");
    bench.run(1s);
    client.call();
    REQUIRE(bench.backend.waited_for() == 1);
    bench.run();
    REQUIRE(client.count(Outcome::ok) == 3);
    REQUIRE(bench.count("bulkhead.rejected") == 1);
    REQUIRE(bench.balanced());
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("a bulkhead with a wait admits in the order of arrival, and not for ever") {
    Bench bench({add_bulkhead});
    bench.backend.plays({replies(1s)});
    Client& client = bench.client({"bulkhead(1, wait=2500ms, queue=3)"});
    for (int i = 0; i < 5; ++i) client.call();
    REQUIRE(client.answer().mechanism == "bulkhead full");  // the line holds three
    bench.run();
    // One a second; who would be served at 3 s has no patience left.
    REQUIRE(bench.backend.visited_at() == std::vector<Duration>{0s, 1s, 2s});
    REQUIRE(client.answers()[3].outcome == Outcome::rejected_bulkhead);
    REQUIRE(client.answers()[3].mechanism == "bulkhead wait");
    REQUIRE(client.answers()[3].at == 2500ms);
    REQUIRE_THAT(bench.problems_of({"bulkhead(1, queue=3)"}), ContainsSubstring("nobody waits"));
}

TEST_CASE("when the caller gives up, a bulkhead frees the permit at once") {
    Bench bench({add_bulkhead});
    bench.backend.plays({replies(10s)});
    Client& client = bench.client({"bulkhead(1, wait=1h)"});
    client.call();
    client.call();
    client.call();
    client.give_up_at(1s, 1);  // who waits leaves the line
    client.give_up_at(2s, 0);  // who has the permit makes room for the third
    bench.run(2s);
    REQUIRE(bench.backend.visited_at() == std::vector<Duration>{0s, 2s});
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{2s});
    REQUIRE_FALSE(bench.backend.visits()[0].ended);  // the callee works on
    REQUIRE(bench.count("bulkhead.withdrawn") == 1);
    bench.run();
    REQUIRE(client.answer().at == 12s);
    REQUIRE(bench.balanced());
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("a bulkhead wakes 100 000 callers within one instant") {
    Bench bench({add_bulkhead});
    bench.backend.plays({replies(1s), replies()});
    Client& client = bench.client({"bulkhead(1, wait=1h)"});
    for (int i = 0; i <= 100000; ++i) client.call();
    bench.run(1s);
    REQUIRE(client.count(Outcome::ok) == 100001);
    REQUIRE(bench.balanced());
}

// --- Rate limit ----------------------------------------------------------------------------------

namespace {

std::size_t accepted(Bench& bench, Client& client, Duration at, int calls) {
    bench.run(at);
    const std::size_t before = client.count(Outcome::ok);
    for (int i = 0; i < calls; ++i) client.call();
    return client.count(Outcome::ok) - before;
}

}  // namespace

TEST_CASE("a token bucket lets its burst through, then the rate") {
    Bench bench({add_rate_limit});
    Client& client = bench.client({"rate_limit(10/s, burst=100)"});
    REQUIRE(accepted(bench, client, 0s, 150) == 100);
    REQUIRE(client.answers().back().outcome == Outcome::rejected_rate);
    REQUIRE(client.answers().back().mechanism == "rate limit");
    REQUIRE(accepted(bench, client, 5s, 100) == 50);
    REQUIRE(accepted(bench, client, 5s, 1) == 0);
    REQUIRE(accepted(bench, client, 20s, 500) == 100);
    REQUIRE(bench.count("rate_limit.rejected") == 50 + 50 + 1 + 400);
    REQUIRE(bench.balanced());
}

TEST_CASE("a fixed window lets twice its limit through around a boundary, a sliding log does not") {
    Bench bench({add_rate_limit});
    Client& fixed = bench.client({"rate_limit(100/min, algorithm=fixed_window, window=60s)"});
    Client& sliding = bench.client({"rate_limit(100/min, algorithm=sliding_log, window=60s)"});
    REQUIRE(accepted(bench, fixed, 59900ms, 100) == 100);
    REQUIRE(accepted(bench, sliding, 59900ms, 100) == 100);
    REQUIRE(accepted(bench, fixed, 60s, 100) == 100);
    REQUIRE(accepted(bench, sliding, 60s, 100) == 0);
    REQUIRE(accepted(bench, sliding, 119900ms - 1ns, 1) == 0);
    REQUIRE(accepted(bench, sliding, 119900ms, 101) == 100);
    REQUIRE(accepted(bench, fixed, 120s - 1ns, 1) == 0);
    REQUIRE(accepted(bench, fixed, 120s, 101) == 100);
}

TEST_CASE("a rate limit does not drift") {
    // A third of a second is no whole number of nanoseconds, yet 3 calls pass in every second, each
    // at the first nanosecond that is not too early. (A bucket of one token would be full, and
    // lose a part of the next, in that last nanosecond.)
    Bench bench({add_rate_limit});
    Client& client = bench.client({"rate_limit(3/s, burst=2)"});
    client.call();
    for (int second = 0; second < 1000; ++second) {
        for (int third = 0; third < 3; ++third) {
            const Duration due{(3'000'000'000 * second + 1'000'000'000 * third + 2) / 3};
            if (due > 0s) REQUIRE(accepted(bench, client, due - 1ns, 1) == 0);
            REQUIRE(accepted(bench, client, due, 2) == 1);
        }
    }
}

TEST_CASE("a rate limit makes calls wait for their turn where that is near enough") {
    for (const std::string algorithm : {"token_bucket", "sliding_log"}) {
        Bench bench({add_rate_limit});
        Client& client =
            bench.client({"rate_limit(2/s, wait=1s, algorithm=" + algorithm + ", burst=2)"});
        for (int i = 0; i < 5; ++i) client.call();
        bench.run();
        if (algorithm == "token_bucket") {
            REQUIRE(bench.backend.visited_at() == std::vector<Duration>{0s, 0s, 500ms, 1s});
            REQUIRE(client.answers()[2].outcome == Outcome::rejected_rate);
        } else {
            REQUIRE(bench.backend.visited_at() == std::vector<Duration>{0s, 0s, 1s, 1s});
        }
        REQUIRE(bench.count("rate_limit.rejected") == 1);
        REQUIRE(level(bench, "rate_limit.waiting").maximum() == 2);
        REQUIRE(level(bench, "rate_limit.waiting").value() == 0);
    }
}

TEST_CASE("those who wait for a fixed window fill it in their order, and the next ones after it") {
    Bench bench({add_rate_limit});
    Client& client = bench.client({"rate_limit(2/s, algorithm=fixed_window, wait=1h)"});
    for (int i = 0; i < 6; ++i) client.call();
    client.call_at(1500ms);
    bench.run();
    REQUIRE(bench.backend.visited_at() == std::vector<Duration>{0s, 0s, 1s, 1s, 2s, 2s, 3s});
}

TEST_CASE("a rate limit says when to come back") {
    Bench bench({add_rate_limit, add_retry});
    Client& client = bench.client({"retry(2)", "rate_limit(1/s)"});
    client.call_at(300ms);
    client.call_at(400ms);
    bench.run();
    REQUIRE(bench.backend.visited_at() == std::vector<Duration>{300ms, 1300ms});
}

TEST_CASE("when the caller gives up while it waits for its turn, its permit is lost") {
    Bench bench({add_rate_limit});
    bench.backend.plays({replies(10s)});
    Client& client = bench.client({"rate_limit(1/s, wait=1h)"});
    for (int i = 0; i < 3; ++i) client.call();
    client.give_up_at(500ms, 1);
    client.give_up_at(600ms, 0);
    bench.run();
    REQUIRE(bench.backend.visited_at() == std::vector<Duration>{0s, 2s});
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{600ms});
    REQUIRE(client.answer().at == 12s);
    REQUIRE(bench.balanced());
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("windows of a rate limit hold at least one call, and a log not too many") {
    Bench bench({add_rate_limit});
    REQUIRE_THAT(bench.problems_of({"rate_limit(1/min, algorithm=fixed_window, window=1s)"}),
                 ContainsSubstring("too short"));
    REQUIRE_THAT(bench.problems_of({"rate_limit(2M/s, algorithm=sliding_log)"}),
                 ContainsSubstring("a million"));
    REQUIRE(bench.problems_of({"rate_limit(1M/s, algorithm=sliding_log)"}).empty());
    REQUIRE_FALSE(bench.problems_of({"rate_limit(1e14/s)"}).empty());
}

// --- Connection pool -----------------------------------------------------------------------------

namespace {

std::int64_t connections(Bench& bench) { return level(bench, "pool.connections").value(); }

std::uint64_t closed(const Bench& bench) {
    return bench.count("pool.closed.broken") + bench.count("pool.closed.abandoned") +
           bench.count("pool.closed.idle") + bench.count("pool.closed.aged");
}

std::vector<std::uint16_t> endpoints(const Bench& bench) {
    std::vector<std::uint16_t> numbers;
    for (const Visit& visit : bench.backend.visits()) numbers.push_back(visit.endpoint);
    return numbers;
}

}  // namespace

TEST_CASE("a pool opens connections at their cost and keeps them") {
    Bench bench({add_pool});
    bench.backend.plays({replies(10ms)});
    Client& client = bench.client({"pool(2, connect=100ms)"});
    client.call();
    client.call_at(1s);
    client.call_at(2s);
    client.call_at(2s);
    bench.run(3s);
    REQUIRE(bench.backend.visited_at() == std::vector<Duration>{100ms, 1s, 2s, 2100ms});
    REQUIRE(bench.count("pool.opened") == 2);
    REQUIRE(connections(bench) == 2);
}

TEST_CASE("who finds all connections in use waits in line, and not for ever") {
    Bench bench({add_pool});
    bench.backend.plays({replies(20s)});
    Client& client = bench.client({"pool(2)"});
    for (int i = 0; i < 6; ++i) client.call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == std::vector<Duration>{0s, 0s, 20s, 20s});
    REQUIRE(client.answers()[2].outcome == Outcome::rejected_pool);
    REQUIRE(client.answers()[2].mechanism == "pool wait");
    REQUIRE(client.answers()[2].at == 30s);  // HikariCP connectionTimeout
    REQUIRE(bench.count("pool.expired") == 2);

    Client& hasty = bench.client({"pool(1, wait=0s)"});
    hasty.call();
    hasty.call();
    REQUIRE(hasty.answer().mechanism == "pool full");
}

TEST_CASE("calls over one connection go to one endpoint") {
    Bench bench({add_pool});
    for (int i = 0; i < 9; ++i) bench.backend.add_instance(0);
    Client& client = bench.client({"pool(1)", "balance(round_robin)"});
    for (int i = 0; i < 5; ++i) client.call();
    REQUIRE(endpoints(bench) == std::vector<std::uint16_t>(5, endpoints(bench)[0]));
    REQUIRE(client.answers().back().route == endpoints(bench)[0]);
}

TEST_CASE("streams that begin together over a new connection go to one endpoint") {
    for (const std::string algorithm : {"round_robin", "least_request"}) {
        Bench bench({add_pool});
        for (int i = 0; i < 9; ++i) bench.backend.add_instance(0);
        bench.backend.plays({replies(1s)});
        Client& client = bench.client({"pool(2, streams=3)", "balance(" + algorithm + ")"});
        for (int i = 0; i < 6; ++i) client.call();
        const std::vector<std::uint16_t> seen = endpoints(bench);
        REQUIRE(seen[1] == seen[0]);
        REQUIRE(seen[2] == seen[0]);
        REQUIRE(seen[3] != seen[0]);
        REQUIRE(seen[4] == seen[3]);
        REQUIRE(seen[5] == seen[3]);
    }
}

TEST_CASE("a connection outlives the membership of its endpoint and dies by use") {
    Bench bench({add_pool});
    Client& client = bench.client({"pool(1, connect=100ms)"});
    client.call();
    bench.run(1s);
    Instance& old = *bench.backend.members()[0];
    bench.backend.add_instance(0);
    bench.backend.remove_instance(old);
    client.call();
    REQUIRE(client.answers()[1].outcome == Outcome::reset);
    REQUIRE(client.answers()[1].mechanism == "instance gone");
    REQUIRE(bench.count("pool.closed.broken") == 1);
    client.call();
    bench.run(2s);
    REQUIRE(client.answers()[2].outcome == Outcome::ok);
    REQUIRE(client.answers()[2].at == 1100ms);
    REQUIRE(client.answers()[2].route == 2);
}

TEST_CASE("after a failover every pooled connection costs one failed call") {
    Bench bench({add_pool});
    bench.backend.plays({replies(1ms)});
    Client& client = bench.client({"pool(10)"});
    for (int i = 0; i < 10; ++i) client.call();
    bench.run(1s);
    bench.backend.remove_instance(*bench.backend.members()[0]);
    bench.backend.add_instance(0);
    for (int i = 0; i < 20; ++i) client.call();
    bench.run(2s);
    REQUIRE(client.count(Outcome::reset) == 10);
    REQUIRE(client.count(Outcome::ok) == 20);
}

TEST_CASE("when the caller gives up, a connection with one call is closed and another opened") {
    Bench bench({add_pool});
    bench.backend.plays({replies(10s)});
    Client& client = bench.client({"pool(1, connect=100ms)"});
    client.call();
    client.call();
    client.call();
    client.give_up_at(500ms, 1);  // who waits leaves the line
    client.give_up_at(1s, 0);     // who has the connection loses it; the third opens its own
    bench.run(2s);
    REQUIRE(bench.backend.visited_at() == std::vector<Duration>{100ms, 1100ms});
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{1s});
    REQUIRE(bench.count("pool.closed.abandoned") == 1);
    REQUIRE(bench.count("pool.opened") == 2);
    REQUIRE(connections(bench) == 1);
    bench.run();
    REQUIRE(client.answer().at == 11100ms);
    REQUIRE(bench.balanced());
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("when the caller gives up, a pool of streams frees the stream only") {
    Bench bench({add_pool});
    bench.backend.plays({replies(10s)});
    Client& client = bench.client({"pool(1, streams=2, connect=100ms)"});
    client.call();
    client.call();
    client.call();
    client.give_up_at(1s, 0);
    bench.run(1s);
    REQUIRE(bench.backend.visited_at() == std::vector<Duration>{100ms, 100ms, 1s});
    REQUIRE(bench.count("pool.opened") == 1);
    REQUIRE(closed(bench) == 0);
    bench.run();
    REQUIRE(bench.balanced());
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("when the caller gives up while a connection is opened, the next call gets it") {
    for (const std::string pool : {"pool(1, connect=100ms)", "pool(1, streams=2, connect=100ms)"}) {
        Bench bench({add_pool});
        Client& client = bench.client({pool});
        client.call();
        client.give_up_at(60ms);
        client.call_at(70ms);
        bench.run(1s);
        REQUIRE(bench.backend.visited_at() == std::vector<Duration>{100ms});
        REQUIRE(bench.count("pool.opened") == 1);
        REQUIRE(bench.balanced());
    }
}

TEST_CASE("a timeout behind the pool closes a connection with one call, not one of streams") {
    for (const auto& [pool, opened] :
         {std::pair{"pool(1)", 2u}, std::pair{"pool(1, streams=2)", 1u}}) {
        Bench bench({add_pool, add_timeout});
        bench.backend.plays({hangs()});
        Client& client = bench.client({pool, "timeout(1s)"});
        client.call();
        client.call_at(2s);
        bench.run(3s);
        REQUIRE(client.count(Outcome::timeout) == 2);
        REQUIRE(bench.count("pool.opened") == opened);
    }
}

TEST_CASE("a crash breaks every stream of a connection, and the connection once") {
    Bench bench({add_pool});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"pool(1, streams=10)"});
    for (int i = 0; i < 10; ++i) client.call();
    bench.backend.instances()[0]->set_condition({.mode = Condition::Mode::refusing});
    REQUIRE(client.count(Outcome::reset) == 10);
    REQUIRE(bench.count("pool.closed.broken") == 1);
    REQUIRE(connections(bench) == 0);
    client.call();
    REQUIRE(client.count(Outcome::refused) == 1);
    REQUIRE(bench.count("pool.closed.broken") == 2);
    REQUIRE(bench.balanced());
}

TEST_CASE("connections that nobody needs are closed after the idle time") {
    Bench bench({add_pool});
    bench.backend.plays({replies(1s)});
    Client& client = bench.client({"pool(3, idle=10s)"});
    for (int i = 0; i < 3; ++i) client.call();
    for (int i = 1; i < 15; ++i) client.call_at(2s * i);  // one is enough for these
    bench.run(11s - 1ns);
    REQUIRE(connections(bench) == 3);
    bench.run(11s);
    REQUIRE(connections(bench) == 1);
    bench.run(39s - 1ns);  // the last call began at 28 s
    REQUIRE(connections(bench) == 1);
    bench.run(39s);
    REQUIRE(connections(bench) == 0);
    REQUIRE(bench.count("pool.closed.idle") == 3);
    bench.run(1h);
    REQUIRE(bench.world.engine.pending() == 0);
}

TEST_CASE("connections are closed at the end of their lifetime, when they are free") {
    Bench bench({add_pool});
    bench.backend.plays({replies(3s)});
    Client& client = bench.client({"pool(1, lifetime=10s, lifetime_spread=0%)"});
    for (int i = 0; i < 3; ++i) client.call_at(4s * i);
    bench.run(11s - 1ns);  // the third call began at 8 s
    REQUIRE(connections(bench) == 1);
    bench.run(11s);
    REQUIRE(connections(bench) == 0);
    REQUIRE(bench.count("pool.closed.aged") == 1);
}

TEST_CASE("connections that were opened together do not age together") {
    // HikariCP takes off up to 1/40 of the lifetime, so of 1000 connections some live less than
    // 97.6 % and some more than 99.9 % of it: all but surely, the odds against are 0.96^1000.
    Bench bench({add_pool});
    Client& client = bench.client({"pool(1000, idle=0s)"});
    bench.backend.plays({replies(1s)});
    for (int i = 0; i < 1000; ++i) client.call();
    const Duration lifetime = 30min;
    bench.run(lifetime * 975 / 1000 - 1s);
    REQUIRE(connections(bench) == 1000);
    bench.run(lifetime * 976 / 1000);
    REQUIRE(connections(bench) < 1000);
    bench.run(lifetime * 999 / 1000);
    REQUIRE(connections(bench) > 0);
    bench.run(30min);
    REQUIRE(connections(bench) == 0);
}

TEST_CASE("behind a balancer every endpoint has a pool of its own") {
    Bench bench({add_pool});
    bench.backend.add_instance(0);
    bench.backend.plays({replies(1s)});
    Client& client = bench.client({"balance(round_robin)", "pool(1)"});
    for (int i = 0; i < 4; ++i) client.call();
    REQUIRE(connections(bench) == 2);
    REQUIRE(bench.backend.waited_for() == 2);
    bench.run(2s);
    REQUIRE(endpoints(bench)[0] != endpoints(bench)[1]);
    REQUIRE(client.count(Outcome::ok) == 4);
}

TEST_CASE("a pool serves 100 000 callers in line within one instant") {
    Bench bench({add_pool});
    bench.backend.plays({replies(1s), replies()});
    Client& client = bench.client({"pool(1)"});
    for (int i = 0; i <= 100000; ++i) client.call();
    bench.run(1s);
    REQUIRE(client.count(Outcome::ok) == 100001);
    REQUIRE(bench.count("pool.opened") == 1);
}

// --- All of them in a row ------------------------------------------------------------------------

TEST_CASE("whatever happens, no call is lost, and no connection") {
    for (const std::string streams : {"1", "4"}) {
        Bench bench({add_circuit_breaker, add_bulkhead, add_rate_limit, add_pool, add_timeout});
        bench.backend.add_instance(0);
        bench.backend.add_instance(0);
        Draws draws{1};
        bench.backend.plays([&](const Request&) {
            const Duration after{
                static_cast<std::int64_t>(draws.below(3) * draws.below(100'000'000))};
            if (draws.chance(0.1)) return fails(Outcome::reset, after);
            if (draws.chance(0.1)) return fails(Outcome::error, after);
            if (draws.chance(0.1)) return hangs();
            return draws.chance(0.5) ? replies(after) : cancellable(replies(after));
        });
        Client& client = bench.client(
            {"rate_limit(800/s, burst=5, wait=20ms)",
             "breaker(calls, calls=20, failure_rate=80%, open_for=100ms)",
             "bulkhead(25, wait=3ms, queue=10)",
             "pool(5, wait=30ms, idle=50ms, lifetime=200ms, connect=uniform(0ms, 10ms), streams=" +
                 streams + ")",
             "timeout(150ms)"});
        constexpr std::size_t calls = 40000;
        for (std::size_t i = 0; i < calls; ++i) {
            const Duration begins{static_cast<std::int64_t>(1'000'000 * i)};
            client.call_at(begins);
            bench.at(begins + Duration{static_cast<std::int64_t>(draws.below(400'000'000))},
                     [&, i] {
                         if (client.waits_for(i)) client.give_up(i);
                     });
        }
        for (int i = 1; i < 20; ++i) {
            Instance& victim = *bench.backend.instances()[static_cast<std::size_t>(i) % 3];
            bench.at(2s * i, [&] { victim.set_condition({.mode = Condition::Mode::refusing}); });
            bench.at(2s * i + 300ms, [&] { victim.set_condition({}); });
        }
        bench.run();
        REQUIRE(bench.balanced());
        REQUIRE(bench.world.calls.live() == 0);
        REQUIRE(connections(bench) == 0);
        REQUIRE(level(bench, "pool.connections").maximum() == 5);
        REQUIRE(bench.count("pool.opened") == closed(bench));
        for (const std::string part : {"pool", "bulkhead"}) {
            Level& present = level(bench, part + ".present");
            REQUIRE(present.value() == 0);
            const bool little =
                bench.world.meters.stays(present).sum() == present.integral(bench.world.now());
            REQUIRE(little);
        }
        for (const std::string meter :
             {"breaker.opened", "breaker.rejected", "bulkhead.expired", "rate_limit.rejected",
              "pool.expired", "pool.withdrawn", "pool.closed.broken", "pool.closed.idle",
              "pool.closed.aged"}) {
            INFO(meter);
            CHECK(bench.count(meter) > 0);
        }
    }
}
