// Do failed requests point at what made them fail? In worlds in which it is known who did it.

#include "sim/run/attribution.hpp"

#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace prodsim;

namespace {

// Of the requests that fail because of a fault, so many must point at it.
constexpr double nearly_all = 0.99;

/// A shop: pages are read through a cache, orders are paid at a bank that sometimes fails by
/// itself, and searches go elsewhere.
const std::string shop = R"json(
    "users": { "type": "clients", "arrivals": "poisson(200/s)",
        "journeys": { "look": { "weight": 8, "call": "web.look" },
                      "pay": { "weight": 1, "call": "web.pay" },
                      "find": { "weight": 1, "call": "finder.find" } },
        "calls": { "web": { "policy": ["timeout(2s)"] },
                   "finder": { "policy": ["timeout(1s)"] } } },
    "web": { "type": "service", "instances": 2, "cores": 2, "threads": 50, "queue": 50,
        "operations": { "look": { "steps": [ { "cpu": "exp(2ms)" }, { "call": "pages.get" } ] },
                        "pay": { "steps": [ { "cpu": "exp(4ms)" }, { "call": "bank.pay" } ] } },
        "calls": { "bank": { "policy": ["retry(attempts=2)", "timeout(1s)"] } } },
    "pages": { "type": "cache", "keys": 5000, "popularity": "zipf(1.0)", "capacity": 5000,
        "origin": "db.load", "policy": ["timeout(1s)", "pool(size=10, wait=500ms)"] },
    "db": { "type": "sql_database", "cores": 1, "operations": { "load": { "cpu": "exp(20ms)" } } },
    "bank": { "type": "third_party", "latency": "exp(100ms)", "error_rate": 0.02,
        "operations": { "pay": {} } },
    "finder": { "type": "service", "instances": 2, "threads": 20, "queue": 20,
        "operations": { "find": { "steps": [ { "cpu": "exp(5ms)" } ] } } })json";

struct Judged {
    Trial trial;
    Attribution attribution;
};

Judged judge(const std::vector<std::string>& faults, int seed, int replications = 1) {
    std::string list;
    std::vector<std::string> titles;
    for (const std::string& fault : faults) {
        list += (list.empty() ? "" : ", ") + fault;
        titles.push_back(std::to_string(titles.size() + 1));
    }
    const auto scenario = Scenario::parse(
        R"({ "version": 1, "run": { "duration": "4min", "warm_up": "30s", "replications": )" +
            std::to_string(replications) + R"(, "seed": )" + std::to_string(seed) +
            R"( }, "components": { )" + shop + R"( }, "faults": [ )" + list + " ] }",
        "attribution", testing::everything());
    RunWatch watch;
    Judged judged{run_trial(*scenario, 1, watch), {}};
    judged.attribution = attribute(judged.trial, titles);
    return judged;
}

std::uint64_t blamed(const Replication& run, CauseId cause) {
    std::uint64_t count = 0;
    for (const Journey& journey : run.journeys) {
        for (const Failures::Item& item : journey.failures().items()) {
            count += item.cause == cause ? 1 : 0;
        }
    }
    return count;
}

const std::string slow_bank =
    R"({ "target": { "component": "bank" }, "at": "60s", "for": "20s", "slow": 30 })";
const std::string cold_cache =
    R"({ "target": { "component": "pages" }, "at": "120s", "for": "1s", "flush": true })";
const std::string crowd =
    R"({ "target": { "component": "users" }, "at": "180s", "for": "20s", "load": 8 })";
const std::string dead_finder =
    R"({ "target": { "component": "finder" }, "at": "60s", "for": "20s", "crash": true })";
const std::string cut =
    R"({ "target": { "component": "web", "to": "bank" }, "at": "90s", "for": "15s",
         "partition": true })";
const std::string slow_db =
    R"({ "target": { "component": "db" }, "at": "150s", "for": "20s", "slow": 20 })";

}  // namespace

TEST_CASE("failed requests point at the fault that made them fail, each fault alone") {
    const std::string fault = GENERATE(slow_bank, cold_cache, crowd, dead_finder, cut, slow_db);
    const int seed = GENERATE(1, 2, 3);
    INFO(fault << ", seed " << seed);
    const FaultBlame blame = judge({fault}, seed).attribution.faults.at(0);
    CHECK(blame.in_excess > 20);
    CHECK(blame.pointing >= nearly_all * blame.in_excess);
    CHECK(blame.pointing <= blame.in_excess);
    CHECK(blame.fails_anyway < blame.failed);
}

TEST_CASE("failed requests point at their fault among others, two of them at the same time") {
    const int seed = GENERATE(1, 2, 3);
    const Attribution found =
        judge({slow_bank, dead_finder, cold_cache, slow_db, crowd}, seed).attribution;
    for (const FaultBlame& blame : found.faults) {
        INFO("fault " << blame.fault << ", seed " << seed);
        CHECK(blame.among_all > 20);
        CHECK(blame.pointing_among_all >= nearly_all * blame.among_all);
    }
}

TEST_CASE("without faults nothing points at one, and what fails by itself points at nothing") {
    const Judged judged = judge({dead_finder}, 1, 2);
    for (const Replication& run : judged.trial.baseline) {
        CHECK(blamed(run, own_cause) > 0);  // the bank's own errors
        CHECK(blamed(run, 1) == 0);
    }
    for (const Replication& run : judged.trial.main) {
        CHECK(blamed(run, 1) > 0);
        for (const Journey& journey : run.journeys) {
            for (const Failures::Item& item : journey.failures().items()) {
                const bool of_finder = run.reasons[item.reason].component.ends_with("finder");
                CHECK(item.cause == (of_finder ? 1 : own_cause));
            }
        }
    }
}

TEST_CASE("root causes of all failed requests add up, and each has its mechanisms") {
    const Judged judged = judge({slow_bank, crowd}, 7);
    double failed = 0;
    for (const Journey& journey : judged.trial.main.front().journeys) {
        failed += static_cast<double>(journey.failed().in_window());
    }
    double counted = 0;
    double shares = 0;
    for (const CauseReport& cause : judged.attribution.causes) {
        counted += cause.failed;
        shares += cause.share;
        double of_mechanisms = 0;
        for (const MechanismShare& mechanism : cause.mechanisms) of_mechanisms += mechanism.share;
        CHECK(of_mechanisms == testing::within(1e-9, 1));
    }
    CHECK(shares == testing::within(1e-9, 1));
    // An even part of many is counted: its own error is one over the root of the 2048 at least.
    CHECK(counted == testing::within(4 / std::sqrt(2048.0) * failed, failed));
}

TEST_CASE("of many failures an even part is kept, the same whatever else is there") {
    Failures all;
    Failures odd;
    for (std::uint64_t subject = 0; subject < 100000; ++subject) {
        all.add({subject, 1, own_cause});
        if (subject % 2 == 1) odd.add({subject, 1, own_cause});
    }
    CHECK(all.items().size() <= 4096);
    CHECK(all.items().size() > 1024);
    const std::uint64_t rank = std::min(all.highest_rank(), odd.highest_rank());
    const auto count = [rank](const Failures& failures) {
        return std::count_if(
            failures.items().begin(), failures.items().end(), [&](const auto& item) {
                return item.subject % 2 == 1 && Failures::rank(item.subject) <= rank;
            });
    };
    CHECK(count(all) == count(odd));
    const double part = (static_cast<double>(rank) + 1) / std::ldexp(1, 64);
    CHECK(static_cast<double>(count(odd)) ==
          testing::within(4 * std::sqrt(50000 * part), 50000 * part));
}
