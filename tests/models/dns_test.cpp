// The name, driven by callers whose every instant is known.

#include "tests/models/stage.hpp"

#include <string>
#include <vector>

namespace prodsim {

void add_dns(Catalogue& catalogue);
void add_third_party(Catalogue& catalogue);

}  // namespace prodsim

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// One name server, which takes no time, and one record, kept for a minute.
std::string name(const std::string& more = {}) {
    return R"({"type": "dns", "records": ["backend"], "instances": 1, "latency": "0s",
               "start": "cold")" +
           more + "}";
}

Outcome outcome_at(Stage& stage, Duration when) {
    stage.run(when);
    stage.call();
    stage.run(when);
    return stage.client().answers().back().outcome;
}

}  // namespace

TEST_CASE("an answer is kept for its time to live, and no longer") {
    Stage stage(name());
    for (const Duration when : {0s, 1s, 59s, 60s, 119s, 120s}) outcome_at(stage, when);
    REQUIRE(stage.count("queries") == 3);
    REQUIRE(stage.count("hits") == 3);
    REQUIRE(stage.client().count(Outcome::ok) == 6);
}

TEST_CASE("while a name server is asked, whoever comes waits for the same answer") {
    Stage stage(R"({"type": "dns", "records": ["backend"], "latency": "20ms", "start": "cold"})");
    for (int i = 0; i < 3; ++i) stage.call();
    stage.run();
    REQUIRE(stage.answered_at() == Instants{20ms, 20ms, 20ms});
    REQUIRE(stage.count("queries") == 1);
    REQUIRE(stage.balanced());
}

TEST_CASE("when the caller gives up, a query goes on for the next who asks") {
    Stage stage(R"({"type": "dns", "records": ["backend"], "latency": "20ms", "start": "cold"})");
    const std::size_t impatient = stage.call();
    stage.run(10ms);
    stage.give_up(impatient);
    stage.run(30ms);
    stage.call();
    REQUIRE(stage.answered_at() == Instants{30ms});
    REQUIRE(stage.count("hits") == 1);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("when the caller gives up, the call to where the name led is given up at once") {
    Stage stage(name());
    stage.backend().plays({cancellable(replies(1s))});
    const std::size_t number = stage.call();
    stage.run(100ms);
    stage.give_up(number);
    REQUIRE(stage.backend().visits().front().abandoned == 100ms);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("when the name servers are down, callers notice as their answers expire") {
    Stage stage(name());
    REQUIRE(outcome_at(stage, 0s) == Outcome::ok);
    stage.run(10s);
    stage.crash();
    REQUIRE(outcome_at(stage, 59s) == Outcome::ok);
    REQUIRE(outcome_at(stage, 60s) == Outcome::no_endpoint);
    REQUIRE(stage.client().answers().back().mechanism == "no name server answers");
    REQUIRE(stage.count("queries.failed") == 2);  // it asks twice
    stage.recover();
    REQUIRE(outcome_at(stage, 60500ms) == Outcome::no_endpoint);  // a failure is kept for 1 s
    REQUIRE(outcome_at(stage, 61s) == Outcome::ok);
}

TEST_CASE("a resolver waits for a silent name server, twice, before it gives up") {
    Stage stage(name());
    stage.set({.mode = Condition::Mode::black_holed});
    stage.call();
    stage.run(3s);
    stage.call();
    stage.run();
    REQUIRE(stage.answered_at() == Instants{10s, 10s});
    REQUIRE(stage.client().count(Outcome::no_endpoint) == 2);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("a name server that hangs answers late, to nobody if nobody waits any more") {
    Stage stage(
        R"({"type": "dns", "records": ["backend"], "instances": 1, "latency": "20ms",
                    "start": "cold"})");
    stage.call();
    stage.hang();
    stage.run(7s);  // 5 s of patience, and 2 s of the second attempt's
    stage.recover();
    stage.run();
    REQUIRE(stage.client().answer().outcome == Outcome::ok);
    REQUIRE(stage.client().answer().at >= 7s);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("that there is no such name is remembered for longer than the mistake lasted") {
    Stage stage(name());
    REQUIRE(outcome_at(stage, 0s) == Outcome::ok);
    stage.run(30s);
    stage.set({.error_rate = 1});  // the zone is emptied
    REQUIRE(outcome_at(stage, 60s) == Outcome::no_endpoint);
    REQUIRE(stage.client().answers().back().mechanism == "no such name");
    stage.run(61s);
    stage.recover();
    REQUIRE(outcome_at(stage, 60s + 900s - 1ns) == Outcome::no_endpoint);
    REQUIRE(outcome_at(stage, 60s + 900s) == Outcome::ok);
    REQUIRE(stage.count("unresolved") == 2);
}

TEST_CASE("stale answers carry through an outage of the name servers, for as long as allowed") {
    Stage stage(name(R"(, "serve_stale": "1h")"));
    REQUIRE(outcome_at(stage, 0s) == Outcome::ok);
    stage.crash();
    REQUIRE(outcome_at(stage, 60s) == Outcome::ok);
    REQUIRE(outcome_at(stage, 89s) == Outcome::ok);
    REQUIRE(stage.count("queries.failed") == 1);  // a stale answer lives for 30 s
    REQUIRE(outcome_at(stage, 1h) == Outcome::ok);
    REQUIRE(stage.count("stale") == 3);
    REQUIRE(outcome_at(stage, 1h + 60s) == Outcome::no_endpoint);
}

TEST_CASE("a silent name server keeps a caller with a stale answer waiting for 1.8 s, not 10") {
    Stage stage(name(R"(, "serve_stale": "1h")"));
    outcome_at(stage, 0s);
    stage.set({.mode = Condition::Mode::black_holed});
    stage.run(60s);
    stage.call();
    stage.run(70s);
    REQUIRE(stage.answered_at() == Instants{0s, 61800ms});
}

TEST_CASE("that there is no such name is an answer, and stale ones do not count any more") {
    Stage stage(name(R"(, "serve_stale": "1h")"));
    outcome_at(stage, 0s);
    stage.set({.error_rate = 1});
    REQUIRE(outcome_at(stage, 60s) == Outcome::no_endpoint);
}

TEST_CASE("resolvers bend the time to live to their own limits") {
    Stage longer(name(R"(, "ttl": "5s", "ttl_floor": "30s")"));
    for (const Duration when : {0s, 29s, 30s}) outcome_at(longer, when);
    REQUIRE(longer.count("queries") == 2);
    Stage shorter(name(R"(, "ttl": "1h", "ttl_ceiling": "30s")"));
    for (const Duration when : {0s, 29s, 30s}) outcome_at(shorter, when);
    REQUIRE(shorter.count("queries") == 2);
    REQUIRE_THAT(Stage::problems_of(name(R"(, "ttl_floor": "25h")")),
                 ContainsSubstring("is above \"ttl_ceiling\""));
}

TEST_CASE("a resolver that ignores the time to live asks once, and again when it is emptied") {
    Stage stage(name(R"(, "ignoring": 1)"));
    for (const Duration when : {Duration{0s}, Duration{1h}, Duration{20h}}) outcome_at(stage, when);
    REQUIRE(stage.count("queries") == 1);
    REQUIRE(stage.it().flush());
    outcome_at(stage, 21h);
    REQUIRE(stage.count("queries") == 2);
}

TEST_CASE("at a warm start the ages of answers are spread over the time to live") {
    // 1000 resolvers, each asked every 100 ms: those that ask in the first 30 of 60 s are binomial.
    Stage stage(R"({"type": "dns", "records": ["backend"], "latency": "0s", "resolvers": 1000})");
    for (Duration now = 0s; now < 30s; now += 100ms) {
        stage.run(now);
        for (int i = 0; i < 5000; ++i) stage.call();
    }
    const auto asked = static_cast<double>(stage.count("queries")) / 1000;
    REQUIRE(asked == within(4 * standard_error(0.5, 1000), 0.5));
}

TEST_CASE("a connection outlives the answer that led to it") {
    Bench bench({add_pool, add_dns, add_third_party});
    // The first record works, but its checks, whose subjects are hashes, fail from 100 s on.
    bench.backend.plays([&bench](const Request& request) {
        const bool is_check = request.subject > 1000;
        return is_check && bench.world.now() > Time{100s} ? fails(Outcome::error) : replies();
    });
    bench.component("b", R"({"type": "third_party", "latency": "1ms", "error_rate": 0,
                             "operations": {"op": {}}})");
    Callee& www = bench.component("www", R"({"type": "dns", "records": ["backend", "b"],
        "latency": "0s", "start": "cold", "health": {"operation": "op", "interval": "10s"}})");
    Client& pooled = bench.client({"pool(1, idle=0s, lifetime=0s)"}, www);
    Client& other = bench.client({}, www);
    for (Client* client : {&pooled, &other}) client->call();
    bench.run(90s);
    REQUIRE(bench.count("www", "to.backend") == 2);
    // Detected before 130 s; answers of before are gone 60 s later.
    bench.run(200s);
    pooled.call();
    REQUIRE(bench.count("www", "to.backend") == 3);
    REQUIRE(bench.count("www", "pinned") == 1);
    other.call();
    bench.run(201s);
    REQUIRE(bench.count("www", "to.b") == 1);
    REQUIRE(pooled.count(Outcome::ok) == 2);
    REQUIRE(other.count(Outcome::ok) == 2);
}

TEST_CASE("where no record is healthy all are, and answers are shared out by weight") {
    Bench bench({add_dns, add_third_party});
    bench.component("b", R"({"type": "third_party", "latency": "1ms", "error_rate": 0,
                             "quota": {"rate": "0/s"}, "operations": {"op": {"quota": "0/s"}}})");
    Callee& www = bench.component("www", R"({"type": "dns", "records": ["backend", "b"],
        "routing": "weighted", "weights": [3, 1], "latency": "0s", "resolvers": 1000000})");
    Client& client = bench.client({}, www);
    constexpr int calls = 40000;
    for (int i = 0; i < calls; ++i) client.call();
    const auto share = static_cast<double>(bench.count("www", "to.b")) / calls;
    REQUIRE(share == within(4 * standard_error(0.25, calls), 0.25));
    // A balancer in front of a name has nothing to choose.
    Client& balancing = bench.client({"balance(round_robin)"}, www);
    balancing.call();
    bench.run();
    REQUIRE(balancing.count(Outcome::ok) == 1);
}

TEST_CASE(
    "a resolver sends on 100 000 who waited for one answer, or tells them that there is none") {
    for (const double errors : {0.0, 1.0}) {
        Stage stage(R"({"type": "dns", "records": ["backend"], "start": "cold"})");
        for (std::size_t i = 0; i < 4; ++i) stage.set({.error_rate = errors}, i);
        // The door answers with an error at once, so only the first finds nobody to wait with.
        for (int i = 0; i < 100000; ++i) stage.call();
        stage.run(1s);
        const Outcome expected = errors > 0 ? Outcome::no_endpoint : Outcome::ok;
        REQUIRE(stage.client().count(expected) == 100000);
        REQUIRE(stage.count("queries") == 1);
        REQUIRE(stage.balanced());
    }
}
