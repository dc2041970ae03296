// `prodsim init` as its users meet it: whatever it writes runs as it stands.

#include "tests/catch.hpp"
#include "tests/cli/shell.hpp"

#include <string>

namespace prodsim::cli {
namespace {

TEST_CASE("every template runs as it stands and meets what it demands and expects") {
    for (const std::string name : {"minimal", "web", "queue"}) {
        INFO(name);
        const Scratch scratch;
        const std::string file = scratch / name + ".json";
        REQUIRE(shell("$P init " + file + " --template " + name).code == 0);
        const Ended valid = shell("$P validate " + file);
        REQUIRE(valid.code == 0);
        const Ended ended = shell("$P run " + file + " --quiet");
        INFO(ended.out);
        REQUIRE(ended.code == 0);
        REQUIRE_THAT(ended.out, ContainsSubstring("\nExpectations"));
    }
}

TEST_CASE("init says which commands come next, and they work") {
    const Scratch scratch;
    const std::string folder = scratch / "it's new";
    const Ended ended = shell("$P init \"" + folder + "\"");
    REQUIRE(ended.code == 0);
    const std::size_t validate = ended.out.find("  prodsim validate ");
    const std::size_t run = ended.out.find("  prodsim run ");
    REQUIRE(validate != std::string::npos);
    REQUIRE(run != std::string::npos);
    const std::string words = ended.out.substr(validate + 10, run - validate - 11);
    REQUIRE(shell("$P " + words).code == 0);
}

TEST_CASE("a new scenario stands beside the schema that it names") {
    const Scratch scratch;
    shell("$P init " + scratch / "new");
    REQUIRE_THAT(file_text(scratch / "new/scenario.json"),
                 ContainsSubstring("\"$schema\": \"./scenario.schema.json\""));
    REQUIRE(file_text(scratch / "new/scenario.schema.json") == shell("$P schema").out);
}

TEST_CASE("init overwrites nothing") {
    const Scratch scratch;
    const std::string file = scratch / "mine.json";
    shell("echo mine > " + file + "; echo older > " + scratch / "scenario.schema.json");
    const Ended ended = shell("$P init " + file + " 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("mine.json\" exists already"));
    REQUIRE(file_text(file) == "mine\n");
    REQUIRE(shell("$P init " + scratch / "other.json").code == 0);
    REQUIRE(file_text(scratch / "scenario.schema.json") == "older\n");
}

TEST_CASE("an unknown template is answered with the ones there are") {
    const Ended ended = shell("$P init /dev/null/x --template wbe 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("did you mean \"web\"?"));
    REQUIRE(shell("$P init /dev/null/x 2>&1").code == 3);
}

}  // namespace
}  // namespace prodsim::cli
