// What a replication costs as a whole: on two cores, to make and to forget, and in memory, which
// must follow the calls under way and not the requests that have ended. Memory is the peak of a
// child process; bytes per hop are the difference of two runs, so that what they share cancels.

#include "models/catalogue.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "sim/world/call.hpp"
#include "tests/benchmark/measure.hpp"
#include "tests/benchmark/page.hpp"
#include "tests/benchmark/scenario_text.hpp"
#include "tests/benchmark/thousand_services.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace prodsim::benchmark {
namespace {

constexpr int rounds = 5;
constexpr const char* scenarios = "tests/benchmark/scenarios/";

/// One number and its limit: a line for a terminal, or a row of the page.
class Numbers {
public:
    explicit Numbers(std::optional<Page> page) : page_(std::move(page)) {
        if (page_)
            std::printf(
                "## Replications and memory\n\n"
                "| what | measured | must | |\n|---|---:|---:|---|\n");
    }

    void print(const char* what, double value, const char* unit, Must must, double limit) const {
        const char* sign = must == Must::stay_below ? "<=" : ">=";
        const std::string result = verdict(value, must, limit);
        if (!page_) {
            std::printf("%-58s %10.2f %-5s  must be %s %-6g  %s\n", what, value, unit, sign, limit,
                        result.c_str());
            return;
        }
        const std::string text = std::isfinite(value) ? digits(value) + " " + unit : "did not end";
        std::printf("| %s | %s | %s %g | %s |\n", what, text.c_str(), sign, limit, result.c_str());
        if (result == "met") return;
        page_->lose(std::string(what) + ": " + text + ", and must be " + sign + " " +
                    digits(limit) + ".");
    }

private:
    std::optional<Page> page_;
};

// ---- two cores ----------------------------------------------------------------------------------

double wall_of(const Scenario& scenario, unsigned threads) {
    std::vector<RunPlan> plans;
    for (std::uint64_t i = 0; i < 4; ++i) {
        plans.push_back({1, i, FaultSelection::all(), {}, std::chrono::seconds(60)});
    }
    RunWatch watch;
    const double start = wall_ns();
    simulate_all(scenario, plans, threads, watch);
    return wall_ns() - start;
}

void compare_cores(const Catalogue& catalogue, const Numbers& numbers) {
    const auto scenario =
        Scenario::load({std::string(scenarios) + "c_three_tier.json", {}}, catalogue);
    std::vector<double> gains;
    for (int round = 0; round < rounds; ++round) {
        const double one = wall_of(*scenario, 1);
        gains.push_back(one / wall_of(*scenario, 2));
    }
    numbers.print("replications, one thread / two threads, by the clock", spread_of(gains).median,
                  "x", Must::reach, 1.85);
}

// ---- making and forgetting a world --------------------------------------------------------------

double ns_to_make(const Scenario& scenario, int times) {
    std::vector<double> costs;
    for (int i = 0; i < times; ++i) {
        costs.push_back(cpu_ns_of([&] { scenario.world(1, 0)->start(); }));
    }
    return spread_of(costs).median;
}

void measure_making(const Catalogue& catalogue, const Numbers& numbers) {
    const auto hello = Scenario::load({"scenarios/hello.json", {}}, catalogue);
    numbers.print("making and forgetting one replication of hello", ns_to_make(*hello, 101) / 1e3,
                  "us", Must::stay_below, 50);
    const auto graph =
        Scenario::parse(thousand_services::scenario(), "a thousand services", catalogue);
    numbers.print("making and forgetting one of 1000 services", ns_to_make(*graph, rounds) / 1e6,
                  "ms", Must::stay_below, 20);
}

// ---- memory -------------------------------------------------------------------------------------

/// What a child may compute, many times what it needs: one that asks for more is itself a finding.
constexpr rlim_t child_cpu_s = 10;

/// The peak memory of a child process that does the work, in bytes; infinite if it does not end.
template <class Work>
double peak_bytes_of(Work work) {
    const pid_t child = fork();
    if (child == 0) {
        const rlimit limit{child_cpu_s, child_cpu_s};
        setrlimit(RLIMIT_CPU, &limit);
        work();
        _exit(0);
    }
    int status = 0;
    rusage usage{};
    const bool ended = child > 0 && wait4(child, &status, 0, &usage) == child;
    if (ended && WIFSIGNALED(status) &&
        (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
        return std::numeric_limits<double>::infinity();
    if (!ended || status != 0) {
        std::fprintf(stderr, "a child process of the benchmark failed\n");
        std::exit(1);
    }
    return static_cast<double>(usage.ru_maxrss) * 1024;
}

double peak_bytes_after(const Scenario& scenario, Duration length) {
    return peak_bytes_of([&] {
        RunWatch watch;
        simulate(scenario, {1, 0, FaultSelection::all(), {}, length}, watch);
    });
}

void measure_growth(const Catalogue& catalogue, const Numbers& numbers) {
    const auto scenario = Scenario::load({std::string(scenarios) + "b_mm16.json", {}}, catalogue);
    const double few = peak_bytes_after(*scenario, from_seconds(1e5 / 12.8));
    const double many = peak_bytes_after(*scenario, from_seconds(1e7 / 12.8));
    // The windows of a series have room for more buckets the more records they get, but there are
    // never more than 1000 of them.
    numbers.print("growth of the peak memory from 10^5 to 10^7 requests", (many - few) / 1e6, "MB",
                  Must::stay_below, 2);
}

constexpr double under_way = 50'000;

/// A chain of services that all hold their calls until the end of the run.
std::string chain_of(int services, const std::string& policies) {
    const auto calls = [&](int callee) {
        return with(R"("calls": {"s$callee": {"policy": [)", "$callee", std::to_string(callee)) +
               policies + "]}}";
    };
    std::string text = R"x({"version": 1, "run": {"duration": "10s", "warm_up": "0s"},
        "components": {"users": {"type": "clients", "arrivals": "paced(5000/s)",
            "per": "device_pool", "journeys": {"visit": {"call": "s1.hold"}}, )x" +
                       calls(1) + "}";
    for (int i = 1; i <= services; ++i) {
        const bool last = i == services;
        const char* step = last ? R"({"wait": "100s"})" : R"({"call": "s$callee.hold"})";
        text += with(R"(, "s$service": {"type": "service", "threads": 1000000,
            "operations": {"hold": {"steps": [$step]}})",
                     "$service", std::to_string(i));
        text = with(with(text, "$step", step), "$callee", std::to_string(i + 1));
        text += last ? "}" : ", " + calls(i + 1) + "}";
    }
    return text + "}}";
}

double bytes_per_hop(const std::string& policies, const Catalogue& catalogue) {
    constexpr int few = 2;
    constexpr int many = 6;
    const auto peak = [&](int services) {
        const auto scenario =
            Scenario::parse(chain_of(services, policies), "a chain of services", catalogue);
        return peak_bytes_after(*scenario, std::chrono::seconds(10));
    };
    return (peak(many) - peak(few)) / (many - few) / under_way;
}

constexpr const char* hardened =
    R"x("deadline(1h)", {"type": "retry", "budget": "ratio"}, "breaker",
    "bulkhead(1000000)", "balance(power_of_choices)", "pool(1000000)", "timeout(1h)")x";

void measure_memory(const Catalogue& catalogue, const Numbers& numbers) {
    numbers.print("bytes per call slot", sizeof(Call), "B", Must::stay_below, 64);
    numbers.print("bytes per hop under way, no policies", bytes_per_hop("", catalogue), "B",
                  Must::stay_below, 300);
    numbers.print("bytes per hop under way, hardened chain", bytes_per_hop(hardened, catalogue),
                  "B", Must::stay_below, 900);
    measure_growth(catalogue, numbers);
}

void run(const Numbers& numbers) {
    Catalogue catalogue = full_catalogue();
    add_scenario_families(catalogue.families);
    measure_memory(catalogue, numbers);  // first: a child inherits what its parent has
    measure_making(catalogue, numbers);
    compare_cores(catalogue, numbers);
}

}  // namespace
}  // namespace prodsim::benchmark

int main(int count, char** arguments) {
    using namespace prodsim::benchmark;
    try {
        run(Numbers(page_asked_for(count, arguments)));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
