#include "sim/cli/command.hpp"
#include "sim/cli/folder.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/config/json_reader.hpp"
#include "sim/config/problem.hpp"
#include "sim/study/diagram.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

namespace prodsim::cli {

namespace {

class Graph final : public Command {
public:
    explicit Graph(CLI::App& program)
        : Command(program, "graph", "Draw who calls whom, and how busy everything is."),
          scenario_(app()) {
        app()
            .add_option("--format", format_, "For Graphviz or for Mermaid: dot or mermaid.")
            ->capture_default_str()
            ->type_name("FORMAT")
            ->check(one_of({"dot", "mermaid"}));
        app().add_flag("--operations", operations_, "Draw every operation and every journey.");
        app()
            .add_option("--after", after_,
                        "Colours by a run: the report.json that \"run --out\" wrote.")
            ->type_name("REPORT");
        app().add_option("--out", out_, "Writes it there instead.")->type_name("FILE");
    }

    ExitCode run() override {
        const std::unique_ptr<const Scenario> scenario = scenario_.load();
        Diagram diagram =
            diagram_of(*scenario, operations_ ? Detail::operations : Detail::components);
        if (!after_.empty()) colour_by_run(diagram, utilisations_in_run(*scenario));
        const std::string text = format_ == "dot" ? dot_text(diagram) : mermaid_text(diagram);
        if (out_.empty()) {
            print(text);
        } else {
            write_file(out_, text);
        }
        return ExitCode::fine;
    }

private:
    std::map<std::string, double> utilisations_in_run(const Scenario& scenario) const {
        const Value report = read_report();
        const Value* components = report.find("components");
        if (report.find("report_version") == nullptr || components == nullptr ||
            !components->is_array()) {
            throw UsageError(in_quotes(after_) + " is no report",
                             "\"prodsim run FILE --out FOLDER\" writes FOLDER/report.json");
        }
        std::map<std::string, double> utilisations;
        for (const Value& component : components->items()) {
            const Value* name = component.find("name");
            if (name == nullptr || !name->is_text()) continue;
            if (scenario.parameters().components.find(name->text()) == nullptr) {
                throw UsageError(in_quotes(after_) + " is of another scenario: there is no " +
                                 in_quotes(name->text()) + " in this one");
            }
            const Value* value = component.find_path("utilisation.value");
            if (value != nullptr && value->is_number()) {
                utilisations[name->text()] = value->number();
            }
        }
        return utilisations;
    }

    Value read_report() const {
        std::ifstream file(after_, std::ios::binary);
        if (!file) throw UsageError("cannot read " + in_quotes(after_));
        std::string text{std::istreambuf_iterator<char>(file), {}};
        Sources sources;
        Problems problems;
        Value report = read_json(sources, after_, std::move(text), problems);
        problems.raise(sources);
        return report;
    }

    ScenarioOptions scenario_;
    std::string format_ = "dot";
    bool operations_ = false;
    std::string after_;
    std::string out_;
};

}  // namespace

std::unique_ptr<Command> graph_command(CLI::App& program) {
    return std::make_unique<Graph>(program);
}

}  // namespace prodsim::cli
