#include "sim/config/schema.hpp"

#include "sim/cli/command.hpp"
#include "sim/cli/language.hpp"
#include "sim/config/json_writer.hpp"
#include "sim/run/scenario.hpp"

namespace prodsim::cli {

namespace {

class Schema final : public Command {
public:
    explicit Schema(CLI::App& program)
        : Command(program, "schema", "Print the JSON Schema of scenarios, for editors.") {}

    ExitCode run() override {
        const Catalogue catalogue = language();
        print(pretty_json(schema_of<ScenarioParameters>(catalogue.families, "prodsim scenario")));
        return ExitCode::fine;
    }
};

}  // namespace

std::unique_ptr<Command> schema_command(CLI::App& program) {
    return std::make_unique<Schema>(program);
}

}  // namespace prodsim::cli
