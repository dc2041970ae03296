// A forecast for readers and for programs.

#include "sim/config/json_writer.hpp"
#include "sim/run/report_numbers.hpp"
#include "sim/run/report_page.hpp"
#include "sim/study/forecast.hpp"

#include <utility>

namespace prodsim {

namespace {

constexpr const char* unknown = "–";

std::string percent(double share) { return readable_number(100 * share) + " %"; }

std::string rate(std::optional<double> per_s, bool at_most = false) {
    if (!per_s) return unknown;
    return (at_most ? "at most " : "") + readable_number(*per_s) + " /s";
}

std::string duration(std::optional<double> seconds) {
    return seconds ? readable_duration(Measured{*seconds}) : unknown;
}

Section resources_of(const Forecast& forecast) {
    Table table{{{"component", Align::exact},
                 {"in use", Align::right},
                 {"of"},
                 {"full at", Align::right},
                 {"mean wait", Align::right},
                 {"by"}},
                {}};
    for (const ResourceForecast& one : forecast.resources) {
        const PredictedUse& use = one.use;
        const bool has_share = use.available > 0;
        table.rows.push_back(
            {{use.component,
              has_share ? (use.at_most ? "at most " : "") + percent(use.share()) : unknown,
              readable_number(use.available) + " " +
                  (use.resource == "cores" && use.available == 1 ? "core" : use.resource),
              one.full_at
                  ? (use.at_most ? "at least " : "") + readable_number(*one.full_at) + " x the load"
                  : unknown,
              duration(one.wait_s), one.basis},
             has_share && use.share() >= 1 && !use.at_most ? Mark::bad : Mark::none});
    }
    return {"Resources", "the one that is full first comes first", {std::move(table)}};
}

Section journeys_of(const Forecast& forecast) {
    Table table{{{"journey", Align::exact},
                 {"per second", Align::right},
                 {"mean latency", Align::right},
                 {"by"}},
                {}};
    for (const JourneyForecast& journey : forecast.journeys) {
        table.rows.push_back({{journey.name, rate(journey.per_s, journey.at_most),
                               duration(journey.latency_s), journey.basis}});
    }
    return {"Journeys", "", {std::move(table)}};
}

Section population_of(const PopulationForecast& told) {
    Table table{{{"quantity", Align::exact}, {"value", Align::right}, {"meaning"}}, {}};
    const auto row = [&](const char* what, std::string value, const char* meaning) {
        table.rows.push_back({{what, std::move(value), meaning}});
    };
    row("users", readable_count(static_cast<std::uint64_t>(told.users)), "");
    row("think time", duration(told.think_s), "between two journeys");
    row("alone", duration(told.demand_s), "a journey takes if there is nobody else");
    row("knee", told.knee ? readable_number(*told.knee) + " users" : unknown,
        "with more, users wait for one another");
    row("at most", rate(told.most_per_s), "asymptotic bound");
    row("at least", duration(told.least_latency_s), "asymptotic bound of the mean latency");
    row("journeys", rate(told.per_s), told.basis.c_str());
    row("mean latency", duration(told.latency_s), told.per_s ? told.basis.c_str() : "");
    return {"Population " + told.clients, "", {std::move(table)}};
}

Page page_of(const Scenario& scenario, const Forecast& forecast) {
    Page page{scenario.path(), {{Mark::none, "What follows before anything runs."}}, {}};
    if (!forecast.resources.empty()) page.sections.push_back(resources_of(forecast));
    if (!forecast.journeys.empty()) page.sections.push_back(journeys_of(forecast));
    for (const PopulationForecast& told : forecast.populations) {
        page.sections.push_back(population_of(told));
    }
    Section doubts{"Doubts", "what makes the numbers above uncertain", {}};
    for (const Finding& finding : forecast.findings) {
        const Mark mark = finding.severity == Severity::note ? Mark::none : Mark::unsure;
        doubts.blocks.emplace_back(Line{mark, finding.sentence});
    }
    if (!doubts.blocks.empty()) page.sections.push_back(std::move(doubts));
    Section assumptions{"Assumptions", "of every number above", {}};
    for (const std::string& text : forecast.assumptions) {
        assumptions.blocks.emplace_back(Line{Mark::none, text});
    }
    page.sections.push_back(std::move(assumptions));
    return page;
}

Value json(std::optional<double> number) { return number ? Value(*number) : Value(); }

Value json(const ResourceForecast& one) {
    const PredictedUse& use = one.use;
    const bool has_share = use.available > 0;
    return Value::object({{"component", use.component},
                          {"resource", use.resource},
                          {"needed", use.needed},
                          {"available", use.available},
                          {"share", has_share ? Value(use.share()) : Value()},
                          {"at_most", use.at_most},
                          {"full_at_load", json(one.full_at)},
                          {"wait_s", json(one.wait_s)},
                          {"loss", json(one.loss)},
                          {"basis", one.basis}});
}

Value json(const JourneyForecast& journey) {
    return Value::object({{"name", journey.name},
                          {"per_s", json(journey.per_s)},
                          {"at_most", journey.at_most},
                          {"latency_mean_s", json(journey.latency_s)},
                          {"basis", journey.basis}});
}

Value json(const PopulationForecast& told) {
    return Value::object({{"clients", told.clients},
                          {"users", told.users},
                          {"think_s", told.think_s},
                          {"demand_s", json(told.demand_s)},
                          {"knee_users", json(told.knee)},
                          {"most_per_s", json(told.most_per_s)},
                          {"least_latency_s", json(told.least_latency_s)},
                          {"per_s", json(told.per_s)},
                          {"latency_mean_s", json(told.latency_s)},
                          {"basis", told.basis}});
}

template <class Item>
Value list(const std::vector<Item>& items) {
    Value array = Value::array();
    for (const Item& item : items) array.append(json(item));
    return array;
}

}  // namespace

std::string text_forecast(const Scenario& scenario, const Forecast& forecast) {
    return text_of(page_of(scenario, forecast), Colour::off);
}

std::string markdown_forecast(const Scenario& scenario, const Forecast& forecast) {
    return markdown_of(page_of(scenario, forecast));
}

std::string json_forecast(const Scenario& scenario, const Forecast& forecast) {
    Value findings = Value::array();
    for (const Finding& finding : forecast.findings) findings.append(Value(finding.sentence));
    Value assumptions = Value::array();
    for (const std::string& text : forecast.assumptions) assumptions.append(Value(text));
    return pretty_json(Value::object({{"analysis_version", 1},
                                      {"scenario", scenario.path()},
                                      {"resources", list(forecast.resources)},
                                      {"journeys", list(forecast.journeys)},
                                      {"populations", list(forecast.populations)},
                                      {"doubts", std::move(findings)},
                                      {"assumptions", std::move(assumptions)}}));
}

}  // namespace prodsim
