// Tokens and their checks, in front of an identity provider that does as it is told.

#include "sim/world/world.hpp"
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <string>

namespace prodsim {

void add_tokens(Catalogue& catalogue);

}  // namespace prodsim

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// "tokens" whose provider is the backend; a login takes 200 ms.
class Gate {
public:
    explicit Gate(const std::string& parameters = "\"users\": 1",
                  const std::vector<std::string>& policies = {})
        : bench({add_tokens, add_timeout}),
          component_(bench.component("tokens", R"({"type": "tokens", "login": "backend.login",
              "refresh": "backend.refresh", "verify_time": "1ms", )" +
                                                   parameters + "}")),
          user(bench.client(policies, component_)) {
        bench.backend.plays({replies(200ms)});
    }

    void sign_out_all() { component_.flush(); }
    void provider_is(Condition::Mode mode) {
        bench.backend.instances()[0]->set_condition({.mode = mode});
    }
    void set(const Condition& condition) { component_.instances()[0]->set_condition(condition); }

    std::uint64_t count(const std::string& meter) { return bench.count("tokens", meter); }

    Bench bench;

private:
    Callee& component_;

public:
    Client& user;
};

}  // namespace

TEST_CASE("a user without a token logs in, and later checks are local until it ends") {
    Gate gate;
    gate.sign_out_all();
    for (const Duration at : {0s, 1800s, 3599s, 3601s}) gate.user.call_at(at);
    gate.bench.run();
    REQUIRE(gate.user.answers()[0].latency == 201ms);
    REQUIRE(gate.user.answers()[1].latency == 1ms);
    REQUIRE(gate.user.answers()[2].latency == 1ms);
    REQUIRE(gate.user.answers()[3].latency == 201ms);
    REQUIRE(gate.count("logins") == 1);
    REQUIRE(gate.count("refreshes") == 1);  // the session lasts longer than the token
    REQUIRE(gate.count("passed") == 4);
    REQUIRE(gate.bench.balanced());
}

TEST_CASE("a session ends, and its user logs in again") {
    Gate gate(R"("users": 1, "lifetime": "10min", "session": "15min")");
    gate.sign_out_all();
    for (const Duration at : {0min, 11min, 22min}) gate.user.call_at(at);
    gate.bench.run();
    REQUIRE(gate.count("refreshes") == 1);
    REQUIRE(gate.count("logins") == 2);
}

// Tokens of an hour are of all ages, so after half an hour half of them have ended.
TEST_CASE("while the provider is away users are locked out as their tokens end") {
    for (const Duration after : {Duration(6min), Duration(30min), Duration(60min)}) {
        Gate gate("\"users\": 100000");
        gate.provider_is(Condition::Mode::refusing);
        gate.bench.run(after);
        constexpr int checks = 20000;
        for (int i = 0; i < checks; ++i) gate.user.call();
        gate.bench.run();
        const double share = in_seconds(after) / 3600;
        INFO("after " << in_seconds(after) << " s");
        REQUIRE(static_cast<double>(gate.count("locked_out")) / checks ==
                within(5 * standard_error(share, checks) + 1e-9, share));
        REQUIRE(gate.user.count(Outcome::dependency_failed) == gate.count("locked_out"));
    }
}

TEST_CASE("a token that is renewed early outlives a short outage") {
    for (const bool early : {false, true}) {
        Gate gate(std::string("\"users\": 1") + (early ? R"(, "renew_early": "20min")" : ""));
        gate.sign_out_all();
        gate.user.call_at(0s);
        gate.bench.at(45min, [&] { gate.provider_is(Condition::Mode::refusing); });
        gate.user.call_at(50min);  // renewed if early, in vain, and valid all the same
        gate.user.call_at(61min);
        gate.bench.run();
        REQUIRE(gate.user.answers()[1].outcome == Outcome::ok);
        REQUIRE(gate.user.answers()[2].outcome == Outcome::dependency_failed);
        REQUIRE(gate.count("refreshes") == (early ? 2 : 1));
    }
}

TEST_CASE("a remote check asks the provider every time, and fails with it though tokens last") {
    Gate gate(R"("users": 1, "validation": "remote", "introspect": "backend.introspect")");
    gate.bench.backend.plays({replies(10ms)});
    gate.sign_out_all();
    gate.user.call_at(0s);
    gate.user.call_at(1s);
    gate.bench.at(2s, [&] { gate.provider_is(Condition::Mode::refusing); });
    gate.user.call_at(3s);
    gate.bench.run();
    REQUIRE(gate.user.answers()[0].latency == 20ms);
    REQUIRE(gate.user.answers()[1].latency == 10ms);
    REQUIRE(gate.user.answers()[2].outcome == Outcome::dependency_failed);
    REQUIRE(gate.user.answers()[2].mechanism == "token not verified");
    REQUIRE(gate.count("introspections") == 3);
    REQUIRE(gate.count("unverified") == 1);
}

TEST_CASE("the keys are fetched once for all who wait, and again when they are too old") {
    Gate gate(R"("users": 1, "lifetime": "10h", "keys": "backend.keys", "keys_ttl": "5min")");
    gate.sign_out_all();
    gate.user.call_at(0s);  // logs in, then fetches
    for (int i = 0; i < 100; ++i) gate.user.call_at(1s);
    for (int i = 0; i < 100; ++i) gate.user.call_at(6min);
    gate.bench.run();
    REQUIRE(gate.user.answers()[0].latency == 401ms);
    REQUIRE(gate.user.answers()[1].latency == 1ms);
    REQUIRE(gate.user.answers().back().latency == 201ms);
    REQUIRE(gate.count("key_fetches") == 2);
    REQUIRE(gate.bench.balanced());
}

TEST_CASE("keys that cannot be fetched again serve as long as stale ones are allowed") {
    for (const bool stale : {false, true}) {
        Gate gate(
            std::string(
                R"("users": 1, "lifetime": "10h", "keys": "backend.keys", "keys_ttl": "5min")") +
            (stale ? R"(, "stale_keys": "1h")" : ""));
        gate.sign_out_all();
        gate.user.call_at(0s);
        gate.bench.at(1min, [&] { gate.provider_is(Condition::Mode::refusing); });
        gate.user.call_at(10min);
        gate.user.call_at(70min);
        gate.bench.run();
        INFO((stale ? "stale keys serve" : "stale keys do not serve"));
        REQUIRE(gate.user.answers()[1].outcome ==
                (stale ? Outcome::ok : Outcome::dependency_failed));
        REQUIRE(gate.user.answers()[2].outcome == Outcome::dependency_failed);
    }
}

TEST_CASE("when all are signed out, every check logs in") {
    Gate gate("\"users\": 1000");
    gate.bench.run(1min);
    gate.sign_out_all();
    for (int i = 0; i < 500; ++i) gate.user.call();
    gate.bench.run();
    REQUIRE(gate.count("logins") == 500);
    REQUIRE(gate.bench.backend.visits().size() == 500);
}

TEST_CASE("when the caller gives up, the check gives up on the login") {
    Gate gate("\"users\": 1", {"timeout(100ms)"});
    gate.bench.backend.plays({cancellable(replies(200ms))});
    gate.sign_out_all();
    gate.user.call();
    gate.bench.run();
    REQUIRE(gate.user.answer().outcome == Outcome::timeout);
    REQUIRE(gate.bench.backend.visits().front().abandoned == Duration(100ms));
    REQUIRE(gate.bench.balanced());
    REQUIRE(gate.bench.level("tokens", "inside") == 0);
}

TEST_CASE("checks that die or hang with their process") {
    for (const bool dies : {false, true}) {
        Gate gate(R"("users": 1, "keys": "backend.keys")");
        gate.sign_out_all();
        gate.user.call();
        gate.bench.at(100ms, [&] {
            gate.set({.mode = dies ? Condition::Mode::refusing : Condition::Mode::hanging});
        });
        gate.bench.at(5s, [&] { gate.set({}); });
        gate.bench.run();
        INFO((dies ? "dies" : "hangs"));
        REQUIRE(gate.user.answer().outcome == (dies ? Outcome::reset : Outcome::ok));
        REQUIRE(gate.user.answer().at == (dies ? Duration(100ms) : Duration(5s)));
        REQUIRE(gate.bench.balanced());
    }
}
