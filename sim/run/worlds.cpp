#include "sim/run/worlds.hpp"

#include <algorithm>

namespace prodsim {

namespace {

constexpr double widest_in_one_world = 0.2;
constexpr double fewest_offered = 100;

double counted(const Series& series, Time from, Time to, bool only_good) {
    double sum = 0;
    for (std::size_t i = 0; i < series.windows().size(); ++i) {
        if (series.start(i) < from || series.start(i) + series.width() > to) continue;
        const Series::Window& window = series.windows()[i];
        sum += static_cast<double>(window.count - (only_good ? window.bad : 0));
    }
    return sum;
}

/// Of what was offered in the last tenth of a run; nothing where that was little.
std::optional<double> served_late(const Replication& run) {
    const Time from = start_of_run + (run.end - start_of_run) * 9 / 10;
    double offered = 0;
    double good = 0;
    for (const Journey& journey : run.journeys) {
        offered += counted(journey.offers(), from, run.end, false);
        good += counted(journey.ends(), from, run.end, true);
    }
    if (run.interrupted || offered < fewest_offered) return std::nullopt;
    return good / offered;
}

double mean_of(const std::vector<double>& shares, const std::vector<bool>& chosen, bool which) {
    std::vector<double> values;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        if (chosen[i] == which) values.push_back(shares[i]);
    }
    return estimate_mean(values).mean;
}

}  // namespace

std::optional<TwoWorlds> two_worlds(const std::vector<Replication>& runs) {
    std::vector<double> shares;
    for (const Replication& run : runs) {
        const std::optional<double> share = served_late(run);
        if (!share) return std::nullopt;
        shares.push_back(*share);
    }
    std::vector<double> sorted = shares;
    std::sort(sorted.begin(), sorted.end());
    // The uppermost gap: below it are also those that have only begun to collapse.
    std::optional<double> border;
    for (std::size_t i = 1; i < sorted.size(); ++i) {
        if (sorted[i] - sorted[i - 1] >= widest_in_one_world) border = sorted[i];
    }
    if (!border) return std::nullopt;
    TwoWorlds worlds;
    for (const double share : shares) {
        worlds.collapsed.push_back(share < *border);
        worlds.collapses += share < *border ? 1 : 0;
    }
    worlds.share = wilson_interval(worlds.collapses, shares.size());
    worlds.served_alive = mean_of(shares, worlds.collapsed, false);
    worlds.served_collapsed = mean_of(shares, worlds.collapsed, true);
    return worlds;
}

}  // namespace prodsim
