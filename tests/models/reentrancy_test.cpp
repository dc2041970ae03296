// Instants in which everything happens at once: callees that answer inside the call, callers that
// give up inside it, and threads, permits and connections that pass from hand to hand inside a
// reply. Whoever is up the stack must not touch what has ended meanwhile; run under sanitizers.
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

using namespace prodsim;
using namespace prodsim::testing;

namespace {

const std::vector<Bench::Add> everything{
    add_bulkhead, add_circuit_breaker, add_deadline, add_fallback, add_hedge,        add_pool,
    add_retry,    add_rate_limit,      add_service,  add_throttle, add_sql_database, add_timeout};

/// A service that does this for a call.
std::string service(const std::string& steps, const std::string& more = "") {
    return R"({"type": "service", "operations": {"op": {"steps": [)" + steps + "]}}" + more + "}";
}

/// Two branches: one calls at once, the other after 1 ms.
std::string early_and_late(const std::string& options) {
    return service("{" + options + R"(, "parallel": [
        {"steps": [{"call": "backend.x"}]},
        {"steps": [{"wait": "1ms"}, {"call": "backend.x"}]}]})",
                   R"(, "threads": 1, "queue": 0)");
}

/// Plays these and then always the last one; before the second call is answered, does this.
void play(Bench& bench, std::vector<Act> acts, std::function<void()> in_the_second) {
    bench.backend.plays([acts = std::move(acts), in_the_second = std::move(in_the_second),
                         visit = std::size_t{0}](const Request&) mutable {
        if (visit == 1) in_the_second();
        return acts[std::min(visit++, acts.size() - 1)];
    });
}

constexpr Act silence{};  // never answers, whoever gives up

bool all_is_over(const Bench& bench) { return bench.balanced() && bench.world.calls.live() == 0; }

}  // namespace

// ---- Every policy, whatever happens inside the call ---------------------------------------------

TEST_CASE("policies bear answers and callers that give up inside the call") {
    const std::vector<std::string> policies{"balance(least_request)",
                                            "balance(random)",
                                            "breaker(calls, calls=10)",
                                            "bulkhead(1, wait=1h)",
                                            "deadline(1ns)",
                                            "fallback(after=0s)",
                                            "hedge(0s, attempts=3)",
                                            "hedge(1ns, attempts=3)",
                                            "pool(1)",
                                            "pool(1, streams=2)",
                                            "rate_limit(1000/s)",
                                            "retry(3, backoff=none)",
                                            "throttle",
                                            "timeout(1ns)"};
    const std::vector<Act> acts{replies(), fails(Outcome::error), fails(Outcome::refused),
                                replies(1ns), replies(2ns)};
    for (const std::string& policy : policies) {
        for (const Act& act : acts) {
            for (const bool stops : {false, true}) {
                for (const bool gives_up : {false, true}) {
                    INFO(policy << ", gives up: " << gives_up << ", stops: " << stops);
                    Bench bench(everything);
                    Client& client = bench.client({policy});
                    bench.backend.plays([&](const Request&) {
                        if (gives_up && client.waits_for(0)) client.give_up(0);
                        return stops ? cancellable(act) : act;
                    });
                    client.call();
                    bench.run(1s);
                    REQUIRE(client.answers().size() == (gives_up ? 0u : 1u));
                    REQUIRE(all_is_over(bench));
                    bench.backend.plays({replies()});
                    client.call();  // nothing is left behind that would be in its way
                    REQUIRE(client.answers().back().outcome == Outcome::ok);
                    REQUIRE(all_is_over(bench));
                }
            }
        }
    }
}

// ---- Hand-overs inside a reply ------------------------------------------------------------------

TEST_CASE("who gets the permit or connection next may end the caller of the one before") {
    for (const std::string policy : {"bulkhead(1, wait=1h)", "pool(1)", "pool(1, connect=1ms)"}) {
        INFO(policy);
        Bench bench(everything);
        Client& client = bench.client({policy});
        play(bench, {replies(10ms), fails(Outcome::error)}, [&] { client.give_up(0); });
        client.call();
        client.call();
        bench.run();
        REQUIRE(client.answer().outcome == Outcome::error);  // of the second; the first heard none
        REQUIRE(client.answer().at == bench.backend.visits()[0].ended);
        REQUIRE(all_is_over(bench));
        client.call();
        client.call();
        bench.run();
        REQUIRE(bench.backend.count() == 4);  // it is still there
    }
}

TEST_CASE("who gets the thread next may end the caller of the one before") {
    for (const std::string cancellation : {"none", "queued", "running"}) {
        INFO(cancellation);
        Bench bench(everything);
        Callee& it = bench.component(
            "it", service(R"({"call": "backend.x"})",
                          R"(, "threads": 1, "cancellation": ")" + cancellation + '"'));
        Client& client = bench.client({}, it);
        play(bench, {replies(10ms), fails(Outcome::error)}, [&] { client.give_up(0); });
        client.call();
        client.call();
        bench.run();
        REQUIRE(client.answer().outcome == Outcome::dependency_failed);
        REQUIRE(client.answer().at == 10ms);
        REQUIRE(bench.level("it", "threads.present") == 0);
        REQUIRE(all_is_over(bench));
    }
}

TEST_CASE("who gets the thread next may end the one that waits behind it") {
    Bench bench(everything);
    Callee& it = bench.component(
        "it", service(R"({"call": "backend.x"})", R"(, "threads": 1, "cancellation": "queued")"));
    Client& client = bench.client({}, it);
    play(bench, {replies(10ms), replies()}, [&] { client.give_up(2); });
    for (int i = 0; i < 4; ++i) client.call();
    bench.run();
    REQUIRE(client.count(Outcome::ok) == 3);
    REQUIRE(bench.backend.count() == 3);
    REQUIRE(bench.count("it", "threads.withdrawn") == 1);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("a service serves 100 000 callers in line within one instant") {
    Bench bench(everything);
    Callee& it = bench.component(
        "it", service(R"({"call": "backend.x"})", R"(, "threads": 1, "queue": 100000)"));
    bench.backend.plays({replies(1ms), replies()});
    bench.backend.forget_visits();
    Client& client = bench.client({}, it);
    for (int i = 0; i <= 100'000; ++i) client.call();
    bench.run(1ms);
    REQUIRE(client.count(Outcome::ok) == 100'001);
    REQUIRE(all_is_over(bench));
}

// ---- Script -------------------------------------------------------------------------------------

TEST_CASE("a million calls that are answered at once need no stack") {
    Bench bench(everything);
    Callee& it = bench.component("it", service(R"({"call": "backend.x", "count": 1000000})"));
    bench.backend.forget_visits();
    Client& client = bench.client({}, it);
    client.call();
    REQUIRE(client.answer().outcome == Outcome::ok);
    REQUIRE(bench.backend.count() == 1'000'000);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("a branch that fails inside its sibling's call cancels the sibling in the middle of it") {
    for (const Act& act : {replies(), fails(Outcome::error), replies(5ms)}) {
        Bench bench(everything);
        Callee& it = bench.component("it", early_and_late(R"("on_failure": "cancel")"));
        Client& client = bench.client({}, it);
        play(bench, {silence, act}, [&] { bench.backend.answer(0, {Outcome::error}); });
        client.call();
        bench.run(1ms);
        REQUIRE(client.answer().outcome == Outcome::dependency_failed);
        REQUIRE(bench.backend.visits()[1].abandoned == Duration{1ms});
        REQUIRE(bench.level("it", "threads.present") == 0);
        bench.run(1s);
        REQUIRE(all_is_over(bench));
        bench.backend.plays({replies()});
        client.call();
        bench.run(2s);
        REQUIRE(client.answers().back().outcome == Outcome::ok);
    }
}

TEST_CASE("a branch that comes first inside its sibling's call ends the step, not the sibling") {
    for (const std::string leftover : {"cancel", "run_on"}) {
        INFO(leftover);
        Bench bench(everything);
        Callee& it = bench.component(
            "it", early_and_late(R"("join": "first", "leftover": ")" + leftover + '"'));
        Client& client = bench.client({}, it);
        play(bench, {silence, replies()}, [&] { bench.backend.answer(0, {}); });
        client.call();
        bench.run(1ms);
        REQUIRE(client.answer().outcome == Outcome::ok);
        REQUIRE(bench.backend.visits()[1].abandoned.has_value() == (leftover == "cancel"));
        REQUIRE(all_is_over(bench));
    }
}

TEST_CASE("branches that fail at once keep the rest from being started") {
    Bench bench(everything);
    Callee& it = bench.component("it", service(R"({"on_failure": "cancel", "copies": 1000,
                                                   "parallel": [[{"call": "backend.x"}]]})"));
    bench.backend.plays({replies(), fails(Outcome::error)});
    Client& client = bench.client({}, it);
    client.call();
    REQUIRE(client.answer().outcome == Outcome::dependency_failed);
    REQUIRE(bench.backend.count() == 2);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("a failure at once while branches are being started gives up on those already out") {
    Bench bench(everything);
    Callee& it = bench.component("it", service(R"({"on_failure": "cancel", "copies": 3,
                                                   "parallel": [[{"call": "backend.x"}]]})"));
    bench.backend.plays({hangs(), fails(Outcome::error)});
    Client& client = bench.client({}, it);
    client.call();
    REQUIRE(client.answer().outcome == Outcome::dependency_failed);
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{0});
    REQUIRE(bench.backend.count() == 2);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("a sibling's failure cancels a branch whose own failure nobody has taken up yet") {
    Bench bench(everything);
    Callee& it = bench.component("it", early_and_late(R"("on_failure": "cancel")"));
    Client& client = bench.client({}, it);
    bench.backend.plays({silence, fails(Outcome::error)});
    bench.backend.when_answered([&] {
        if (!bench.backend.visits()[0].ended) bench.backend.answer(0, {Outcome::error});
    });
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::dependency_failed);
    REQUIRE(client.answer().at == 1ms);
    REQUIRE(bench.level("it", "threads.present") == 0);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("the caller gives up on a service that has not yet taken up the failure it will report") {
    Bench bench(everything);
    Callee& it = bench.component(
        "it", service(R"({"call": "backend.x"}, {"copies": 2, "parallel": [[{"wait": "1ms"}]]})",
                      R"(, "threads": 1, "cancellation": "running")"));
    Client& client = bench.client({}, it);
    bench.backend.plays({fails(Outcome::error), replies()});
    bench.backend.when_answered([&] {
        if (client.waits_for(0)) client.give_up(0);
    });
    client.call();
    REQUIRE(client.answers().empty());
    REQUIRE(bench.level("it", "threads.present") == 0);
    REQUIRE(all_is_over(bench));
    client.call();
    bench.run();
    REQUIRE(client.answer().latency == 1ms);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("giving up on one branch lets another end, which is not taken for the end of the step") {
    // The second branch has the only permit; it is given up first, and what it gives back lets the
    // first branch call and end.
    for (const std::string options : {R"("join": "first")", R"("on_failure": "cancel")"}) {
        Bench bench(everything);
        Callee& it = bench.component("it", service("{" + options + R"(, "parallel": [
                                {"steps": [{"wait": "1us"}, {"call": "backend.x"}]},
                                {"steps": [{"call": "backend.x"}]}]}, {"call": "backend.x"})",
                                                   R"j(, "cancellation": "running",
                              "calls": {"backend": {"policy": ["bulkhead(1, wait=1h)"]}})j"));
        bench.backend.plays({hangs(), replies()});
        Client& client = bench.client({}, it);
        client.call();
        client.give_up_at(1ms);
        bench.run();
        REQUIRE(client.answers().empty());
        REQUIRE(bench.backend.count() == 2);
        REQUIRE(bench.level("it", "threads.present") == 0);
        REQUIRE(all_is_over(bench));
    }
}

TEST_CASE("the caller of a service gives up while the service is inside a call of its own") {
    for (const std::string cancellation : {"none", "queued", "running"}) {
        for (const Act& act : {replies(), fails(Outcome::error), replies(5ms)}) {
            for (const std::string steps :
                 {R"({"call": "backend.x"}, {"cpu": "1ms"}, {"call": "backend.x"})",
                  R"({"parallel": [[{"call": "backend.x"}, {"cpu": "1ms"}],
                                   [{"call": "backend.x"}]]})"}) {
                INFO(cancellation << ": " << steps);
                Bench bench(everything);
                Callee& it = bench.component(
                    "it", service(steps, R"(, "threads": 1, "queue": 0, "cancellation": ")" +
                                             cancellation + '"'));
                Client& client = bench.client({}, it);
                bench.backend.plays([&](const Request&) {
                    if (client.waits_for(0)) client.give_up(0);
                    return act;
                });
                client.call();
                bench.run(1s);
                REQUIRE(client.answers().empty());
                REQUIRE(all_is_over(bench));
                REQUIRE((cancellation != "running" || bench.backend.count() == 1));
                bench.backend.plays({replies()});
                client.call();
                bench.run(2s);
                REQUIRE(client.answer().outcome == Outcome::ok);
            }
        }
    }
}

// ---- Hedge and timeout --------------------------------------------------------------------------

TEST_CASE("a hedge without delay is sent at the same instant, but not after an instant answer") {
    for (const auto& [act, attempts] : {std::pair{replies(), 1u}, std::pair{replies(10ms), 3u}}) {
        Bench bench(everything);
        bench.backend.plays({act});
        Client& client = bench.client({"hedge(0s, attempts=3)"});
        client.call();
        bench.run();
        REQUIRE(client.answer().at == act.after);
        REQUIRE(bench.backend.visited_at() == std::vector<Duration>(attempts, Duration{0}));
        REQUIRE(all_is_over(bench));
    }
}

TEST_CASE("a loser of a hedge that answers while it is given up changes nothing") {
    // All three attempts share one bulkhead of two behind the hedge: giving up on the first lets
    // the third call, inside the end of the race, and that is answered at once.
    Bench bench(everything);
    bench.backend.plays({hangs(), replies(10ms), replies()});
    Client& client = bench.client({"hedge(1ms, attempts=3)", "bulkhead(2, wait=1h)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().at == 11ms);
    REQUIRE(client.answer().outcome == Outcome::ok);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("an answer at the very instant of the timeout comes too late: the timer was set first") {
    Bench bench(everything);
    bench.backend.plays({replies(10ms)});
    Client& client = bench.client({"timeout(10ms)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::timeout);
    REQUIRE(client.answer().at == 10ms);
    REQUIRE(bench.world.calls.wasted() == 1);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("of two timeouts that end at the same instant the outer one gives up on the inner") {
    Bench bench(everything);
    bench.backend.plays({hangs()});
    Client& client = bench.client({"timeout(10ms)", "timeout(10ms)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::timeout);
    REQUIRE(bench.count("timeout.expired") == 1);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("a caller that gives up because its callee is told of the timeout hears nothing") {
    for (const std::string policy : {"timeout(10ms)", "deadline(10ms)"}) {
        Bench bench(everything);
        bench.backend.plays({hangs()});
        Client& client = bench.client({policy});
        bench.backend.when_abandoned([&] {
            if (client.waits_for(0)) client.give_up(0);
        });
        client.call();
        bench.run();
        REQUIRE(client.answers().empty());
        REQUIRE(all_is_over(bench));
    }
}

// ---- All of it ----------------------------------------------------------------------------------

TEST_CASE("whatever happens within one instant, the books agree") {
    const std::string calls = R"j(, "calls": {"backend": {"policy": [
        "retry(3, backoff=none)", "hedge(0s, attempts=2)", "timeout(5ns)", "bulkhead(3, wait=9ns)",
        "pool(2, wait=3ns)"]}})j";
    for (const std::string cancellation : {"none", "queued", "running"}) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            INFO(cancellation << ", seed " << seed);
            Bench bench(everything, seed);
            Draws draws{seed};
            Callee& it =
                bench.component("it", service(R"({"on_failure": "cancel", "parallel": [
                          [{"call": "backend.x", "count": 2}],
                          [{"try": [{"call": "backend.x"}],
                            "otherwise": [{"publish": "backend.x"}]}],
                          [{"join": "first", "leftover": "run_on", "copies": 2,
                            "parallel": [[{"call": "backend.x"}, {"wait": "1ns"}]]}]]})",
                                              R"(, "threads": 2, "queue": 3, "cancellation": ")" +
                                                  cancellation + '"' + calls));
            Client& client = bench.client({"timeout(50ns)", "pool(4, wait=5ns)"}, it);
            std::size_t made = 0;
            std::size_t given_up = 0;
            const auto someone_gives_up = [&] {
                if (made == 0) return;
                const std::size_t number = made - 1 - draws.below(std::min<std::size_t>(made, 8));
                if (!client.waits_for(number)) return;
                client.give_up(number);
                ++given_up;
            };
            bench.backend.plays([&](const Request&) {
                if (draws.chance(0.1)) someone_gives_up();
                const Duration after{static_cast<std::int64_t>(draws.below(3))};
                if (draws.chance(0.3)) return fails(Outcome::error, after);
                if (draws.chance(0.1)) return fails(Outcome::reset, after);
                return draws.chance(0.5) ? replies(after) : cancellable(replies(after));
            });
            bench.backend.when_abandoned([&] {
                if (draws.chance(0.1)) someone_gives_up();
            });
            bench.backend.forget_visits();
            for (int i = 0; i < 20'000; ++i) {
                bench.at(Duration{3 * i}, [&] {
                    ++made;
                    client.call();
                });
            }
            bench.run();
            REQUIRE(given_up > 1000);
            REQUIRE(client.answers().size() + given_up == made);
            REQUIRE(bench.level("it", "threads.present") == 0);
            REQUIRE(all_is_over(bench));
        }
    }
}
