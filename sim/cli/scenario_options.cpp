#include "sim/cli/scenario_options.hpp"

#include "sim/cli/language.hpp"
#include "sim/config/place.hpp"
#include "sim/run/judgement.hpp"

namespace prodsim::cli {

ScenarioOptions::ScenarioOptions(CLI::App& app) : catalogue_(language()) {
    app.add_option("FILE", file_, "The scenario; - reads standard input.")
        ->required()
        ->type_name("");
    app.add_option("--set", settings_, "Changes a value: --set components.shop.instances=5")
        ->type_name("PATH=VALUE")
        ->allow_extra_args(false);
}

void ScenarioOptions::add_run_options(CLI::App& app) {
    app.add_option("--seed", seed_, "Another seed than the scenario's.")->type_name("N");
    app.add_option("--replications", replications_, "Another number of replications.")
        ->type_name("N");
    app.add_option("--duration", duration_, "Another length of a run, warm-up included.")
        ->type_name("TIME");
}

std::vector<std::string> ScenarioOptions::settings() const {
    std::vector<std::string> all = settings_;
    if (seed_) all.push_back("run.seed=" + std::to_string(*seed_));
    if (replications_) all.push_back("run.replications=" + std::to_string(*replications_));
    if (!duration_.empty()) all.push_back("run.duration=" + duration_);
    return all;
}

std::unique_ptr<const Scenario> ScenarioOptions::load() const {
    auto scenario = Scenario::load({file_, settings()}, catalogue_);
    Problems problems;
    check_metrics(*scenario, problems);
    problems.raise(Sources{});
    return scenario;
}

std::string ScenarioOptions::command(const Scenario& scenario) const {
    const RunParameters& run = scenario.parameters().run;
    std::string command = "prodsim run " + for_shell(file_) + " --seed " +
                          std::to_string(run.seed) + " --replications " +
                          std::to_string(run.replications);
    if (!duration_.empty()) command += " --duration " + for_shell(duration_);
    for (const std::string& setting : settings_) command += " --set " + for_shell(setting);
    return command;
}

}  // namespace prodsim::cli
