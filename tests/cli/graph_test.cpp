// `prodsim graph` as its users meet it.

#include "tests/catch.hpp"
#include "tests/cli/shell.hpp"

#include <regex>
#include <string>

namespace prodsim::cli {
namespace {

TEST_CASE("the graph of a scenario is printed for Graphviz or for Mermaid, or written to a file") {
    const Scratch scratch;
    const Ended dot = shell("$P graph scenarios/hello.json");
    REQUIRE(dot.code == 0);
    REQUIRE(dot.out.rfind("digraph \"scenarios/hello.json\" {\n", 0) == 0);
    const Ended mermaid = shell("$P graph scenarios/hello.json --format mermaid");
    REQUIRE(mermaid.out.rfind("flowchart LR\n", 0) == 0);
    const std::string path = scratch / "new/graph.dot";
    REQUIRE(shell("$P graph scenarios/hello.json --out " + path).out.empty());
    REQUIRE(file_text(path) == dot.out);
}

TEST_CASE("a graph after a run is coloured by what the run measured") {
    const Scratch scratch;
    // 160/s x 10 ms of 2 cores are predicted to be 80 %; with 4 instances they are 20 %.
    const std::string hello = "scenarios/hello.json --set components.shop.instances=4";
    REQUIRE_THAT(shell("$P graph scenarios/hello.json").out,
                 ContainsSubstring("shop\\nservice\\n80 % of 2 cores"));
    shell("$P run " + hello + " --replications 2 --duration 2min --quiet --out " +
          scratch / "report");
    const Ended after = shell("$P graph " + hello + " --after " + scratch / "report/report.json");
    REQUIRE(after.code == 0);
    REQUIRE_THAT(after.out, ContainsSubstring("share of the cores in use in the run"));
    // Their error over two minutes is below a percent of the cores.
    const std::regex measured(R"(shop\\nservice × 4\\n(19|20)(\.[0-9]+)? % of its cores)");
    REQUIRE(std::regex_search(after.out, measured));
}

TEST_CASE("a graph refuses what is no report, or one of another scenario") {
    Ended ended = shell("$P graph scenarios/hello.json --after scenarios/hello.json 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("\"scenarios/hello.json\" is no report"));
    ended = shell(
        "echo '{\"report_version\": 1, \"components\": [{\"name\": \"elsewhere\"}]}' | "
        "$P graph scenarios/hello.json --after /dev/stdin 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("there is no \"elsewhere\" in this one"));
    REQUIRE(shell("$P graph scenarios/hello.json --after nowhere.json 2>&1").code == 2);
    REQUIRE(shell("$P graph scenarios/hello.json --out /dev/null/x 2>&1").code == 3);
}

}  // namespace
}  // namespace prodsim::cli
