#pragma once

#include "sim/cli/command.hpp"
#include "sim/run/scenario.hpp"
#include "sim/world/catalogue.hpp"

#include <memory>
#include <string>
#include <vector>

namespace prodsim::cli {

/// The options of every command that reads a scenario: the file, and what is to be changed in it.
/// Owns the language that the scenario was read with.
class ScenarioOptions {
public:
    explicit ScenarioOptions(CLI::App& app);

    /// Adds the options for seeds, replications and duration.
    void add_run_options(CLI::App& app);

    /// Throws InvalidInput.
    std::unique_ptr<const Scenario> load() const;

    /// The command that asks for the same again, on whatever machine.
    std::string command(const Scenario& scenario) const;

private:
    std::vector<std::string> settings() const;

    Catalogue catalogue_;
    std::string file_;
    std::vector<std::string> settings_;
    std::optional<std::int64_t> seed_;
    std::optional<std::int64_t> replications_;
    std::string duration_;
};

}  // namespace prodsim::cli
