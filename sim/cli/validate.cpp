#include "sim/cli/command.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/run/topology.hpp"

namespace prodsim::cli {

namespace {

std::string counted(std::size_t count, const std::string& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// What follows from the scenario before anything runs.
std::string prediction(const Topology& topology) {
    std::string text;
    for (const PredictedUse& use : topology.uses) text += "  " + use.sentence() + "\n";
    for (const Finding& finding : topology.findings) {
        text += finding.severity == Severity::note ? "  " : "? ";
        text += finding.sentence + "\n";
    }
    return text;
}

class Validate final : public Command {
public:
    explicit Validate(CLI::App& program)
        : Command(program, "validate", "Check a scenario without running it."), scenario_(app()) {}

    ExitCode run() override {
        const std::unique_ptr<const Scenario> scenario = scenario_.load();
        const ScenarioParameters& parameters = scenario->parameters();
        print(scenario->path() +
              " is valid: " + counted(parameters.components.size(), "component") + ", " +
              counted(parameters.faults.size(), "fault") + ", " +
              counted(parameters.requirements.size(), "requirement") + ", " +
              counted(parameters.expect.size(), "expectation") + "\n" +
              prediction(analyse(*scenario)));
        return ExitCode::fine;
    }

private:
    ScenarioOptions scenario_;
};

}  // namespace

std::unique_ptr<Command> validate_command(CLI::App& program) {
    return std::make_unique<Validate>(program);
}

}  // namespace prodsim::cli
