#include "sim/run/precision.hpp"

#include "sim/config/problem.hpp"
#include "sim/run/metric.hpp"
#include "sim/run/report_numbers.hpp"
#include "sim/run/worlds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace prodsim {

namespace {

constexpr double least_growth = 0.25;
constexpr double most_growth = 1.0;

// A change from the first half of the runs to the second that is worth a doubt.
constexpr double notable_drift = 0.1;

std::string percent(double share) { return readable_share(Measured{share}); }

// ---- goals --------------------------------------------------------------------------------------

/// "latency_p99" of every journey, or the metric itself.
std::vector<std::string> metrics_meant(const std::string& name, const Replication& run) {
    if (name.find('.') != std::string::npos) return {name};
    std::vector<std::string> names;
    for (const Journey& journey : run.journeys) names.push_back(journey.name() + "." + name);
    return names;
}

void add_goals(const std::string& text, const Replication& run, std::vector<PrecisionGoal>& goals,
               Problems& problems) {
    const std::string subject = "--precision " + in_quotes(text);
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
        problems.add(nowhere, subject + " has no share", "write --precision latency_p99=5%");
        return;
    }
    const ParsedQuantity share = parse_quantity(text.substr(equals + 1), Dimension::share);
    if (!share.good() || share.value <= 0 || share.value >= 1) {
        problems.add(nowhere, subject + " needs a share between 0 and 1 after the sign",
                     "write --precision latency_p99=5%");
        return;
    }
    for (const std::string& name : metrics_meant(text.substr(0, equals), run)) {
        const auto metric = Metric::parse(name);
        if (metric && metric->exists(run)) {
            goals.push_back({name, share.value});
            continue;
        }
        const std::vector<std::string> names = metric_names(run);
        const std::vector<std::string_view> words(names.begin(), names.end());
        problems.add(nowhere, "there is no metric " + in_quotes(name), suggestion(name, words));
    }
}

// ---- looks --------------------------------------------------------------------------------------

struct Look {
    std::vector<double> values;
    std::size_t missing = 0;  // replications without the metric
    Estimate estimate{};
    double relative = std::numeric_limits<double>::quiet_NaN();
    double wanted = 0;

    bool is_narrow() const { return missing == 0 && relative <= wanted; }

    /// How many replications would be enough if nothing else changed.
    double enough() const {
        const double factor = relative / wanted;
        return std::ceil(static_cast<double>(values.size()) * factor * factor);
    }
};

Look look_at(const PrecisionGoal& goal, const std::vector<Replication>& runs) {
    const Metric metric = *Metric::parse(goal.metric);
    Look look;
    for (const Replication& run : runs) {
        const std::optional<double> value = metric.of(run);
        if (value) look.values.push_back(*value);
        look.missing += value ? 0 : 1;
    }
    look.estimate = estimate_of(metric, runs);
    look.relative = look.estimate.half_width / std::abs(look.estimate.mean);
    look.wanted = goal.share / (1 + goal.share);
    return look;
}

/// The size of the next look: what the worst of the goals seems to need, within limits.
std::size_t next_size(const std::vector<Look>& looks, std::size_t now, std::size_t most) {
    double enough = 0;
    for (const Look& look : looks) {
        if (std::isfinite(look.relative)) enough = std::max(enough, look.enough());
    }
    const auto size = static_cast<double>(now);
    const double next =
        std::clamp(enough, std::ceil(size * (1 + least_growth)), size * (1 + most_growth));
    return std::min(most, static_cast<std::size_t>(next));
}

// ---- doubts -------------------------------------------------------------------------------------

/// The sum and count of what ended in a part of the window.
struct Half {
    double offered = 0;
    double ended = 0;
    double sum_s = 0;
};

Half half_of(const Journey& journey, Time from, Time to) {
    Half half;
    const auto visit = [&](const Series& series, auto take) {
        for (std::size_t i = 0; i < series.windows().size(); ++i) {
            const bool inside = series.start(i) >= from && series.start(i) + series.width() <= to;
            if (inside) take(series.windows()[i]);
        }
    };
    visit(journey.offers(), [&](const auto& w) { half.offered += static_cast<double>(w.count); });
    visit(journey.ends(), [&](const auto& w) {
        half.ended += static_cast<double>(w.count);
        half.sum_s += in_seconds(w.sum);
    });
    return half;
}

/// How much larger the second half of the runs is than the first, as a share of it, where that is
/// beyond chance (99 %) and worth a word.
std::optional<double> drift_of(const std::vector<double>& first,
                               const std::vector<double>& second) {
    const Estimate before = estimate_mean(first);
    const PairedEstimate change = estimate_difference(first, second, 0.99);
    if (!change.difference.has_interval() || before.mean <= 0) return std::nullopt;
    const double drift = change.difference.mean / before.mean;
    const bool beyond_chance = std::abs(change.difference.mean) > change.difference.half_width;
    return beyond_chance && std::abs(drift) >= notable_drift ? std::optional(drift) : std::nullopt;
}

std::string drift_of_journey(const std::vector<Replication>& runs, std::size_t number) {
    std::vector<double> offered[2];
    std::vector<double> latency[2];
    for (const Replication& run : runs) {
        const Time begin = start_of_run + run.plan.warm_up;
        const Time middle = begin + (run.end - begin) / 2;
        const Half halves[] = {half_of(run.journeys[number], begin, middle),
                               half_of(run.journeys[number], middle, run.end)};
        if (halves[0].ended == 0 || halves[1].ended == 0) continue;
        for (std::size_t i = 0; i < 2; ++i) {
            offered[i].push_back(halves[i].offered);
            latency[i].push_back(halves[i].sum_s / halves[i].ended);
        }
    }
    // Where the load itself changes, so may everything else.
    if (latency[0].empty() || drift_of(offered[0], offered[1])) return {};
    const auto drift = drift_of(latency[0], latency[1]);
    if (!drift) return {};
    return "drift: the latency of " + runs.front().journeys[number].name() + " is " +
           percent(std::abs(*drift)) + (*drift > 0 ? " higher" : " lower") +
           " in the second half of the runs than in the first, so it depends on their length";
}

/// What puts all numbers of these runs in doubt.
std::string doubt_about_all(const Scenario& scenario, const std::vector<Replication>& runs) {
    if (const auto worlds = two_worlds(runs)) {
        return "two worlds: " + std::to_string(worlds->collapses) + " of " +
               std::to_string(runs.size()) +
               " seeds collapse and the others do not, and a mean over both describes neither";
    }
    if (!scenario.parameters().faults.empty()) return {};
    for (std::size_t i = 0; i < runs.front().journeys.size(); ++i) {
        std::string drift = drift_of_journey(runs, i);
        if (!drift.empty()) return drift;
    }
    return {};
}

std::string shortfall(const Look& look, std::size_t most) {
    if (look.missing > 0) {
        return "it is not measured in " + std::to_string(look.missing) + " of " +
               std::to_string(look.values.size() + look.missing) + " replications";
    }
    if (!std::isfinite(look.relative)) return "it is 0, and has no share of itself";
    double largest = 0;
    double squares = 0;
    for (const double value : look.values) {
        const double square = (value - look.estimate.mean) * (value - look.estimate.mean);
        largest = std::max(largest, square);
        squares += square;
    }
    constexpr double notable = 0.5;
    std::string text = "about " + readable_count(static_cast<std::uint64_t>(look.enough())) +
                       " replications would do; the limit is " + readable_count(most);
    if (look.values.size() >= fewest_precise_replications && largest > notable * squares) {
        text = "heavy tail: one replication makes " + percent(largest / squares) +
               " of the variance of all; " + text;
    }
    return text;
}

Precision verdict(const Scenario& scenario, const std::vector<PrecisionGoal>& goals,
                  const std::vector<Look>& looks, const Trial& trial, std::size_t most) {
    Precision precision{{}, trial.main.size(), most};
    const std::string doubt = doubt_about_all(scenario, trial.main);
    for (std::size_t i = 0; i < goals.size(); ++i) {
        const Metric metric = *Metric::parse(goals[i].metric);
        GoalVerdict one{goals[i], metric.dimension(), looks[i].estimate, looks[i].relative, doubt};
        if (one.doubt.empty()) one.doubt = doubt_about(metric, scenario, trial.main);
        if (one.doubt.empty() && !looks[i].is_narrow()) one.doubt = shortfall(looks[i], most);
        precision.goals.push_back(std::move(one));
    }
    return precision;
}

}  // namespace

bool Precision::converged() const {
    return std::all_of(goals.begin(), goals.end(), [](const auto& goal) { return goal.met(); });
}

std::vector<PrecisionGoal> read_goals(const std::vector<std::string>& texts,
                                      const Scenario& scenario, Problems& problems) {
    std::vector<PrecisionGoal> goals;
    if (texts.empty()) return goals;
    const Replication run = nothing_yet(scenario);
    for (const std::string& text : texts) add_goals(text, run, goals, problems);
    return goals;
}

PreciseTrial run_to_precision(const Scenario& scenario, const std::vector<PrecisionGoal>& goals,
                              std::size_t most, unsigned threads, RunWatch& watch) {
    PreciseTrial result;
    const auto asked = static_cast<std::size_t>(scenario.parameters().run.replications);
    std::size_t size = std::max(fewest_precise_replications, asked);
    most = std::max(most, size);
    std::vector<Look> looks;
    bool narrow_before = false;
    while (true) {
        extend_trial(scenario, size, threads, watch, result.trial);
        looks.clear();
        for (const PrecisionGoal& goal : goals) looks.push_back(look_at(goal, result.trial.main));
        const bool narrow = std::all_of(looks.begin(), looks.end(),
                                        [](const Look& look) { return look.is_narrow(); });
        if ((narrow && narrow_before) || size == most || watch.stop) break;
        narrow_before = narrow;
        size = next_size(looks, size, most);
    }
    result.precision = verdict(scenario, goals, looks, result.trial, most);
    return result;
}

}  // namespace prodsim
