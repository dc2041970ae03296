// Seeds that live and seeds that collapse: told apart in the report, and never averaged into one.

#include "sim/run/worlds.hpp"

#include "sim/run/precision.hpp"
#include "sim/run/report.hpp"
#include "sim/run/report_formats.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <string>

namespace prodsim {
namespace {

std::unique_ptr<const Scenario> edge(const std::vector<std::string>& settings) {
    return Scenario::load({"scenarios/metastable-edge.json", settings}, testing::everything());
}

Report report_of(const Scenario& scenario, const Trial& trial) {
    RunWatch watch;
    return make_report(scenario, trial, judge(scenario, trial, 1, watch), "prodsim run");
}

}  // namespace

TEST_CASE("the edge of metastability shows both worlds, and the share of the seeds in each") {
    const auto scenario = edge({});
    RunWatch watch;
    const Trial trial = run_trial(*scenario, 1, watch);
    const auto worlds = two_worlds(trial.main);
    REQUIRE(worlds.has_value());
    REQUIRE(worlds->collapses > 0);
    REQUIRE(worlds->collapses < trial.main.size());
    REQUIRE(worlds->served_alive > 0.95);
    REQUIRE(worlds->served_collapsed < 0.5);
    const Interval wilson = wilson_interval(worlds->collapses, trial.main.size());
    REQUIRE(worlds->share.lower == wilson.lower);
    REQUIRE(worlds->share.upper == wilson.upper);

    const Report report = report_of(*scenario, trial);
    REQUIRE(report.judgement.expectations_verdict() == Verdict::pass);
    REQUIRE(report.worlds.size() == 2);
    REQUIRE(report.worlds[0].seeds + report.worlds[1].seeds == trial.main.size());
    // The mean over both lies between them and is that of neither.
    const auto good = [](const std::vector<JourneyReport>& journeys) {
        return journeys.at(0).good_per_s.value;
    };
    const double alive = good(report.worlds[0].journeys);
    const double collapsed = good(report.worlds[1].journeys);
    const auto weight = static_cast<double>(worlds->collapses) / 20;
    REQUIRE(good(report.runs.journeys) ==
            Approx((1 - weight) * alive + weight * collapsed).epsilon(1e-6));
    REQUIRE(alive > 350);
    REQUIRE(collapsed < 300);

    const std::string text = text_report(report, Colour::off);
    REQUIRE_THAT(text, ContainsSubstring("✗ collapsed: " + std::to_string(worlds->collapses) +
                                         " of 20 seeds"));
    REQUIRE_THAT(text, ContainsSubstring("Journeys, alive"));
    REQUIRE_THAT(text, ContainsSubstring("a mean over two worlds"));
    REQUIRE(text.find("\nJourneys  in a second") == std::string::npos);
    const auto json = nlohmann::json::parse(json_report(report));
    REQUIRE(json["worlds"].size() == 2);
    REQUIRE(json["worlds"][1]["world"] == "collapsed");

    // However many replications: a mean over two worlds does not converge.
    Problems problems;
    const auto goals = read_goals({"order.goodput=90%"}, *scenario, problems);
    const Precision precision = run_to_precision(*scenario, goals, 25, 1, watch).precision;
    REQUIRE_FALSE(precision.converged());
    REQUIRE_THAT(precision.goals.at(0).doubt, ContainsSubstring("two worlds"));
}

TEST_CASE("far from the edge there is one world, on either side of it") {
    RunWatch watch;
    const auto calm = edge(
        {"components.shoppers.arrivals=poisson(300/s)", "run.duration=3min", "run.replications=5"});
    const Trial lives = run_trial(*calm, 1, watch);
    REQUIRE_FALSE(two_worlds(lives.main).has_value());
    REQUIRE(report_of(*calm, lives).worlds.empty());
    const auto flooded = edge(
        {"components.shoppers.arrivals=poisson(600/s)", "run.duration=3min", "run.replications=5"});
    REQUIRE_FALSE(two_worlds(run_trial(*flooded, 1, watch).main).has_value());
    REQUIRE_FALSE(two_worlds({}).has_value());
}

TEST_CASE("a handful of requests is not taken for two worlds") {
    // 1 request in 10 s: in the last tenth chance alone decides which share of them succeeds.
    RunWatch watch;
    const auto rare = edge({"components.shoppers.arrivals=poisson(0.1/s)"});
    REQUIRE_FALSE(two_worlds(run_trial(*rare, 1, watch).main).has_value());
}

}  // namespace prodsim
