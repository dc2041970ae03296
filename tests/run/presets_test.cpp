// The presets say what the documentation of their products says. The numbers here are from the
// documents that each preset names, not from the presets.

#include "sim/config/json_writer.hpp"
#include "sim/run/scenario.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <memory>
#include <string>
#include <vector>

namespace prodsim {
namespace {

/// The policies around a call, as they take effect.
class Policies {
public:
    explicit Policies(const std::string& preset)
        : scenario_(Scenario::parse(R"j({ "version": 1, "components": {
            "shop": { "type": "service",
                      "operations": { "pay": { "steps": [ { "call": "bank.pay" } ] } },
                      "calls": { "bank": { "policy": [ "preset()j" +
                                        preset + R"j()" ] } } },
            "bank": { "type": "third_party", "operations": { "pay": {} } } } })j",
                                    "test", testing::everything())) {}

    std::vector<std::string> types() const {
        std::vector<std::string> types;
        for (const Value& policy : list().items()) types.push_back(policy.find("type")->text());
        return types;
    }

    /// As JSON; of the first policy of this type.
    std::string field(const std::string& type, const std::string& path) const {
        for (const Value& policy : list().items()) {
            if (policy.find("type")->text() == type) return compact_json(*policy.find_path(path));
        }
        return "no such policy";
    }

private:
    const Value& list() const {
        return *scenario_->effective().find_path("components.shop.calls.bank.policy");
    }

    std::unique_ptr<const Scenario> scenario_;
};

using Types = std::vector<std::string>;

TEST_CASE("every preset says where it comes from") {
    for (const auto& [name, text] : preset_texts()) {
        INFO(name);
        REQUIRE_THAT(text, ContainsSubstring("\"about\": ") && ContainsSubstring("\"source\": "));
        REQUIRE_FALSE(Policies(name).types().empty());
    }
}

TEST_CASE("HikariCP: ten connections that stay open for half an hour") {
    const Policies hikari("hikaricp");
    REQUIRE(hikari.types() == Types{"pool"});
    REQUIRE(hikari.field("pool", "size") == "10");
    REQUIRE(hikari.field("pool", "wait") == "\"30s\"");
    REQUIRE(hikari.field("pool", "lifetime") == "\"30min\"");
    // minimumIdle is maximumPoolSize, so idleTimeout applies to no connection.
    REQUIRE(hikari.field("pool", "idle") == "\"0s\"");
}

TEST_CASE("resilience4j: retry around breaker around bulkhead") {
    const Policies decorators("resilience4j");
    REQUIRE(decorators.types() == Types{"retry", "breaker", "bulkhead"});
    REQUIRE(decorators.field("retry", "attempts") == "3");
    REQUIRE(decorators.field("retry", "backoff") == "\"fixed\"");
    REQUIRE(decorators.field("retry", "base") == "\"500ms\"");
    REQUIRE(decorators.field("breaker", "window") == "\"calls\"");
    REQUIRE(decorators.field("breaker", "calls") == "100");
    REQUIRE(decorators.field("breaker", "minimum_calls") == "100");
    REQUIRE(decorators.field("breaker", "failure_rate") == "\"50%\"");
    REQUIRE(decorators.field("breaker", "slow_after") == "\"1min\"");
    REQUIRE(decorators.field("breaker", "slow_rate") == "\"100%\"");
    REQUIRE(decorators.field("breaker", "open_for") == "\"1min\"");
    REQUIRE(decorators.field("breaker", "probes") == "10");
    REQUIRE(decorators.field("bulkhead", "limit") == "25");
    REQUIRE(decorators.field("bulkhead", "wait") == "\"0s\"");
}

TEST_CASE("Hystrix: twenty calls in ten seconds, ten threads, one second") {
    const Policies command("hystrix");
    REQUIRE(command.types() == Types{"breaker", "bulkhead", "timeout"});
    REQUIRE(command.field("breaker", "window") == "\"time\"");
    REQUIRE(command.field("breaker", "duration") == "\"10s\"");
    REQUIRE(command.field("breaker", "bucket") == "\"1s\"");
    REQUIRE(command.field("breaker", "minimum_calls") == "20");
    REQUIRE(command.field("breaker", "failure_rate") == "\"50%\"");
    REQUIRE(command.field("breaker", "open_for") == "\"5s\"");
    REQUIRE(command.field("breaker", "probes") == "1");
    REQUIRE(command.field("bulkhead", "limit") == "10");
    REQUIRE(command.field("timeout", "limit") == "\"1s\"");
}

TEST_CASE("gobreaker: more than five failures in a row, a minute, one probe") {
    const Policies breaker("gobreaker");
    REQUIRE(breaker.types() == Types{"breaker"});
    REQUIRE(breaker.field("breaker", "window") == "\"consecutive\"");
    REQUIRE(breaker.field("breaker", "consecutive") == "6");
    REQUIRE(breaker.field("breaker", "open_for") == "\"1min\"");
    REQUIRE(breaker.field("breaker", "probes") == "1");
}

TEST_CASE("the AWS SDKs: three attempts, full jitter up to 20 s, a bucket of 500 tokens") {
    const Policies sdk("aws_sdk_standard");
    REQUIRE(sdk.types() == Types{"retry"});
    REQUIRE(sdk.field("retry", "attempts") == "3");
    REQUIRE(sdk.field("retry", "backoff") == "\"full_jitter\"");
    REQUIRE(sdk.field("retry", "base") == "\"1s\"");
    REQUIRE(sdk.field("retry", "multiplier") == "2");
    REQUIRE(sdk.field("retry", "max") == "\"20s\"");
    REQUIRE(sdk.field("retry", "budget.type") == "\"tokens\"");
    REQUIRE(sdk.field("retry", "budget.capacity") == "500");
    REQUIRE(sdk.field("retry", "budget.cost") == "5");
    REQUIRE(sdk.field("retry", "budget.timeout_cost") == "10");
}

TEST_CASE("CloudFront: three attempts of thirty seconds, one after the other") {
    const Policies origin("cloudfront");
    REQUIRE(origin.types() == Types{"retry", "timeout"});
    REQUIRE(origin.field("retry", "attempts") == "3");
    REQUIRE(origin.field("retry", "backoff") == "\"none\"");
    REQUIRE(origin.field("timeout", "limit") == "\"30s\"");
}

TEST_CASE("Envoy: fifteen seconds, 1024 requests, round robin, no retries") {
    const Policies route("envoy");
    REQUIRE(route.types() == Types{"timeout", "bulkhead", "balance"});
    REQUIRE(route.field("timeout", "limit") == "\"15s\"");
    REQUIRE(route.field("bulkhead", "limit") == "1024");
    REQUIRE(route.field("balance", "algorithm") == "\"round_robin\"");
}

}  // namespace
}  // namespace prodsim
