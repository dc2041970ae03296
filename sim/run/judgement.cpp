#include "sim/run/judgement.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace prodsim {

namespace {

// Recovered means this share of the pair's goodput, and metastable means less of it for this long
// after the fault has gone.
constexpr double recovered_share = 0.95;
constexpr Duration metastable_after = std::chrono::minutes(5);

// Goodput is compared in buckets of at least this length, and of at least this many journeys, so
// that a bucket's noise (1/sqrt(400) = 5 %) is not taken for a collapse.
constexpr Duration shortest_bucket = std::chrono::seconds(10);
constexpr double least_journeys = 400;

// One journey may be rare, and is not waited for longer than this.
constexpr Duration longest_bucket = std::chrono::minutes(1);

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Journeys that succeeded, in steps of one second: those of this name, or all.
std::vector<double> good_by_second(const Replication& run, const std::string* wanted) {
    const auto seconds =
        static_cast<std::size_t>(std::ceil(in_seconds(run.end - start_of_run) - 1e-9));
    std::vector<double> good(seconds, 0.0);
    for (const Journey& journey : run.journeys) {
        if (wanted != nullptr && journey.name() != *wanted) continue;
        const Series& ends = journey.ends();
        const double width = in_seconds(ends.width());
        for (std::size_t i = 0; i < ends.windows().size(); ++i) {
            const auto& window = ends.windows()[i];
            const double each = static_cast<double>(window.count - window.bad) / width;
            const auto first = static_cast<std::size_t>(in_seconds(ends.start(i)));
            for (std::size_t s = first; s < first + static_cast<std::size_t>(width); ++s) {
                if (s < seconds) good[s] += each;
            }
        }
    }
    return good;
}

/// One replication of a fault against its pair.
struct Comparison {
    Fate fate;
    double recovery_s;
    double lost;
    bool conclusive;
    std::vector<std::string> journeys = {};  // that are no better off than this, where others are
};

class PairJudge {
public:
    /// Of one journey, or of all together.
    PairJudge(const FaultParameters& fault, const Replication& with, const Replication& without,
              const std::string* journey = nullptr)
        : good_(good_by_second(with, journey)), pair_(good_by_second(without, journey)) {
        const std::size_t seconds = std::min(good_.size(), pair_.size());
        good_.resize(seconds);
        pair_.resize(seconds);
        begin_ = second_of(fault.at);
        end_ = fault.length ? second_of(fault.at + *fault.length) : seconds;
        ends_ = fault.length.has_value() && end_ < seconds;
        choose_bucket();
        if (journey != nullptr) bucket_ = std::min(bucket_, second_of(longest_bucket));
    }

    Comparison compare() const {
        Comparison result{Fate::recovered, 0, lost(), true};
        const std::size_t watched = good_.size() - std::min(end_, good_.size());
        if (!ends_) {
            result.fate = is_down(last_bucket()) ? Fate::degraded : Fate::recovered;
            result.recovery_s = result.fate == Fate::recovered ? 0 : infinity;
            return result;
        }
        const std::size_t back = end_of_last_dip();
        const bool down_at_end = back + bucket_ > good_.size();
        if (!down_at_end) {
            result.recovery_s = static_cast<double>(back - end_);
            return result;
        }
        result.recovery_s = infinity;
        const bool long_gone = watched >= second_of(metastable_after);
        result.conclusive = long_gone;
        result.fate = long_gone && stayed_down() ? Fate::metastable : Fate::degraded;
        return result;
    }

private:
    static std::size_t second_of(Duration time) {
        return static_cast<std::size_t>(std::ceil(in_seconds(time) - 1e-9));
    }

    void choose_bucket() {
        double sum = 0;
        for (const double value : pair_) sum += value;
        const double rate = pair_.empty() ? 0 : sum / static_cast<double>(pair_.size());
        bucket_ = second_of(shortest_bucket);
        if (rate > 0) {
            bucket_ = std::max(bucket_, static_cast<std::size_t>(least_journeys / rate));
        }
        bucket_ = std::clamp<std::size_t>(bucket_, 1, std::max<std::size_t>(1, good_.size() / 4));
    }

    bool is_down(std::size_t start) const {
        double good = 0;
        double pair = 0;
        for (std::size_t s = start; s < std::min(start + bucket_, good_.size()); ++s) {
            good += good_[s];
            pair += pair_[s];
        }
        // A bucket that a short run leaves with few journeys is given the benefit of their chance.
        const double noise = pair < least_journeys ? 2 * std::sqrt(pair) : 0;
        return good < recovered_share * pair - noise;
    }

    std::size_t last_bucket() const { return good_.size() > bucket_ ? good_.size() - bucket_ : 0; }

    /// The end of the last bucket after the fault in which goodput was down; the fault's end if
    /// there is none. Buckets slide second by second.
    std::size_t end_of_last_dip() const {
        std::size_t back = end_;
        for (std::size_t start = end_; start + bucket_ <= good_.size(); ++start) {
            if (is_down(start)) back = start + bucket_;
        }
        return back;
    }

    /// Down in every bucket of the last five minutes.
    bool stayed_down() const {
        const std::size_t stretch = second_of(metastable_after);
        for (std::size_t start = good_.size() - stretch; start <= last_bucket(); ++start) {
            if (!is_down(start)) return false;
        }
        return true;
    }

    double lost() const {
        double lost = 0;
        for (std::size_t s = begin_; s < good_.size(); ++s) lost += pair_[s] - good_[s];
        return lost;
    }

    std::vector<double> good_;
    std::vector<double> pair_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t bucket_ = 1;
    bool ends_ = false;
};

/// The whole is no better off than its worst journey.
Comparison compare(const FaultParameters& fault, const Replication& with,
                   const Replication& without) {
    Comparison worst = PairJudge(fault, with, without).compare();
    if (with.journeys.size() < 2) return worst;
    const Fate whole = worst.fate;
    for (const Journey& journey : with.journeys) {
        const Comparison one = PairJudge(fault, with, without, &journey.name()).compare();
        if (one.fate > worst.fate) worst.journeys.clear();
        if (one.fate > whole && one.fate >= worst.fate) worst.journeys.push_back(journey.name());
        worst.fate = std::max(worst.fate, one.fate);
        worst.recovery_s = std::max(worst.recovery_s, one.recovery_s);
        worst.conclusive = worst.conclusive && one.conclusive;
    }
    return worst;
}

std::vector<Comparison> compare_all(const FaultParameters& fault,
                                    const std::vector<Replication>& with,
                                    const std::vector<Replication>& without) {
    std::vector<Comparison> results;
    for (std::size_t i = 0; i < with.size(); ++i) {
        if (with[i].interrupted || without[i].interrupted) continue;
        results.push_back(compare(fault, with[i], without[i]));
    }
    return results;
}

/// The same runs until another end.
std::vector<RunPlan> longer(const std::vector<Replication>& runs, const FaultSelection& faults,
                            Duration duration) {
    std::vector<RunPlan> plans;
    for (const Replication& run : runs) {
        plans.push_back(run.plan);
        plans.back().faults = faults;
        plans.back().duration = duration;
    }
    return plans;
}

class Judge {
public:
    Judge(const Scenario& scenario, const Trial& trial, unsigned threads, RunWatch& watch)
        : scenario_(scenario), trial_(trial), threads_(threads), watch_(watch) {}

    Judgement judgement() {
        Judgement result;
        const auto& parameters = scenario_.parameters();
        for (std::size_t i = 0; i < parameters.faults.size(); ++i) {
            result.faults.push_back(fault(i));
        }
        for (const auto& item : parameters.requirements) {
            result.requirements.push_back(requirement(item.name, item.value, result.faults));
        }
        for (const Expectation& expectation : parameters.expect) {
            result.expectations.push_back(claim(expectation));
        }
        return result;
    }

private:
    const std::vector<Replication>& steady() const {
        return trial_.baseline.empty() ? trial_.main : trial_.baseline;
    }

    const std::vector<Replication>& alone(std::size_t number) const {
        return trial_.alone.empty() ? trial_.main : trial_.alone[number];
    }

    FaultVerdict fault(std::size_t number) {
        const FaultParameters& fault = scenario_.parameters().faults[number];
        FaultVerdict verdict;
        verdict.title = fault.title(number);
        verdict.number = number;
        verdict.judged_until = scenario_.parameters().run.duration;
        std::vector<Comparison> pairs = compare_all(fault, alone(number), steady());
        const bool short_ = std::any_of(pairs.begin(), pairs.end(),
                                        [](const Comparison& pair) { return !pair.conclusive; });
        if (short_ && !watch_.stop) {
            verdict.extended = true;
            verdict.judged_until = fault.at + *fault.length + metastable_after + shortest_bucket;
            pairs = extended(number, verdict.judged_until);
        }
        std::vector<double> lost;
        for (const Comparison& pair : pairs) {
            verdict.fates.push_back(pair.fate);
            lost.push_back(pair.lost);
            if (pair.fate == Fate::recovered) verdict.recovery_s.push_back(pair.recovery_s);
        }
        if (!lost.empty()) verdict.lost = estimate_mean(lost);
        verdict.worlds = worlds_of(verdict.fates, lost);
        for (FaultVerdict::World& world : verdict.worlds) add_journeys(pairs, world);
        if (!verdict.recovery_s.empty()) verdict.recovery_time = estimate_mean(verdict.recovery_s);
        return verdict;
    }

    std::vector<Comparison> extended(std::size_t number, Duration until) {
        const auto run = [&](const FaultSelection& faults) {
            return simulate_all(scenario_, longer(trial_.main, faults, until), threads_, watch_);
        };
        const auto with = run(FaultSelection::only(number));
        const auto without = run(FaultSelection::none());
        return compare_all(scenario_.parameters().faults[number], with, without);
    }

    /// The longest recovery of any fault, in each replication; infinite where one did not recover.
    static std::vector<FaultVerdict::World> worlds_of(const std::vector<Fate>& fates,
                                                      const std::vector<double>& lost) {
        std::vector<FaultVerdict::World> worlds;
        for (const Fate fate : {Fate::recovered, Fate::degraded, Fate::metastable}) {
            std::vector<double> lost_here;
            for (std::size_t i = 0; i < fates.size(); ++i) {
                if (fates[i] == fate) lost_here.push_back(lost[i]);
            }
            if (lost_here.empty()) continue;
            worlds.push_back({fate,
                              lost_here.size(),
                              wilson_interval(lost_here.size(), fates.size()),
                              estimate_mean(lost_here),
                              {}});
        }
        return worlds;
    }

    static void add_journeys(const std::vector<Comparison>& pairs, FaultVerdict::World& world) {
        for (const Comparison& pair : pairs) {
            if (pair.fate != world.fate) continue;
            for (const std::string& journey : pair.journeys) {
                auto& known = world.journeys;
                if (std::find(known.begin(), known.end(), journey) == known.end()) {
                    known.push_back(journey);
                }
            }
        }
    }

    static std::vector<double> recovery_times(const std::vector<FaultVerdict>& faults) {
        std::vector<double> longest;
        for (const FaultVerdict& fault : faults) {
            longest.resize(std::max(longest.size(), fault.fates.size()), 0.0);
            std::size_t next = 0;
            for (std::size_t i = 0; i < fault.fates.size(); ++i) {
                const bool back = fault.fates[i] == Fate::recovered;
                longest[i] = std::max(longest[i], back ? fault.recovery_s[next++] : infinity);
            }
        }
        return longest;
    }

    const std::vector<Replication>& runs_of(Scope scope) const {
        return scope == Scope::steady ? steady() : trial_.main;
    }

    std::vector<double> values(const Metric& metric, Scope scope) const {
        std::vector<double> values;
        for (const Replication& run : runs_of(scope)) {
            const auto value = scope == Scope::during ? during(metric, run) : metric.of(run);
            if (value) values.push_back(*value);
        }
        return values;
    }

    std::optional<double> during(const Metric& metric, const Replication& run) const {
        return metric.of(run, during_faults(scenario_, run.plan));
    }

    RequirementVerdict requirement(const std::string& name, const Requirement& requirement,
                                   const std::vector<FaultVerdict>& faults) const {
        RequirementVerdict verdict;
        verdict.metric = name;
        if (name == "recovery_time") {
            verdict.dimension = Dimension::duration;
            verdict.values = recovery_times(faults);
            verdict.estimate = estimate_mean(verdict.values);
        } else {
            const Metric metric = *Metric::parse(name);
            verdict.scope = requirement.scope;
            verdict.dimension = metric.dimension();
            verdict.values = values(metric, requirement.scope);
            verdict.estimate = requirement.scope == Scope::during
                                   ? estimate_mean(verdict.values)
                                   : estimate_of(metric, runs_of(requirement.scope));
        }
        verdict.threshold = parse_threshold(requirement.limit, verdict.dimension).threshold;
        test(verdict);
        if (verdict.scope) doubt(verdict);
        return verdict;
    }

    /// What is in doubt may fail, but does not pass. Stretches of a run are told by its windows.
    void doubt(RequirementVerdict& verdict) const {
        if (*verdict.scope == Scope::during) return;
        const std::string doubt =
            doubt_about(*Metric::parse(verdict.metric), scenario_, runs_of(*verdict.scope));
        if (doubt.empty()) return;
        verdict.note += (verdict.note.empty() ? "" : "; ") + doubt;
        if (verdict.verdict == Verdict::pass) verdict.verdict = Verdict::inconclusive;
    }

    static void test(RequirementVerdict& verdict) {
        const auto& values = verdict.values;
        if (values.empty()) {
            verdict.verdict = Verdict::inconclusive;
            verdict.note = "nothing was measured";
            return;
        }
        if (std::any_of(values.begin(), values.end(), [](double v) { return std::isinf(v); })) {
            const auto never_back =
                std::count_if(values.begin(), values.end(), [](double v) { return std::isinf(v); });
            verdict.verdict = Verdict::fail;
            verdict.note = "not recovered in " + std::to_string(never_back) + " of " +
                           std::to_string(values.size()) + " runs";
            return;
        }
        if (!verdict.estimate.has_interval()) {
            verdict.verdict =
                verdict.threshold.holds(values.front()) ? Verdict::pass : Verdict::fail;
            verdict.note = "one replication: no interval";
            return;
        }
        const bool low = verdict.threshold.holds(verdict.estimate.lower());
        const bool high = verdict.threshold.holds(verdict.estimate.upper());
        verdict.verdict = low && high   ? Verdict::pass
                          : low || high ? Verdict::inconclusive
                                        : Verdict::fail;
    }

    std::optional<double> value(const Expectation& expectation, const Metric& metric,
                                const Replication& run) const {
        const auto span = expectation.span(run.plan.warm_up, run.plan.duration);
        if (span) return metric.of(run, *span);
        return expectation.scope == Scope::during ? during(metric, run) : metric.of(run);
    }

    ExpectationVerdict claim(const Expectation& expectation) const {
        const Metric metric = *Metric::parse(expectation.metric);
        ExpectationVerdict verdict;
        verdict.metric = expectation.metric;
        verdict.because = expectation.because;
        verdict.dimension = metric.dimension();
        verdict.claim = claim_text(expectation);
        verdict.only_with_faults = expectation.only_with_faults;
        const auto holds = [&](double measured) {
            return within(expectation, metric.dimension(), measured);
        };
        for (const Replication& run : runs_of(expectation.scope)) {
            if (run.interrupted) continue;
            const auto measured = value(expectation, metric, run);
            ++verdict.tested;
            if (!measured) continue;
            verdict.values.push_back(*measured);
            verdict.held += holds(*measured) ? 1 : 0;
        }
        if (expectation.only_with_faults) {
            for (const Replication& run : trial_.baseline) {
                const auto measured = value(expectation, metric, run);
                verdict.held_without += measured && holds(*measured) ? 1 : 0;
            }
        }
        verdict.share = wilson_interval(verdict.held, verdict.tested);
        decide(verdict, expectation.of_seeds.value);
        return verdict;
    }

    static void decide(ExpectationVerdict& verdict, double of_seeds) {
        const auto tested = static_cast<double>(verdict.tested);
        const bool held = static_cast<double>(verdict.held) >= of_seeds * tested - 1e-9;
        const bool opposite =
            !verdict.only_with_faults ||
            tested - static_cast<double>(verdict.held_without) >= of_seeds * tested - 1e-9;
        verdict.verdict = held && opposite ? Verdict::pass : Verdict::fail;
    }

    static bool within(const Expectation& expectation, Dimension dimension, double measured) {
        const auto bound = [dimension](const std::string& text) {
            const double value = parse_quantity(text, dimension).value;
            return dimension == Dimension::duration ? value * 1e-9 : value;
        };
        if (!expectation.at_least.empty() && measured < bound(expectation.at_least)) return false;
        return expectation.at_most.empty() || measured <= bound(expectation.at_most);
    }

    static std::string claim_text(const Expectation& expectation) {
        std::string text;
        if (!expectation.at_least.empty()) text += " at least " + expectation.at_least;
        if (!expectation.at_most.empty()) text += " at most " + expectation.at_most;
        if (expectation.at) text += " at " + to_text(*expectation.at);
        if (expectation.from) text += " from " + to_text(*expectation.from);
        if (expectation.to) text += " to " + to_text(*expectation.to);
        return text.substr(1);
    }

    const Scenario& scenario_;
    const Trial& trial_;
    unsigned threads_;
    RunWatch& watch_;
};

Verdict worst(Verdict a, Verdict b) {
    if (a == Verdict::fail || b == Verdict::fail) return Verdict::fail;
    return a == Verdict::inconclusive ? a : b;
}

/// Finds what a scenario asks of its runs and no run can answer.
class MetricCheck {
public:
    MetricCheck(const Scenario& scenario, Problems& problems)
        : run_(nothing_yet(scenario)), names_(metric_names(run_)), problems_(problems) {}

    void requirement(const Named<Requirement>::Item& item) {
        const auto dimension = dimension_of_metric(item.name, item.place);
        if (!dimension) return;
        const ParsedThreshold parsed = parse_threshold(item.value.limit, *dimension);
        if (!parsed.message.empty()) {
            problems_.add(item.place, item.name + ": " + parsed.message, parsed.cure);
        }
    }

    void expectation(const Expectation& expectation, std::size_t number) {
        const std::string path = "expect." + std::to_string(number);
        const std::size_t known = problems_.size();
        const auto dimension = dimension_of_metric(expectation.metric, nowhere, path);
        if (problems_.size() != known || !dimension) return;
        check_span(expectation, path);
        for (const std::string& bound : {expectation.at_least, expectation.at_most}) {
            if (bound.empty()) continue;
            const ParsedQuantity parsed = parse_quantity(bound, *dimension);
            if (parsed.good()) continue;
            problems_.add({nowhere, expectation.metric + ": " + parsed.message, parsed.cure, path});
        }
    }

    void known_value(const Named<KnownValue>::Item& item) {
        const auto dimension = dimension_of_metric(item.name, item.place);
        if (!dimension) return;
        for (const std::string& text : {item.value.value, item.value.within}) {
            if (text.empty()) continue;
            const ParsedQuantity parsed = parse_quantity(text, *dimension);
            if (parsed.good()) continue;
            problems_.add(item.place, item.name + ": " + parsed.message, parsed.cure);
        }
    }

private:
    void check_span(const Expectation& expectation, const std::string& path) {
        const auto metric = Metric::parse(expectation.metric);
        if (!metric) return;  // recovery_time
        if (expectation.at && !metric->has_instants(run_)) {
            problems_.add({nowhere, expectation.metric + " has no value at an instant",
                           "write \"from\" and \"to\", or name a level", path});
        } else if ((expectation.from || expectation.to) && !metric->has_spans(run_)) {
            problems_.add({nowhere, expectation.metric + " is kept for whole runs only",
                           "leave out \"from\" and \"to\", or name a level, a counter or a journey",
                           path});
        }
    }

    std::optional<Dimension> dimension_of_metric(const std::string& name, Place place,
                                                 const std::string& path = {}) {
        if (name == "recovery_time") return Dimension::duration;
        const auto metric = Metric::parse(name);
        if (metric && metric->exists(run_)) return metric->dimension();
        const std::vector<std::string_view> words(names_.begin(), names_.end());
        const bool hidden = std::find(words.begin(), words.end(), name) != words.end();
        problems_.add({place, "there is no metric \"" + name + "\"",
                       hidden ? "a journey has the name of that component: rename one of them"
                              : suggestion(name, words),
                       path});
        return std::nullopt;
    }

    Replication run_;
    std::vector<std::string> names_;
    Problems& problems_;
};

}  // namespace

std::string_view name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::pass:
            return "pass";
        case Verdict::fail:
            return "fail";
        case Verdict::inconclusive:
            break;
    }
    return "inconclusive";
}

std::string_view name_of(Fate fate) {
    switch (fate) {
        case Fate::recovered:
            return "recovered";
        case Fate::degraded:
            return "degraded";
        case Fate::metastable:
            break;
    }
    return "metastable";
}

std::size_t FaultVerdict::count(Fate fate) const {
    return static_cast<std::size_t>(std::count(fates.begin(), fates.end(), fate));
}

Verdict Judgement::requirements_verdict() const {
    Verdict verdict = Verdict::pass;
    for (const auto& requirement : requirements) verdict = worst(verdict, requirement.verdict);
    return verdict;
}

Verdict Judgement::expectations_verdict() const {
    Verdict verdict = Verdict::pass;
    for (const auto& expectation : expectations) verdict = worst(verdict, expectation.verdict);
    return verdict;
}

void check_metrics(const Scenario& scenario, Problems& problems) {
    const auto& parameters = scenario.parameters();
    if (parameters.requirements.empty() && parameters.expect.empty() && !parameters.validate) {
        return;
    }
    MetricCheck check(scenario, problems);
    for (const auto& item : parameters.requirements) check.requirement(item);
    for (std::size_t i = 0; i < parameters.expect.size(); ++i) {
        check.expectation(parameters.expect[i], i);
    }
    if (!parameters.validate) return;
    for (const auto& item : parameters.validate->values) check.known_value(item);
}

Judgement judge(const Scenario& scenario, const Trial& trial, unsigned threads, RunWatch& watch) {
    return Judge(scenario, trial, threads, watch).judgement();
}

}  // namespace prodsim
