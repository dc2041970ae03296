#pragma once

// Scenarios of which a test wants to know what some levels are at some instants.

#include "sim/run/judgement.hpp"
#include "sim/run/simulation.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <string>
#include <utility>
#include <vector>

namespace prodsim::testing {

/// A level, and when it is read: {"page.firing", "650s"}.
using Probe = std::pair<std::string, std::string>;

struct Probed {
    std::vector<double> levels;  // by probe
    Replication run;
};

/// Runs the first replication of `scenario`, which says nothing of what it expects.
inline Probed probed(std::string scenario, const std::vector<Probe>& probes) {
    std::string expect;
    for (const auto& [level, at] : probes) {
        expect += std::string(expect.empty() ? "" : ", ") + R"({ "metric": ")" + level +
                  R"(", "at": ")" + at + R"(", "at_least": "0", "because": "it is read" })";
    }
    scenario.insert(scenario.rfind('}'), R"(, "expect": [ )" + expect + " ]");
    const auto understood = Scenario::parse(scenario, "probed", everything());
    RunWatch watch;
    Trial trial = run_trial(*understood, 1, watch);
    Probed result;
    for (const auto& expectation : judge(*understood, trial, 1, watch).expectations) {
        result.levels.push_back(expectation.values.at(0));
    }
    result.run = std::move(trial.main.at(0));
    for (const Audit& audit : result.run.audits) {
        INFO(audit.law << ", " << audit.subject << ": " << audit.detail);
        REQUIRE(audit.holds);
    }
    return result;
}

}  // namespace prodsim::testing
