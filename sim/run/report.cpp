#include "sim/run/report.hpp"

#include "sim/run/assumptions.hpp"
#include "sim/run/one_run.hpp"
#include "sim/run/worlds.hpp"
#include "sim/stats/estimate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace prodsim {

namespace {

using Replications = std::vector<const Replication*>;

double window_s(const Replication& replication) {
    return in_seconds(replication.end - start_of_run - replication.plan.warm_up);
}

bool finished(const Replication& replication) { return !replication.interrupted; }

/// Those that finished; where none did, those that measured anything at all.
Replications usable(const std::vector<Replication>& all) {
    Replications complete;
    Replications partial;
    for (const Replication& replication : all) {
        if (finished(replication)) complete.push_back(&replication);
        if (window_s(replication) > 0) partial.push_back(&replication);
    }
    return complete.empty() ? partial : complete;
}

/// The sum over replications of `part` divided by that of `whole`, and its interval.
template <class Part, class Whole>
Measured ratio(const Replications& replications, const Part& part, const Whole& whole) {
    double parts = 0;
    double wholes = 0;
    std::vector<double> each;
    for (const Replication* replication : replications) {
        const double above = part(*replication);
        const double below = whole(*replication);
        parts += above;
        wholes += below;
        if (below > 0) each.push_back(above / below);
    }
    if (wholes <= 0) return {};
    return sectioned(parts / wholes, each);
}

template <class Part>
Measured per_second(const Replications& replications, const Part& part) {
    return ratio(replications, part, window_s);
}

/// A share of independent trials that always or never comes true varies in no replication; the
/// score interval still knows how little that proves.
Measured share(const Replications& replications, const auto& hits, const auto& trials) {
    Measured measured = ratio(replications, hits, trials);
    if (measured.value != 0 && measured.value != 1) return measured;
    double count = 0;
    for (const Replication* replication : replications) count += trials(*replication);
    const auto n = static_cast<std::uint64_t>(count);
    const Interval interval = wilson_interval(measured.value == 0 ? 0 : n, n);
    measured.half_width = interval.upper - interval.lower;
    return measured;
}

// ---- durations ----------------------------------------------------------------------------------

QuantileReport quantile_of(const Histogram& all, const std::vector<Histogram>& parts, double p) {
    std::vector<double> each;
    for (const Histogram& part : parts) {
        if (part.count() > 0) each.push_back(in_seconds(part.quantile(p)));
    }
    return {p, sectioned(in_seconds(all.quantile(p)), each), has_quantile(all.count(), p)};
}

DurationReport durations_of(const std::vector<Histogram>& parts) {
    Histogram all;
    std::vector<double> means;
    for (const Histogram& part : parts) {
        if (part.count() == 0) continue;
        all.merge(part);
        means.push_back(part.mean_s());
    }
    DurationReport report;
    report.count = all.count();
    if (report.count == 0) return report;
    report.mean_s = sectioned(all.mean_s(), means);
    report.max_s = in_seconds(all.max());
    report.tail = estimate_tail(all);
    for (const double p : reported_quantiles) {
        report.quantiles.push_back(quantile_of(all, parts, p));
    }
    return report;
}

// ---- journeys -----------------------------------------------------------------------------------

const Journey* find_journey(const Replication& replication, std::string_view name) {
    for (const auto* shelf : {&replication.journeys, &replication.cohorts}) {
        for (const Journey& journey : *shelf) {
            if (journey.name() == name) return &journey;
        }
    }
    return nullptr;
}

double count(const Journey& journey, Outcome outcome) {
    return static_cast<double>(journey.outcomes().count(outcome));
}

double good(const Journey& journey) { return static_cast<double>(journey.latency_good().count()); }

double failed(const Journey& journey) { return static_cast<double>(journey.latency_bad().count()); }

double degraded(const Journey& journey) {
    return count(journey, Outcome::degraded) + count(journey, Outcome::stale);
}

double ended(const Journey& journey) { return good(journey) + failed(journey); }

/// The books of one journey in every replication.
class JourneyBooks {
public:
    JourneyBooks(Replications replications, std::string name)
        : replications_(std::move(replications)), name_(std::move(name)) {}

    JourneyReport report() const;

private:
    /// A question to a journey as a question to its replication.
    template <class Question>
    auto of(Question question) const {
        return [this, question](const Replication& replication) -> double {
            const Journey* journey = find_journey(replication, name_);
            return journey == nullptr ? 0 : question(*journey);
        };
    }

    template <class Question>
    Measured rate(Question question) const {
        return per_second(replications_, of(question));
    }

    template <class Question>
    std::uint64_t sum(Question question) const {
        std::uint64_t total = 0;
        for (const Replication* replication : replications_) {
            const Journey* journey = find_journey(*replication, name_);
            if (journey != nullptr) total += question(*journey);
        }
        return total;
    }

    Measured under_way() const {
        return ratio(replications_, of([](const Journey& j) {
                         return static_cast<double>(j.offered().total() - j.ended().total());
                     }),
                     [](const Replication&) { return 1.0; });
    }

    std::vector<FailureReport> failures() const;
    void latencies(JourneyReport& report) const;
    SeriesReport series() const;

    Replications replications_;
    std::string name_;
};

JourneyReport JourneyBooks::report() const {
    JourneyReport report;
    report.name = name_;
    report.offered = sum([](const Journey& j) { return j.offered().in_window(); });
    report.ended = sum([](const Journey& j) { return j.ended().in_window(); });
    report.offered_per_s =
        rate([](const Journey& j) { return static_cast<double>(j.offered().in_window()); });
    report.good_per_s = rate(good);
    report.degraded_per_s = rate(degraded);
    report.failed_per_s = rate(failed);
    report.availability = share(replications_, of(good), of(ended));
    report.under_way = under_way();
    report.failures = failures();
    latencies(report);
    report.series = series();
    if (replications_.size() == 1) {
        const Replication& run = *replications_.front();
        add_intervals(*find_journey(run, name_), {start_of_run + run.plan.warm_up, run.end},
                      report);
    }
    return report;
}

/// Reasons are numbered in the order of their first use, which differs between replications.
std::uint64_t count_of(const Replication& replication, const Journey& journey, Outcome outcome,
                       const Reason& reason) {
    std::uint64_t total = 0;
    for (std::size_t id = 0; id < replication.reasons.size(); ++id) {
        const Reason& its = replication.reasons[id];
        if (its.component == reason.component && its.mechanism == reason.mechanism) {
            total += journey.outcomes().count(static_cast<ReasonId>(id), outcome);
        }
    }
    return total;
}

std::vector<FailureReport> JourneyBooks::failures() const {
    using Key = std::tuple<std::string, std::string, Outcome>;
    std::set<Key> keys;
    for (const Replication* replication : replications_) {
        const Journey* journey = find_journey(*replication, name_);
        if (journey == nullptr) continue;
        for (std::size_t id = 0; id < journey->outcomes().reasons(); ++id) {
            for (std::size_t o = 0; o < outcome_count; ++o) {
                const auto outcome = static_cast<Outcome>(o);
                if (succeeded(outcome)) continue;
                if (journey->outcomes().count(static_cast<ReasonId>(id), outcome) == 0) continue;
                const Reason& reason = replication->reasons[id];
                keys.insert({reason.component, reason.mechanism, outcome});
            }
        }
    }
    std::vector<FailureReport> failures;
    for (const Key& key : keys) {
        const Reason reason{std::get<0>(key), std::get<1>(key)};
        const Outcome outcome = std::get<2>(key);
        const auto hits = [this, outcome, &reason](const Replication& replication) {
            const Journey* journey = find_journey(replication, name_);
            return journey == nullptr
                       ? 0.0
                       : static_cast<double>(count_of(replication, *journey, outcome, reason));
        };
        double total = 0;
        for (const Replication* replication : replications_) total += hits(*replication);
        failures.push_back({outcome, reason, static_cast<std::uint64_t>(total),
                            share(replications_, hits, of(ended))});
    }
    std::stable_sort(
        failures.begin(), failures.end(),
        [](const FailureReport& a, const FailureReport& b) { return a.count > b.count; });
    return failures;
}

void JourneyBooks::latencies(JourneyReport& report) const {
    std::vector<Histogram> successes;
    std::vector<Histogram> everything;
    for (const Replication* replication : replications_) {
        const Journey* journey = find_journey(*replication, name_);
        if (journey == nullptr) continue;
        successes.push_back(journey->latency_good());
        everything.push_back(journey->latency_good());
        everything.back().merge(journey->latency_bad());
    }
    report.latency_good = durations_of(successes);
    report.latency_all = durations_of(everything);
}

SeriesReport JourneyBooks::series() const {
    Series offers{std::chrono::seconds(1)};
    Series ends{std::chrono::seconds(1), Series::Detail::quantiles};
    double runs = 0;
    double length_s = 0;
    for (const Replication* replication : replications_) {
        const Journey* journey = find_journey(*replication, name_);
        if (journey == nullptr) continue;
        offers.merge(journey->offers());
        ends.merge(journey->ends());
        length_s = std::max(length_s, in_seconds(replication->end));
        runs += 1;
    }
    // Ends go on after the last offer and may need wider windows; merging nothing widens.
    offers.merge(Series{ends.width()});
    ends.merge(Series{offers.width(), Series::Detail::quantiles});
    SeriesReport report;
    report.width_s = in_seconds(ends.width());
    const auto windows = static_cast<std::size_t>(length_s / report.width_s);
    for (std::size_t i = 0; i < windows; ++i) {
        const Series::Window offered =
            i < offers.windows().size() ? offers.windows()[i] : Series::Window{};
        const Series::Window over =
            i < ends.windows().size() ? ends.windows()[i] : Series::Window{};
        const auto per_s = [&](std::uint64_t number) {
            return static_cast<double>(number) / (runs * report.width_s);
        };
        report.offered_per_s.push_back(per_s(offered.count));
        report.good_per_s.push_back(per_s(over.count - over.bad));
        report.failed_per_s.push_back(per_s(over.bad));
        const double none = std::numeric_limits<double>::quiet_NaN();
        report.latency_mean_s.push_back(
            over.count == 0 ? none : in_seconds(over.sum) / static_cast<double>(over.count));
        report.latency_p99_s.push_back(over.count == 0 ? none : in_seconds(ends.quantile(i, 0.99)));
    }
    return report;
}

using Shelf = std::deque<Journey> Replication::*;

std::vector<JourneyReport> journeys_of(const Replications& replications,
                                       Shelf shelf = &Replication::journeys) {
    std::vector<JourneyReport> reports;
    if (replications.empty()) return reports;
    for (const Journey& journey : replications.front()->*shelf) {
        reports.push_back(JourneyBooks(replications, journey.name()).report());
    }
    return reports;
}

// ---- meters -------------------------------------------------------------------------------------

/// A meter that some replications do not have, because nothing called for it there, counts 0 there.
template <class Reading>
std::set<MeterName> names_in(const Replications& replications,
                             std::vector<Reading> Readings::*shelf) {
    std::set<MeterName> names;
    for (const Replication* replication : replications) {
        for (const Reading& reading : replication->readings.*shelf) names.insert(reading.name);
    }
    return names;
}

double counted(const Replication& replication, std::string_view owner, std::string_view name) {
    const auto* counter = replication.readings.counter(owner, name);
    return counter == nullptr ? 0 : static_cast<double>(counter->in_window);
}

auto counted(std::string_view owner, std::string_view name) {
    return
        [owner, name](const Replication& replication) { return counted(replication, owner, name); };
}

std::uint64_t total(const Replications& replications, std::string_view owner,
                    std::string_view name) {
    std::uint64_t sum = 0;
    for (const Replication* replication : replications) {
        const auto* counter = replication->readings.counter(owner, name);
        if (counter != nullptr) sum += counter->in_window;
    }
    return sum;
}

Measured mean_level(const Replications& replications, std::string_view owner,
                    std::string_view name) {
    std::vector<double> each;
    for (const Replication* replication : replications) {
        const auto* level = replication->readings.level(owner, name);
        each.push_back(level == nullptr ? 0 : level->mean);
    }
    return sectioned(estimate_mean(each).mean, each);
}

std::int64_t highest_level(const Replications& replications, std::string_view owner,
                           std::string_view name) {
    std::int64_t highest = 0;
    for (const Replication* replication : replications) {
        const auto* level = replication->readings.level(owner, name);
        if (level != nullptr) highest = std::max(highest, level->maximum);
    }
    return highest;
}

DurationReport durations(const Replications& replications, std::string_view owner,
                         std::string_view name) {
    std::vector<Histogram> parts;
    for (const Replication* replication : replications) {
        const auto* histogram = replication->readings.histogram(owner, name);
        if (histogram != nullptr) parts.push_back(histogram->histogram);
    }
    return durations_of(parts);
}

void add_meters(RunSetReport& report, const Replications& replications) {
    for (const MeterName& name : names_in(replications, &Readings::counters)) {
        report.counters.push_back({name, total(replications, name.owner, name.name),
                                   per_second(replications, counted(name.owner, name.name))});
    }
    for (const MeterName& name : names_in(replications, &Readings::levels)) {
        report.levels.push_back({name, mean_level(replications, name.owner, name.name),
                                 highest_level(replications, name.owner, name.name)});
    }
    for (const MeterName& name : names_in(replications, &Readings::histograms)) {
        report.times.push_back({name, durations(replications, name.owner, name.name)});
    }
}

// ---- components and edges -----------------------------------------------------------------------

/// The longest part of the name before the last dot: "threads" of "threads.waiting".
std::string_view part_of(std::string_view name) { return name.substr(0, name.rfind('.')); }

StationReport station_of(const Replications& replications, const std::string& owner,
                         const std::string& part) {
    StationReport station;
    station.part = part;
    const std::string present = part + ".present";
    const std::string waiting = part + ".waiting";
    station.waiting = mean_level(replications, owner, waiting);
    station.longest_line = highest_level(replications, owner, waiting);
    std::vector<double> in_service;
    for (const Replication* replication : replications) {
        const auto* all = replication->readings.level(owner, present);
        const auto* line = replication->readings.level(owner, waiting);
        if (all != nullptr && line != nullptr) in_service.push_back(all->mean - line->mean);
    }
    station.in_service = sectioned(estimate_mean(in_service).mean, in_service);
    station.wait = durations(replications, owner, part + ".wait");
    station.arrivals = total(replications, owner, part + ".arrivals");
    station.rejected = total(replications, owner, part + ".rejected");
    station.expired = total(replications, owner, part + ".expired");
    return station;
}

/// The stations of every owner, by the names of their meters.
using Parts = std::map<std::string, std::set<std::string>, std::less<>>;

Parts parts_of(const Replications& replications) {
    Parts parts;
    for (const MeterName& name : names_in(replications, &Readings::histograms)) {
        if (name.name.ends_with(".wait")) parts[name.owner].emplace(part_of(name.name));
    }
    return parts;
}

std::vector<StationReport> stations_of(const Replications& replications, const std::string& owner,
                                       const Parts& parts) {
    std::vector<StationReport> stations;
    const auto found = parts.find(owner);
    if (found == parts.end()) return stations;
    for (const std::string& part : found->second) {
        stations.push_back(station_of(replications, owner, part));
    }
    return stations;
}

ComponentReport component_of(const Replications& replications, const std::string& name,
                             const Value& parameters, const Parts& parts) {
    ComponentReport component;
    component.name = name;
    if (const Value* type = parameters.find("type")) component.kind = type->text();
    const bool computes = replications.front()->readings.level(name, "cpu.busy") != nullptr;
    if (computes) {
        constexpr double in_thousandths = 1000;
        component.cores = mean_level(replications, name, "cpu.capacity").value / in_thousandths;
        component.cpu_busy_cores = mean_level(replications, name, "cpu.busy");
        component.cpu_busy_cores.value /= in_thousandths;
        component.cpu_busy_cores.half_width /= in_thousandths;
    }
    component.stations = stations_of(replications, name, parts);
    component.served = total(replications, name, "served");
    component.wasted = total(replications, name, "wasted");
    const bool knows_work = total(replications, name, "cpu.work") > 0;
    component.wasted_share =
        knows_work ? ratio(replications, counted(name, "cpu.wasted"), counted(name, "cpu.work"))
                   : ratio(replications, counted(name, "wasted"), counted(name, "served"));
    return component;
}

std::vector<ComponentReport> components_of(const Replications& replications,
                                           const Value& effective) {
    std::vector<ComponentReport> components;
    const Value* all = effective.find("components");
    if (all == nullptr || replications.empty()) return components;
    const Parts parts = parts_of(replications);
    for (const Value::Member& member : all->members()) {
        components.push_back(component_of(replications, member.key, member.value, parts));
    }
    return components;
}

/// Edges where something may be tried more than once.
std::vector<EdgeReport> edges_of(const Replications& replications) {
    std::vector<EdgeReport> edges;
    for (const MeterName& name : names_in(replications, &Readings::counters)) {
        if (name.name != "retry.calls" && name.name != "hedge.calls") continue;
        const std::string attempts = std::string(part_of(name.name)) + ".attempts";
        const auto calls = counted(name.owner, name.name);
        const auto tries = counted(name.owner, attempts);
        edges.push_back({name.owner, std::string(part_of(name.name)),
                         per_second(replications, calls), per_second(replications, tries),
                         ratio(replications, tries, calls)});
    }
    return edges;
}

Measured mean_of(const Replications& replications, auto value) {
    std::vector<double> values;
    for (const Replication* replication : replications) {
        if (const std::optional<double> one = value(replication->bill)) values.push_back(*one);
    }
    return sectioned(estimate_mean(values).mean, values);
}

void add_costs(RunSetReport& report, const Replications& replications) {
    if (replications.empty() || replications.front()->bill.items.empty()) return;
    const auto& items = replications.front()->bill.items;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto mean = [&](double Bill::Item::*part) {
            return mean_of(replications,
                           [&](const Bill& bill) { return std::optional(bill.items[i].*part); });
        };
        report.costs.push_back({items[i].component, mean(&Bill::Item::instances),
                                mean(&Bill::Item::calls_per_s), mean(&Bill::Item::per_hour)});
    }
    report.cost_per_hour = mean_of(replications, [](const Bill& bill) { return bill.per_hour(); });
    report.cost_per_1000_good =
        mean_of(replications, [](const Bill& bill) { return bill.per_1000_good(); });
}

// ---- audits -------------------------------------------------------------------------------------

void add_audits(AuditReport& report, const std::string& runs,
                const std::vector<Replication>& replications) {
    for (const Replication& replication : replications) {
        for (const Audit& audit : replication.audits) {
            ++report.checks;
            if (std::find(report.laws.begin(), report.laws.end(), audit.law) == report.laws.end()) {
                report.laws.push_back(audit.law);
            }
            if (!audit.holds) {
                report.broken.push_back({runs, replication.plan.replication, audit});
            }
        }
    }
}

std::uint64_t fold(std::uint64_t fingerprint, const std::vector<Replication>& replications) {
    constexpr std::uint64_t prime = 0x100000001b3;  // FNV-1a, a word at a time
    for (const Replication& replication : replications) {
        fingerprint = (fingerprint ^ replication.fingerprint) * prime;
    }
    return fingerprint;
}

void add_completion(CompletionReport& report, const std::vector<Replication>& replications) {
    for (const Replication& replication : replications) {
        ++report.planned;
        if (finished(replication)) ++report.finished;
    }
}

std::vector<FaultSpan> fault_spans(const Scenario& scenario) {
    std::vector<FaultSpan> spans;
    const ScenarioParameters& parameters = scenario.parameters();
    for (std::size_t i = 0; i < parameters.faults.size(); ++i) {
        const FaultParameters& fault = parameters.faults[i];
        const Duration end = fault.length ? fault.at + *fault.length : parameters.run.duration;
        spans.push_back({fault.title(i), in_seconds(fault.at),
                         in_seconds(std::min(end, parameters.run.duration))});
    }
    return spans;
}

RunSetReport run_set(const std::vector<Replication>& all, const Value& effective) {
    const Replications replications = usable(all);
    RunSetReport report;
    report.journeys = journeys_of(replications);
    report.cohorts = journeys_of(replications, &Replication::cohorts);
    report.components = components_of(replications, effective);
    report.edges = edges_of(replications);
    add_costs(report, replications);
    add_meters(report, replications);
    return report;
}

/// The journeys of each world, where the replications fall into two.
std::vector<WorldReport> worlds_of(const std::vector<Replication>& all) {
    const std::optional<TwoWorlds> two = two_worlds(all);
    if (!two) return {};
    std::vector<WorldReport> worlds;
    for (const bool collapsed : {false, true}) {
        Replications members;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (two->collapsed[i] == collapsed) members.push_back(&all[i]);
        }
        worlds.push_back({collapsed, members.size(), wilson_interval(members.size(), all.size()),
                          collapsed ? two->served_collapsed : two->served_alive,
                          journeys_of(members)});
    }
    return worlds;
}

}  // namespace

Measured sectioned(double whole, std::span<const double> parts) {
    return {whole, estimate_sections(whole, parts).half_width};
}

Report make_report(const Scenario& scenario, const Trial& trial, Judgement judgement,
                   std::string reproduce) {
    const RunParameters& run = scenario.parameters().run;
    Report report;
    report.scenario_path = scenario.path();
    report.about = scenario.parameters().about;
    report.effective = scenario.effective();
    report.seed = static_cast<std::uint64_t>(run.seed);
    report.replications = trial.main.size();
    report.duration_s = in_seconds(run.duration);
    report.warm_up_s = in_seconds(*run.warm_up);
    report.found_warm_up = scenario.found_warm_up();
    report.reproduce = std::move(reproduce);
    report.judgement = std::move(judgement);
    report.fault_spans = fault_spans(scenario);
    Topology topology = analyse(scenario);
    report.findings = std::move(topology.findings);
    report.predictions = std::move(topology.uses);
    report.runs = run_set(trial.main, report.effective);
    report.worlds = worlds_of(trial.main);
    report.steady = journeys_of(usable(trial.baseline));
    report.breakdowns = breakdowns_of(usable(trial.baseline.empty() ? trial.main : trial.baseline));
    if (report.fault_spans.size() == 1) report.failed_times = {breakdowns_of(usable(trial.main))};
    for (const auto& alone : trial.alone)
        report.failed_times.push_back(breakdowns_of(usable(alone)));
    std::vector<std::string> titles;
    for (const FaultSpan& span : report.fault_spans) titles.push_back(span.title);
    report.attribution = attribute(trial, titles);
    report.assumption_count = scenario.assumptions().size();
    report.assumptions = assumptions_of(scenario.assumptions());
    const auto add = [&report](const std::string& runs, const std::vector<Replication>& all) {
        add_completion(report.completion, all);
        add_audits(report.audits, runs, all);
        report.fingerprint = fold(report.fingerprint, all);
    };
    add(trial.baseline.empty() ? "the runs" : "runs with every fault", trial.main);
    add("runs without faults", trial.baseline);
    for (std::size_t i = 0; i < trial.alone.size(); ++i) {
        add("runs with fault " + std::to_string(i + 1) + " alone", trial.alone[i]);
    }
    return report;
}

}  // namespace prodsim
