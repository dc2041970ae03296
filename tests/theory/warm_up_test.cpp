// The initial bias of a queue that starts empty, and what "warm_up": "auto" leaves of it.

#include "sim/run/warm_up.hpp"

#include "tests/theory/formulas.hpp"
#include "tests/theory/laboratory.hpp"

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// M/M/1 at 90 %: 9 inside on average. It forgets in 1 / (mu (1 - sqrt(rho))^2) = 38 s.
constexpr double rate = 9;
constexpr double mean = 0.1;
constexpr double inside = 9;
constexpr double length_s = 600;

constexpr const char* queue = R"json({
  "version": 1,
  "run": { "duration": "600s", "warm_up": "$warm_up", "replications": $replications, "seed": 3 },
  "components": {
    "users": { "type": "clients", "arrivals": "poisson(9/s)",
               "journeys": { "visit": { "call": "shop.serve" } } },
    "shop": { "type": "service", "cores": 1, "threads": 1, "queue": 1000000,
              "operations": { "serve": { "steps": [ { "cpu": "exp(100ms)" } ] } } }
  }
})json";

const std::string replications = std::to_string(trials(2500, 25));

std::unique_ptr<const Scenario> queue_with(const std::string& warm_up) {
    RunWatch watch;
    return with_warm_up(
        understood(filled(queue, {{"warm_up", warm_up}, {"replications", replications}})), 1,
        watch);
}

/// The mean number inside, over the windows of all replications.
Estimate measured(const Scenario& scenario) {
    RunWatch watch;
    std::vector<double> values;
    const Metric metric = *Metric::parse("shop.threads.present");
    for (const RunPlan& plan : plans_of(scenario, FaultSelection::all())) {
        values.push_back(*metric.of(simulate(scenario, plan, watch)));
    }
    return estimate_mean(values);
}

/// How many are missing on average from `from_s` on, by the chain that starts empty.
double bias_after(double from_s) {
    constexpr double step_s = 3;
    constexpr std::size_t states = 300;
    double sum = 0;
    double steps = 0;
    for (double t = from_s + step_s / 2; t < length_s; t += step_s) {
        const auto chances = theory::mm1_at(t, rate, mean, states);
        sum += inside -
               theory::mean_over(chances, [](std::size_t n) { return static_cast<double>(n); });
        steps += 1;
    }
    return sum / steps;
}

}  // namespace

TEST_CASE("a queue that starts empty is biased, and its automatic warm-up takes the bias away") {
    const Estimate raw = measured(*queue_with("0s"));
    const double bias = bias_after(0);
    REQUIRE(raw.mean == within(4 * raw.standard_error, inside - bias));
    REQUIRE((few_trials || raw.upper() < inside));

    const auto settled = queue_with("auto");
    REQUIRE(settled->found_warm_up()->found);
    const Duration warm_up = *settled->parameters().run.warm_up;
    INFO("warm-up " << in_seconds(warm_up) << " s by " << settled->found_warm_up()->by);
    REQUIRE(bias_after(in_seconds(warm_up)) < bias / 2);
    const Estimate rest = measured(*settled);
    REQUIRE(rest.lower() < inside);
    REQUIRE(inside < rest.upper());
}

TEST_CASE("the automatic warm-up is a function of the scenario, and an assumption of the report") {
    const auto once = queue_with("auto");
    RunWatch watch;
    const auto again = with_warm_up(
        understood(filled(queue, {{"warm_up", "auto"}, {"replications", replications}})), 2, watch);
    REQUIRE(once->parameters().run.warm_up == again->parameters().run.warm_up);
    const Assumption& assumption = once->assumptions().back();
    REQUIRE(assumption.path == "run.warm_up");
    REQUIRE(assumption.value == to_text(*once->parameters().run.warm_up));
    REQUIRE(once->effective().find_path("/run/warm_up")->text() == assumption.value);
    // What names its warm-up keeps it, and no pilot runs.
    REQUIRE(queue_with("20s")->parameters().run.warm_up == std::chrono::seconds(20));
    REQUIRE_FALSE(queue_with("20s")->found_warm_up().has_value());
}

TEST_CASE("runs that never settle are too short for a warm-up to be found") {
    // More comes than can be done: the line grows to the end of the run.
    const auto settled = [] {
        RunWatch watch;
        std::string text = filled(queue, {{"warm_up", "auto"}, {"replications", replications}});
        text.replace(text.find("poisson(9/s)"), 12, "poisson(12/s)");
        return with_warm_up(understood(text), 1, watch);
    }();
    REQUIRE_FALSE(settled->found_warm_up()->found);
    REQUIRE(settled->parameters().run.warm_up == std::chrono::seconds(300));
}
