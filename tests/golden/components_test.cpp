// One small world for each kind of component, in which nothing happens by chance: the comment of
// the scenario derives its numbers, and the text of its whole report is kept beside it. When a
// report is meant to change, PRODSIM_GOLDEN=write makes this test write the texts anew; the reason
// belongs in the commit message, and in the changelog where a number has changed.
#include "sim/run/judgement.hpp"
#include "sim/run/report.hpp"
#include "sim/run/report_formats.hpp"
#include "sim/run/scenario.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace prodsim {
namespace {

/// The scenarios of this folder, without ".json".
std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const auto& file : std::filesystem::directory_iterator("tests/golden")) {
        if (file.path().extension() == ".json") found.push_back(file.path().stem());
    }
    std::sort(found.begin(), found.end());
    return found;
}

Report report_of(const std::string& path) {
    const auto scenario = Scenario::load({path, {}}, testing::everything());
    RunWatch watch;
    const Trial trial = run_trial(*scenario, 1, watch);
    return make_report(*scenario, trial, judge(*scenario, trial, 1, watch), "prodsim run " + path);
}

/// Defaults and the fingerprint are other tests' business.
std::string text_of(const Report& report) {
    const std::string text = text_report(report, Colour::off);
    return text.substr(0, text.find("\nAssumptions"));
}

std::string file_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool to_be_written() {
    const char* wish = std::getenv("PRODSIM_GOLDEN");
    return wish != nullptr && std::string(wish) == "write";
}

TEST_CASE("the report of each small world has the numbers that its scenario derives") {
    REQUIRE(names().size() >= 7);
    for (const std::string& name : names()) {
        INFO(name);
        const Report report = report_of("tests/golden/" + name + ".json");
        CHECK(report.judgement.requirements_verdict() == Verdict::pass);
        CHECK(report.judgement.expectations_verdict() == Verdict::pass);
        CHECK(report.audits.all_hold());
        const std::string golden = "tests/golden/" + name + ".txt";
        if (to_be_written()) std::ofstream(golden, std::ios::binary) << text_of(report);
        CHECK(text_of(report) == file_text(golden));
    }
}

}  // namespace
}  // namespace prodsim
