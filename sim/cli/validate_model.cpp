#include "sim/cli/attendant.hpp"
#include "sim/cli/command.hpp"
#include "sim/cli/language.hpp"
#include "sim/run/report_numbers.hpp"
#include "sim/run/validation.hpp"
#include "sim/run/warm_up.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <thread>

namespace prodsim::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* bank = "scenarios/validation";
constexpr const char* not_yet = "not_yet.json";
constexpr const char* in_tests = "in_tests.json";

/// The bank that belongs to the sources: from here upwards, or from where the program was built.
std::optional<fs::path> default_bank() {
    std::error_code nowhere_to_be_read;
    for (const fs::path& start : {fs::current_path(nowhere_to_be_read),
                                  fs::read_symlink("/proc/self/exe", nowhere_to_be_read)}) {
        for (fs::path folder = start; !folder.empty(); folder = folder.parent_path()) {
            if (fs::is_directory(folder / bank, nowhere_to_be_read)) {
                return (folder / bank).lexically_proximate(fs::current_path(nowhere_to_be_read));
            }
            if (folder == folder.parent_path()) break;
        }
    }
    return std::nullopt;
}

std::string in_lower_case(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

/// Whether the text is the pattern, in which * stands for anything.
bool is_like(std::string_view text, std::string_view pattern) {
    if (pattern.empty()) return text.empty();
    if (pattern.front() != '*') {
        return !text.empty() && text.front() == pattern.front() &&
               is_like(text.substr(1), pattern.substr(1));
    }
    for (std::size_t skipped = 0; skipped <= text.size(); ++skipped) {
        if (is_like(text.substr(skipped), pattern.substr(1))) return true;
    }
    return false;
}

std::string text_of_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class ValidateModel final : public Command {
public:
    explicit ValidateModel(CLI::App& program)
        : Command(program, "validate-model",
                  "Compare the simulator with results that are known: run the validation bank."),
          catalogue_(language()) {
        app()
            .add_option("FILES", places_,
                        "Scenarios that say what is known of them, or folders of such.")
            ->type_name("");
        app()
            .add_option("--only", only_, "Only scenarios of this name or case: --only 'q0*'")
            ->type_name("PATTERN");
        app()
            .add_option("--set", settings_, "Changes a value in each: --set run.seed=2")
            ->type_name("PATH=VALUE")
            ->allow_extra_args(false);
        app()
            .add_option("--threads", threads_, "How many threads work; all cores if not said.")
            ->type_name("N")
            ->check(CLI::Range(1U, 1024U).description(""));
        app()
            .add_option("--format", format_, "How it is printed: text, json or markdown.")
            ->capture_default_str()
            ->type_name("FORMAT")
            ->check(one_of({"text", "json", "markdown"}));
        app().add_flag("--quiet", quiet_, "Nothing on stderr but errors.");
    }

    ExitCode run() override {
        find_files();
        std::vector<std::unique_ptr<const Scenario>> scenarios = load();
        RunWatch watch;
        const bool shown = !quiet_ && isatty(STDERR_FILENO) != 0;
        Attendant attendant(watch, expected_time(scenarios),
                            shown ? Progress::shown : Progress::silent);
        for (auto& scenario : scenarios) {
            scenario = with_warm_up(std::move(scenario), threads(), watch);
        }
        const Validation validation = validate_model(scenarios, threads(), watch);
        if (!quiet_) {
            const std::string text = std::to_string(scenarios.size()) + " scenarios in " +
                                     readable_duration(Measured{attendant.elapsed_s()}) + "\n";
            std::fputs(text.c_str(), stderr);
        }
        print(printed(validation));
        if (attendant.interrupted()) return ExitCode::interrupted;
        return exit_code(validation);
    }

private:
    void find_files() {
        if (places_.empty()) {
            const std::optional<fs::path> found = default_bank();
            if (!found) {
                throw UsageError("there is no folder \"" + std::string(bank) + "\" here",
                                 "name a folder or files: prodsim validate-model FOLDER");
            }
            places_.push_back(found->string());
        }
        for (const std::string& place : places_) {
            if (fs::is_directory(place)) {
                find_files_in(place);
            } else {
                files_.emplace_back(place);
            }
        }
    }

    void find_files_in(const fs::path& folder) {
        std::vector<fs::path> found;
        for (const auto& entry : fs::directory_iterator(folder)) {
            if (entry.path().extension() == ".json") found.push_back(entry.path());
        }
        std::sort(found.begin(), found.end());
        for (const fs::path& path : found) {
            if (path.filename() == not_yet) {
                append(others_.missing, read_missing_cases(path.string(), text_of_file(path)));
            } else if (path.filename() == in_tests) {
                append(others_.tested, read_tested_cases(path.string(), text_of_file(path)));
            } else {
                files_.push_back(path);
            }
        }
        if (!only_.empty()) others_ = {};
    }

    template <class Case>
    static void append(std::vector<Case>& all, const std::vector<Case>& more) {
        all.insert(all.end(), more.begin(), more.end());
    }

    // The settings are for the scenarios that are wanted, and may not suit the others.
    std::vector<std::unique_ptr<const Scenario>> load() const {
        std::vector<std::unique_ptr<const Scenario>> scenarios;
        for (const fs::path& path : files_) {
            auto scenario = Scenario::load({path.string(), {}}, catalogue_);
            const auto& known = scenario->parameters().validate;
            if (!known) {
                throw UsageError(path.string() + " does not say what is known of it",
                                 "give it a section \"validate\"");
            }
            if (!is_wanted(path.stem().string()) && !is_wanted(known->id)) continue;
            if (!settings_.empty())
                scenario = Scenario::load({path.string(), settings_}, catalogue_);
            scenarios.push_back(std::move(scenario));
        }
        if (scenarios.empty()) {
            throw UsageError("no scenario is called \"" + only_ + "\"",
                             "* stands for anything: --only 'q0*'");
        }
        return scenarios;
    }

    bool is_wanted(const std::string& name) const {
        return only_.empty() || is_like(in_lower_case(name), in_lower_case(only_));
    }

    static Duration expected_time(const std::vector<std::unique_ptr<const Scenario>>& scenarios) {
        Duration sum{};
        for (const auto& scenario : scenarios) {
            const RunParameters& run = scenario->parameters().run;
            sum += run.duration * run.replications;
        }
        return sum;
    }

    unsigned threads() const {
        return threads_ > 0 ? threads_ : std::max(1U, std::thread::hardware_concurrency());
    }

    std::string printed(const Validation& validation) const {
        if (format_ == "json") return json_validation(validation, others_);
        if (format_ == "markdown") return markdown_validation(validation, others_);
        const bool colour = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
        return text_validation(validation, others_, colour ? Colour::on : Colour::off);
    }

    static ExitCode exit_code(const Validation& validation) {
        if (!validation.all_laws_hold()) return ExitCode::broken;
        if (validation.count(Agreement::outside) > 0) return ExitCode::failed;
        if (validation.count(Agreement::too_wide) > 0) return ExitCode::inconclusive;
        return ExitCode::fine;
    }

    Catalogue catalogue_;
    std::vector<std::string> places_;
    std::vector<fs::path> files_;
    OtherCases others_;
    std::string only_;
    std::vector<std::string> settings_;
    unsigned threads_ = 0;
    std::string format_ = "text";
    bool quiet_ = false;
};

}  // namespace

std::unique_ptr<Command> validate_model_command(CLI::App& program) {
    return std::make_unique<ValidateModel>(program);
}

}  // namespace prodsim::cli
