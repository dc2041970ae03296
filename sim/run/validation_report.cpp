// Prints a validation: a section for each case, with its source, and a row for each known value.

#include "sim/config/json_writer.hpp"
#include "sim/run/report_numbers.hpp"
#include "sim/run/report_page.hpp"
#include "sim/run/validation.hpp"

#include <cmath>

namespace prodsim {

namespace {

std::string plural(std::size_t count, const std::string& noun) {
    return readable_count(count) + " " + noun + (count == 1 ? "" : "s");
}

/// As many digits as the tolerance deserves.
std::string known_text(const ComparedValue& value) {
    const std::string text = readable({value.known, value.tolerance / 10}, value.dimension);
    const std::size_t error = text.find(" ± ");
    if (error == std::string::npos) return text;
    const std::size_t unit = text.find(' ', error + std::string_view(" ± ").size());
    return text.substr(0, error) + (unit == std::string::npos ? "" : text.substr(unit));
}

std::string tolerance_text(const ComparedValue& value) {
    if (value.tolerance == 0) return "exact";
    return "± " + readable({value.tolerance, 0}, value.dimension);
}

Mark mark_of(Agreement agreement) {
    switch (agreement) {
        case Agreement::inside:
            return Mark::good;
        case Agreement::outside:
            return Mark::bad;
        case Agreement::too_wide:
            break;
    }
    return Mark::unsure;
}

Table empty_table() {
    return {{{"scenario"},
             {"metric"},
             {"expected", Align::right},
             {"simulated", Align::right},
             {"tolerance", Align::right},
             {"verdict"}},
            {}};
}

void add_rows(const ValidatedScenario& scenario, Table& table) {
    std::string name = scenario.name;
    for (const ComparedValue& value : scenario.values) {
        const Measured simulated{value.simulated.mean, value.simulated.half_width};
        table.rows.push_back({{std::exchange(name, ""), value.metric, known_text(value),
                               readable(simulated, value.dimension), tolerance_text(value),
                               std::string(name_of(value.agreement))},
                              mark_of(value.agreement)});
    }
}

/// The scenarios of one case stand together, and the first says what it is about.
std::vector<Section> sections_of(const Validation& validation) {
    std::vector<Section> sections;
    Table* table = nullptr;
    const std::string* id = nullptr;
    for (const ValidatedScenario& scenario : validation.scenarios) {
        if (id == nullptr || *id != scenario.id) {
            sections.push_back(
                {scenario.id, scenario.source, {Line{Mark::none, scenario.about}, empty_table()}});
            table = &std::get<Table>(sections.back().blocks.back());
            id = &scenario.id;
        }
        std::string& sources = sections.back().remark;
        if (sources.find(scenario.source) == std::string::npos) sources += "; " + scenario.source;
        add_rows(scenario, *table);
        if (!scenario.complete) {
            table->rows.push_back({{scenario.name, "interrupted", "", "", "", ""}, Mark::unsure});
        }
        if (!scenario.broken_law.empty()) {
            table->rows.push_back(
                {{scenario.name, scenario.broken_law, "", "", "", "broken"}, Mark::bad});
        }
    }
    return sections;
}

Section section_of(std::span<const TestedCase> tested) {
    Table table{{{"case"}, {"title"}, {"test"}}, {}};
    for (const TestedCase& item : tested) {
        std::string id = item.id;
        std::string about = item.about;
        for (const std::string& test : item.tests) {
            table.rows.push_back({{std::exchange(id, ""), std::exchange(about, ""), test}});
        }
    }
    return {"By tests",
            "cases that are rules: each test drives the component that has the rule",
            {table}};
}

Section section_of(std::span<const MissingCase> missing) {
    Table table{{{"case"}, {"title"}, {"missing"}}, {}};
    for (const MissingCase& item : missing) {
        table.rows.push_back({{item.id, item.about, item.missing}});
    }
    return {"Not yet", "cases for which scenarios lack a word", {table}};
}

Page page_of(const Validation& validation, const OtherCases& others) {
    Page page{"Validation: the simulator against what is known", {}, sections_of(validation)};
    const std::size_t outside = validation.count(Agreement::outside);
    const std::size_t too_wide = validation.count(Agreement::too_wide);
    page.opening.push_back(
        {outside > 0 ? Mark::bad
         : too_wide  ? Mark::unsure
                     : Mark::good,
         plural(validation.scenarios.size(), "scenario") + ": " +
             plural(validation.count(Agreement::inside), "value") + " inside the tolerance, " +
             readable_count(outside) + " outside, " + readable_count(too_wide) +
             " with an interval too wide to tell. Held by tests: " +
             plural(others.tested.size(), "case") +
             ". Not yet stated: " + plural(others.missing.size(), "case") + "."});
    page.opening.push_back(
        {Mark::none,
         "Expected values are those of the source. Simulated ones are means over replications "
         "with the half-width of their 95 % interval, which must be below a third of the "
         "tolerance."});
    if (!others.tested.empty()) page.sections.push_back(section_of(others.tested));
    if (!others.missing.empty()) page.sections.push_back(section_of(others.missing));
    return page;
}

Value number(double value) { return std::isfinite(value) ? Value(value) : Value(); }

std::string_view unit_of(Dimension dimension) {
    switch (dimension) {
        case Dimension::duration:
            return "s";
        case Dimension::rate:
            return "1/s";
        default:
            return "1";
    }
}

Value json(const ComparedValue& value) {
    return Value::object({{"metric", value.metric},
                          {"unit", unit_of(value.dimension)},
                          {"expected", value.known},
                          {"tolerance", value.tolerance},
                          {"simulated", number(value.simulated.mean)},
                          {"half_width", number(value.simulated.half_width)},
                          {"standard_error", number(value.simulated.standard_error)},
                          {"replications", static_cast<std::int64_t>(value.simulated.n)},
                          {"verdict", name_of(value.agreement)}});
}

Value json(const ValidatedScenario& scenario) {
    Value values = Value::array();
    for (const ComparedValue& value : scenario.values) values.append(json(value));
    return Value::object(
        {{"scenario", scenario.name},
         {"about", scenario.about},
         {"case", scenario.id},
         {"source", scenario.source},
         {"complete", scenario.complete},
         {"broken_law", scenario.broken_law.empty() ? Value() : scenario.broken_law},
         {"values", values}});
}

}  // namespace

std::string text_validation(const Validation& validation, const OtherCases& others, Colour colour) {
    return text_of(page_of(validation, others), colour);
}

std::string markdown_validation(const Validation& validation, const OtherCases& others) {
    return markdown_of(page_of(validation, others));
}

std::string json_validation(const Validation& validation, const OtherCases& others) {
    Value scenarios = Value::array();
    for (const ValidatedScenario& scenario : validation.scenarios) scenarios.append(json(scenario));
    Value by_tests = Value::array();
    for (const TestedCase& item : others.tested) {
        Value tests = Value::array();
        for (const std::string& test : item.tests) tests.append(test);
        by_tests.append(
            Value::object({{"case", item.id}, {"title", item.about}, {"tests", tests}}));
    }
    Value not_yet = Value::array();
    for (const MissingCase& item : others.missing) {
        not_yet.append(
            Value::object({{"case", item.id}, {"title", item.about}, {"missing", item.missing}}));
    }
    const auto count = [&](Agreement agreement) {
        return static_cast<std::int64_t>(validation.count(agreement));
    };
    return pretty_json(Value::object({{"inside", count(Agreement::inside)},
                                      {"outside", count(Agreement::outside)},
                                      {"too_wide", count(Agreement::too_wide)},
                                      {"scenarios", scenarios},
                                      {"by_tests", by_tests},
                                      {"not_yet", not_yet}}));
}

}  // namespace prodsim
