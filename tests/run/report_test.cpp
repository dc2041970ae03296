#include "sim/run/report.hpp"

#include "sim/config/place.hpp"
#include "sim/run/judgement.hpp"
#include "sim/run/report_formats.hpp"
#include "sim/run/report_numbers.hpp"
#include "sim/run/scenario.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace prodsim {
namespace {

/// One request every 10 ms, 5 ms of work on one core. Nothing varies, so every number is known:
/// half of the core is busy, nobody waits, every latency is 5 ms. In the window from 1 s to 11 s,
/// which includes its end, requests 101 to 1100 begin and 100 to 1099 end: 1000 of each, and one
/// is under way.
constexpr const char* clockwork = R"json({
  "version": 1,
  "about": "Clockwork: a request every 10 ms, 5 ms of work.",
  "run": { "duration": "11s", "warm_up": "1s", "seed": 7, "replications": 2 },
  "components": {
    "users": { "type": "clients", "arrivals": "paced(100/s)",
               "journeys": { "tick": { "call": "clock.tick" } } },
    "clock": { "type": "service", "cores": 1, "threads": 1, "queue": 10,
               "operations": { "tick": { "steps": [ { "cpu": "5ms" } ] } } }
  },
  "requirements": { "tick.latency_p99": "<= 6ms", "tick.availability": ">= 99.9%" }
})json";

Report report_of(const std::string& scenario_text) {
    const auto scenario = Scenario::parse(scenario_text, "clockwork.json", testing::everything());
    RunWatch watch;
    const Trial trial = run_trial(*scenario, 1, watch);
    return make_report(*scenario, trial, judge(*scenario, trial, 1, watch),
                       "prodsim run clockwork.json --seed 7 --replications 2");
}

std::string file_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines(1);
    for (const char character : text) {
        if (character == '\n') {
            lines.emplace_back();
        } else {
            lines.back() += character;
        }
    }
    return lines;
}

TEST_CASE("the report of clockwork says what can be worked out by hand") {
    const Report report = report_of(clockwork);
    REQUIRE(report.runs.journeys.size() == 1);
    const JourneyReport& tick = report.runs.journeys.front();
    REQUIRE(tick.offered == 2000);  // of both replications
    REQUIRE(tick.ended == 2000);
    REQUIRE(tick.offered_per_s.value == Approx(100));
    REQUIRE(tick.offered_per_s.half_width == 0);  // the replications do not differ
    REQUIRE(tick.failed_per_s.value == 0);
    REQUIRE(tick.availability.value == 1);
    REQUIRE(tick.under_way.value == 1);
    REQUIRE(tick.failures.empty());
    REQUIRE(tick.latency_good.mean_s.value == Approx(0.005));
    REQUIRE(tick.latency_good.max_s == Approx(0.005));
    for (const QuantileReport& quantile : tick.latency_good.quantiles) {
        // A histogram knows a duration to its bucket, a 128th of it wide.
        REQUIRE(quantile.seconds.value == within(0.005 / 128, 0.005));
        // Of 2000 requests 20 are beyond the 99th percentile and 2 beyond the 99.9th.
        REQUIRE(quantile.enough_samples == (quantile.share < 0.995));
    }
    const ComponentReport& clock = report.runs.components.back();
    REQUIRE(clock.name == "clock");
    REQUIRE(clock.cores == 1);
    REQUIRE(clock.utilisation().value == within(0.001, 0.5));
    REQUIRE(clock.stations.size() == 1);
    REQUIRE(clock.stations.front().waiting.value == 0);
    REQUIRE(clock.stations.front().in_service.value == within(0.001, 0.5));
    REQUIRE(clock.stations.front().longest_line == 0);
    REQUIRE(clock.wasted == 0);
    REQUIRE(report.audits.all_hold());
    REQUIRE(report.audits.checks > 0);
    REQUIRE_FALSE(report.completion.interrupted());
    REQUIRE(report.judgement.requirements_verdict() == Verdict::pass);
}

TEST_CASE("the text of clockwork is its golden text") {
    const std::string text = text_report(report_of(clockwork), Colour::off);
    // Defaults and the fingerprint are other tests' business.
    const std::string until_assumptions = text.substr(0, text.find("\nAssumptions"));
    REQUIRE(until_assumptions == file_text("tests/golden/clockwork.txt"));
}

TEST_CASE("no line of the text is wider than the terminal and none ends in a space") {
    for (const std::string& line : lines_of(text_report(report_of(clockwork), Colour::off))) {
        INFO(line);
        REQUIRE(characters(line) <= 100);
        REQUIRE_FALSE(line.ends_with(' '));
        REQUIRE(line.find('\033') == std::string::npos);
    }
}

TEST_CASE("colours change nothing but colours") {
    const Report report = report_of(clockwork);
    std::string text = text_report(report, Colour::on);
    REQUIRE(text.find("\033[32m✓\033[0m") != std::string::npos);
    for (std::size_t at = text.find('\033'); at != std::string::npos; at = text.find('\033')) {
        text.erase(at, text.find('m', at) - at + 1);
    }
    REQUIRE(text == text_report(report, Colour::off));
}

TEST_CASE("equal runs give equal bytes in every format") {
    const Report one = report_of(clockwork);
    const Report other = report_of(clockwork);
    REQUIRE(text_report(one, Colour::off) == text_report(other, Colour::off));
    REQUIRE(markdown_report(one) == markdown_report(other));
    REQUIRE(json_report(one) == json_report(other));
}

TEST_CASE("an interrupted run says so first, whatever it measured") {
    const auto scenario = Scenario::parse(clockwork, "clockwork.json", testing::everything());
    RunWatch watch;
    watch.stop = true;
    const Trial trial = run_trial(*scenario, 1, watch);
    const Report report = make_report(*scenario, trial, judge(*scenario, trial, 1, watch), "");
    REQUIRE(report.completion.interrupted());
    const std::vector<std::string> lines = lines_of(text_report(report, Colour::off));
    REQUIRE_THAT(lines.at(1), ContainsSubstring("✗ INTERRUPTED: 0 of 2 runs"));
    REQUIRE_FALSE(markdown_report(report).empty());
    REQUIRE(nlohmann::json::parse(json_report(report))["run"]["interrupted"] == true);
}

TEST_CASE("a full line is counted and named as the reason") {
    // Two requests at once for one thread and no room to wait: every second one is turned away.
    std::string text = clockwork;
    text.replace(text.find("\"queue\": 10"), 11, "\"queue\": 0");
    text.replace(text.find("\"cpu\": \"5ms\""), 12, "\"cpu\": \"15ms\"");
    const Report report = report_of(text);
    const JourneyReport& tick = report.runs.journeys.front();
    // 15 ms of work every 10 ms: one is served, the next finds the thread taken.
    REQUIRE(tick.availability.value == within(0.001, 0.5));
    REQUIRE(tick.failures.size() == 1);
    REQUIRE(tick.failures.front().outcome == Outcome::rejected_overload);
    REQUIRE(tick.failures.front().reason.component == "clock");
    REQUIRE_THAT(text_report(report, Colour::off), ContainsSubstring("clock: queue full"));
    REQUIRE(report.judgement.requirements_verdict() == Verdict::fail);
    REQUIRE_THAT(text_report(report, Colour::off), ContainsSubstring("✗ tick.availability"));
}

TEST_CASE("where there are faults a requirement says what it looks at") {
    // Twice as slow for a second, the clock works 10 ms for every 10 ms and is back at once.
    std::string text = clockwork;
    text.insert(
        text.rfind("\"tick.availability\""),
        R"("recovery_time": "<= 5s", "tick.goodput": { "limit": ">= 90/s", "scope": "all" }, )");
    text.insert(text.rfind('}'), R"(,
        "faults": [ { "at": "4s", "for": "1s", "target": { "component": "clock" }, "slow": 2 } ])");
    const Report report = report_of(text);
    const auto json = nlohmann::json::parse(json_report(report));
    const std::string page = text_report(report, Colour::off);
    const auto line_of = [&](const std::string& metric) {
        const std::size_t begin = page.find(metric + " ");
        return page.substr(begin, page.find('\n', begin) - begin);
    };
    REQUIRE_THAT(line_of("tick.latency_p99"), EndsWith("without faults"));
    REQUIRE_THAT(line_of("tick.goodput"), EndsWith("whole run"));
    REQUIRE_THAT(line_of("recovery_time"), EndsWith("after each fault, the longest"));
    for (const auto& requirement : json["verdicts"]["requirements"]) {
        const bool of_recovery = requirement["metric"] == "recovery_time";
        REQUIRE(requirement["scope"].is_null() == of_recovery);
    }
}

/// The keys of objects; below the maps whose keys are the user's or the models' there are none.
void gather_keys(const nlohmann::json& json, std::set<std::string>& keys) {
    if (!json.is_structured()) return;
    for (const auto& item : json.items()) {
        if (json.is_object()) keys.insert(item.key());
        if (item.key() == "effective_scenario" || item.key() == "meter_meanings") continue;
        gather_keys(item.value(), keys);
    }
}

TEST_CASE("every key of the JSON report is documented") {
    std::string text = clockwork;
    text.insert(text.rfind('}'), R"(, "expect": [ { "metric": "tick.goodput", "at_least": "99/s",
        "because": "half of the core is free" } ],
        "faults": [ { "at": "4s", "for": "1s", "target": { "component": "clock" }, "slow": 4 } ])");
    text.replace(text.find("\"queue\": 10"), 11, "\"queue\": 0");
    const Report report = report_of(text);
    std::set<std::string> keys;
    gather_keys(nlohmann::json::parse(json_report(report)), keys);
    REQUIRE(keys.count("recovery_time_s") == 1);
    REQUIRE(keys.count("mechanism") == 1);
    const std::string page = file_text("docs/report.md");
    for (const std::string& key : keys) {
        INFO(key);
        const bool documented = page.find('`' + key + '`') != std::string::npos ||
                                page.find('.' + key + '`') != std::string::npos;
        REQUIRE(documented);
    }
}

TEST_CASE("the interval over replications is taken around the value of all of them together") {
    // Around 2, of 1, 2 and 3: variance (1 + 0 + 1) / 2, t quantile for two degrees of freedom
    // 4.3027 (tables), half width t * sqrt(1 / 3).
    const std::array parts{1.0, 2.0, 3.0};
    REQUIRE(sectioned(2, parts).half_width == Approx(4.30265 * std::sqrt(1.0 / 3)));
    REQUIRE(std::isnan(sectioned(2, std::array{2.0}).half_width));
}

TEST_CASE("a percentile of too few is marked wherever it stands, and promises nothing") {
    // 1000 requests a replication: 10 beyond the 99th percentile, 1 beyond the 99.9th.
    std::string text = clockwork;
    text.insert(text.rfind("\"tick.availability\""), R"("tick.latency_p99_9": "<= 6ms", )");
    const Report report = report_of(text);
    const RequirementVerdict& p99 = report.judgement.requirements.at(0);
    const RequirementVerdict& p99_9 = report.judgement.requirements.at(1);
    REQUIRE(p99.verdict == Verdict::pass);
    REQUIRE(p99_9.verdict == Verdict::inconclusive);
    REQUIRE(p99_9.note ==
            "too few for this percentile: a replication has as few as 1000 and needs 5000");
    const std::string page = text_report(report, Colour::off);
    REQUIRE_THAT(page, ContainsSubstring("? tick.latency_p99_9"));
    REQUIRE_THAT(page, ContainsSubstring("~5"));
    REQUIRE_THAT(page, ContainsSubstring("~ marks a percentile with fewer than 5 slower ones"));
    REQUIRE_THAT(markdown_report(report), ContainsSubstring("~5"));
    const auto latency = nlohmann::json::parse(json_report(report))["journeys"][0]["latency_all"];
    REQUIRE(latency["p99_s"]["enough_samples"] == true);
    REQUIRE(latency["p99.9_s"]["enough_samples"] == false);
    REQUIRE(latency["too_few_samples_for"] == nlohmann::json::array({"p99.9_s"}));
    // What is told by too few may still fail.
    text.replace(text.find("\"<= 6ms\", \"tick.avail"), 8, "\"<= 4ms\"");
    REQUIRE(report_of(text).judgement.requirements.at(1).verdict == Verdict::fail);
}

TEST_CASE("numbers for readers have few digits and a unit") {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    REQUIRE(readable_count(0) == "0");
    REQUIRE(readable_count(1234567) == "1 234 567");
    REQUIRE(readable_duration(Measured{0.0264239, 0.000312}) == "26.4 ± 0.3 ms");
    REQUIRE(readable_duration(Measured{0.0264239, 0.000156}) == "26.42 ± 0.16 ms");
    REQUIRE(readable_duration(Measured{0.005, none}) == "5.00 ms");
    REQUIRE(readable_duration(Measured{2.5e-7, none}) == "250 ns");
    REQUIRE(readable_duration(Measured{none, none}) == "–");
    REQUIRE(readable_duration(660) == "11 min");
    REQUIRE(readable_duration(1) == "1 s");
    REQUIRE(readable_rate(Measured{160.02, 0.44}) == "160.0 ± 0.4 /s");
    // An error below the last digit is left out.
    REQUIRE(readable_rate(Measured{100, 0}) == "100 /s");
    REQUIRE(percentile_name(0.999) == "p99.9");
    REQUIRE(percentile_name(0.5) == "p50");
}

TEST_CASE("a share is never rounded to all or nothing") {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    REQUIRE(readable_share(Measured{1, 0.001}) == "100 %");
    REQUIRE(readable_share(Measured{0, 0.001}) == "0 %");
    REQUIRE(readable_share(Measured{0.99962, none}) == "99.962 %");
    REQUIRE(readable_share(Measured{0.999999, none}) == "99.99990 %");
    REQUIRE(readable_share(Measured{0.8, none}) == "80.0 %");
}

}  // namespace
}  // namespace prodsim
