#include "sim/cli/command.hpp"
#include "sim/cli/folder.hpp"
#include "sim/cli/language.hpp"
#include "sim/cli/templates.hpp"
#include "sim/config/problem.hpp"

#include <filesystem>

namespace prodsim::cli {

namespace {

namespace fs = std::filesystem;

/// As the templates name it.
constexpr const char* schema_name = "scenario.schema.json";

std::vector<std::string> template_names() {
    std::vector<std::string> names;
    for (const auto& [name, text] : template_texts()) names.push_back(name);
    return names;
}

class Init final : public Command {
public:
    explicit Init(CLI::App& program)
        : Command(program, "init", "Begin a scenario: write one that runs, to be changed.") {
        app()
            .add_option("PATH", path_, "A folder for scenario.json, or a file whose name ends so.")
            ->capture_default_str()
            ->type_name("");
        app()
            .add_option("--template", template_, "What to begin with: web, queue or minimal.")
            ->capture_default_str()
            ->type_name("NAME")
            ->check(one_of(template_names()));
    }

    ExitCode run() override {
        const fs::path file = fs::path(path_).extension() == ".json"
                                  ? fs::path(path_)
                                  : fs::path(path_) / "scenario.json";
        if (fs::exists(fs::symlink_status(file))) {
            throw UsageError(in_quotes(file.string()) + " exists already",
                             "name another file: \"prodsim init other.json\"");
        }
        write_file(file.string(), template_texts().find(template_)->second);
        const fs::path schema = file.parent_path() / schema_name;
        if (!fs::exists(schema)) write_file(schema.string(), schema_of_language());
        tell(file.string(), schema.string());
        return ExitCode::fine;
    }

private:
    static void tell(const std::string& file, const std::string& schema) {
        print("wrote " + file + "\n" + "editors that know JSON Schema complete and check it by " +
              schema + "\n\nNext:\n  prodsim validate " + for_shell(file) + "\n  prodsim run " +
              for_shell(file) + "\n");
    }

    std::string path_ = ".";
    std::string template_ = "minimal";
};

}  // namespace

std::unique_ptr<Command> init_command(CLI::App& program) { return std::make_unique<Init>(program); }

}  // namespace prodsim::cli
