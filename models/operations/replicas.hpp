#pragma once

// The rules by which Kubernetes' HorizontalPodAutoscaler and its deployments decide how many pods
// there are, as pure functions: they know no clock and no world. Kubernetes 1.31,
// pkg/controller/podautoscaler: replica_calculator.go (GetResourceReplicas), horizontal.go
// (stabilizeRecommendationWithBehaviors and convertDesiredReplicasWithBehaviorRate).

#include "sim/core/time.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace prodsim {

/// What the autoscaler knows of one pod.
struct PodReading {
    std::int64_t request;               // thousandths of a core
    std::optional<std::int64_t> usage;  // the same; none while there is no metric
    bool ready;                         // false also for a pod that is too young to be believed
};

/// How many pods bring the usage to `target_percent` of the requests. Pods without a metric or not
/// ready count in the cautious direction, and a decision that they would turn round is not made.
/// REQUIRES a ready pod with a metric; failed pods are not among `pods`.
std::int64_t desired_replicas(std::int64_t current, std::span<const PodReading> pods,
                              std::int64_t target_percent, double tolerance);

/// At most so much change within a period.
struct ScalingLimit {
    enum class Unit : std::uint8_t { pods, percent };
    Unit unit = Unit::pods;
    std::int64_t value = 0;
    Duration period{};
};

enum class SelectLimit : std::uint8_t { most_change, least_change, disabled };

/// What holds for one direction.
struct ScalingRules {
    Duration stabilisation{};
    SelectLimit select = SelectLimit::most_change;
    std::vector<ScalingLimit> limits;
};

/// Remembers what was recommended and done, and turns the next recommendation into a number of
/// replicas.
class ScalingHistory {
public:
    ScalingHistory(ScalingRules up, ScalingRules down)
        : up_(std::move(up)), down_(std::move(down)) {}

    /// Notes the recommendation. In answer a recommendation to grow is no more than any within the
    /// window of growing, and one to shrink no less than any within the window of shrinking.
    std::int64_t stabilised(std::int64_t current, std::int64_t recommended, Time now);

    /// As near to `wanted` as the limits of the direction and the bounds allow.
    std::int64_t limited(std::int64_t current, std::int64_t wanted, std::int64_t minimum,
                         std::int64_t maximum, Time now) const;

    /// The replicas were changed by this number.
    void scaled(std::int64_t change, Time now);

private:
    struct Entry {
        std::int64_t value;
        Time at;
    };

    std::int64_t at_start_of(const ScalingLimit& limit, std::int64_t current, Time now) const;
    std::int64_t highest(std::int64_t current, Time now) const;
    std::int64_t lowest(std::int64_t current, Time now) const;

    ScalingRules up_;
    ScalingRules down_;
    std::vector<Entry> recommendations_;
    std::vector<Entry> changes_;
};

/// A number of pods as Kubernetes writes it: "3" or "25%".
struct PodCount {
    std::int64_t number = 0;
    bool percent = false;
};

/// How far a rolling update may go at a time.
struct RollingBounds {
    std::int64_t surge;        // pods beyond the wanted number
    std::int64_t unavailable;  // pods fewer than that which serve
};

/// A share of the surge is rounded up and one of the unavailable down; where both come to nothing
/// one pod may be unavailable, or nothing could ever change (Kubernetes 1.31,
/// pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts).
RollingBounds rolling_bounds(PodCount max_surge, PodCount max_unavailable, std::int64_t replicas);

}  // namespace prodsim
