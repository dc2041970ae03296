#include "sim/run/report_page.hpp"

#include "sim/run/report_breakdown.hpp"
#include "sim/run/report_numbers.hpp"
#include "sim/run/report_sections.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace prodsim {

namespace {

constexpr std::size_t most_rows = 30;
constexpr std::size_t most_curves = 6;

std::string plural(std::uint64_t count, const std::string& noun) {
    return readable_count(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

// ---- the opening --------------------------------------------------------------------------------

Line interruption(const CompletionReport& completion) {
    return {Mark::bad, "INTERRUPTED: " + readable_count(completion.finished) + " of " +
                           plural(completion.planned, "run") +
                           " came to an end. What follows is of the part that ran."};
}

/// "found by MSER-5 in 5 pilot runs, by the latency of order"
std::string warm_up_text(const FoundWarmUp& warm_up) {
    return "found by MSER-5 in " + plural(warm_up.pilots, "pilot run") + ", by " + warm_up.by;
}

Line extent(const Report& report) {
    std::uint64_t requests = 0;
    for (const JourneyReport& journey : report.runs.journeys) requests += journey.ended;
    std::string text =
        plural(report.replications, "replication") + " of " + readable_duration(report.duration_s);
    if (report.warm_up_s > 0) {
        text += ", the first " + readable_duration(report.warm_up_s) + " not measured";
    }
    if (report.found_warm_up && report.found_warm_up->found) {
        text += (report.warm_up_s > 0 ? " (" : ", no warm-up (") +
                warm_up_text(*report.found_warm_up) + ")";
    }
    text +=
        "; seed " + std::to_string(report.seed) + "; " + plural(requests, "request") + " measured";
    return {Mark::none, text};
}

std::vector<Line> opening(const Report& report) {
    std::vector<Line> lines;
    if (report.completion.interrupted()) lines.push_back(interruption(report.completion));
    if (!report.about.empty()) lines.push_back({Mark::none, report.about});
    lines.push_back(extent(report));
    if (report.found_warm_up && !report.found_warm_up->found) {
        lines.push_back({Mark::unsure, "A run is too short for a warm-up to be found: " +
                                           report.found_warm_up->by +
                                           " does not settle in its first half, which is left "
                                           "out. Ask for longer runs."});
    }
    if (report.replications == 1) {
        lines.push_back({Mark::unsure,
                         "One replication: the intervals of journeys are those of batches of it, "
                         "other numbers have none. Ask for more to see how sure they are."});
    }
    if (report.assumption_count > 0) {
        lines.push_back({Mark::none, plural(report.assumption_count, "default") +
                                         " that nobody set went into this: see Assumptions."});
    }
    return lines;
}

// ---- verdicts -----------------------------------------------------------------------------------

Mark mark_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::pass:
            return Mark::good;
        case Verdict::fail:
            return Mark::bad;
        case Verdict::inconclusive:
            break;
    }
    return Mark::unsure;
}

/// An estimate of no values is not one, and neither is one of a time that never ends.
Measured measured_of(const std::vector<double>& values, const Estimate& estimate) {
    const bool finite = std::all_of(values.begin(), values.end(),
                                    [](double value) { return std::isfinite(value); });
    if (values.empty() || !finite) return {};
    return {estimate.mean, estimate.half_width};
}

Measured measured_of(const std::vector<double>& values) {
    return measured_of(values, estimate_mean(values));
}

std::string scope_text(const std::optional<Scope>& scope) {
    if (!scope) return "after each fault, the longest";
    switch (*scope) {
        case Scope::steady:
            return "without faults";
        case Scope::during:
            return "during faults";
        case Scope::all:
            break;
    }
    return "whole run";
}

void add_requirement_section(Page& page, const Report& report) {
    const std::vector<RequirementVerdict>& requirements = report.judgement.requirements;
    if (requirements.empty()) return;
    const bool has_faults = !report.fault_spans.empty();
    Table table{{{"requirement"}, {"limit"}, {"measured", Align::right}, {""}}, {}};
    for (const RequirementVerdict& requirement : requirements) {
        std::string note = requirement.note;
        if (requirement.verdict == Verdict::inconclusive && note.empty()) {
            note = "undecided: the interval spans the limit; more replications narrow it";
        }
        const bool of_main =
            requirement.scope && (!has_faults || *requirement.scope != Scope::steady);
        if (of_main && !report.worlds.empty()) {
            note += (note.empty() ? "" : "; ") + std::string("a mean over two worlds");
        }
        if (has_faults) {
            note = scope_text(requirement.scope) + (note.empty() ? "" : "; ") + note;
        }
        table.rows.push_back({{requirement.metric, requirement.threshold.text,
                               readable(measured_of(requirement.values, requirement.estimate),
                                        requirement.dimension),
                               note},
                              mark_of(requirement.verdict)});
    }
    page.sections.push_back(
        {"Requirements", "the whole 95 % interval must keep the limit", {table}});
}

void add_expectation_section(Page& page, const Report& report) {
    const std::vector<ExpectationVerdict>& expectations = report.judgement.expectations;
    if (expectations.empty()) return;
    Table table{{{"expectation"}, {"measured", Align::right}, {"held in"}, {"because"}}, {}};
    for (const ExpectationVerdict& expectation : expectations) {
        std::string held =
            std::to_string(expectation.held) + " of " + std::to_string(expectation.tested);
        if (expectation.only_with_faults) {
            held += " (" + std::to_string(expectation.held_without) + " without faults)";
        }
        table.rows.push_back({{expectation.metric + " " + expectation.claim,
                               readable(measured_of(expectation.values), expectation.dimension),
                               held, expectation.because},
                              mark_of(expectation.verdict)});
    }
    page.sections.push_back(
        {"Expectations", "what the author claims, checked in every replication", {table}});
}

Mark mark_of(Fate fate) {
    if (fate == Fate::metastable) return Mark::bad;
    return fate == Fate::recovered ? Mark::good : Mark::unsure;
}

/// "recovered in 20 of 20"; "metastable in 3 of 20, so in 5 to 36 % of all seeds"
std::string fate_text(const FaultVerdict& fault, const FaultVerdict::World& world) {
    std::string text = std::string(name_of(world.fate)) + " in " + std::to_string(world.seeds) +
                       " of " + std::to_string(fault.fates.size());
    if (!world.journeys.empty()) text += " (" + joined(world.journeys) + ")";
    if (fault.worlds.size() == 1) return text;
    const auto percent = [](double share) { return std::to_string(std::lround(100 * share)); };
    return text + ", so in " + percent(world.share.lower) + " to " + percent(world.share.upper) +
           " % of all seeds";
}

/// More load may mean more that succeed.
std::string lost_text(const Estimate& lost) {
    if (lost.mean < 0) {
        return "none: " + readable_number({-lost.mean, lost.half_width}) + " more succeeded";
    }
    return readable_number({lost.mean, lost.half_width});
}

std::string recovery_text(const FaultVerdict& fault, Fate fate) {
    if (fate != Fate::recovered || fault.recovery_s.empty()) return "never";
    const Measured after = measured_of(fault.recovery_s, fault.recovery_time);
    return after.value == 0 ? "as it ends" : readable_duration(after);
}

// A row for each world, for a mean over several would describe none of them.
void add_fault_section(Page& page, const Report& report) {
    if (report.judgement.faults.empty()) return;
    Table table{{{"fault"},
                 {"requests lost", Align::right},
                 {"recovery", Align::right},
                 {"what became of the system"}},
                {}};
    for (const FaultVerdict& fault : report.judgement.faults) {
        std::string title = fault.title;
        for (const FaultVerdict::World& world : fault.worlds) {
            std::string fate = fate_text(fault, world);
            if (fault.extended && &world == &fault.worlds.back()) {
                fate += "; judged until " + readable_duration(in_seconds(fault.judged_until));
            }
            table.rows.push_back({{std::exchange(title, ""), lost_text(world.lost),
                                   recovery_text(fault, world.fate), fate},
                                  mark_of(world.fate)});
        }
    }
    page.sections.push_back(
        {"Faults", "each alone, against the run of the same seed without any", {table}});
}

// ---- failures -----------------------------------------------------------------------------------

std::string reason_text(const Reason& reason) {
    if (reason.component.empty()) return "not said";
    return reason.component + ": " + reason.mechanism;
}

void add_failure_section(Page& page, const std::vector<JourneyReport>& journeys) {
    Table table{{{"journey"},
                 {"share", Align::right},
                 {"requests", Align::right},
                 {"how it ended"},
                 {"because of"}},
                {}};
    for (const JourneyReport& journey : journeys) {
        std::string name = journey.name;
        for (const FailureReport& failure : journey.failures) {
            if (table.rows.size() == most_rows) break;
            table.rows.push_back(
                {{std::exchange(name, ""), readable_share(failure.share),
                  readable_count(failure.count), std::string(name_of(failure.outcome)),
                  reason_text(failure.reason)}});
        }
    }
    if (table.rows.empty()) return;
    page.sections.push_back(
        {"Why requests failed", "share of all requests of the journey", {table}});
}

// ---- over time ----------------------------------------------------------------------------------

constexpr std::size_t curve_columns = 60;

/// As many values as there are columns, each the highest of its stretch.
std::vector<double> compressed(const std::vector<double>& values) {
    const std::size_t columns = std::min(curve_columns, values.size());
    std::vector<double> result(columns, 0);
    for (std::size_t i = 0; i < values.size(); ++i) {
        double& column = result[i * columns / values.size()];
        if (std::isfinite(values[i])) column = std::max(column, values[i]);
    }
    return result;
}

std::string curve(const std::vector<double>& values) {
    static constexpr std::array bars{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const std::vector<double> columns = compressed(values);
    const double top = columns.empty() ? 0 : *std::max_element(columns.begin(), columns.end());
    std::string text;
    for (const double value : columns) {
        // What is there at all is seen.
        const double height = top > 0 ? value / top * (bars.size() - 1) : 0;
        text += bars[static_cast<std::size_t>(std::ceil(height))];
    }
    return text;
}

double peak(const std::vector<double>& values) {
    double top = 0;
    for (const double value : values) {
        if (std::isfinite(value)) top = std::max(top, value);
    }
    return top;
}

void add_curve(Table& table, std::string name, const std::string& what,
               const std::vector<double>& values, const std::string& top) {
    table.rows.push_back({{std::move(name), what, curve(values), top}});
}

/// Where in the run a fault was there.
std::string span_text(const FaultSpan& span, double length_s, std::size_t columns) {
    std::string text;
    const double column_s = length_s / static_cast<double>(columns);
    for (std::size_t i = 0; i < columns; ++i) {
        const double from_s = static_cast<double>(i) * column_s;
        const bool there = span.from_s < from_s + column_s && span.to_s > from_s;
        text += there ? "━" : "┄";
    }
    return text;
}

void add_curve_section(Page& page, const Report& report) {
    const std::vector<JourneyReport>& journeys = report.runs.journeys;
    Table table{{{"journey"}, {""}, {"from the start to the end of a run", Align::exact}, {"peak"}},
                {}};
    double width_s = 0;
    for (const JourneyReport& journey : journeys) {
        if (table.rows.size() >= 3 * most_curves) break;
        const SeriesReport& series = journey.series;
        if (series.good_per_s.size() < 2) continue;
        width_s = series.width_s * std::ceil(static_cast<double>(series.good_per_s.size()) /
                                             static_cast<double>(curve_columns));
        add_curve(table, journey.name, "good", series.good_per_s,
                  readable_rate({peak(series.good_per_s)}));
        if (peak(series.failed_per_s) > 0) {
            add_curve(table, "", "failed", series.failed_per_s,
                      readable_rate({peak(series.failed_per_s)}));
        }
        add_curve(table, "", "p99", series.latency_p99_s,
                  readable_duration(Measured{peak(series.latency_p99_s)}));
    }
    if (table.rows.empty()) return;
    for (std::size_t i = 0; i < std::min(most_curves, report.fault_spans.size()); ++i) {
        const FaultSpan& span = report.fault_spans[i];
        table.rows.push_back({{"fault", std::to_string(i + 1),
                               span_text(span, report.duration_s, curve_columns), span.title}});
    }
    page.sections.push_back(
        {"Over time", "a column is about " + readable_duration(width_s), {table}});
}

// ---- components ---------------------------------------------------------------------------------

std::uint64_t turned_away(const ComponentReport& component) {
    std::uint64_t count = 0;
    for (const StationReport& station : component.stations) {
        count += station.rejected + station.expired;
    }
    return count;
}

/// All of them in their order, or the busiest of too many.
std::vector<const ComponentReport*> shown(const std::vector<ComponentReport>& components) {
    std::vector<const ComponentReport*> shown;
    for (const ComponentReport& component : components) {
        if (component.has_cores() || !component.stations.empty()) shown.push_back(&component);
    }
    if (shown.size() <= most_rows) return shown;
    std::stable_sort(shown.begin(), shown.end(),
                     [](const ComponentReport* a, const ComponentReport* b) {
                         const auto busy = [](const ComponentReport& c) {
                             return c.has_cores() ? c.utilisation().value : 0;
                         };
                         return busy(*a) > busy(*b);
                     });
    shown.resize(most_rows);
    return shown;
}

std::string p99_of(const DurationReport& durations) {
    for (const QuantileReport& quantile : durations.quantiles) {
        if (quantile.share == 0.99) return quantile_text(quantile);
    }
    return "";
}

/// The columns that say nothing in this run are left out.
struct ComponentColumns {
    bool turned_away = false;
    bool wasted = false;
};

Table::Row component_row(const ComponentReport& component, const StationReport* station,
                         ComponentColumns columns, bool first) {
    Table::Row row;
    row.cells.push_back(first ? component.name : "");
    row.cells.push_back(first && component.has_cores()
                            ? readable_share(component.utilisation()) + " of " +
                                  readable_number(component.cores)
                            : "");
    if (station == nullptr) {
        row.cells.insert(row.cells.end(), 4, "");
    } else {
        row.cells.push_back(station->part);
        row.cells.push_back(readable_number(station->waiting));
        row.cells.push_back(readable_count(static_cast<std::uint64_t>(station->longest_line)));
        row.cells.push_back(p99_of(station->wait));
    }
    if (columns.turned_away) {
        row.cells.push_back(
            station == nullptr ? "" : readable_count(station->rejected + station->expired));
    }
    if (columns.wasted)
        row.cells.push_back(first ? readable_share({component.wasted_share.value}) : "");
    return row;
}

Table component_table(const std::vector<const ComponentReport*>& components) {
    ComponentColumns columns;
    for (const ComponentReport* component : components) {
        columns.turned_away = columns.turned_away || turned_away(*component) > 0;
        columns.wasted = columns.wasted || component->wasted > 0;
    }
    Table table{{{"component"},
                 {"cores busy", Align::right},
                 {"line for"},
                 {"waiting", Align::right},
                 {"longest", Align::right},
                 {"wait p99", Align::right}},
                {}};
    if (columns.turned_away) table.columns.push_back({"refused", Align::right});
    if (columns.wasted) table.columns.push_back({"wasted", Align::right});
    for (const ComponentReport* component : components) {
        bool first = true;
        for (const StationReport& station : component->stations) {
            table.rows.push_back(
                component_row(*component, &station, columns, std::exchange(first, false)));
        }
        if (first) table.rows.push_back(component_row(*component, nullptr, columns, first));
    }
    return table;
}

void add_component_section(Page& page, const std::vector<ComponentReport>& all) {
    const std::vector<const ComponentReport*> components = shown(all);
    if (components.empty()) return;
    Section section{"Components",
                    "all instances together; wasted is work for callers that had gone",
                    {component_table(components)}};
    if (components.size() == most_rows) {
        section.remark = "the " + std::to_string(most_rows) + " busiest of " +
                         readable_count(all.size()) + "; the JSON report has all";
    }
    const auto is_doubtful = [](const Table::Row& row) {
        return std::any_of(row.cells.begin(), row.cells.end(),
                           [](const std::string& cell) { return cell.starts_with("~"); });
    };
    const auto& rows = std::get<Table>(section.blocks.front()).rows;
    if (std::any_of(rows.begin(), rows.end(), is_doubtful)) {
        section.blocks.push_back(legend_of_few());
    }
    page.sections.push_back(std::move(section));
}

void add_edge_section(Page& page, const std::vector<EdgeReport>& edges) {
    Table table{{{"from -> to"},
                 {"by"},
                 {"calls", Align::right},
                 {"attempts", Align::right},
                 {"attempts a call", Align::right}},
                {}};
    for (const EdgeReport& edge : edges) {
        if (!(edge.calls_per_s.value > 0) || table.rows.size() == most_rows) continue;
        table.rows.push_back(
            {{edge.name, edge.policy, readable_rate(edge.calls_per_s),
              readable_rate(edge.attempts_per_s), "x " + readable_number(edge.amplification)}});
    }
    if (table.rows.empty()) return;
    page.sections.push_back(
        {"Amplification", "attempts that policies make of the calls that come in", {table}});
}

void add_cost_section(Page& page, const RunSetReport& runs) {
    if (runs.costs.empty()) return;
    Table table{{{"component"},
                 {"instances", Align::right},
                 {"paid calls", Align::right},
                 {"an hour", Align::right},
                 {"share", Align::right}},
                {}};
    for (const CostReport& cost : runs.costs) {
        const double share = cost.per_hour.value / runs.cost_per_hour.value;
        table.rows.push_back({{cost.name, readable_number(cost.instances),
                               cost.calls_per_s.value > 0 ? readable_rate(cost.calls_per_s) : "",
                               readable_number(cost.per_hour), readable_share({share})}});
    }
    table.rows.push_back({{"together", "", "", readable_number(runs.cost_per_hour), ""}});
    const Line good{Mark::none, "A thousand good requests cost " +
                                    readable_number(runs.cost_per_1000_good) + "."};
    page.sections.push_back({"Costs", "in the currency of the prices", {table, good}});
}

// ---- what was known before ----------------------------------------------------------------------

Mark mark_of(Severity severity) {
    switch (severity) {
        case Severity::error:
            return Mark::bad;
        case Severity::warning:
            return Mark::unsure;
        case Severity::note:
            break;
    }
    return Mark::none;
}

void add_finding_section(Page& page, const std::vector<Finding>& findings) {
    if (findings.empty()) return;
    Section section{"The architecture", "known from the scenario alone, before any run", {}};
    for (const Finding& finding : findings) {
        if (section.blocks.size() == most_rows) {
            section.blocks.push_back(
                Line{Mark::none, "and " + readable_count(findings.size() - most_rows) + " more"});
            break;
        }
        section.blocks.push_back(Line{mark_of(finding.severity), finding.sentence});
    }
    page.sections.push_back(std::move(section));
}

// ---- audits, assumptions, reproduction ----------------------------------------------------------

Section audit_section(const AuditReport& audits) {
    Section section{"Audits", "laws that must hold in every run", {}};
    if (audits.all_hold()) {
        section.blocks.push_back(Line{
            Mark::good, "all " + plural(audits.checks, "check") + " hold: " + joined(audits.laws)});
    }
    for (const AuditReport::Broken& broken : audits.broken) {
        section.blocks.push_back(Line{
            Mark::bad, broken.audit.law + " is broken for " + broken.audit.subject + " (" +
                           broken.runs + ", replication " + std::to_string(broken.replication + 1) +
                           "): " + broken.audit.detail});
    }
    if (!audits.all_hold()) {
        section.blocks.push_back(Line{Mark::bad,
                                      "This is a defect of the simulator: do not "
                                      "trust the numbers above."});
    }
    return section;
}

std::string places_text(const std::vector<std::string>& places) {
    constexpr std::size_t named = 3;
    const std::size_t count = std::min(named, places.size());
    std::string text =
        joined({places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count)});
    if (places.size() > count) text += " and " + std::to_string(places.size() - count) + " more";
    return text;
}

/// The JSON report has the whole.
std::string shortened(const std::string& text) {
    constexpr std::size_t longest = 40;
    if (text.size() <= longest) return text;
    std::size_t end = longest;
    while ((static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return text.substr(0, end) + "…";
}

/// What stands for a real product has a line to itself; the rest, such as a share of 100 %, is one
/// paragraph. What faults, requirements and prices leave out asks for nothing: it is only counted.
void add_assumption_section(Page& page, const Report& report) {
    if (report.assumptions.empty()) return;
    Table table{{{"default"}, {"value"}, {"of"}, {"source"}}, {}};
    std::string others;
    std::size_t left_out = 0;
    for (const AssumptionReport& assumption : report.assumptions) {
        if (!assumption.of_the_system) {
            left_out += assumption.places.size();
            continue;
        }
        const std::string value = shortened(assumption.value);
        if (assumption.source.empty()) {
            others += (others.empty() ? "" : "; ") + assumption.field + " " + value + " (" +
                      places_text(assumption.places) + ")";
        } else {
            table.rows.push_back(
                {{assumption.field, value, places_text(assumption.places), assumption.source}});
        }
    }
    Section section{
        "Assumptions", plural(report.assumption_count, "default") + " that nobody set", {}};
    if (!table.rows.empty()) section.blocks.push_back(std::move(table));
    if (!others.empty()) section.blocks.push_back(Line{Mark::none, "No source: " + others + "."});
    if (left_out > 0) {
        section.blocks.push_back(
            Line{Mark::none, "What faults, requirements, expectations and prices do not say: " +
                                 plural(left_out, "default") + ", listed in the JSON report."});
    }
    page.sections.push_back(std::move(section));
}

void add_cohort_sections(Page& page, const std::vector<JourneyReport>& cohorts) {
    if (cohorts.empty()) return;
    page.sections.push_back(journey_section("Journeys by region, class and tenant", cohorts));
    page.sections.push_back(latency_section("Latency by region, class and tenant", cohorts));
}

Section reproduction(const Report& report) {
    return {"Reproduce",
            "the same bytes on any machine",
            {Verbatim{report.reproduce},
             Line{Mark::none, "fingerprint of the runs: " + hexadecimal(report.fingerprint)}}};
}

}  // namespace

Page page_of(const Report& report) {
    Page page{report.scenario_path, opening(report), {}};
    add_precision_section(page, report.precision);
    add_requirement_section(page, report);
    add_expectation_section(page, report);
    add_fault_section(page, report);
    const std::vector<JourneyReport>& journeys = report.runs.journeys;
    if (!journeys.empty()) {
        if (report.worlds.empty()) {
            page.sections.push_back(journey_section(
                report.steady.empty() ? "Journeys" : "Journeys with every fault", journeys));
        } else {
            add_world_sections(page, report);
        }
        if (!report.steady.empty()) {
            page.sections.push_back(journey_section("Journeys without faults", report.steady));
        }
        if (report.worlds.empty()) page.sections.push_back(latency_section("Latency", journeys));
        add_cohort_sections(page, report.runs.cohorts);
        add_user_sections(page, report.runs);
        add_failure_section(page, journeys);
        add_curve_section(page, report);
        add_breakdown_section(page, report.breakdowns);
        add_cause_sections(page, report.attribution);
        add_failed_time_section(page, report.fault_spans, report.failed_times);
    }
    add_component_section(page, report.runs.components);
    add_replica_section(page, report.runs);
    add_edge_section(page, report.runs.edges);
    add_cost_section(page, report.runs);
    add_theory_section(page, report.theory);
    add_finding_section(page, report.findings);
    page.sections.push_back(audit_section(report.audits));
    add_assumption_section(page, report);
    page.sections.push_back(reproduction(report));
    return page;
}

}  // namespace prodsim
