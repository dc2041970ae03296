// The table of mutations fits the sources and the bank: tests/mutations/run would find every text
// that it replaces, and every case of the bank has a mistake that it must catch.

#include "tests/catch.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace {

constexpr const char* bank = "scenarios/validation";

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

nlohmann::json json_of(const std::filesystem::path& path) {
    return nlohmann::json::parse(text_of(path), nullptr, true, true);
}

std::size_t occurrences(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

/// What the bank calls the case of a scenario: "q01-mm1" is of "Q01".
std::string id_of(const std::string& scenario) {
    std::string id = scenario.substr(0, scenario.find('-'));
    std::transform(id.begin(), id.end(), id.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return id;
}

/// The cases that a scenario, or a test by its name, is of.
std::set<std::string> ids_of(const std::string& catcher, const nlohmann::json& in_tests) {
    if (catcher.find('/') == std::string::npos) return {id_of(catcher)};
    std::set<std::string> ids;
    for (const auto& item : in_tests) {
        for (const std::string test : item["tests"]) {
            if (test == catcher) ids.insert(item["case"]);
        }
    }
    return ids;
}

}  // namespace

TEST_CASE("the text that a mutation replaces stands once in its file") {
    std::set<std::string> names;
    for (const auto& mutation : json_of("tests/mutations/mutations.json")) {
        INFO(mutation["name"] << " in " << mutation["file"] << ": " << mutation["find"]);
        CHECK(occurrences(text_of(mutation["file"].get<std::string>()), mutation["find"]) == 1);
        CHECK(mutation["find"] != mutation["replace"]);
        CHECK(names.insert(mutation["name"]).second);
    }
}

TEST_CASE("every case of the bank must catch a mutation, and whoever must catch one exists") {
    const auto in_tests = json_of(std::string(bank) + "/in_tests.json")["cases"];
    std::set<std::string> served;
    for (const auto& mutation : json_of("tests/mutations/mutations.json")) {
        for (const std::string catcher : mutation["caught_by"]) {
            INFO(mutation["name"] << ": " << catcher);
            const auto ids = ids_of(catcher, in_tests);
            CHECK_FALSE(ids.empty());
            std::filesystem::path scenario = std::filesystem::path(bank) / catcher;
            scenario += ".json";
            const bool is_test = catcher.find('/') != std::string::npos;
            CHECK((is_test || std::filesystem::exists(scenario)));
            served.insert(ids.begin(), ids.end());
        }
    }
    std::set<std::string> wanted;
    for (const auto& item : in_tests) wanted.insert(item["case"]);
    for (const auto& entry : std::filesystem::directory_iterator(bank)) {
        const std::string name = entry.path().filename();
        if (entry.path().extension() != ".json" || name == "not_yet.json" ||
            name == "in_tests.json") {
            continue;
        }
        wanted.insert(id_of(entry.path().stem()));
    }
    CHECK(served == wanted);
}

TEST_CASE("docs/mutations.md is about the mutations that there are") {
    std::string page = text_of("docs/mutations.md");
    page.erase(std::remove(page.begin(), page.end(), '\\'), page.end());
    std::size_t rows = 0;
    for (const auto& mutation : json_of("tests/mutations/mutations.json")) {
        const std::string row = "| " + mutation["name"].get<std::string>() + " | " +
                                mutation["file"].get<std::string>() + " | ";
        INFO(row);
        CHECK(occurrences(page, row) == 1);
        ++rows;
    }
    CHECK(occurrences(page, "\n| ") == rows + 1);  // and the heading
}
