// Two scenarios that share their chance: the difference that theory knows, from a fraction of the
// replications that independent runs would need. docs/statistics.md tells the example.

#include "sim/study/difference.hpp"

#include "sim/run/metric.hpp"
#include "tests/catch.hpp"
#include "tests/theory/formulas.hpp"
#include "tests/theory/laboratory.hpp"

#include <cmath>
#include <string>

namespace prodsim::testing {
namespace {

/// The shop of scenarios/hello.json for two minutes a replication, with this work.
std::unique_ptr<const Scenario> shop(const std::string& work, int seed, int replications) {
    return Scenario::load(
        {"scenarios/hello.json",
         {"components.shop.operations.order.steps.0.cpu=" + work, "run.duration=140s",
          "run.warm_up=20s", "run.seed=" + std::to_string(seed),
          "run.replications=" + std::to_string(replications)}},
        everything());
}

constexpr const char* latency = "order.latency_mean";

std::vector<double> values(const Scenario& scenario) {
    RunWatch watch;
    std::vector<double> values;
    const Metric metric = *Metric::parse(latency);
    for (const RunPlan& plan : plans_of(scenario, FaultSelection::all())) {
        values.push_back(*metric.of(simulate(scenario, plan, watch)));
    }
    return values;
}

TEST_CASE("what work of 9.8 ms instead of 10 ms saves is known from a fifth of the replications") {
    // M/M/2 at 160/s: Erlang's C formula knows the difference.
    const double truth =
        theory::Mmc{2, 160, 0.0098}.mean_response() - theory::Mmc{2, 160, 0.01}.mean_response();
    const auto before = shop("exp(10ms)", 1, 40);
    const auto after = shop("exp(9.8ms)", 1, 40);
    RunWatch watch;
    const std::vector<std::string> metrics{latency};
    const Difference paired = differences(*before, *after, metrics, 1, watch).at(0);
    INFO(paired.text());
    REQUIRE(std::abs(paired.paired.difference.mean - truth) <
            4 * paired.paired.difference.standard_error);
    REQUIRE(paired.is_certain());
    REQUIRE(paired.paired.variance_reduction >= 5);

    // The same against runs of other seeds: as many replications, and a half width that is larger
    // by the square root of the reduction. A ratio of two variances, each of 39 degrees of freedom
    // and correlated at most fully, is off by a factor of exp(4 sqrt(4 / 39)) = 3.6 at most.
    const PairedEstimate apart =
        estimate_difference(values(*before), values(*shop("exp(9.8ms)", 2, 40)));
    const double ratio = apart.difference.half_width / paired.paired.difference.half_width;
    REQUIRE(ratio * ratio >= 5);
    REQUIRE(ratio * ratio < 3.6 * paired.paired.variance_reduction);
    REQUIRE(3.6 * ratio * ratio > paired.paired.variance_reduction);

    // So a fifth of the replications gives a narrower interval than all of the others do, although
    // Student's t is wider for fewer: that is what "five times fewer" means.
    const Difference few =
        differences(*shop("exp(10ms)", 1, 8), *shop("exp(9.8ms)", 1, 8), metrics, 1, watch).at(0);
    REQUIRE(few.paired.difference.half_width < apart.difference.half_width);
}

TEST_CASE("a difference says in words what it is, how sure, and what common chance was worth") {
    Difference difference{latency, Dimension::duration, {}, {}, {}};
    difference.first = estimate_mean(std::vector<double>{0.010, 0.030});
    difference.second = estimate_mean(std::vector<double>{0.009, 0.0285});
    // -1.0 and -1.5 ms: mean -1.25 ms, standard error 0.25 ms, t of one degree of freedom 12.7.
    difference.paired =
        estimate_difference(std::vector<double>{0.010, 0.030}, std::vector<double>{0.009, 0.0285});
    REQUIRE_FALSE(difference.is_certain());
    REQUIRE(difference.text().find("order.latency_mean: 20.0 ms and 18.8 ms, 1") == 0);
    REQUIRE_THAT(difference.text(), ContainsSubstring(" ms less, which may be chance; common"));
    // (2 * 10^2 + 2 * 9.75^2) / (2 * 0.25^2), in ms: 3121.
    REQUIRE(difference.paired.variance_reduction == Approx(3121));
}

TEST_CASE("the same scenario differs from itself by nothing at all") {
    RunWatch watch;
    const auto one = shop("exp(10ms)", 1, 3);
    const auto other = shop("exp(10ms)", 1, 3);
    const std::vector<std::string> metrics{latency, "order.latency_p99"};
    for (const Difference& difference : differences(*one, *other, metrics, 2, watch)) {
        REQUIRE(difference.paired.difference.mean == 0);
        REQUIRE(difference.paired.difference.half_width == 0);
        REQUIRE_FALSE(difference.is_certain());
    }
}

}  // namespace
}  // namespace prodsim::testing
