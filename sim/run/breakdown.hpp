#pragma once

// Where the time of journeys goes: the critical paths of a sample of them (sim/world/traces.hpp),
// put together over replications. Sums are exact: the parts of a class of journeys add up to its
// mean latency.

#include "sim/run/simulation.hpp"
#include "sim/world/outcome.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace prodsim {

/// What a journey spends with somebody on something.
struct TimePart {
    TimeLabel label;
    double mean_s;  // for a journey of the class
};

/// Journeys of one class: good ones, the slowest, failed ones.
struct TimeSplitReport {
    std::uint64_t journeys = 0;
    double latency_mean_s = 0;
    std::vector<TimePart> parts;  // the largest first
};

/// One journey, piece by piece.
struct PathReport {
    struct Piece {
        TimeLabel label;
        double from_s;  // since the journey began
        double to_s;
    };
    std::uint64_t replication;
    double started_s;  // in simulated time
    double latency_s;
    Outcome outcome;
    Reason reason;
    std::vector<Piece> pieces;
};

struct BreakdownReport {
    std::string journey;
    TimeSplitReport good;
    TimeSplitReport slowest;  // the slowest twentieth of the good ones
    TimeSplitReport failed;
    std::vector<PathReport> examples;  // the slowest good one, the slowest failed one
};

/// One for each journey, in the order of the scenario.
std::vector<BreakdownReport> breakdowns_of(const std::vector<const Replication*>& replications);

}  // namespace prodsim
