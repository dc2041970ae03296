#include "sim/config/schema.hpp"

#include "sim/cli/command.hpp"
#include "sim/cli/language.hpp"
#include "sim/config/json_writer.hpp"
#include "sim/run/scenario.hpp"

namespace prodsim::cli {

namespace {

/// What is about the file rather than the scenario, and gone before the scenario is read.
Value with_file_members(Value schema) {
    const auto text = [](std::string_view doc) {
        return Value::object({{"type", "string"}, {"description", doc}});
    };
    Value& properties = *schema.find("properties");
    properties.put("$schema", text("Tells editors where this schema is."));
    properties.put("extends", text("Another scenario, which this one changes."));
    properties.put("override",
                   Value::object({{"type", "object"},
                                  {"description", "Paths and what they are changed to."}}));
    schema.remove("required");
    const auto required = [](std::string_view member) {
        return Value::object({{"required", Value::array({Value(member)})}});
    };
    schema.put("anyOf", Value::array({required("components"), required("extends")}));
    return schema;
}

class Schema final : public Command {
public:
    explicit Schema(CLI::App& program)
        : Command(program, "schema", "Print the JSON Schema of scenarios, for editors.") {}

    ExitCode run() override {
        print(schema_of_language());
        return ExitCode::fine;
    }
};

}  // namespace

std::string schema_of_language() {
    const Catalogue catalogue = language();
    return pretty_json(
        with_file_members(schema_of<ScenarioParameters>(catalogue.families, "prodsim scenario")));
}

std::unique_ptr<Command> schema_command(CLI::App& program) {
    return std::make_unique<Schema>(program);
}

}  // namespace prodsim::cli
