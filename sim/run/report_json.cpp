// Prints a report as JSON: every key names its unit, what is unknown is null, equal reports give
// equal bytes. docs/report.md lists the keys; a test compares it with what is written here.

#include "sim/config/json_writer.hpp"
#include "sim/run/report_formats.hpp"
#include "sim/run/report_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace prodsim {

namespace {

template <class Items, class Print>
Value list_of(const Items& items, const Print& print) {
    Value list = Value::array();
    for (const auto& item : items) list.append(print(item));
    return list;
}

/// Null where there is nothing to measure: the writer has no word for a number that is none.
Value json(double number) { return std::isfinite(number) ? Value(number) : Value(); }

Value json(std::uint64_t count) { return Value(static_cast<std::int64_t>(count)); }

Value json(const Measured& measured) {
    return Value::object(
        {{"value", json(measured.value)}, {"half_width", json(measured.half_width)}});
}

/// An estimate of no values is not one, and neither is one of a time that never ends.
Value json(const std::vector<double>& values, const Estimate& estimate) {
    const bool finite = std::all_of(values.begin(), values.end(),
                                    [](double value) { return std::isfinite(value); });
    if (values.empty() || !finite) return json(Measured{});
    return json(Measured{estimate.mean, estimate.half_width});
}

/// Curves are for eyes: four digits draw them as well as seventeen.
Value curve(const std::vector<double>& values) {
    return list_of(values, [](double value) {
        if (!std::isfinite(value) || value == 0) return json(value);
        double scale = 1;
        while (std::abs(value) * scale < 1000) scale *= 10;
        return json(std::round(value * scale) / scale);
    });
}

Value json(const DurationReport& durations) {
    Value object = Value::object({{"count", json(durations.count)},
                                  {"mean_s", json(durations.mean_s)},
                                  {"max_s", json(durations.max_s)}});
    Value few = Value::array();
    for (const QuantileReport& quantile : durations.quantiles) {
        std::string name = percentile_name(quantile.share);
        if (!quantile.enough_samples) few.append(name + "_s");
        Value value = json(quantile.seconds);
        value.put("enough_samples", quantile.enough_samples);
        object.append(name + "_s", std::move(value), nowhere);
    }
    object.put("too_few_samples_for", few);
    object.put("tail_index", durations.tail ? json(durations.tail->value) : Value());
    return object;
}

Value json(const Reason& reason) {
    if (reason.component.empty()) return {};
    return Value::object({{"component", reason.component}, {"mechanism", reason.mechanism}});
}

Value json(const FailureReport& failure) {
    return Value::object({{"outcome", name_of(failure.outcome)},
                          {"reason", json(failure.reason)},
                          {"count", json(failure.count)},
                          {"share", json(failure.share)}});
}

Value json(const SeriesReport& series) {
    return Value::object({{"width_s", json(series.width_s)},
                          {"offered_per_s", curve(series.offered_per_s)},
                          {"good_per_s", curve(series.good_per_s)},
                          {"failed_per_s", curve(series.failed_per_s)},
                          {"latency_mean_s", curve(series.latency_mean_s)},
                          {"latency_p99_s", curve(series.latency_p99_s)}});
}

Value json(const JourneyReport& journey) {
    return Value::object(
        {{"name", journey.name},
         {"offered", json(journey.offered)},
         {"ended", json(journey.ended)},
         {"offered_per_s", json(journey.offered_per_s)},
         {"good_per_s", json(journey.good_per_s)},
         {"degraded_per_s", json(journey.degraded_per_s)},
         {"failed_per_s", json(journey.failed_per_s)},
         {"availability", json(journey.availability)},
         {"under_way_at_end", json(journey.under_way)},
         {"failures",
          list_of(journey.failures, [](const FailureReport& failure) { return json(failure); })},
         {"latency_good", json(journey.latency_good)},
         {"latency_all", json(journey.latency_all)},
         {"series", json(journey.series)}});
}

Value json(const TimeSplitReport& split) {
    return Value::object({{"journeys", json(split.journeys)},
                          {"latency_mean_s", json(split.latency_mean_s)},
                          {"parts", list_of(split.parts, [](const TimePart& part) {
                               return Value::object({{"owner", part.label.owner},
                                                     {"kind", name_of(part.label.kind)},
                                                     {"mean_s", json(part.mean_s)}});
                           })}});
}

Value json(const PathReport& path) {
    return Value::object(
        {{"replication", json(path.replication)},
         {"started_s", json(path.started_s)},
         {"latency_s", json(path.latency_s)},
         {"outcome", name_of(path.outcome)},
         {"reason", json(path.reason)},
         {"critical_path", list_of(path.pieces, [](const PathReport::Piece& piece) {
              return Value::object({{"owner", piece.label.owner},
                                    {"kind", name_of(piece.label.kind)},
                                    {"from_s", json(piece.from_s)},
                                    {"to_s", json(piece.to_s)}});
          })}});
}

Value json(const BreakdownReport& breakdown) {
    return Value::object({{"journey", breakdown.journey},
                          {"good", json(breakdown.good)},
                          {"slowest", json(breakdown.slowest)},
                          {"failed", json(breakdown.failed)},
                          {"examples", list_of(breakdown.examples, [](const PathReport& path) {
                               return json(path);
                           })}});
}

/// Of each fault alone: only what failed is of interest there.
Value failed_times(const Report& report) {
    Value list = Value::array();
    for (std::size_t i = 0; i < report.failed_times.size(); ++i) {
        Value of_journeys = Value::array();
        for (const BreakdownReport& breakdown : report.failed_times[i]) {
            of_journeys.append(Value::object(
                {{"journey", breakdown.journey}, {"failed", json(breakdown.failed)}}));
        }
        list.append(Value::object(
            {{"fault", report.fault_spans[i].title}, {"journeys", std::move(of_journeys)}}));
    }
    return list;
}

Value json(const CauseReport& cause) {
    Value mechanisms = list_of(cause.mechanisms, [](const MechanismShare& mechanism) {
        return Value::object({{"component", mechanism.reason.component},
                              {"mechanism", mechanism.reason.mechanism},
                              {"share", json(mechanism.share)}});
    });
    return Value::object({{"fault", cause.cause.empty() ? Value() : Value(cause.cause)},
                          {"failed", json(cause.failed)},
                          {"share", json(cause.share)},
                          {"mechanisms", std::move(mechanisms)}});
}

Value json(const FaultBlame& blame) {
    return Value::object({{"fault", blame.fault},
                          {"failed", json(blame.failed)},
                          {"failed_without_it_too", json(blame.fails_anyway)},
                          {"failed_because_of_it", json(blame.in_excess)},
                          {"point_at_it", json(blame.pointing)},
                          {"among_all_faults", json(blame.among_all)},
                          {"point_at_it_among_all_faults", json(blame.pointing_among_all)}});
}

Value json(const Attribution& attribution) {
    const auto print = [](const auto& item) { return json(item); };
    return Value::object({{"causes", list_of(attribution.causes, print)},
                          {"faults", list_of(attribution.faults, print)}});
}

Value journeys(const std::vector<JourneyReport>& reports) {
    return list_of(reports, [](const JourneyReport& journey) { return json(journey); });
}

Value json(const StationReport& station) {
    return Value::object({{"part", station.part},
                          {"in_service", json(station.in_service)},
                          {"waiting", json(station.waiting)},
                          {"longest_line", Value(station.longest_line)},
                          {"wait", json(station.wait)},
                          {"arrivals", json(station.arrivals)},
                          {"rejected", json(station.rejected)},
                          {"expired", json(station.expired)}});
}

Value json(const ComponentReport& component) {
    Value object = Value::object({{"name", component.name}, {"type", component.kind}});
    if (component.has_cores()) {
        object.put("cores", json(component.cores));
        object.put("cpu_busy_cores", json(component.cpu_busy_cores));
        object.put("utilisation", json(component.utilisation()));
    }
    object.put("served", json(component.served));
    object.put("wasted", json(component.wasted));
    object.put("wasted_share", json(component.wasted_share));
    object.put("stations", list_of(component.stations,
                                   [](const StationReport& station) { return json(station); }));
    return object;
}

Value json(const WorldReport& world) {
    return Value::object({{"world", world.title()},
                          {"seeds", json(std::uint64_t{world.seeds})},
                          {"share_lower", json(world.share.lower)},
                          {"share_upper", json(world.share.upper)},
                          {"served_in_last_tenth", json(world.served_late)},
                          {"journeys", journeys(world.journeys)}});
}

Value json(const EdgeReport& edge) {
    return Value::object({{"edge", edge.name},
                          {"policy", edge.policy},
                          {"calls_per_s", json(edge.calls_per_s)},
                          {"attempts_per_s", json(edge.attempts_per_s)},
                          {"amplification", json(edge.amplification)}});
}

Value costs(const RunSetReport& runs) {
    if (runs.costs.empty()) return Value();
    Value components = list_of(runs.costs, [](const CostReport& cost) {
        return Value::object({{"component", cost.name},
                              {"instances", json(cost.instances)},
                              {"paid_calls_per_s", json(cost.calls_per_s)},
                              {"per_hour", json(cost.per_hour)}});
    });
    return Value::object({{"per_hour", json(runs.cost_per_hour)},
                          {"per_1000_good", json(runs.cost_per_1000_good)},
                          {"components", std::move(components)}});
}

Value meters(const RunSetReport& runs) {
    Value counters = list_of(runs.counters, [](const CounterReport& counter) {
        return Value::object({{"owner", counter.name.owner},
                              {"name", counter.name.name},
                              {"count", json(counter.count)},
                              {"per_s", json(counter.per_s)}});
    });
    Value levels = list_of(runs.levels, [](const LevelReport& level) {
        return Value::object({{"owner", level.name.owner},
                              {"name", level.name.name},
                              {"mean", json(level.mean)},
                              {"maximum", Value(level.maximum)}});
    });
    Value durations = list_of(runs.times, [](const TimesReport& times) {
        return Value::object({{"owner", times.name.owner},
                              {"name", times.name.name},
                              {"durations", json(times.durations)}});
    });
    return Value::object({{"counters", std::move(counters)},
                          {"levels", std::move(levels)},
                          {"durations", std::move(durations)}});
}

/// What each kind of meter means, said once rather than for every component.
Value meter_meanings(const RunSetReport& runs) {
    std::map<std::string, std::string> meanings;
    for (const auto& counter : runs.counters) meanings[counter.name.name] = counter.name.doc;
    for (const auto& level : runs.levels) meanings[level.name.name] = level.name.doc;
    for (const auto& times : runs.times) meanings[times.name.name] = times.name.doc;
    Value object = Value::object();
    for (const auto& [name, doc] : meanings) object.append(name, Value(doc), nowhere);
    return object;
}

// ---- verdicts -----------------------------------------------------------------------------------

std::string_view unit_of(Dimension dimension) {
    switch (dimension) {
        case Dimension::duration:
            return "s";
        case Dimension::rate:
            return "1/s";
        case Dimension::share:
            return "share";
        default:
            return "number";
    }
}

std::string_view scope_name(Scope scope) {
    for (const Word& word : words(scope)) {
        if (word.value == static_cast<std::int64_t>(scope)) return word.name;
    }
    return "";
}

Value values(const std::vector<double>& numbers) {
    return list_of(numbers, [](double number) { return json(number); });
}

Value json(const Precision& precision) {
    if (precision.goals.empty()) return {};
    const auto print = [](const GoalVerdict& one) {
        return Value::object(
            {{"metric", one.goal.metric},
             {"wanted_share", json(one.goal.share)},
             {"reached_share", json(one.reached)},
             {"measured", json(Measured{one.estimate.mean, one.estimate.half_width})},
             {"unit", unit_of(one.dimension)},
             {"met", one.met()},
             {"doubt", one.doubt}});
    };
    return Value::object({{"converged", precision.converged()},
                          {"replications", json(precision.replications)},
                          {"most_replications", json(precision.most)},
                          {"goals", list_of(precision.goals, print)}});
}

Value json(const TheoryLine& line) {
    return Value::object({{"of", line.subject},
                          {"quantity", line.quantity},
                          {"law", line.law},
                          {"assumes", line.assumes},
                          {"unit", unit_of(line.dimension)},
                          {"theory", json(line.theory)},
                          {"at_most", line.at_most},
                          {"measured", json(line.measured)},
                          {"agrees", line.doubt.empty()},
                          {"doubt", line.doubt}});
}

Value json(const RequirementVerdict& requirement) {
    return Value::object(
        {{"metric", requirement.metric},
         {"scope", requirement.scope ? Value(scope_name(*requirement.scope)) : Value()},
         {"limit", requirement.threshold.text},
         {"limit_value", json(requirement.threshold.value)},
         {"unit", unit_of(requirement.dimension)},
         {"measured", json(requirement.values, requirement.estimate)},
         {"by_replication", values(requirement.values)},
         {"pass", requirement.verdict == Verdict::pass},
         {"verdict", name_of(requirement.verdict)},
         {"note", requirement.note}});
}

Value json(const ExpectationVerdict& expectation) {
    return Value::object({{"metric", expectation.metric},
                          {"claim", expectation.claim},
                          {"because", expectation.because},
                          {"unit", unit_of(expectation.dimension)},
                          {"by_replication", values(expectation.values)},
                          {"held", json(expectation.held)},
                          {"tested", json(expectation.tested)},
                          {"held_share_lower", json(expectation.share.lower)},
                          {"held_share_upper", json(expectation.share.upper)},
                          {"only_with_faults", expectation.only_with_faults},
                          {"held_without_faults", json(expectation.held_without)},
                          {"pass", expectation.verdict == Verdict::pass},
                          {"verdict", name_of(expectation.verdict)}});
}

Value json(const FaultVerdict::World& world) {
    return Value::object(
        {{"fate", Value(name_of(world.fate))},
         {"seeds", json(std::uint64_t{world.seeds})},
         {"share_lower", json(world.share.lower)},
         {"share_upper", json(world.share.upper)},
         {"lost_requests", json(Measured{world.lost.mean, world.lost.half_width})},
         {"journeys", list_of(world.journeys, [](const auto& name) { return Value(name); })}});
}

Value json(const FaultVerdict& fault) {
    return Value::object(
        {{"title", fault.title},
         {"number", json(fault.number + 1)},
         {"fates", list_of(fault.fates, [](Fate fate) { return Value(name_of(fate)); })},
         {"worlds", list_of(fault.worlds, [](const auto& world) { return json(world); })},
         {"recovery_time_s", json(fault.recovery_s, fault.recovery_time)},
         {"lost_requests", json(Measured{fault.lost.mean, fault.lost.half_width})},
         {"extended", fault.extended},
         {"judged_until_s", json(in_seconds(fault.judged_until))}});
}

Value json(const Judgement& judgement) {
    const auto print = [](const auto& verdict) { return json(verdict); };
    return Value::object({{"requirements_verdict", name_of(judgement.requirements_verdict())},
                          {"expectations_verdict", name_of(judgement.expectations_verdict())},
                          {"requirements", list_of(judgement.requirements, print)},
                          {"expectations", list_of(judgement.expectations, print)},
                          {"faults", list_of(judgement.faults, print)}});
}

std::string_view name_of(Severity severity) {
    switch (severity) {
        case Severity::error:
            return "error";
        case Severity::warning:
            return "warning";
        case Severity::note:
            break;
    }
    return "note";
}

Value json(const Finding& finding) {
    return Value::object(
        {{"severity", name_of(finding.severity)},
         {"rule", finding.rule},
         {"components",
          list_of(finding.components, [](const std::string& name) { return Value(name); })},
         {"sentence", finding.sentence}});
}

Value json(const PredictedUse& use) {
    return Value::object({{"component", use.component},
                          {"resource", use.resource},
                          {"needed", json(use.needed)},
                          {"available", json(use.available)},
                          {"share", json(use.share())},
                          {"at_most", use.at_most}});
}

Value json(const AuditReport& audits) {
    Value broken = list_of(audits.broken, [](const AuditReport::Broken& one) {
        return Value::object({{"law", one.audit.law},
                              {"subject", one.audit.subject},
                              {"runs", one.runs},
                              {"replication", json(one.replication)},
                              {"detail", one.audit.detail}});
    });
    return Value::object(
        {{"pass", audits.all_hold()},
         {"checks", json(audits.checks)},
         {"laws", list_of(audits.laws, [](const std::string& law) { return Value(law); })},
         {"broken", std::move(broken)}});
}

Value json(const AssumptionReport& assumption) {
    return Value::object({{"field", assumption.field},
                          {"value", assumption.value},
                          {"meaning", assumption.doc},
                          {"source", assumption.source},
                          {"of", list_of(assumption.places,
                                         [](const std::string& place) { return Value(place); })}});
}

Value found_warm_up_of(const Report& report) {
    if (!report.found_warm_up) return {};
    return Value::object({{"found", report.found_warm_up->found},
                          {"by", report.found_warm_up->by},
                          {"pilots", json(report.found_warm_up->pilots)}});
}

Value run_of(const Report& report) {
    return Value::object({{"seed", json(report.seed)},
                          {"replications", json(report.replications)},
                          {"duration_s", json(report.duration_s)},
                          {"warm_up_s", json(report.warm_up_s)},
                          {"found_warm_up", found_warm_up_of(report)},
                          {"runs_planned", json(report.completion.planned)},
                          {"runs_finished", json(report.completion.finished)},
                          {"interrupted", report.completion.interrupted()},
                          {"fingerprint", hexadecimal(report.fingerprint)},
                          {"reproduce", report.reproduce}});
}

}  // namespace

std::string json_report(const Report& report) {
    Value object = Value::object({{"report_version", report_version},
                                  {"scenario", report.scenario_path},
                                  {"about", report.about},
                                  {"run", run_of(report)},
                                  {"precision", json(report.precision)},
                                  {"verdicts", json(report.judgement)},
                                  {"audits", json(report.audits)},
                                  {"journeys", journeys(report.runs.journeys)},
                                  {"cohorts", journeys(report.runs.cohorts)},
                                  {"journeys_without_faults", journeys(report.steady)}});
    const auto print = [](const auto& item) { return json(item); };
    object.put("worlds", list_of(report.worlds, print));
    object.put("components", list_of(report.runs.components, print));
    object.put("amplification", list_of(report.runs.edges, print));
    object.put("time", list_of(report.breakdowns, print));
    object.put("time_of_failed_requests", failed_times(report));
    object.put("root_causes", json(report.attribution));
    object.put("costs", costs(report.runs));
    object.put("findings", list_of(report.findings, print));
    object.put("predictions", list_of(report.predictions, print));
    object.put("theory", list_of(report.theory, print));
    object.put("meters", meters(report.runs));
    object.put("meter_meanings", meter_meanings(report.runs));
    object.put("assumptions", list_of(report.assumptions, print));
    object.put("effective_scenario", report.effective);
    return pretty_json(object);
}

}  // namespace prodsim
