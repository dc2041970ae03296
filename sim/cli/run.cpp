#include "sim/cli/attendant.hpp"
#include "sim/cli/command.hpp"
#include "sim/cli/folder.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/config/place.hpp"
#include "sim/run/judgement.hpp"
#include "sim/run/precision.hpp"
#include "sim/run/report.hpp"
#include "sim/run/report_formats.hpp"
#include "sim/run/report_numbers.hpp"
#include "sim/run/warm_up.hpp"
#include "sim/study/theory.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <thread>

namespace prodsim::cli {

namespace {

bool is_set(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && *value != '\0';
}

bool is_dumb_terminal() {
    const char* terminal = std::getenv("TERM");
    return terminal != nullptr && std::string_view(terminal) == "dumb";
}

/// Each fault is also run alone, and everything without faults, so that they can be compared.
Duration expected_time(const Scenario& scenario) {
    const RunParameters& run = scenario.parameters().run;
    const auto faults = static_cast<std::int64_t>(scenario.parameters().faults.size());
    const std::int64_t kinds = faults == 0 ? 1 : faults == 1 ? 2 : 2 + faults;
    return run.duration * (run.replications * kinds + pilots_of(run));
}

class Run final : public Command {
public:
    explicit Run(CLI::App& program)
        : Command(program, "run", "Simulate a scenario, judge it and print the report."),
          scenario_(app()) {
        scenario_.add_run_options(app());
        app()
            .add_option("--precision", precision_,
                        "Adds replications until a metric is known this well: latency_p99=5%")
            ->type_name("METRIC=SHARE")
            ->allow_extra_args(false);
        app()
            .add_option("--max-replications", most_, "Of --precision: no more than these.")
            ->capture_default_str()
            ->type_name("N")
            ->check(CLI::Range(fewest_precise_replications, std::size_t{1000000}).description(""));
        app()
            .add_option("--threads", threads_, "How many threads work; all cores if not said.")
            ->type_name("N")
            ->check(CLI::Range(1U, 1024U).description(""));
        app()
            .add_option("--format", format_, "How the report is printed: text, json or markdown.")
            ->capture_default_str()
            ->type_name("FORMAT")
            ->check(one_of({"text", "json", "markdown"}));
        app()
            .add_option("--out", out_, "Also write report.json, report.md and report.txt there.")
            ->type_name("FOLDER");
        app().add_flag("--only-expectations", only_expectations_,
                       "The exit code depends on the expectations alone.");
        app().add_flag("--no-color", no_colour_,
                       "No colours; the variable NO_COLOR asks the same.");
        app().add_flag("--quiet", quiet_, "Nothing on stderr but errors.");
    }

    ExitCode run() override {
        std::unique_ptr<const Scenario> scenario = scenario_.load();
        std::optional<Folder> folder;
        if (!out_.empty()) folder.emplace(out_);
        const auto [report, was_interrupted] = simulate(std::move(scenario));
        if (folder) {
            folder->write("report.json", json_report(report));
            folder->write("report.md", markdown_report(report));
            folder->write("report.txt", text_report(report, Colour::off));
        }
        print(printed(report));
        if (was_interrupted) return ExitCode::interrupted;
        return exit_code(report);
    }

private:
    struct Simulated {
        Report report;
        bool interrupted;
    };

    Simulated simulate(std::unique_ptr<const Scenario> asked) const {
        const std::vector<PrecisionGoal> goals = goals_for(*asked);
        RunWatch watch;
        const bool shown = !quiet_ && isatty(STDERR_FILENO) != 0;
        Attendant attendant(watch, expected_time(*asked),
                            shown ? Progress::shown : Progress::silent);
        const auto settled = with_warm_up(std::move(asked), threads(), watch);
        const Scenario& scenario = *settled;
        const PreciseTrial run = goals.empty()
                                     ? PreciseTrial{run_trial(scenario, threads(), watch), {}}
                                     : run_to_precision(scenario, goals, most_, threads(), watch);
        Judgement judgement = judge(scenario, run.trial, threads(), watch);
        Report report = make_report(scenario, run.trial, std::move(judgement), command(scenario));
        report.precision = run.precision;
        report.theory = compare_with_theory(scenario, run.trial);
        if (!quiet_) tell_time(report, attendant.elapsed_s());
        return {std::move(report), attendant.interrupted()};
    }

    std::vector<PrecisionGoal> goals_for(const Scenario& scenario) const {
        Problems problems;
        std::vector<PrecisionGoal> goals = read_goals(precision_, scenario, problems);
        problems.raise(Sources{});
        return goals;
    }

    std::string command(const Scenario& scenario) const {
        std::string command = scenario_.command(scenario);
        for (const std::string& goal : precision_) command += " --precision " + for_shell(goal);
        if (!precision_.empty()) command += " --max-replications " + std::to_string(most_);
        return command;
    }

    unsigned threads() const {
        return threads_ > 0 ? threads_ : std::max(1U, std::thread::hardware_concurrency());
    }

    static void tell_time(const Report& report, double elapsed_s) {
        const std::string text = std::to_string(report.completion.finished) + " runs in " +
                                 readable_duration(Measured{elapsed_s}) + "\n";
        std::fputs(text.c_str(), stderr);
    }

    std::string printed(const Report& report) const {
        if (format_ == "json") return json_report(report);
        if (format_ == "markdown") return markdown_report(report);
        const bool colour =
            !no_colour_ && !is_set("NO_COLOR") && !is_dumb_terminal() && isatty(STDOUT_FILENO) != 0;
        return text_report(report, colour ? Colour::on : Colour::off);
    }

    ExitCode exit_code(const Report& report) const {
        if (!report.audits.all_hold()) return ExitCode::broken;
        const Verdict expectations = report.judgement.expectations_verdict();
        const Verdict requirements =
            only_expectations_ ? Verdict::pass : report.judgement.requirements_verdict();
        const auto either = [&](Verdict verdict) {
            return expectations == verdict || requirements == verdict;
        };
        if (either(Verdict::fail)) return ExitCode::failed;
        if (!report.precision.converged()) return ExitCode::inconclusive;
        if (either(Verdict::inconclusive)) return ExitCode::inconclusive;
        return ExitCode::fine;
    }

    ScenarioOptions scenario_;
    std::vector<std::string> precision_;
    std::size_t most_ = most_precise_replications;
    unsigned threads_ = 0;
    std::string format_ = "text";
    std::string out_;
    bool only_expectations_ = false;
    bool no_colour_ = false;
    bool quiet_ = false;
};

}  // namespace

std::unique_ptr<Command> run_command(CLI::App& program) { return std::make_unique<Run>(program); }

}  // namespace prodsim::cli
