#include "sim/run/breakdown.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace prodsim {

namespace {

/// The sums of one class over replications, whose labels may have different numbers.
struct Sums {
    std::uint64_t journeys = 0;
    Duration latency{};
    std::map<TimeLabel, Duration> by_label;

    void add(const TimeSplit& split, const std::vector<TimeLabel>& labels) {
        journeys += split.journeys;
        latency += split.latency;
        for (std::size_t i = 0; i < split.by_label.size(); ++i) {
            if (split.by_label[i].count() > 0) by_label[labels[i]] += split.by_label[i];
        }
    }

    TimeSplitReport report() const {
        TimeSplitReport made;
        made.journeys = journeys;
        if (journeys == 0) return made;
        const auto count = static_cast<double>(journeys);
        made.latency_mean_s = in_seconds(latency) / count;
        for (const auto& [label, time] : by_label) {
            made.parts.push_back({label, in_seconds(time) / count});
        }
        std::stable_sort(
            made.parts.begin(), made.parts.end(),
            [](const TimePart& one, const TimePart& other) { return one.mean_s > other.mean_s; });
        return made;
    }
};

PathReport path_of(const TracedJourney& journey, const Replication& replication) {
    PathReport path{replication.plan.replication,
                    in_seconds(journey.started - start_of_run),
                    in_seconds(journey.latency),
                    journey.reply.outcome,
                    replication.reasons[journey.reply.reason],
                    {}};
    for (const PathPiece& piece : journey.path) {
        path.pieces.push_back({replication.time_labels[piece.label],
                               in_seconds(piece.from - journey.started),
                               in_seconds(piece.to - journey.started)});
    }
    return path;
}

/// The slowest of its kind, good or failed, over replications.
void keep_slower(std::optional<PathReport>& slowest, const TracedJourney& journey,
                 const Replication& replication) {
    if (slowest && slowest->latency_s >= in_seconds(journey.latency)) return;
    slowest = path_of(journey, replication);
}

struct Collected {
    Sums good;
    Sums slowest;
    Sums failed;
    std::optional<PathReport> slowest_good;
    std::optional<PathReport> slowest_failed;

    void add(const Breakdown& breakdown, const Replication& replication) {
        good.add(breakdown.good, replication.time_labels);
        slowest.add(breakdown.slowest, replication.time_labels);
        failed.add(breakdown.failed, replication.time_labels);
        for (const TracedJourney& example : breakdown.examples) {
            keep_slower(example.reply.good() ? slowest_good : slowest_failed, example, replication);
        }
    }
};

}  // namespace

std::vector<BreakdownReport> breakdowns_of(const std::vector<const Replication*>& replications) {
    std::vector<std::pair<std::string, Collected>> collected;
    for (const Replication* replication : replications) {
        for (const Breakdown& breakdown : replication->breakdowns) {
            auto found = std::find_if(collected.begin(), collected.end(), [&](const auto& item) {
                return item.first == breakdown.journey;
            });
            if (found == collected.end()) {
                found = collected.emplace(collected.end(), breakdown.journey, Collected{});
            }
            found->second.add(breakdown, *replication);
        }
    }
    std::vector<BreakdownReport> reports;
    for (auto& [name, sums] : collected) {
        BreakdownReport& made = reports.emplace_back();
        made.journey = name;
        made.good = sums.good.report();
        made.slowest = sums.slowest.report();
        made.failed = sums.failed.report();
        if (sums.slowest_good) made.examples.push_back(std::move(*sums.slowest_good));
        if (sums.slowest_failed) made.examples.push_back(std::move(*sums.slowest_failed));
    }
    return reports;
}

}  // namespace prodsim
