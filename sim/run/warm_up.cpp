#include "sim/run/warm_up.hpp"

#include "sim/stats/warm_up.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {

namespace {

// As many as the scenario has replications, within reason.
constexpr std::int64_t fewest_pilots = 10;
constexpr std::int64_t most_pilots = 50;

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

// Beyond the replications that a scenario can ask for, so that no pilot is one of them.
constexpr std::uint64_t first_pilot = std::uint64_t{1} << 32;

/// A series that has a value in every window: where nothing ended the last latency goes on, and
/// before the first end the first one is taken.
std::vector<double> filled(std::vector<double> values) {
    double last = unknown;
    for (const double value : values) {
        if (std::isfinite(last)) break;
        last = value;
    }
    for (double& value : values) {
        if (std::isfinite(value)) last = value;
        value = last;
    }
    return values;
}

/// One journey in one run, window by window.
class Course {
public:
    explicit Course(const Journey& journey) : offers_(journey.offers()), ends_(journey.ends()) {
        widen(std::max(offers_.width(), ends_.width()));
    }

    Duration width() const { return ends_.width(); }

    /// Merging nothing widens.
    void widen(Duration width) {
        offers_.merge(Series{width});
        ends_.merge(Series{width, Series::Detail::quantiles});
    }

    std::size_t windows(Duration length) const {
        return static_cast<std::size_t>(length / width());
    }

    /// Empty where nothing ended.
    std::vector<double> latency(Duration length) const {
        std::vector<double> values(windows(length), unknown);
        bool any = false;
        for (std::size_t i = 0; i < std::min(values.size(), ends_.windows().size()); ++i) {
            const Series::Window& window = ends_.windows()[i];
            if (window.count == 0) continue;
            values[i] = in_seconds(window.sum) / static_cast<double>(window.count);
            any = true;
        }
        return any ? filled(std::move(values)) : std::vector<double>{};
    }

    /// Adds how many are inside at the end of each window.
    void add_inside(std::vector<double>& all) const {
        double now = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (i < offers_.windows().size()) {
                now += static_cast<double>(offers_.windows()[i].count);
            }
            if (i < ends_.windows().size()) now -= static_cast<double>(ends_.windows()[i].count);
            all[i] += now;
        }
    }

private:
    Series offers_;
    Series ends_;
};

/// What the pilots say of one series: the mean of their cuts.
class Cuts {
public:
    void add(const std::vector<double>& series, Duration width) {
        const auto values = find_warm_up(series);
        ++pilots_;
        if (values) {
            sum_ += width * static_cast<std::int64_t>(*values);
        } else {
            ++too_short_;
        }
    }

    /// Nothing where half of the pilots or more were too short. Up to whole seconds.
    std::optional<Duration> mean() const {
        if (2 * too_short_ >= pilots_) return std::nullopt;
        return std::chrono::ceil<std::chrono::seconds>(sum_ / (pilots_ - too_short_));
    }

    bool empty() const { return pilots_ == 0; }

private:
    Duration sum_{};
    std::int64_t pilots_ = 0;
    std::int64_t too_short_ = 0;
};

void look_at(const Replication& pilot, Duration length, std::vector<Cuts>& latency, Cuts& all) {
    std::vector<Course> courses(pilot.journeys.begin(), pilot.journeys.end());
    Duration width{};
    for (const Course& course : courses) width = std::max(width, course.width());
    std::vector<double> inside;
    for (std::size_t i = 0; i < courses.size(); ++i) {
        courses[i].widen(width);
        inside.resize(courses[i].windows(length), 0.0);
        courses[i].add_inside(inside);
        const std::vector<double> times = courses[i].latency(length);
        if (!times.empty()) latency[i].add(times, width);
    }
    all.add(inside, width);
}

std::vector<Replication> run_pilots(const Scenario& scenario, unsigned threads, RunWatch& watch) {
    const RunParameters& run = scenario.parameters().run;
    const std::int64_t pilots = pilots_of(run);
    std::vector<RunPlan> plans;
    for (std::int64_t i = 0; i < pilots; ++i) {
        plans.push_back({static_cast<std::uint64_t>(run.seed),
                         first_pilot + static_cast<std::uint64_t>(i), FaultSelection::none(),
                         Duration::zero(), run.duration});
    }
    return simulate_all(scenario, plans, threads, watch);
}

}  // namespace

std::int64_t pilots_of(const RunParameters& run) {
    return run.warm_up ? 0 : std::clamp(run.replications, fewest_pilots, most_pilots);
}

FoundWarmUp find_warm_up(const Scenario& scenario, unsigned threads, RunWatch& watch) {
    const std::vector<Replication> runs = run_pilots(scenario, threads, watch);
    const Duration length = scenario.parameters().run.duration;
    const std::size_t journeys = runs.front().journeys.size();
    std::vector<Cuts> latency(journeys);
    Cuts inside;
    for (const Replication& run : runs) look_at(run, length, latency, inside);
    FoundWarmUp found{.length = {}, .found = true, .by = {}, .pilots = runs.size()};
    const auto take = [&](const Cuts& cuts, const std::string& what) {
        const std::optional<Duration> cut = cuts.mean();
        if (cuts.empty() || !found.found) return;
        if (cut && !found.by.empty() && *cut <= found.length) return;
        found.found = cut.has_value();
        found.length = cut.value_or(length / 2);
        found.by = what;
    };
    for (std::size_t i = 0; i < journeys; ++i) {
        take(latency[i], "the latency of " + runs.front().journeys[i].name());
    }
    take(inside, "the number of requests in the system");
    return found;
}

std::unique_ptr<const Scenario> with_warm_up(std::unique_ptr<const Scenario> scenario,
                                             unsigned threads, RunWatch& watch) {
    if (scenario->parameters().run.warm_up) return scenario;
    return scenario->with_warm_up(find_warm_up(*scenario, threads, watch));
}

}  // namespace prodsim
