// Theory beside measurement: each law agrees with the runs where it holds, its number is that of
// `analyze`, and where it does not hold the panel says why or says nothing.

#include "sim/study/theory.hpp"

#include "sim/run/judgement.hpp"
#include "sim/run/report_formats.hpp"
#include "sim/study/forecast.hpp"
#include "tests/catch.hpp"
#include "tests/theory/formulas.hpp"
#include "tests/theory/laboratory.hpp"

#include <algorithm>
#include <string>

namespace prodsim::testing {
namespace {

std::string scenario_of(const std::string& components, const std::string& run = {}) {
    return R"j({"version": 1, "run": {"duration": "8min", "warm_up": "1min", "seed": 2,
        "replications": 10)j" +
           run + R"j(}, "components": {)j" + components + "}}";
}

std::string users(const std::string& arrivals, const std::string& more = "") {
    return R"j("users": {"type": "clients", "arrivals": ")j" + arrivals +
           R"j(", "journeys": {"visit": {"call": "app.page"}})j" + more + "},";
}

std::string service(const std::string& parameters, const std::string& work) {
    return R"j("app": {"type": "service", )j" + parameters +
           R"j(, "operations": {"page": {"steps": [{"cpu": ")j" + work + R"j("}]}}})j";
}

std::vector<TheoryLine> lines_of(const std::string& text) {
    const auto scenario = understood(text);
    RunWatch watch;
    return compare_with_theory(*scenario, run_trial(*scenario, 1, watch));
}

/// The only line, which must agree.
TheoryLine agreeing(const std::string& text) {
    const std::vector<TheoryLine> lines = lines_of(text);
    REQUIRE(lines.size() == 1);
    INFO(lines[0].law << ": " << lines[0].theory << " beside " << lines[0].measured.value << " +- "
                      << lines[0].measured.half_width << ", " << lines[0].doubt);
    REQUIRE(lines[0].doubt.empty());
    REQUIRE(lines[0].measured.half_width < 0.2 * lines[0].theory);
    return lines[0];
}

constexpr const char* single = R"j("cores": 1, "threads": 1, "queue": 100000)j";

TEST_CASE("each law of a single station stands beside the runs, and agrees") {
    const std::string mm1 = scenario_of(users("poisson(8/s)") + service(single, "exp(100ms)"));
    TheoryLine line = agreeing(mm1);
    REQUIRE(line.law == "M/M/1");
    REQUIRE(line.quantity == "mean wait");
    REQUIRE(line.theory == Approx(0.4));  // rho S / (1 - rho)
    // The number of `analyze`, not another computation of it.
    REQUIRE(line.theory == *forecast(*understood(mm1)).resources.at(0).wait_s);

    line = agreeing(
        scenario_of(users("poisson(32/s)") +
                    service(R"j("cores": 4, "threads": 4, "queue": 100000)j", "exp(100ms)")));
    REQUIRE(line.law == "M/M/4, Erlang C");
    REQUIRE(line.theory == Approx((theory::Mmc{4, 32, 0.1}.mean_wait())));

    line = agreeing(scenario_of(users("poisson(7/s)") + service(single, "erlang(4, 100ms)")));
    REQUIRE_THAT(line.law, ContainsSubstring("Pollaczek-Khinchine"));
    REQUIRE(line.theory == Approx(theory::pollaczek_khinchine_wait(7, 0.1, 0.5)));

    // Shared by all: rho / (1 - rho) are there, whatever the law.
    line = agreeing(scenario_of(users("poisson(7/s)") +
                                service(R"j("cores": 1, "threads": 5000)j", "erlang(4, 100ms)")));
    REQUIRE(line.quantity == "mean at work");
    REQUIRE(line.theory == Approx(0.7 / 0.3));

    line = agreeing(
        scenario_of(users("poisson(40/s)") +
                    service(R"j("cores": 5, "threads": 5, "queue": 0)j", "erlang(2, 100ms)")));
    REQUIRE(line.law == "M/G/5 without a line, Erlang B");
    REQUIRE(line.dimension == Dimension::share);
    REQUIRE(line.theory == Approx(theory::erlang_b(5, 4)));
}

TEST_CASE("where no law of waiting is known the utilisation law remains") {
    const TheoryLine line =
        agreeing(scenario_of(users("paced(8/s)") + service(single, "exp(100ms)")));
    REQUIRE(line.law == "utilisation law");
    REQUIRE(line.theory == Approx(0.8));
}

TEST_CASE("a closed population stands beside mean-value analysis") {
    const std::vector<TheoryLine> lines = lines_of(scenario_of(
        R"j("users": {"type": "clients", "users": 20, "think": "exp(1s)",
                      "journeys": {"visit": {"call": "app.page"}}},)j" +
        service(single, "exp(100ms)")));
    const TheoryLine& line = lines.back();
    REQUIRE(line.subject == "users");
    REQUIRE(line.law == "exact mean-value analysis");
    INFO(line.theory << " beside " << line.measured.value);
    REQUIRE(line.doubt.empty());
}

TEST_CASE("a line behind a pool obeys Little's law") {
    const std::vector<TheoryLine> lines = lines_of(
        scenario_of(users("poisson(40/s)") +
                    R"j("app": {"type": "service", "cores": 8, "threads": 5000, "queue": 100000,
              "operations": {"page": {"steps": [{"cpu": "exp(10ms)"}, {"call": "db.ask"}]}},
              "calls": {"db": {"policy": ["pool(size=5)"]}}},
            "db": {"type": "service", "cores": 8, "threads": 100,
              "operations": {"ask": {"steps": [{"cpu": "exp(100ms)"}]}}})j"));
    const auto found = std::find_if(lines.begin(), lines.end(), [](const TheoryLine& line) {
        return line.law == "Little's law" && line.measured.value > 0;
    });
    REQUIRE(found != lines.end());
    REQUIRE(found->subject == "app -> db");
    REQUIRE(found->doubt.empty());
    REQUIRE(found->theory == Approx(found->measured.value).epsilon(0.02));
}

TEST_CASE("a run that starts empty and is not let warm up is found out") {
    // At 95 % the line remembers for 100 ms / (1 - sqrt(0.95))^2 = 156 s.
    std::string text = scenario_of(users("poisson(9.5/s)") + service(single, "exp(100ms)"));
    text.replace(text.find("\"8min\", \"warm_up\": \"1min\""), 25,
                 "\"1min\", \"warm_up\": \"0s\"  ");
    text.replace(text.find("\"replications\": 10"), 18, "\"replications\": 80");
    const std::vector<TheoryLine> lines = lines_of(text);
    REQUIRE(lines.size() == 1);
    REQUIRE(lines[0].measured.value < lines[0].theory);
    REQUIRE_THAT(lines[0].doubt, ContainsSubstring("starts empty"));
}

TEST_CASE("calls that are tried again are named as what a law did not know") {
    const std::string retries =
        R"j(, "calls": {"app": {"policy": ["retry(attempts=3)", "timeout(100ms)"]}})j";
    const std::vector<TheoryLine> lines =
        lines_of(scenario_of(users("poisson(6/s)", retries) + service(single, "exp(100ms)")));
    REQUIRE_FALSE(lines.empty());
    REQUIRE_THAT(lines[0].doubt, ContainsSubstring("come instead of 6.00 /s"));
}

TEST_CASE("a load with a shape has no steady state to compare with") {
    const std::string shaped = users("poisson(5/s)", R"j(, "shape": ["sine(period=4min)"])j");
    REQUIRE(lines_of(scenario_of(shaped + service(single, "exp(100ms)"))).empty());
}

TEST_CASE("the panel is printed in every format, one line a law") {
    const auto scenario =
        understood(scenario_of(users("poisson(8/s)") + service(single, "exp(100ms)")));
    RunWatch watch;
    const Trial trial = run_trial(*scenario, 1, watch);
    Report report = make_report(*scenario, trial, judge(*scenario, trial, 1, watch), "");
    report.theory = compare_with_theory(*scenario, trial);
    REQUIRE_THAT(text_report(report, Colour::off), ContainsSubstring("\nTheory  "));
    REQUIRE_THAT(text_report(report, Colour::off), ContainsSubstring("✓ app  mean wait"));
    REQUIRE_THAT(markdown_report(report), ContainsSubstring("## Theory"));
    REQUIRE_THAT(json_report(report), ContainsSubstring("\"law\": \"M/M/1\""));
}

}  // namespace
}  // namespace prodsim::testing
