// Style is kept by this test, not by memory: it reads every source of the project against
// rules.hpp and layers.txt. A rule that cannot fail is no rule, so each is shown a bad example.
#include "tests/catch.hpp"
#include "tests/tidy/rules.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim::tidy {
namespace {

Layers project_layers() {
    std::ifstream in{"tests/tidy/layers.txt"};
    REQUIRE(in.good());
    return read_layers(in);
}

/// Everything that is wrong with a source of this text at this place, one finding a line.
std::string findings_in(const std::string& path, std::string_view text) {
    std::string all;
    for (const std::string& finding : check_all(source_from(path, text), project_layers())) {
        all += finding + "\n";
    }
    return all;
}

TEST_CASE("every source keeps the rules of style and of layers") {
    const Layers layers = project_layers();
    for (const char* folder : {"sim", "models", "python", "tests"}) {
        if (!std::filesystem::exists(folder)) continue;
        for (const Source& source : sources_in(folder)) {
            for (const std::string& finding : check_all(source, layers)) FAIL_CHECK(finding);
        }
    }
}

TEST_CASE("the rules find the sources") {
    REQUIRE_FALSE(sources_in("sim/core").empty());
    REQUIRE(sources_in("tests/tidy").size() == 2);
}

TEST_CASE("a source that keeps the rules has no findings") {
    REQUIRE(findings_in("sim/world/station.hpp",
                        "// A waiting line. It never throws, and std::shared_ptr is not for it.\n"
                        "#pragma once\n"
                        "\n"
                        "#include \"sim/core/time.hpp\"\n"
                        "\n"
                        "#include <vector>\n"
                        "\n"
                        "struct Station { int waiting = 1'000; char open = '\"'; };\n")
                .empty());
}

TEST_CASE("a layer may not know the layers above it") {
    REQUIRE(findings_in("sim/core/engine.cpp", "\n#include \"sim/world/call.hpp\"\n") ==
            "sim/core/engine.cpp:2: sim/core may not know sim/world/call.hpp (it includes "
            "sim/core): move the code up, or turn the dependency round\n");
    REQUIRE_THAT(findings_in("sim/run/report.cpp", "#include \"sim/study/budget.hpp\"\n"),
                 ContainsSubstring("sim/run may not know sim/study/budget.hpp"));
}

TEST_CASE("stats and config do not know each other") {
    REQUIRE_THAT(findings_in("sim/stats/series.cpp", "#include \"sim/config/fields.hpp\"\n"),
                 ContainsSubstring("sim/stats may not know"));
    REQUIRE_THAT(findings_in("sim/config/fields.cpp", "#include \"sim/stats/series.hpp\"\n"),
                 ContainsSubstring("sim/config may not know"));
}

TEST_CASE("a model knows the world, and neither JSON nor another model nor the run") {
    REQUIRE(findings_in("models/data/cache.cpp", "#include \"sim/world/call.hpp\"\n").empty());
    for (const char* header : {"sim/config/json_reader.hpp", "models/data/queue.hpp",
                               "sim/run/report.hpp", "sim/cli/main.hpp"}) {
        REQUIRE_THAT(
            findings_in("models/data/cache.cpp", "#include \"" + std::string(header) + "\"\n"),
            ContainsSubstring("models may not know " + std::string(header)));
    }
}

TEST_CASE("models and run meet only through the catalogue") {
    REQUIRE(findings_in("sim/run/simulation.cpp", "#include \"models/catalogue.hpp\"\n").empty());
    REQUIRE_THAT(findings_in("sim/run/simulation.cpp", "#include \"models/data/cache.hpp\"\n"),
                 ContainsSubstring("sim/run may not know models/data/cache.hpp"));
    REQUIRE_THAT(findings_in("sim/world/call.cpp", "#include \"models/catalogue.hpp\"\n"),
                 ContainsSubstring("sim/world may not know models/catalogue.hpp"));
}

TEST_CASE("a model has no header, only what it is made of has") {
    const std::string opening = "#pragma once\n";
    REQUIRE_THAT(
        findings_in("models/data/cache.hpp", opening + "#include \"sim/world/callees.hpp\"\n"),
        ContainsSubstring("a component is one .cpp"));
    REQUIRE(findings_in("models/data/contents.hpp", opening + "#include \"sim/core/time.hpp\"\n")
                .empty());
    REQUIRE(findings_in("models/catalogue.hpp", opening + "#include \"sim/world/catalogue.hpp\"\n")
                .empty());
}

TEST_CASE("includes are named from the top of the repository") {
    REQUIRE_THAT(findings_in("sim/core/engine.cpp", "#include \"time.hpp\"\n"),
                 ContainsSubstring("name it from the top of the repository"));
}

TEST_CASE("a folder that layers.txt does not name may include nothing of ours") {
    REQUIRE_THAT(findings_in("elsewhere/engine.cpp", "#include \"sim/core/time.hpp\"\n"),
                 ContainsSubstring("no line of tests/tidy/layers.txt covers this file"));
}

TEST_CASE("heavy headers stay in the few sources that need them") {
    const std::vector<std::pair<std::string, std::string>> allowed{
        {"sim/config/json_reader.cpp", "nlohmann/json.hpp"},
        {"sim/run/graphs.cpp", "boost/graph/dominator_tree.hpp"},
        {"sim/stats/estimate.cpp", "boost/math/distributions/students_t.hpp"},
        {"sim/study/sensitivity.cpp", "Eigen/Dense"},
        {"sim/cli/main.cpp", "CLI/CLI.hpp"},
        {"python/bindings.cpp", "pybind11/pybind11.h"}};
    for (const auto& [path, header] : allowed) {
        REQUIRE(findings_in(path, "#include <" + header + ">\n").empty());
        REQUIRE_THAT(findings_in("sim/world/call.cpp", "#include <" + header + ">\n"),
                     ContainsSubstring("<" + header + "> belongs only in "));
    }
    REQUIRE_THAT(findings_in("sim/run/topology.hpp", "#pragma once\n#include <Eigen/Dense>\n"),
                 ContainsSubstring("<Eigen/Dense> is heavy"));
    REQUIRE_THAT(findings_in("sim/run/report.cpp", "#include <fmt/format.h>\n"),
                 ContainsSubstring("is of no library that this project uses"));
    REQUIRE_THAT(findings_in("tests/core/engine_test.cpp", "#include <catch2/catch.hpp>\n"),
                 ContainsSubstring("belongs only in tests/catch.hpp"));
}

TEST_CASE("each banned word is found where it is banned, with its cure") {
    for (const Ban& ban : banned_words()) {
        const std::string path = ban.places.front() + "/bad.cpp";
        REQUIRE(findings_in(path, "\nx = " + ban.word + "(y);\n") ==
                path + ":2: " + ban.word + ": " + ban.cure + "\n");
    }
}

TEST_CASE("a banned word is not found in prose, in longer names or where it is allowed") {
    REQUIRE(findings_in("sim/core/pool.cpp", "// no std::function here\n").empty());
    REQUIRE(findings_in("sim/core/pool.cpp", "/* no\n std::function\n */\n").empty());
    REQUIRE(findings_in("sim/core/pool.cpp", "auto s = \"a \\\" std::function\";\n").empty());
    REQUIRE(findings_in("sim/core/pool.cpp", "auto s = R\"(a \" std::function)\";\n").empty());
    REQUIRE(findings_in("sim/core/pool.cpp", "int operand = brand + std::functional;\n").empty());
    REQUIRE(findings_in("sim/study/sweep.cpp", "std::function<void()> progress;\n").empty());
    REQUIRE(findings_in("sim/cli/main.cpp", "std::cout << 1;\n").empty());
    REQUIRE(!findings_in("sim/core/pool.cpp", "/* a */ std::function<void()> f;\n").empty());
    REQUIRE(!findings_in("sim/core/pool.cpp", "char c = '\"'; std::function<void()> f;\n").empty());
}

TEST_CASE("a type is named for what it is") {
    REQUIRE_THAT(findings_in("sim/run/report.cpp", "class ReportManager final {};\n"),
                 ContainsSubstring("ReportManager: name what it is"));
    REQUIRE_THAT(findings_in("sim/run/report.cpp", "struct TextUtils {};\n"),
                 ContainsSubstring("TextUtils: name what it is"));
}

TEST_CASE("a test is named with words and commas, not with signs of the command line") {
    REQUIRE(findings_in("tests/a_test.cpp", "TEST_CASE(\"a call, once (70 %) made: ok\") {\n}\n")
                .empty());
    for (const char* name : {"a; b", "a [b]", "a*", "~a", "a \\\"b\\\""}) {
        REQUIRE_THAT(
            findings_in("tests/a_test.cpp", "TEST_CASE(\"" + std::string(name) + "\") {\n}\n"),
            ContainsSubstring("rephrase"));
    }
}

TEST_CASE("lines end before column 101, counted in characters") {
    REQUIRE(findings_in("sim/core/a.cpp", std::string(100, 'x') + "\n").empty());
    REQUIRE_THAT(findings_in("sim/core/a.cpp", std::string(101, 'x') + "\n"),
                 ContainsSubstring("over 100 columns"));
    REQUIRE(findings_in("sim/core/a.cpp", "// " + std::string(96, 'x') + "\xC2\xB1\n").empty());
}

TEST_CASE("tabs, trailing spaces and unfinished work are found") {
    REQUIRE_THAT(findings_in("sim/core/a.cpp", "\tint x;\n"), ContainsSubstring("a tab"));
    REQUIRE_THAT(findings_in("sim/core/a.cpp", "int x; \n"), ContainsSubstring("ends in a space"));
    for (const char* mark : {"TO"
                             "DO",
                             "FIX"
                             "ME",
                             "XX"
                             "X"}) {
        REQUIRE_THAT(findings_in("sim/core/a.cpp", "// " + std::string(mark) + " later\n"),
                     ContainsSubstring(": do it"));
    }
}

TEST_CASE("there are no macros") {
    REQUIRE_THAT(findings_in("tests/a_test.cpp", "#define TWICE(x) ((x) + (x))\n"),
                 ContainsSubstring("no macros: write a function"));
    REQUIRE_THAT(findings_in("sim/core/a.cpp", "#define LIMIT 3\n"),
                 ContainsSubstring("no macros: write a constexpr constant"));
}

TEST_CASE("headers are guarded and files are short") {
    REQUIRE_THAT(findings_in("sim/core/a.hpp", "int x;\n"), ContainsSubstring("#pragma once"));
    std::string text;
    for (std::size_t line = 0; line < longest_file; ++line) text += "\n";
    REQUIRE(findings_in("sim/core/a.cpp", text).empty());
    REQUIRE_THAT(findings_in("sim/core/a.cpp", text + "\n"), ContainsSubstring("two files"));
}

TEST_CASE("a line of layers.txt that is not a rule is refused") {
    std::istringstream in{"sim/core contains sim/core\n"};
    REQUIRE_THROWS_AS(read_layers(in), std::runtime_error);
}

}  // namespace
}  // namespace prodsim::tidy
