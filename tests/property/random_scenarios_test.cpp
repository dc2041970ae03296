// Thousands of calls through architectures that nobody would build: whatever chance writes that the
// loader accepts must run without a crash, keep every audit, and run again to the same fingerprint.
// A scenario that does not is shrunk, part by part, and written to a file in build/property that
// shows it; the seed and the file are in the message.
//
// Each scenario runs in a process of its own, so that a crash or an endless run is one more way to
// fail, and can be shrunk like the others. PRODSIM_SCENARIOS=5000 takes so many of them instead of
// 300, as every night should, and PRODSIM_FIRST_SCENARIO=5001 goes on from there.

#include "sim/config/json_writer.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"
#include "tests/property/author.hpp"
#include "tests/property/plain_author.hpp"
#include "tests/property/shrinking.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* wish = std::getenv(variable);
    return wish == nullptr ? otherwise : std::strtoull(wish, nullptr, 10);
}

std::uint64_t first_seed() { return number_from("PRODSIM_FIRST_SCENARIO", 1); }
std::uint64_t scenarios() { return number_from("PRODSIM_SCENARIOS", 300); }

// ---- what must hold -----------------------------------------------------------------------------

/// What is wrong with a scenario; nothing if all is well. "not understood" is the author's mistake.
using Complaint = std::string (*)(const Scenario& scenario);

std::unique_ptr<const Scenario> understood(const Value& scenario) {
    return Scenario::parse(compact_json(scenario), "random", everything());
}

std::vector<Replication> runs_of(const Scenario& scenario) {
    RunWatch watch;
    return simulate_all(scenario, plans_of(scenario, FaultSelection::all()), 1, watch);
}

std::string broken_books(const Scenario& scenario) {
    const Replication first = runs_of(scenario).front();
    for (const Audit& audit : first.audits) {
        if (!audit.holds) return audit.law + " of " + audit.subject + ": " + audit.detail;
    }
    const Replication second = runs_of(scenario).front();
    if (first.fingerprint != second.fingerprint || first.events != second.events) {
        return "a second run differs from the first";
    }
    return {};
}

constexpr rlim_t longest_run_s = 30;  // of processor time

std::string all_of(int pipe_end) {
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t got; (got = read(pipe_end, part.data(), part.size())) > 0;) {
        text.append(part.data(), static_cast<std::size_t>(got));
    }
    return text;
}

std::string heard(const Value& scenario, Complaint complaint_about) {
    try {
        return complaint_about(*understood(scenario));
    } catch (const InvalidInput& refusal) {
        return std::string("not understood: ") + refusal.what();
    }
}

/// The complaint, from a process that may die of it; its last words are then the complaint.
std::string verdict_on(const Value& scenario, Complaint complaint_about) {
    std::array<int, 2> pipe_ends{};
    if (pipe(pipe_ends.data()) != 0) return "there is no pipe";
    const pid_t process = fork();
    if (process == 0) {
        for (const int fatal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS}) std::signal(fatal, SIG_DFL);
        const rlimit limit{longest_run_s, longest_run_s};
        setrlimit(RLIMIT_CPU, &limit);
        dup2(pipe_ends[1], STDERR_FILENO);
        const std::string complaint = heard(scenario, complaint_about);
        const auto written = write(pipe_ends[1], complaint.data(), complaint.size());
        _exit(written == static_cast<ssize_t>(complaint.size()) ? 0 : 1);
    }
    close(pipe_ends[1]);
    std::string verdict = all_of(pipe_ends[0]);
    close(pipe_ends[0]);
    int status = 0;
    waitpid(process, &status, 0);
    if (status == 0) return verdict;
    if (!WIFSIGNALED(status)) return "ended badly";
    return "died of signal " + std::to_string(WTERMSIG(status)) + ' ' + verdict;
}

/// The smallest scenario that fails in this way, in a file that can be run.
std::string file_with(const Value& scenario, const std::string& name) {
    const std::filesystem::path folder = "build/property";
    std::filesystem::create_directories(folder);
    const std::filesystem::path path = folder / (name + ".json");
    std::ofstream(path) << pretty_json(scenario);
    return path.string();
}

/// Nothing if all is well. Otherwise what is wrong, with the file that shows it.
std::string shown(const Value& scenario, Complaint complaint_about, const std::string& name) {
    const std::string verdict = verdict_on(scenario, complaint_about);
    if (verdict.empty() || kind_of(verdict) == "not understood") return verdict;
    const auto judge = [&](const Value& candidate) {
        return verdict_on(candidate, complaint_about);
    };
    const Value small = shrunk(scenario, kind_of(verdict), judge);
    return judge(small) + "\nprodsim run " + file_with(small, name);
}

// ---- pairs of scenarios -------------------------------------------------------------------------

std::vector<std::string> component_names(const Value& scenario) {
    std::vector<std::string> names;
    for (const auto& member : scenario.find("components")->members()) names.push_back(member.key);
    return names;
}

Value backwards(Value scenario) {
    std::vector<std::string> names = component_names(scenario);
    std::reverse(names.begin(), names.end());
    Value components = Value::object();
    for (const std::string& name : names) {
        components.put(name, *scenario.find("components")->find(name));
    }
    scenario.put("components", components);
    return scenario;
}

void double_it(Value& component, std::initializer_list<const char*> capacities) {
    for (const char* capacity : capacities) {
        const Value* present = component.find(capacity);
        if (present != nullptr) component.put(capacity, 2 * present->number());
    }
}

/// Twice of everything that serves or waits.
Value doubled(Value scenario) {
    for (const std::string& name : component_names(scenario)) {
        double_it(*scenario.find("components")->find(name), {"instances", "queue"});
    }
    return scenario;
}

Value with_faster(Value scenario, const std::string& service) {
    double_it(*scenario.find("components")->find(service), {"cores", "threads"});
    return scenario;
}

std::uint64_t goodput(const Value& scenario) {
    std::uint64_t good = 0;
    for (const Replication& run : runs_of(*understood(scenario))) {
        for (const Journey& journey : run.journeys) {
            good += journey.ended().total() - journey.failed().total();
        }
    }
    return good;
}

/// Less by more than 2 %, and by more than so many standard deviations of a number like this.
bool is_less(std::uint64_t after, std::uint64_t before, double deviations) {
    const auto good = static_cast<double>(before);
    return static_cast<double>(after) < 0.98 * good - deviations * std::sqrt(good);
}

/// What the goodput was and has become where a change costs some in one run and then in ten.
std::optional<std::string> loss(Value scenario, const std::function<Value(const Value&)>& changed) {
    if (!is_less(goodput(changed(scenario)), goodput(scenario), 0)) return std::nullopt;
    scenario.find("run")->put("replications", 10);
    const std::uint64_t before = goodput(scenario);
    const std::uint64_t after = goodput(changed(scenario));
    if (!is_less(after, before, 4)) return std::nullopt;
    return std::to_string(before) + " becomes " + std::to_string(after);
}

}  // namespace

TEST_CASE("whatever chance builds keeps its books, drains, and runs twice to the same end") {
    for (std::uint64_t seed = first_seed(); seed < first_seed() + scenarios(); ++seed) {
        const Value scenario = Author(seed).scenario();
        const std::string wrong = shown(scenario, broken_books, "books_" + std::to_string(seed));
        INFO(seed << ": " << wrong);
        CHECK(wrong.empty());
    }
}

TEST_CASE("without ties the order of the components in the file changes nothing") {
    for (std::uint64_t seed = first_seed(); seed < first_seed() + scenarios(); ++seed) {
        const Value scenario = PlainAuthor(seed).scenario();
        const Replication one = runs_of(*understood(scenario)).front();
        const Replication other = runs_of(*understood(backwards(scenario))).front();
        INFO(seed << '\n' << pretty_json(scenario));
        REQUIRE(one.journeys.size() == other.journeys.size());
        for (const Journey& journey : one.journeys) {
            const auto twin = std::find_if(
                other.journeys.begin(), other.journeys.end(),
                [&](const Journey& candidate) { return candidate.name() == journey.name(); });
            REQUIRE(twin != other.journeys.end());
            CHECK(twin->offered().total() == journey.offered().total());
            CHECK(twin->failed().total() == journey.failed().total());
            CHECK(twin->latency_good().sum() == journey.latency_good().sum());
            CHECK(twin->latency_bad().sum() == journey.latency_bad().sum());
        }
    }
}

TEST_CASE("twice of everything loses no goodput under the same chance") {
    for (std::uint64_t seed = first_seed(); seed < first_seed() + scenarios(); ++seed) {
        const Value scenario = PlainAuthor(seed).scenario();
        const auto lost = loss(scenario, doubled);
        INFO(seed << ": " << lost.value_or("") << '\n' << pretty_json(scenario));
        CHECK_FALSE(lost.has_value());
    }
}

// One service alone may well cost goodput: it lets more calls through to those behind it, whose
// work is then wasted on journeys that fail elsewhere. Each such scenario is named, and they are
// few.
TEST_CASE("twice the processors and threads of one service seldom lose goodput") {
    std::uint64_t exceptions = 0;
    for (std::uint64_t seed = first_seed(); seed < first_seed() + scenarios(); ++seed) {
        const Value scenario = PlainAuthor(seed).scenario();
        const std::string service = "s" + std::to_string(seed % 2);
        const auto lost =
            loss(scenario, [&](const Value& slow) { return with_faster(slow, service); });
        if (!lost) continue;
        ++exceptions;
        WARN("twice of " << service << ", and " << *lost << ": "
                         << file_with(scenario, "capacity_" + std::to_string(seed)));
    }
    CHECK(exceptions <= scenarios() / 10);
}

TEST_CASE("a scenario that fails becomes small, in a file that fails as well") {
    const Complaint publishes = [](const Scenario& scenario) {
        const std::string whole = compact_json(scenario.effective());
        return std::string(whole.find("\"publish\"") == std::string::npos ? "" : "it publishes: ?");
    };
    std::uint64_t seed = 1;
    while (verdict_on(Author(seed).scenario(), publishes) != "it publishes: ?") ++seed;
    const Value scenario = Author(seed).scenario();
    const std::string message = shown(scenario, publishes, "test_of_shrinking");
    const std::string path = message.substr(message.rfind(' ') + 1);
    const auto small = Scenario::load({path, {}}, everything());
    REQUIRE(publishes(*small) == "it publishes: ?");
    REQUIRE(std::filesystem::file_size(path) < pretty_json(scenario).size() / 4);
    std::filesystem::remove(path);
}
