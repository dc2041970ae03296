// Runs the program as a user does: what it prints where, and its exit codes.

#include "tests/catch.hpp"
#include "tests/cli/shell.hpp"

#include <regex>
#include <string>
#include <vector>

namespace prodsim::cli {
namespace {

/// Clockwork of one request every 10 ms, which every limit above 5 ms suits.
std::string scenario(const std::string& limit, const std::string& arrivals = "paced(100/s)") {
    return R"json({"version": 1, "run": {"duration": "3s", "warm_up": "1s", "replications": 2},
        "components": {
          "users": {"type": "clients", "arrivals": ")json" +
           arrivals + R"json(",
                    "journeys": {"tick": {"call": "clock.tick"}}},
          "clock": {"type": "service", "cores": 1, "threads": 1,
                    "operations": {"tick": {"steps": [{"cpu": "5ms"}]}}}},
        "requirements": {"tick.latency_p50": "<= )json" +
           limit + R"json("}})json";
}

/// Runs it with the scenario on standard input.
Ended run(const std::string& text, const std::string& options, const std::string& more = "") {
    return shell("printf '%s' '" + text + "' | $P run - --quiet " + options + " 2>&1 " + more);
}

TEST_CASE("a run whose requirements hold exits with 0 and prints its verdict on stdout") {
    const Ended ended = run(scenario("6ms"), "");
    REQUIRE(ended.code == 0);
    REQUIRE_THAT(ended.out, ContainsSubstring("✓ tick.latency_p50"));
    REQUIRE_THAT(ended.out, ContainsSubstring("prodsim run - --seed 1 --replications 2"));
}

TEST_CASE("a requirement that fails exits with 1, unless only expectations count") {
    REQUIRE(run(scenario("4ms"), "").code == 1);
    REQUIRE(run(scenario("4ms"), "--only-expectations").code == 0);
}

TEST_CASE("an interval that spans its limit exits with 4") {
    // Whatever the mean is, as a limit it stands in the middle of its interval.
    const Ended first = run(scenario("1s", "poisson(100/s)"), "--format json");
    std::smatch match;
    REQUIRE(
        std::regex_search(first.out, match, std::regex(R"("measured": \{ "value": ([-+.e0-9]+))")));
    REQUIRE(run(scenario(match[1].str() + "s", "poisson(100/s)"), "").code == 4);
}

TEST_CASE("options change the scenario and the command that reproduces it says so") {
    const Ended ended = run(scenario("6ms"), "--seed 9 --duration 2s --set about=\"a b\"");
    REQUIRE(ended.code == 0);
    REQUIRE_THAT(ended.out, ContainsSubstring("2 replications of 2 s"));
    REQUIRE_THAT(ended.out, ContainsSubstring("--seed 9 --replications 2 --duration 2s "
                                              "--set 'about=a b'"));
}

TEST_CASE("a wrong command line exits with 2 and says what was meant") {
    Ended ended = shell("$P rnu x.json 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE(ended.out == "error: there is no command \"rnu\"\nhelp: did you mean \"run\"?\n");

    ended = shell("$P run x.json --replicatons 3 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE(ended.out ==
            "error: \"prodsim run\" has no option \"--replicatons\"\n"
            "help: did you mean \"--replications\"?\n");

    ended = shell("$P run x.json --format jsno 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("did you mean \"json\"?"));

    REQUIRE(shell("$P 2>&1").code == 2);
    REQUIRE(shell("$P run 2>&1").code == 2);
    REQUIRE(shell("$P run x.json --threads 0 2>&1").code == 2);
    REQUIRE(shell("$P run x.json --seed many 2>&1").code == 2);
}

TEST_CASE("a precision that is not reached exits with 4, one that is with 0") {
    const std::string clock = scenario("60ms", "poisson(100/s)");
    Ended ended = run(clock, "--precision latency_mean=50%");
    REQUIRE(ended.code == 0);
    REQUIRE_THAT(ended.out, ContainsSubstring("converged after 13 replications"));
    ended = run(clock, "--precision latency_mean=0.001% --max-replications 11");
    REQUIRE(ended.code == 4);
    REQUIRE_THAT(ended.out, ContainsSubstring("not converged after 11 replications of at most 11"));
    REQUIRE_THAT(ended.out, ContainsSubstring("--precision latency_mean=0.001% --max-repl"));
    ended = run(clock, "--precision latncy_mean=5%");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("there is no metric"));
}

TEST_CASE("a wrong scenario exits with 2 and shows the place") {
    Ended ended = shell("$P validate nowhere.json 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("cannot read \"nowhere.json\""));

    ended = run(scenario("6ms"), "--set components.clock.threds=3");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("did you mean \"threads\"?"));
    REQUIRE_THAT(ended.out, ContainsSubstring("-->"));

    REQUIRE(run(scenario("6ms"), "--duration soon").code == 2);
    REQUIRE(run(scenario("6 parsecs"), "").code == 2);
}

TEST_CASE("what cannot be written exits with 3") {
    REQUIRE(run(scenario("6ms"), "--out /dev/null/x").code == 3);
    REQUIRE(shell("$P schema 2>&1 >/dev/full").code == 3);
}

TEST_CASE("a reader who goes away is no error") {
    const Ended ended =
        shell("((trap '' PIPE; $P schema 2>&3; echo code $? >&3) | head -c 0) 3>&1");
    REQUIRE(ended.out == "code 0\n");
}

TEST_CASE("an interrupted run prints what it has and exits with 130") {
    const std::string text = scenario("6ms");
    const Ended ended = shell("printf '%s' '" + text +
                              "' | timeout --preserve-status -s INT 1 $P run - --quiet "
                              "--duration 8000h");
    REQUIRE(ended.code == 130);
    REQUIRE_THAT(ended.out, ContainsSubstring("✗ INTERRUPTED"));
}

TEST_CASE("the folder gets the report in three formats") {
    const Ended folder = shell("mktemp -d");
    const std::string path = folder.out.substr(0, folder.out.size() - 1) + "/new";
    const Ended ended = run(scenario("6ms"), "--out " + path);
    REQUIRE(ended.code == 0);
    REQUIRE(file_text(path + "/report.txt") == ended.out);
    REQUIRE_THAT(file_text(path + "/report.md"), ContainsSubstring("## Requirements"));
    REQUIRE_THAT(file_text(path + "/report.json"), ContainsSubstring("\"report_version\": 1"));
    REQUIRE(shell("ls -A " + path).out == "report.json\nreport.md\nreport.txt\n");
    shell("rm -r " + path);
}

TEST_CASE("the number of threads changes no byte") {
    // Chance everywhere, and faults, so that there are runs of several kinds to share out.
    std::string text = scenario("1s", "poisson(150/s)");
    text.replace(text.find("\"replications\": 2"), 17, "\"replications\": 3");
    text.insert(text.rfind('}'), R"json(, "faults": [
        {"at": "1500ms", "for": "300ms", "target": {"component": "clock"}, "slow": 4},
        {"at": "2s", "for": "100ms", "target": {"component": "clock"}, "crash": true}],
        "expect": [{"metric": "tick.goodput", "at_least": "50/s",
                    "because": "it comes back"}])json");
    const Ended one = run(text, "--threads 1 --format json");
    const Ended two = run(text, "--threads 2 --format json");
    const Ended four = run(text, "--threads 4 --format json");
    REQUIRE_THAT(one.out, ContainsSubstring("\"fingerprint\""));
    REQUIRE(one.code == two.code);
    REQUIRE(one.out == two.out);
    REQUIRE(one.out == four.out);
}

/// Those that the program says this processor has.
std::vector<std::string> instruction_sets() {
    std::vector<std::string> found;
    for (const char* name : {"scalar", "avx2", "avx512"}) {
        const Ended ended = shell("PRODSIM_ISA=" + std::string(name) + " $P version 2>&1");
        if (ended.code == 0) found.push_back(name);
    }
    return found;
}

TEST_CASE("a second time, two threads and each code path of the event list change no byte") {
    const std::vector<std::string> isas = instruction_sets();
    REQUIRE(!isas.empty());
    // tests/determinism/run compares more of them, and compilers, too.
    for (const std::string scenario :
         {"scenarios/hello.json --set run.duration=90s", "tests/golden/service.json",
          "tests/golden/broker.json", "tests/golden/sql_replicas.json"}) {
        const std::string line = "$P run " + scenario + " --quiet --format json --threads ";
        const Ended first = shell(line + "1");
        REQUIRE_THAT(first.out, ContainsSubstring("\"fingerprint\""));
        for (const std::string& isa : isas) {
            for (const char* threads : {"1", "2"}) {
                CAPTURE(scenario, isa, threads);
                const Ended other = shell("PRODSIM_ISA=" + isa + " " + line + threads);
                const bool same = other.out == first.out;
                CHECK(same);
                CHECK(other.code == first.code);
            }
        }
        const Ended again = shell(line + "1");
        const bool same = again.out == first.out;
        CHECK(same);
    }
}

TEST_CASE("an instruction set that does not exist is refused") {
    const Ended ended = shell("PRODSIM_ISA=avx513 $P version 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE(ended.out ==
            "error: PRODSIM_ISA is \"avx513\", which is no instruction set\n"
            "help: did you mean \"avx512\"?\n");
}

TEST_CASE("what becomes of a query whose caller left decides what becomes of the shop") {
    struct Fate {
        std::string scenario;
        std::string availability;  // at least 20 % while the database is slow
        std::string recovery;      // within 30 s
        std::string verdict;
    };
    for (const Fate& fate : {Fate{"three-fates.json", "✗", "✗", "metastable in 2 of 2"},
                             Fate{"three-fates-orphaned.json", "✗", "✓", "recovered in 2 of 2"},
                             Fate{"three-fates-cancelled.json", "✓", "✓", "recovered in 2 of 2"}}) {
        INFO(fate.scenario);
        const Ended ended = shell("$P run scenarios/" + fate.scenario +
                                  " --replications 2 --quiet --only-expectations");
        REQUIRE(ended.code == 0);
        REQUIRE_THAT(ended.out,
                     ContainsSubstring("  " + fate.availability + " order.availability"));
        REQUIRE_THAT(ended.out, ContainsSubstring("  " + fate.recovery + " recovery_time"));
        REQUIRE_THAT(ended.out, ContainsSubstring(fate.verdict));
    }
}

TEST_CASE("explain knows the words of scenarios and guesses at others") {
    REQUIRE(shell("$P explain service").code == 0);
    const Ended ended = shell("$P explain servce 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("did you mean \"service\"?"));
}

// If one of these fails, the language has changed: run the command and commit what it writes.

TEST_CASE("docs/components.md is what prodsim components prints") {
    REQUIRE(shell("$P components").out == file_text("docs/components.md"));
}

TEST_CASE("docs/scenario.schema.json is what prodsim schema prints") {
    REQUIRE(shell("$P schema").out == file_text("docs/scenario.schema.json"));
}

TEST_CASE("docs/cli.md shows what prodsim --help-all prints") {
    REQUIRE("# The command line\n\n```\n" + shell("$P --help-all").out + "```\n" ==
            file_text("docs/cli.md"));
}

TEST_CASE("the version is the version of the project") {
    const std::string cmake = file_text("CMakeLists.txt");
    std::smatch match;
    REQUIRE(std::regex_search(cmake, match, std::regex(R"(project\(prodsim VERSION ([0-9.]+))")));
    REQUIRE_THAT(shell("$P version").out, ContainsSubstring("prodsim " + match[1].str() + ","));
}

}  // namespace
}  // namespace prodsim::cli
