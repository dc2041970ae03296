#include "sim/cli/command.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/study/forecast.hpp"

namespace prodsim::cli {

namespace {

class Analyze final : public Command {
public:
    explicit Analyze(CLI::App& program)
        : Command(program, "analyze",
                  "Say what theory knows before a run: bottlenecks, waits, bounds."),
          scenario_(app()) {
        app()
            .add_option("--format", format_, "How it is printed: text, json or markdown.")
            ->capture_default_str()
            ->type_name("FORMAT")
            ->check(one_of({"text", "json", "markdown"}));
    }

    ExitCode run() override {
        const std::unique_ptr<const Scenario> scenario = scenario_.load();
        print(printed(*scenario, forecast(*scenario)));
        return ExitCode::fine;
    }

private:
    std::string printed(const Scenario& scenario, const Forecast& told) const {
        if (format_ == "json") return json_forecast(scenario, told);
        if (format_ == "markdown") return markdown_forecast(scenario, told);
        return text_forecast(scenario, told);
    }

    ScenarioOptions scenario_;
    std::string format_ = "text";
};

}  // namespace

std::unique_ptr<Command> analyze_command(CLI::App& program) {
    return std::make_unique<Analyze>(program);
}

}  // namespace prodsim::cli
