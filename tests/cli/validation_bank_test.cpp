// The bank of scenarios/validation, and the command that runs it.

#include "tests/catch.hpp"
#include "tests/cli/shell.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace prodsim::cli {
namespace {

constexpr const char* bank = "scenarios/validation";

nlohmann::json json_of(const std::filesystem::path& path) {
    return nlohmann::json::parse(file_text(path.string()), nullptr, true, true);
}

std::vector<std::filesystem::path> scenarios_of_the_bank() {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(bank)) {
        const std::string name = entry.path().filename();
        if (entry.path().extension() == ".json" && name != "not_yet.json" &&
            name != "in_tests.json")
            found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

using Rows = std::set<std::pair<std::string, std::string>>;  // scenario, metric

Rows rows_of_the_bank() {
    Rows rows;
    for (const auto& path : scenarios_of_the_bank()) {
        const auto values = json_of(path)["validate"]["values"];
        for (const auto& [metric, value] : values.items()) rows.emplace(path.stem(), metric);
    }
    return rows;
}

/// The first two cells of every row with a verdict, where an empty first cell repeats the last one.
Rows rows_of_the_page(const std::string& page) {
    Rows rows;
    std::string scenario;
    for (std::size_t at = 0; at < page.size(); at = page.find('\n', at) + 1) {
        std::string line = page.substr(at, page.find('\n', at) - at);
        line.erase(std::remove(line.begin(), line.end(), '\\'), line.end());
        for (const std::string mark : {"| ✅ ", "| ❌ ", "| ❔ "}) {
            if (line.compare(0, mark.size(), mark) != 0) continue;
            const std::size_t first = line.find(" | ", mark.size() - 1);
            const std::size_t second = line.find(" | ", first + 3);
            if (first > mark.size()) scenario = line.substr(mark.size(), first - mark.size());
            rows.emplace(scenario, line.substr(first + 3, second - first - 3));
        }
        if (page.find('\n', at) == std::string::npos) break;
    }
    return rows;
}

/// A queue of the bank, short enough for a test.
constexpr const char* short_queue =
    " scenarios/validation/q06-mm10-15.json --set run.duration=600s --quiet ";

}  // namespace

TEST_CASE("docs/validation.md shows every value of the bank, and no other") {
    REQUIRE(rows_of_the_page(file_text("docs/validation.md")) == rows_of_the_bank());
}

TEST_CASE("docs/validation.md shows every case that cannot be stated yet") {
    const std::string page = file_text("docs/validation.md");
    const auto not_yet = json_of(std::string(bank) + "/not_yet.json");
    for (const auto& item : not_yet["cases"]) {
        CHECK_THAT(page, ContainsSubstring("| " + item["case"].get<std::string>() + " | "));
    }
}

TEST_CASE("docs/validation.md shows every case that tests hold, and these tests exist") {
    const std::string page = file_text("docs/validation.md");
    std::string sources;
    for (const auto& entry : std::filesystem::recursive_directory_iterator("tests")) {
        if (entry.path().extension() == ".cpp") sources += file_text(entry.path().string());
    }
    const auto in_tests = json_of(std::string(bank) + "/in_tests.json");
    for (const auto& item : in_tests["cases"]) {
        CHECK_THAT(page, ContainsSubstring("| " + item["case"].get<std::string>() + " | "));
        for (const std::string name : item["tests"]) {
            CHECK_THAT(page, ContainsSubstring(name));
            CHECK_THAT(sources, ContainsSubstring('"' + name.substr(name.find('/') + 1) + '"'));
        }
    }
}

TEST_CASE("every scenario of the bank says where its values come from") {
    for (const auto& path : scenarios_of_the_bank()) {
        INFO(path.string());
        const auto known = json_of(path)["validate"];
        std::string id = known["case"];
        CHECK_FALSE(known["source"].get<std::string>().empty());
        std::transform(id.begin(), id.end(), id.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        CHECK(path.stem().string().substr(0, id.size() + 1) == id + "-");
    }
}

TEST_CASE("the bank is found from the sources, and its scenarios are valid") {
    const Ended ended = shell("$P validate-model --only nothing-of-this-name 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("no scenario is called"));
    REQUIRE_THAT(shell("$P validate-model --quiet --only 'p0*' --set about=mutant").out,
                 ContainsSubstring("3 scenarios: 8 values inside"));
}

TEST_CASE("validate-model exits with 4 where the runs are too short to tell, and 0 where not") {
    REQUIRE(shell("$P validate-model --quiet scenarios/validation/q36-pulse.json").code == 0);
    const Ended ended = shell("$P validate-model" + std::string(short_queue));
    REQUIRE(ended.code == 4);
    REQUIRE_THAT(ended.out, ContainsSubstring("too wide"));
}

TEST_CASE("validate-model catches a wrong model: it exits with 1") {
    const std::string command = "$P validate-model" + std::string(short_queue);
    for (const char* wrong :
         {"--set components.public.arrivals='poisson(15/s)'", "--set components.desk.threads=9",
          "--set components.desk.queue=20", "--set components.desk.queue_timeout=200ms"}) {
        INFO(wrong);
        const Ended ended = shell(command + wrong);
        REQUIRE(ended.code == 1);
        REQUIRE_THAT(ended.out, ContainsSubstring("outside"));
    }
}

TEST_CASE("validate-model catches a discipline, a balancer and an eviction that are wrong") {
    for (const char* wrong :
         {"scenarios/validation/q29-priority.json --set run.duration=20000s --set "
          "components.desk.discipline=fifo",
          "scenarios/validation/q14-sharing-constant.json --set run.duration=20000s --set "
          "components.desk.threads=1",
          "scenarios/validation/l04-jsq.json --set run.duration=9000s "
          "--set components.public.calls.farm.policy='[\"balance(round_robin)\"]'",
          "scenarios/validation/h01-lru-2.json --set components.cache.eviction=fifo",
          "scenarios/validation/t08-quorum-2-of-3.json "
          "--set components.public.journeys.visit.steps.0.at_least=3"}) {
        INFO(wrong);
        const Ended ended = shell("$P validate-model --quiet " + std::string(wrong));
        REQUIRE(ended.code == 1);
    }
}

TEST_CASE("validate-model takes files and folders, and says what they lack") {
    const Ended ended = shell("$P validate-model scenarios/hello.json 2>&1");
    REQUIRE(ended.code == 2);
    REQUIRE_THAT(ended.out, ContainsSubstring("does not say what is known of it"));
    REQUIRE(shell("$P validate-model nowhere.json 2>&1").code == 2);
}

TEST_CASE("validate-model stops at the first Ctrl-C and prints what was finished") {
    const Ended ended = shell(
        "timeout --preserve-status -s INT 1 $P validate-model --quiet "
        "scenarios/validation/q02-mm10.json");
    REQUIRE(ended.code == 130);
    REQUIRE_THAT(ended.out, ContainsSubstring("interrupted"));
}

}  // namespace prodsim::cli
