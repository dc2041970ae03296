// Scenarios against what is known about them, and the names of what can be known: metrics.

#include "sim/run/validation.hpp"

#include "models/catalogue.hpp"
#include "sim/run/metric.hpp"
#include "tests/catch.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace prodsim {
namespace {

const Catalogue& catalogue() {
    static const Catalogue all = [] {
        Catalogue made = full_catalogue();
        add_scenario_families(made.families);
        return made;
    }();
    return all;
}

/// M/M/1 with room for so many, and what is said to be known about it.
std::string queue(const std::string& load, const std::string& known,
                  const std::string& more = R"("queue": 1000)") {
    return R"json({
      "version": 1, "about": "M/M/1",
      "run": { "duration": "40100s", "warm_up": "100s", "seed": 1, "replications": 20 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson()json" +
           load + R"json(/s)", "journeys": { "visit": { "call": "desk.serve" } } },
        "desk": { "type": "service", "cores": 1, "threads": 1, )json" +
           more + R"json(, "operations": { "serve": [ { "cpu": "exp(1s)" } ] } } },
      "validate": { "case": "K1", "source": "Kleinrock 1975", "tolerance": "6%",
                    "values": { )json" +
           known + " } } }";
}

std::unique_ptr<const Scenario> understood(const std::string& text) {
    return Scenario::parse(text, "folder/queue.json", catalogue());
}

Validation validated(const std::string& text, unsigned threads = 2) {
    std::vector<std::unique_ptr<const Scenario>> scenarios;
    scenarios.push_back(understood(text));
    RunWatch watch;
    return validate_model(scenarios, threads, watch);
}

Agreement verdict(const std::string& text) {
    return validated(text).scenarios.front().values.front().agreement;
}

std::string problems_of(const std::string& text) {
    try {
        understood(text);
    } catch (const InvalidInput& problems) {
        return problems.what();
    }
    return {};
}

}  // namespace

TEST_CASE("a value that is known lies inside its tolerance, and a wrong one outside") {
    REQUIRE(verdict(queue("0.5", R"("visit.latency_mean": "2s")")) == Agreement::inside);
    REQUIRE(verdict(queue("0.5", R"("visit.latency_mean": "2.2s")")) == Agreement::outside);
    REQUIRE(verdict(queue("0.6", R"("visit.latency_mean": "2s")")) == Agreement::outside);
}

TEST_CASE("an interval that is not below a third of the tolerance is too wide to tell") {
    const auto known = [](const std::string& within) {
        return R"("visit.latency_mean": { "value": "2s", "within": ")" + within + R"(" })";
    };
    REQUIRE(verdict(queue("0.5", known("10ms"))) == Agreement::too_wide);
    REQUIRE(verdict(queue("0.5", known("120ms"))) == Agreement::inside);
}

TEST_CASE("what is known exactly is compared exactly") {
    const auto paced = [](const std::string& known) {
        std::string text = queue("0.5", known);
        text.replace(text.find("poisson"), 7, "paced");
        text.replace(text.find("exp(1s)"), 7, "1s");
        return verdict(text);
    };
    REQUIRE(paced(R"("visit.latency_p50": { "value": "1s", "tolerance": "0%" })") ==
            Agreement::inside);
    REQUIRE(paced(R"("visit.latency_p50": { "value": "1001ms", "tolerance": "0%" })") ==
            Agreement::outside);
    REQUIRE(paced(R"("visit.loss": { "value": "0%", "within": "0%" })") == Agreement::inside);
}

TEST_CASE("a validation is the same whatever the number of threads") {
    const std::string text =
        queue("0.5", R"("visit.latency_mean": "2s", "visit.offered": "0.5/s")");
    REQUIRE(json_validation(validated(text, 1), {}) == json_validation(validated(text, 3), {}));
}

TEST_CASE("a validation prints case, source, expected and simulated value, tolerance, verdict") {
    const Validation validation = validated(queue("0.5", R"("visit.latency_mean": "2s")"));
    const OtherCases others{{{"K3", "A bucket", {"models/a bucket drips"}}},
                            {{"K2", "Two priorities", "a processor that preempts"}}};
    for (const std::string& page : {text_validation(validation, others, Colour::off),
                                    markdown_validation(validation, others)}) {
        for (const char* part :
             {"K1", "Kleinrock 1975", "queue", "2 s", "± 120 ms", "inside", "1 value inside", "K2",
              "a processor that preempts", "K3", "models/a bucket drips"}) {
            CHECK_THAT(page, ContainsSubstring(part));
        }
    }
    const auto json = nlohmann::json::parse(json_validation(validation, others));
    REQUIRE(json["inside"] == 1);
    REQUIRE(json["scenarios"][0]["scenario"] == "queue");
    REQUIRE(json["scenarios"][0]["values"][0]["expected"] == 2.0);
    REQUIRE(json["scenarios"][0]["values"][0]["verdict"] == "inside");
    REQUIRE(json["not_yet"][0]["case"] == "K2");
    REQUIRE(json["by_tests"][0]["tests"][0] == "models/a bucket drips");
}

TEST_CASE("a run that was stopped proves nothing") {
    std::vector<std::unique_ptr<const Scenario>> scenarios;
    scenarios.push_back(understood(queue("0.5", R"("visit.latency_mean": "2s")")));
    RunWatch watch;
    watch.stop = true;
    const Validation validation = validate_model(scenarios, 1, watch);
    REQUIRE_FALSE(validation.scenarios.front().complete);
    REQUIRE(validation.scenarios.front().values.empty());
}

TEST_CASE("what is known is checked before anything runs") {
    REQUIRE_THAT(problems_of(queue("0.5", R"("visit.latency_men": "2s")")),
                 ContainsSubstring("did you mean \"visit.latency_mean\""));
    REQUIRE_THAT(problems_of(queue("0.5", R"("visit.latency_mean": "2")")),
                 ContainsSubstring("visit.latency_mean"));
    REQUIRE_THAT(problems_of(queue("0.5", R"("visit.loss": { "value": "0%", "tolerance": "1%",
                                                             "within": "1%" })")),
                 ContainsSubstring("another way to say"));
}

TEST_CASE("cases that are missing, or held by tests, are read with their places") {
    const auto cases = read_missing_cases(
        "not_yet.json", R"({"cases": [{"case": "K2", "title": "t", "missing": "m"}]})");
    REQUIRE(cases.size() == 1);
    REQUIRE(cases[0].missing == "m");
    REQUIRE_THROWS_AS(read_missing_cases("not_yet.json", R"({"cases": [{"case": "K2"}]})"),
                      InvalidInput);
    const auto tested = read_tested_cases(
        "in_tests.json", R"({"cases": [{"case": "K3", "title": "t", "tests": ["a", "b"]}]})");
    REQUIRE(tested[0].tests == std::vector<std::string>{"a", "b"});
}

// ---- metrics ------------------------------------------------------------------------------------

TEST_CASE("every statistic of a run has a name, a dimension and a value") {
    const auto scenario = understood(queue("0.5", R"("visit.latency_mean": "2s")"));
    RunWatch watch;
    const Replication run =
        simulate_all(*scenario, plans_of(*scenario, FaultSelection::all()), 1, watch).front();
    const auto value = [&](const std::string& name, Dimension dimension) {
        const auto metric = Metric::parse(name);
        INFO(name);
        REQUIRE(metric.has_value());
        REQUIRE(metric->exists(run));
        REQUIRE(metric->dimension() == dimension);
        return metric->of(run).value();
    };
    const Histogram& wait = run.readings.histogram("desk", "threads.wait")->histogram;
    const Histogram& latency = run.journeys.front().latency_good();
    using enum Dimension;
    CHECK(value("desk.threads.wait_p99_9", duration) == in_seconds(wait.quantile(0.999)));
    CHECK(value("desk.threads.wait_p50", duration) == in_seconds(wait.quantile(0.5)));
    CHECK(value("desk.threads.wait_max", duration) == in_seconds(wait.max()));
    CHECK(value("desk.threads.wait_above(0s)", share) == wait.fraction_above(Duration{0}));
    CHECK(value("visit.latency_above(2.5s)", share) ==
          latency.fraction_above(std::chrono::milliseconds(2500)));
    CHECK(value("visit.latency_all_above(2s)", share) ==
          latency.fraction_above(std::chrono::seconds(2)));
    CHECK(value("visit.loss", share) == 0);
    const auto* present = run.readings.level("desk", "threads.present");
    CHECK(value("desk.threads.present_max", number) == static_cast<double>(present->maximum));
    CHECK(value("desk.threads.present_last", number) == static_cast<double>(present->last));
    CHECK(value("desk.threads.present_last_above(0)", share) == (present->last > 0 ? 1 : 0));

    // A stretch of a journey: one for another there, too.
    const Span half{run.end - std::chrono::seconds(20000), run.end};
    CHECK(Metric::parse("visit.goodput per visit.throughput")->of(run, half).value() == 1);

    // Little's law: what is inside, by the rate and by the stay.
    CHECK(value("desk.threads.present per desk.served per desk.latency_mean", number) ==
          within(0.02, 1));
}

TEST_CASE("a name that no run answers is no metric") {
    const auto scenario = understood(queue("0.5", R"("visit.latency_mean": "2s")"));
    const Replication run = nothing_yet(*scenario);
    for (const char* name :
         {"visit.latency_above(2)", "visit.latency_above", "desk.threads.wait_p101",
          "desk.threads.wait_p99_", "desk.threads.present_above(0)", "visit.offered per visit.x",
          "x.served per visit.offered", "desk.served_last"}) {
        INFO(name);
        const auto metric = Metric::parse(name);
        CHECK((!metric || !metric->exists(run)));
    }
    CHECK_FALSE(Metric::parse("visit.offered per nothing").has_value());
}

// ---- patience -----------------------------------------------------------------------------------

TEST_CASE("callers in line have a patience of their own where it varies") {
    // M/M/1+M at equal rates of arrival, service and abandonment: Poisson(1) are inside, so the
    // desk is busy with 1 - 1/e, and of 1/s that come as many are served.
    const double busy = 1 - std::exp(-1.0);
    const Validation validation =
        validated(queue("1",
                        R"("desk.utilisation": ")" + std::to_string(100 * busy) +
                            R"(%", "desk.threads.present": "1", "visit.loss": ")" +
                            std::to_string(100 * (1 - busy)) + R"(%")",
                        R"json("queue": 1000, "queue_timeout": "exp(1s)")json"));
    REQUIRE(validation.count(Agreement::inside) == 3);
}

}  // namespace prodsim
