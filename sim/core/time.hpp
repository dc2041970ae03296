#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace prodsim {

/// Simulated time is a whole number of nanoseconds since the start of the run, so equal instants
/// are equal, sums are exact and results do not depend on the platform. The range is 292 years.
struct SimulatedClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<SimulatedClock>;
    static constexpr bool is_steady = true;
};

using Duration = SimulatedClock::duration;
using Time = SimulatedClock::time_point;

/// The start of every run.
inline constexpr Time start_of_run{};

/// Later than every event: the deadline of a call that has none.
inline constexpr Time never = Time::max();

/// The longest delay that can be scheduled (73 years): sums of a few of them cannot overflow.
inline constexpr Duration longest_delay{std::numeric_limits<std::int64_t>::max() / 4};

/// Rounds to the nearest nanosecond and saturates at `longest_delay`; negative values become 0.
constexpr Duration from_seconds(double seconds) {
    const double nanoseconds = seconds * 1e9 + 0.5;
    if (!(nanoseconds >= 0)) return Duration{0};
    if (nanoseconds >= static_cast<double>(longest_delay.count())) return longest_delay;
    return Duration{static_cast<std::int64_t>(nanoseconds)};
}

constexpr double in_seconds(Duration duration) {
    return static_cast<double>(duration.count()) * 1e-9;
}

constexpr double in_seconds(Time time) { return in_seconds(time.time_since_epoch()); }

}  // namespace prodsim
