// The sections about journeys: what was asked for and what came of it, and how long it took.

#include "sim/run/report_numbers.hpp"
#include "sim/run/report_sections.hpp"

#include <algorithm>

namespace prodsim {

namespace {

bool any_degraded(const std::vector<JourneyReport>& journeys) {
    return std::any_of(journeys.begin(), journeys.end(),
                       [](const JourneyReport& j) { return j.degraded_per_s.value > 0; });
}

Table journey_table(const std::vector<JourneyReport>& journeys) {
    const bool degraded = any_degraded(journeys);
    Table table{{{"journey"}, {"offered", Align::right}, {"good", Align::right}}, {}};
    if (degraded) table.columns.push_back({"degraded", Align::right});
    table.columns.push_back({"failed", Align::right});
    table.columns.push_back({"availability", Align::right});
    for (const JourneyReport& journey : journeys) {
        Table::Row row{{journey.name, readable_rate(journey.offered_per_s),
                        readable_rate(journey.good_per_s)}};
        if (degraded) row.cells.push_back(readable_rate(journey.degraded_per_s));
        row.cells.push_back(readable_rate(journey.failed_per_s));
        row.cells.push_back(readable_share(journey.availability));
        table.rows.push_back(std::move(row));
    }
    return table;
}

/// Where requests pile up, rates and latencies are those of the run's length and nothing else.
std::vector<Block> piles(const std::vector<JourneyReport>& journeys) {
    constexpr double worth_telling = 0.01;
    std::vector<Block> lines;
    for (const JourneyReport& journey : journeys) {
        const double difference =
            static_cast<double>(journey.offered) - static_cast<double>(journey.ended);
        if (difference < worth_telling * static_cast<double>(journey.offered)) continue;
        lines.push_back(Line{Mark::unsure, journey.name + ": " +
                                               readable_number(journey.under_way) +
                                               " requests were still under way at the end of a "
                                               "run: more come than get done."});
    }
    return lines;
}

void add_durations(Table& table, const std::string& name, const std::string& kind,
                   const DurationReport& durations, bool& few) {
    if (durations.count == 0) return;
    Table::Row row{{name, kind}};
    for (const QuantileReport& quantile : durations.quantiles) {
        row.cells.push_back(quantile_text(quantile));
        few = few || !quantile.enough_samples;
    }
    row.cells.push_back(readable_duration(durations.max_s));
    table.rows.push_back(std::move(row));
}

}  // namespace

std::string quantile_text(const QuantileReport& quantile) {
    return (quantile.enough_samples ? "" : "~") + readable_duration(quantile.seconds);
}

Line legend_of_few() {
    return {Mark::unsure, "~ marks a percentile with fewer than " +
                              readable_number(fewest_beyond_quantile) +
                              " slower ones: chance, rather than a measurement."};
}

Section journey_section(const std::string& title, const std::vector<JourneyReport>& journeys) {
    Section section{title, "in a second of simulated time; ± is the 95 % interval", {}};
    section.blocks.push_back(journey_table(journeys));
    for (Block& line : piles(journeys)) section.blocks.push_back(std::move(line));
    return section;
}

Section latency_section(const std::string& title, const std::vector<JourneyReport>& journeys) {
    Table table{{{"journey"}, {"of"}}, {}};
    for (const double share : reported_quantiles) {
        table.columns.push_back({percentile_name(share), Align::right});
    }
    table.columns.push_back({"longest", Align::right});
    bool few = false;
    for (const JourneyReport& journey : journeys) {
        const bool all_good = journey.latency_good.count == journey.latency_all.count;
        add_durations(table, journey.name, all_good ? "all" : "good", journey.latency_good, few);
        if (all_good) continue;
        add_durations(table, journey.latency_good.count == 0 ? journey.name : "", "all",
                      journey.latency_all, few);
    }
    Section section{title, "from a request's start to its answer, good or bad", {table}};
    if (few) {
        section.blocks.push_back(legend_of_few());
    }
    return section;
}

}  // namespace prodsim
