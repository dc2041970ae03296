#include "sim/cli/command.hpp"
#include "sim/cli/language.hpp"
#include "sim/config/json_writer.hpp"
#include "sim/config/value.hpp"

namespace prodsim::cli {

namespace {

Value json(const FieldReference& field) {
    Value object = Value::object({{"name", field.name},
                                  {"type", field.type},
                                  {"default", field.initial},
                                  {"limits", field.limits},
                                  {"doc", field.doc},
                                  {"source", field.source}});
    if (field.words.empty()) return object;
    Value words = Value::array();
    for (const Word& word : field.words) {
        words.append(Value::object({{"name", word.name}, {"doc", word.doc}}));
    }
    object.put("words", std::move(words));
    return object;
}

Value json(const Reference& reference) {
    Value families = Value::array();
    for (const FamilyReference& family : reference) {
        Value alternatives = Value::array();
        for (const AlternativeReference& alternative : family.alternatives) {
            Value fields = Value::array();
            for (const FieldReference& field : alternative.fields) fields.append(json(field));
            alternatives.append(Value::object({{"name", alternative.word},
                                               {"doc", alternative.doc},
                                               {"fields", std::move(fields)}}));
        }
        families.append(Value::object({{"name", family.name},
                                       {"doc", family.doc},
                                       {"alternatives", std::move(alternatives)}}));
    }
    return families;
}

class Components final : public Command {
public:
    explicit Components(CLI::App& program)
        : Command(program, "components", "Print everything that a scenario can be made of.") {
        app()
            .add_option("--format", format_, "How to print it: markdown or json.")
            ->capture_default_str()
            ->type_name("FORMAT")
            ->check(one_of({"markdown", "json"}));
    }

    ExitCode run() override {
        const Reference reference = reference_of_language();
        print(format_ == "json" ? pretty_json(json(reference)) : markdown_page(reference));
        return ExitCode::fine;
    }

private:
    std::string format_ = "markdown";
};

}  // namespace

std::unique_ptr<Command> components_command(CLI::App& program) {
    return std::make_unique<Components>(program);
}

}  // namespace prodsim::cli
