// Replications as many as it takes: what is reached, what is not and why, and that neither threads
// nor steps change a byte.

#include "sim/run/precision.hpp"

#include "sim/config/problem.hpp"
#include "sim/run/heavy_laws.hpp"
#include "sim/run/report.hpp"
#include "sim/run/report_formats.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <cmath>
#include <string>

namespace prodsim {
namespace {

/// One worker; `$arrivals` and `$work` are filled in.
std::string queue(const std::string& arrivals, const std::string& work, int threads = 1) {
    const std::string servers = std::to_string(threads);
    return R"json({
      "version": 1,
      "run": { "duration": "200s", "warm_up": "20s", "seed": 5, "replications": 10 },
      "components": {
        "users": { "type": "clients", "arrivals": ")json" +
           arrivals + R"json(", "journeys": { "visit": { "call": "shop.serve" } } },
        "shop": { "type": "service", "cores": )json" +
           servers + R"json(, "threads": )json" + servers + R"json(, "queue": 1000000,
                  "operations": { "serve": { "steps": [ { "cpu": ")json" +
           work + R"json(" } ] } } }
      }
    })json";
}

std::unique_ptr<const Scenario> understood(const std::string& text) {
    return Scenario::parse(text, "queue.json", testing::everything());
}

std::vector<PrecisionGoal> goals_of(const std::vector<std::string>& texts,
                                    const Scenario& scenario) {
    Problems problems;
    std::vector<PrecisionGoal> goals = read_goals(texts, scenario, problems);
    INFO(problems.render(Sources{}));
    REQUIRE(problems.empty());
    return goals;
}

Precision reached(const std::string& text, const std::string& goal, std::size_t most) {
    const auto scenario = understood(text);
    RunWatch watch;
    return run_to_precision(*scenario, goals_of({goal}, *scenario), most, 1, watch).precision;
}

std::string complaint(const std::string& goal) {
    Problems problems;
    read_goals({goal}, *understood(queue("poisson(5/s)", "exp(100ms)")), problems);
    return problems.render(Sources{});
}

}  // namespace

TEST_CASE("replications are added until the metric is known as well as it was asked for") {
    const Precision precision =
        reached(queue("poisson(8/s)", "exp(100ms)"), "visit.latency_mean=3%", 1000);
    REQUIRE(precision.converged());
    REQUIRE(precision.replications > fewest_precise_replications);
    REQUIRE(precision.replications < 1000);
    const GoalVerdict& one = precision.goals.at(0);
    // Law and Kelton: g / (1 + g) of the estimate, so that it is at most g of the truth.
    REQUIRE(one.reached <= 0.03 / 1.03);
    REQUIRE(one.reached == Approx(one.estimate.half_width / one.estimate.mean));
    // M/M/1 at 80 %: 100 ms / (1 - 0.8).
    REQUIRE(std::abs(one.estimate.mean - 0.5) < 4 * one.estimate.standard_error);
}

TEST_CASE("what is easily known takes the ten replications and one look more") {
    const Precision precision = reached(queue("paced(8/s)", "50ms"), "visit.latency_mean=1%", 1000);
    REQUIRE(precision.converged());
    REQUIRE(precision.replications == 13);  // 10 and a quarter, rounded up
}

TEST_CASE("a name without a journey is a goal for each of them") {
    const auto scenario = understood(queue("poisson(5/s)", "exp(100ms)"));
    const auto goals = goals_of({"latency_p99=5%", "shop.utilisation=0.02"}, *scenario);
    REQUIRE(goals.size() == 2);
    REQUIRE(goals[0].metric == "visit.latency_p99");
    REQUIRE(goals[0].share == 0.05);
    REQUIRE(goals[1].metric == "shop.utilisation");
    REQUIRE(goals[1].share == 0.02);
}

TEST_CASE("a goal that nothing can reach is refused with a cure") {
    REQUIRE_THAT(complaint("latency_p99"), ContainsSubstring("write --precision latency_p99=5%"));
    REQUIRE_THAT(complaint("latency_p99=5ms"), ContainsSubstring("a share between 0 and 1"));
    REQUIRE_THAT(complaint("latency_p99=0"), ContainsSubstring("a share between 0 and 1"));
    REQUIRE_THAT(complaint("visit.latency_p9=5%x"), ContainsSubstring("a share"));
    REQUIRE_THAT(complaint("visit.latncy_p99=5%"), ContainsSubstring("visit.latency_p99"));
}

TEST_CASE("where the limit comes first the report says how many would do") {
    const Precision precision =
        reached(queue("poisson(8/s)", "exp(100ms)"), "visit.latency_mean=0.1%", 20);
    REQUIRE_FALSE(precision.converged());
    REQUIRE(precision.replications == 20);
    REQUIRE_THAT(precision.goals.at(0).doubt, ContainsSubstring("the limit is 20"));
}

TEST_CASE("a line that grows to the end of the run never converges: it drifts") {
    const Precision precision =
        reached(queue("poisson(20/s)", "exp(100ms)"), "visit.latency_mean=20%", 100);
    // Twice what can be done: the latency grows with the time, and every run says so alike.
    REQUIRE(precision.goals.at(0).reached < 0.2);
    REQUIRE_FALSE(precision.converged());
    REQUIRE_THAT(precision.goals.at(0).doubt, ContainsSubstring("drift"));
}

TEST_CASE("a mean of what has no variance does not converge, its percentiles may") {
    // Many workers, so that nobody waits: the latency is the work, P(X > x) = (m/x)^1.3.
    const std::string text = queue("poisson(50/s)", "pareto(min=10ms, alpha=1.3)", 1000);
    const Precision mean = reached(text, "visit.latency_mean=50%", 40);
    REQUIRE_FALSE(mean.converged());
    REQUIRE(mean.goals.at(0).doubt ==
            "heavy tail: no run sees the end of shop: pareto(min=10ms, alpha=1.3), so the interval "
            "of a mean is too narrow; ask for a percentile");
    REQUIRE(reached(text, "visit.latency_p90=10%", 40).converged());
}

TEST_CASE("laws with a tail that no run sees the end of are found, and no others") {
    const auto heaviest = [](const std::string& law) {
        return heaviest_law(*understood(queue("poisson(5/s)", law)));
    };
    REQUIRE(heaviest("exp(10ms)").empty());
    REQUIRE(heaviest("hyperexp(mean=10ms, cv=4)").empty());
    REQUIRE(heaviest("lognormal(mean=10ms, cv=2)").empty());
    REQUIRE(heaviest("lognormal(mean=10ms, cv=3)") == "shop: lognormal(mean=10ms, cv=3)");
    REQUIRE_FALSE(heaviest("pareto(min=1ms, alpha=3)").empty());
    REQUIRE(heaviest("pareto(min=1ms, alpha=3.1)").empty());
}

TEST_CASE("what is always 0 has no relative precision") {
    const Precision precision = reached(queue("poisson(5/s)", "exp(10ms)"), "visit.loss=5%", 20);
    REQUIRE_FALSE(precision.converged());
    REQUIRE_THAT(precision.goals.at(0).doubt, ContainsSubstring("it is 0"));
}

TEST_CASE("neither threads nor steps change what a precise trial measures") {
    const auto scenario = understood(queue("poisson(8/s)", "exp(100ms)"));
    const auto goals = goals_of({"latency_mean=5%"}, *scenario);
    const auto report_with = [&](unsigned threads) {
        RunWatch watch;
        const PreciseTrial run = run_to_precision(*scenario, goals, 200, threads, watch);
        Report report =
            make_report(*scenario, run.trial, judge(*scenario, run.trial, threads, watch), "");
        report.precision = run.precision;
        return report;
    };
    const Report one = report_with(1);
    REQUIRE(json_report(one) == json_report(report_with(3)));
    REQUIRE_THAT(text_report(one, Colour::off),
                 ContainsSubstring("Precision  converged after " +
                                   std::to_string(one.precision.replications)));
    // The same replications as those of a run that asks for so many from the start.
    RunWatch watch;
    Trial at_once;
    extend_trial(*scenario, one.precision.replications, 2, watch, at_once);
    REQUIRE(make_report(*scenario, at_once, judge(*scenario, at_once, 1, watch), "").fingerprint ==
            one.fingerprint);
}

}  // namespace prodsim
