#include "models/operations/replicas.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

namespace prodsim {

namespace {

/// Usage over requests of the pods that have a metric, in whole per cent as the API computes it,
/// divided by the target.
double usage_ratio(std::span<const PodReading> pods, std::int64_t target_percent) {
    std::int64_t usage = 0;
    std::int64_t requests = 0;
    for (const PodReading& pod : pods) {
        if (!pod.usage) continue;
        usage += *pod.usage;
        requests += pod.request;
    }
    assert(requests > 0);
    return static_cast<double>(usage * 100 / requests) / static_cast<double>(target_percent);
}

bool is_within(double ratio, double tolerance) { return std::abs(1 - ratio) <= tolerance; }

std::int64_t pods_for(double ratio, std::size_t pods) {
    return static_cast<std::int64_t>(std::ceil(ratio * static_cast<double>(pods)));
}

}  // namespace

std::int64_t desired_replicas(std::int64_t current, std::span<const PodReading> pods,
                              std::int64_t target_percent, double tolerance) {
    std::vector<PodReading> ready;
    std::vector<PodReading> missing;
    std::vector<PodReading> unready;
    for (const PodReading& pod : pods) {
        (!pod.ready ? unready : pod.usage ? ready : missing).push_back(pod);
    }
    const double ratio = usage_ratio(ready, target_percent);
    const bool count_unready = !unready.empty() && ratio > 1;
    if (!count_unready && missing.empty()) {
        return is_within(ratio, tolerance) ? current : pods_for(ratio, ready.size());
    }
    // Shrinking, a pod without a metric is taken to be busy; growing, it and those that are not
    // ready are taken to be idle.
    for (PodReading pod : missing) {
        if (ratio < 1) pod.usage = pod.request * std::max<std::int64_t>(100, target_percent) / 100;
        if (ratio > 1) pod.usage = 0;
        if (pod.usage) ready.push_back(pod);
    }
    if (count_unready) {
        for (PodReading pod : unready) {
            pod.usage = 0;
            ready.push_back(pod);
        }
    }
    const double cautious = usage_ratio(ready, target_percent);
    const bool turned = (ratio < 1 && cautious > 1) || (ratio > 1 && cautious < 1);
    if (is_within(cautious, tolerance) || turned) return current;
    const std::int64_t wanted = pods_for(cautious, ready.size());
    const bool backwards = (cautious < 1 && wanted > current) || (cautious > 1 && wanted < current);
    return backwards ? current : wanted;
}

std::int64_t ScalingHistory::stabilised(std::int64_t current, std::int64_t recommended, Time now) {
    std::int64_t for_up = recommended;
    std::int64_t for_down = recommended;
    for (const Entry& entry : recommendations_) {
        if (entry.at > now - up_.stabilisation) for_up = std::min(for_up, entry.value);
        if (entry.at > now - down_.stabilisation) for_down = std::max(for_down, entry.value);
    }
    const Duration longest = std::max(up_.stabilisation, down_.stabilisation);
    std::erase_if(recommendations_, [&](const Entry& entry) { return entry.at <= now - longest; });
    recommendations_.push_back({recommended, now});
    return std::min(std::max(current, for_up), for_down);
}

std::int64_t ScalingHistory::limited(std::int64_t current, std::int64_t wanted,
                                     std::int64_t minimum, std::int64_t maximum, Time now) const {
    if (wanted > current) {
        return std::min(wanted, std::min(maximum, std::max(current, highest(current, now))));
    }
    if (wanted < current) {
        return std::max(wanted, std::max(minimum, std::min(current, lowest(current, now))));
    }
    return wanted;
}

void ScalingHistory::scaled(std::int64_t change, Time now) {
    Duration longest{};
    for (const ScalingRules* rules : {&up_, &down_}) {
        for (const ScalingLimit& limit : rules->limits) longest = std::max(longest, limit.period);
    }
    std::erase_if(changes_, [&](const Entry& entry) { return entry.at <= now - longest; });
    changes_.push_back({change, now});
}

// How many there were when the period of the limit began.
std::int64_t ScalingHistory::at_start_of(const ScalingLimit& limit, std::int64_t current,
                                         Time now) const {
    for (const Entry& change : changes_) {
        if (change.at > now - limit.period) current -= change.value;
    }
    return current;
}

std::int64_t ScalingHistory::highest(std::int64_t current, Time now) const {
    if (up_.select == SelectLimit::disabled) return current;
    const bool most = up_.select == SelectLimit::most_change;
    std::int64_t result = most ? 0 : std::numeric_limits<std::int64_t>::max();
    for (const ScalingLimit& limit : up_.limits) {
        const std::int64_t start = at_start_of(limit, current, now);
        const std::int64_t allowed =
            limit.unit == ScalingLimit::Unit::pods
                ? start + limit.value
                : static_cast<std::int64_t>(std::ceil(
                      static_cast<double>(start) * (1 + static_cast<double>(limit.value) / 100)));
        result = most ? std::max(result, allowed) : std::min(result, allowed);
    }
    return result;
}

std::int64_t ScalingHistory::lowest(std::int64_t current, Time now) const {
    if (down_.select == SelectLimit::disabled) return current;
    const bool most = down_.select == SelectLimit::most_change;
    std::int64_t result = most ? std::numeric_limits<std::int64_t>::max() : 0;
    for (const ScalingLimit& limit : down_.limits) {
        const std::int64_t start = at_start_of(limit, current, now);
        const std::int64_t allowed =
            limit.unit == ScalingLimit::Unit::pods
                ? start - limit.value
                : static_cast<std::int64_t>(static_cast<double>(start) *
                                            (1 - static_cast<double>(limit.value) / 100));
        result = most ? std::min(result, allowed) : std::max(result, allowed);
    }
    return result;
}

RollingBounds rolling_bounds(PodCount max_surge, PodCount max_unavailable, std::int64_t replicas) {
    const auto pods = [&](PodCount count, std::int64_t rounding) {
        return count.percent ? (count.number * replicas + rounding) / 100 : count.number;
    };
    RollingBounds bounds{pods(max_surge, 99), pods(max_unavailable, 0)};
    if (bounds.surge == 0 && bounds.unavailable == 0) bounds.unavailable = 1;
    return bounds;
}

}  // namespace prodsim
