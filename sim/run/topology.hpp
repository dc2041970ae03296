#pragma once

// What a scenario says before anything runs: who depends on whom, what no traffic reaches, cycles,
// single points of failure, and by the traffic equations how much of everything is needed. Numbers
// are means without failures, retries and hedges, before load shapes: a prediction, not a
// measurement.

#include "sim/config/problem.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace prodsim {

class Scenario;
class World;
struct ScenarioParameters;

enum class Severity : std::uint8_t { note, warning, error };

/// Something that the architect should know, in one sentence.
struct Finding {
    Severity severity;
    std::string rule;  // "single_point", "timeout_inversion": what was looked for
    std::vector<std::string> components;
    std::string sentence;
};

struct ServiceEdge {
    std::string from;
    std::string to;
    std::string kind;  // "calls", "publishes"
    bool operator==(const ServiceEdge&) const = default;
};

struct JourneyTopology {
    std::string name;
    std::optional<double> per_s;  // none: neither think time nor a resource bounds it
    bool at_most = false;         // of a closed population only a bound is known
    /// For each component that the journey reaches, the last one that every way to it leads
    /// through; empty where only the journey itself is common to all ways.
    struct Dominated {
        std::string component;
        std::string by;
        bool operator==(const Dominated&) const = default;
    };
    std::vector<Dominated> dominators;
};

/// A component of one instance that journeys depend on.
struct SinglePoint {
    std::string component;
    std::vector<std::string> journeys;
    std::vector<std::string> cuts_off;  // what some journey reaches only through it
};

/// Two instances that journeys depend on one of: of two components, or of the same one.
struct CutPair {
    std::string first;
    std::string second;
    std::vector<std::string> journeys;
};

struct PredictedLoad {
    std::string component;
    std::string operation;
    double per_s;
    bool at_most;
};

/// Calls from an operation or a journey to an operation.
struct PredictedCalls {
    std::string from;
    std::string from_operation;  // or journey
    std::string to;
    std::string to_operation;
    std::optional<double> per_s;  // none where the load is not known
    bool at_most;
};

struct PredictedUse {
    std::string component;
    std::string resource;  // what the numbers count: "cores", "reads/s"
    double needed;
    double available;
    bool at_most;

    double share() const { return needed / available; }
    /// "orders-pg needs 11.2 of its 16 cores (70 %)"
    std::string sentence() const;
};

struct Topology {
    std::vector<ServiceEdge> edges;
    std::vector<std::string> unreached;            // callable, but no journey leads there
    std::vector<std::vector<std::string>> cycles;  // components that need one another
    std::vector<std::string> articulation_points;  // without it the graph falls apart
    std::vector<JourneyTopology> journeys;
    std::vector<SinglePoint> single_points;
    std::vector<CutPair> cut_pairs;
    std::vector<PredictedLoad> loads;  // empty where calls multiply without end
    std::vector<PredictedCalls> calls;
    std::vector<PredictedUse> uses;
    std::vector<Finding> findings;  // gravest first
};

Topology analyse(const Scenario& scenario);

/// Operations that call one another at one instant, each on average once or more: the run would
/// never get past that instant. REQUIRES: the world was made of the parameters, and their
/// references lead somewhere. Limits: a loop behind another call that takes no time, or through
/// zones that are no distance apart while others are, is not found.
std::vector<Problem> find_instant_cycles(const ScenarioParameters& parameters, const World& world);

}  // namespace prodsim
