#include "sim/run/report_breakdown.hpp"

#include "sim/run/report_numbers.hpp"

#include <cmath>
#include <string>
#include <utility>

namespace prodsim {

namespace {

// A reader is told of the parts that matter, up to this many and down to this share.
constexpr std::size_t most_parts = 5;
constexpr double least_share = 0.01;

// Of a sample, so whole percents are what it is worth.
std::string percent(double share) {
    return std::to_string(static_cast<int>(std::lround(100 * share))) + " %";
}

std::string text_of(const TimeLabel& label) {
    return label.owner.empty() ? std::string(name_of(label.kind))
                               : label.owner + " " + std::string(name_of(label.kind));
}

std::string parts_text(const TimeSplitReport& split) {
    if (split.latency_mean_s == 0) return "no time at all";
    std::string text;
    double rest = split.latency_mean_s;
    for (std::size_t i = 0; i < split.parts.size() && i < most_parts; ++i) {
        const double share = split.parts[i].mean_s / split.latency_mean_s;
        if (share < least_share) break;
        if (!text.empty()) text += ", ";
        text += text_of(split.parts[i].label) + " " + percent(share);
        rest -= split.parts[i].mean_s;
    }
    if (rest > least_share * split.latency_mean_s) {
        text += ", others " + percent(rest / split.latency_mean_s);
    }
    return text;
}

void add_row(Table& table, std::string& name, const std::string& kind,
             const TimeSplitReport& split) {
    if (split.journeys == 0) return;
    table.rows.push_back({{std::exchange(name, ""), kind, readable_count(split.journeys),
                           readable_duration(split.latency_mean_s), parts_text(split)},
                          Mark::none});
}

Table empty_table(const std::string& first) {
    return {{{first},
             {"of"},
             {"traced", Align::right},
             {"mean", Align::right},
             {"spent on, along the critical path"}},
            {}};
}

}  // namespace

void add_breakdown_section(Page& page, const std::vector<BreakdownReport>& breakdowns) {
    Table table = empty_table("journey");
    for (const BreakdownReport& breakdown : breakdowns) {
        std::string name = breakdown.journey;
        add_row(table, name, "good", breakdown.good);
        add_row(table, name, "slowest 5 %", breakdown.slowest);
        add_row(table, name, "failed", breakdown.failed);
    }
    if (table.rows.empty()) return;
    page.sections.push_back({"Where the time goes", "of a sample of the requests", {table}});
}

void add_failed_time_section(Page& page, const std::vector<FaultSpan>& faults,
                             const std::vector<std::vector<BreakdownReport>>& breakdowns) {
    Table table = empty_table("fault");
    table.columns[1].title = "journey";
    for (std::size_t i = 0; i < breakdowns.size(); ++i) {
        std::string name = faults[i].title;
        for (const BreakdownReport& breakdown : breakdowns[i]) {
            add_row(table, name, breakdown.journey, breakdown.failed);
        }
    }
    if (table.rows.empty()) return;
    page.sections.push_back(
        {"Where failed requests had spent their time", "of a sample, each fault alone", {table}});
}

}  // namespace prodsim
