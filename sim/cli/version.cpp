#include "sim/cli/command.hpp"
#include "sim/run/report.hpp"

namespace prodsim::cli {

namespace {

constexpr const char* version = PRODSIM_VERSION;  // of the project, as CMakeLists.txt says it

class Version final : public Command {
public:
    explicit Version(CLI::App& program) : Command(program, "version", "Print the version.") {}

    ExitCode run() override {
        print("prodsim " + std::string(version) + ", report version " +
              std::to_string(report_version) + "\n");
        return ExitCode::fine;
    }
};

}  // namespace

std::unique_ptr<Command> version_command(CLI::App& program) {
    return std::make_unique<Version>(program);
}

}  // namespace prodsim::cli
