#include "sim/cli/program.hpp"

#include "sim/cli/command.hpp"
#include "sim/config/problem.hpp"
#include "sim/core/wanted_isa.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <optional>

namespace prodsim::cli {

namespace {

constexpr const char* footer =
    "Environment:\n"
    "  NO_COLOR     if set, no colours\n"
    "  PRODSIM_ISA  scalar, avx2 or avx512: the code path of the event list. The widest that the\n"
    "               processor has if not set; all give the same bytes.\n"
    "\n"
    "Exit codes:\n"
    "  0    all is well\n"
    "  1    a requirement, an expectation or a known value does not hold\n"
    "  2    the scenario or the command line is wrong\n"
    "  3    the simulator is broken, or a file could not be written\n"
    "  4    inconclusive: an interval spans its limit, or a precision is not reached\n"
    "  130  interrupted; the report is of the part that ran\n";

void complain(const std::string& message, const std::string& cure) {
    std::string text = "error: " + message + "\n";
    if (!cure.empty()) text += "help: " + cure + "\n";
    std::fputs(text.c_str(), stderr);
}

/// A path that is asked for and not there is refused: falling back would prove nothing.
void check_wanted_isa() {
    constexpr std::array<std::string_view, 3> known{"scalar", "avx2", "avx512"};
    const std::string name{wanted_isa()};
    if (name.empty()) return;
    const std::optional<Isa> isa = isa_named(name);
    if (!isa) {
        throw UsageError("PRODSIM_ISA is " + in_quotes(name) + ", which is no instruction set",
                         suggestion(name, known));
    }
    if (!available(*isa)) {
        throw UsageError("PRODSIM_ISA is " + in_quotes(name) + ", which this processor has not",
                         "unset it: prodsim takes the widest that there is");
    }
}

class Program {
public:
    Program() : app_("Simulates production environments.", "prodsim") {
        app_.require_subcommand(1);
        app_.set_help_flag("-h,--help", "Print this help.");
        app_.set_help_all_flag("--help-all", "Print the help of all commands.");
        app_.footer(footer);
        app_.get_formatter()->column_width(34);
        for (const auto make : {init_command, run_command, validate_command, analyze_command,
                                graph_command, validate_model_command, explain_command,
                                schema_command, components_command, version_command}) {
            commands_.push_back(make(app_));
            commands_.back()->app().set_help_all_flag();
        }
    }

    ExitCode run(int argc, char** argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::CallForHelp&) {
            print(help());
            return ExitCode::fine;
        } catch (const CLI::CallForAllHelp&) {
            print(app_.help("", CLI::AppFormatMode::All));
            return ExitCode::fine;
        } catch (const CLI::ParseError& error) {
            explain(error, argc, argv);
            return ExitCode::invalid;
        }
        check_wanted_isa();
        return chosen()->run();
    }

private:
    Command* chosen() {
        for (const auto& command : commands_) {
            if (command->app().parsed()) return command.get();
        }
        return nullptr;
    }

    std::string help() {
        Command* command = chosen();
        return command == nullptr ? app_.help() : command->app().help("prodsim");
    }

    void explain(const CLI::ParseError& error, int argc, char** argv) {
        if (chosen() == nullptr && argc > 1) {
            const std::string word = argv[1];
            if (word.front() == '-') return unknown_option(app_, word);
            return unknown_command(word);
        }
        if (chosen() == nullptr) return complain("which command?", list_of_commands());
        for (const std::string& word : app_.remaining(true)) {
            if (word.size() > 1 && word.front() == '-') {
                return unknown_option(chosen()->app(), word);
            }
        }
        const auto& app = chosen()->app();
        complain(error.what(), "\"prodsim " + app.get_name() + " --help\" lists the options");
    }

    std::string list_of_commands() {
        std::string list = "choose among ";
        for (const auto& command : commands_) {
            if (command != commands_.front()) list += ", ";
            list += command->app().get_name();
        }
        return list;
    }

    void unknown_command(const std::string& word) {
        std::vector<std::string> names;
        for (const auto& command : commands_) names.push_back(command->app().get_name());
        const std::vector<std::string_view> words(names.begin(), names.end());
        complain("there is no command " + in_quotes(word), suggestion(word, words));
    }

    static void unknown_option(const CLI::App& app, const std::string& word) {
        std::vector<std::string> names;
        for (const CLI::Option* option : app.get_options()) {
            for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
        }
        const std::vector<std::string_view> words(names.begin(), names.end());
        const std::string name = word.substr(0, word.find('='));
        complain(in_quotes("prodsim " + app.get_name()) + " has no option " + in_quotes(name),
                 suggestion(name, words));
    }

    CLI::App app_;
    std::vector<std::unique_ptr<Command>> commands_;
};

}  // namespace

ExitCode run_program(int argc, char** argv) {
    try {
        return Program().run(argc, argv);
    } catch (const UsageError& error) {
        complain(error.what(), error.cure());
        return ExitCode::invalid;
    } catch (const InvalidInput& error) {
        std::fputs(error.what(), stderr);
        return ExitCode::invalid;
    } catch (const std::bad_alloc&) {
        complain("out of memory", "fewer threads need less of it");
        return ExitCode::broken;
    } catch (const std::exception& error) {
        complain(error.what(), "");
        return ExitCode::broken;
    }
}

CLI::Validator one_of(std::vector<std::string> words) {
    const auto check = [words](const std::string& word) -> std::string {
        if (std::find(words.begin(), words.end(), word) != words.end()) return {};
        const std::vector<std::string_view> views(words.begin(), words.end());
        return "there is no " + in_quotes(word) + "; " + suggestion(word, views);
    };
    return {check, ""};
}

std::string for_shell(const std::string& word) {
    constexpr std::string_view harmless =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+%@";
    if (!word.empty() && word.find_first_not_of(harmless) == std::string::npos) return word;
    std::string text = "'";
    for (const char character : word) {
        if (character == '\'') {
            text += "'\\''";
        } else {
            text += character;
        }
    }
    return text + "'";
}

void print(std::string_view text) {
    const bool written =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (written || errno == EPIPE) return;
    throw std::runtime_error(std::string("cannot write to standard output: ") +
                             std::strerror(errno));
}

}  // namespace prodsim::cli
