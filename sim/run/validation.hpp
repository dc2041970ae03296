#pragma once

// The simulator against what is known: scenarios whose results somebody has proved or published are
// run, and each known value is set beside what was simulated. A value agrees when it lies within
// the tolerance of its case and the interval of the run is sharp enough to tell: below a third of
// the tolerance. Known values stand in the scenarios and are never taken from a run.

#include "sim/run/report_formats.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "sim/stats/estimate.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace prodsim {

enum class Agreement : std::uint8_t {
    inside,
    outside,   // beyond the tolerance, or the whole interval is
    too_wide,  // the run was too short to tell
};
std::string_view name_of(Agreement agreement);

/// One known value and what was simulated.
struct ComparedValue {
    std::string metric;
    Dimension dimension{};
    double known = 0;      // in seconds, 1/s, shares or numbers
    double tolerance = 0;  // in the same unit
    Estimate simulated{};  // over the replications that have the metric
    Agreement agreement{};
};

/// A scenario of the bank after its runs.
struct ValidatedScenario {
    std::string name;  // of its file, without folder and ending
    std::string about;
    std::string id;  // of the case
    std::string source;
    std::vector<ComparedValue> values;
    std::string broken_law;  // an identity of the simulator's own that did not hold, if any
    bool complete = true;    // no run of it was interrupted
};

struct Validation {
    std::vector<ValidatedScenario> scenarios;  // in the order given

    std::size_t count(Agreement agreement) const;
    bool all_laws_hold() const;
};

/// Runs all replications of all scenarios on this many threads; equal scenarios give equal results
/// whatever the number of threads. REQUIRES: each has a section "validate" and
/// a warm-up that is known.
Validation validate_model(std::span<const std::unique_ptr<const Scenario>> scenarios,
                          unsigned threads, RunWatch& watch);

/// A case that cannot be stated yet, and what is missing for it.
struct MissingCase {
    std::string id;
    std::string about;
    std::string missing;
    void describe(Fields& fields);
};

/// A case that is no system but a rule: tests hold the component that has it against the case.
struct TestedCase {
    std::string id;
    std::string about;
    std::vector<std::string> tests;  // as ctest calls them
    void describe(Fields& fields);
};

/// The cases of a bank that are no scenarios.
struct OtherCases {
    std::vector<TestedCase> tested;
    std::vector<MissingCase> missing;
};

/// Read a list of them. Throw InvalidInput.
std::vector<MissingCase> read_missing_cases(const std::string& path, std::string text);
std::vector<TestedCase> read_tested_cases(const std::string& path, std::string text);

/// The ways to print it. Equal validations give equal bytes.
std::string text_validation(const Validation& validation, const OtherCases& others, Colour colour);
std::string markdown_validation(const Validation& validation, const OtherCases& others);
std::string json_validation(const Validation& validation, const OtherCases& others);

}  // namespace prodsim
