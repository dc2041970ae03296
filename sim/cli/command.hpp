#pragma once

// A command is a subcommand of the program with its options, and what it does. Data goes to stdout
// and everything else to stderr.

#include "sim/cli/exit_code.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim::cli {

class Command {
public:
    Command(CLI::App& program, const std::string& name, const std::string& doc)
        : app_(*program.add_subcommand(name, doc)) {
        app_.get_formatter()->column_width(34);
    }
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;
    virtual ~Command() = default;

    virtual ExitCode run() = 0;

    CLI::App& app() { return app_; }

private:
    CLI::App& app_;
};

std::unique_ptr<Command> init_command(CLI::App& program);
std::unique_ptr<Command> run_command(CLI::App& program);
std::unique_ptr<Command> validate_command(CLI::App& program);
std::unique_ptr<Command> analyze_command(CLI::App& program);
std::unique_ptr<Command> graph_command(CLI::App& program);
std::unique_ptr<Command> validate_model_command(CLI::App& program);
std::unique_ptr<Command> explain_command(CLI::App& program);
std::unique_ptr<Command> schema_command(CLI::App& program);
std::unique_ptr<Command> components_command(CLI::App& program);
std::unique_ptr<Command> version_command(CLI::App& program);

/// The user's command line is wrong; printed like the problems of a scenario.
class UsageError : public std::runtime_error {
public:
    explicit UsageError(const std::string& message, std::string cure = {})
        : std::runtime_error(message), cure_(std::move(cure)) {}
    const std::string& cure() const { return cure_; }

private:
    std::string cure_;
};

/// One of a few words, for an option: an unknown one is answered with what was probably meant.
CLI::Validator one_of(std::vector<std::string> words);

/// The word as a shell reads it back.
std::string for_shell(const std::string& word);

/// Writes all of it to stdout, or throws. A reader who has gone away is no error.
void print(std::string_view text);

}  // namespace prodsim::cli
