// Every input that the fuzzers start from or once found, read by its target.

#include "tests/catch.hpp"
#include "tests/fuzz/targets.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace prodsim::testing {

TEST_CASE("the corpus of every fuzz target is read without a crash, and so is each half of it") {
    for (const FuzzTarget& target : fuzz_targets) {
        std::size_t inputs = 0;
        for (const auto& entry :
             std::filesystem::directory_iterator(std::string("tests/fuzz/corpus/") + target.name)) {
            CAPTURE(entry.path().string());
            std::ifstream file(entry.path(), std::ios::binary);
            const std::string bytes{std::istreambuf_iterator<char>(file), {}};
            REQUIRE_NOTHROW(target.run(bytes));
            REQUIRE_NOTHROW(target.run(std::string_view(bytes).substr(0, bytes.size() / 2)));
            ++inputs;
        }
        REQUIRE(inputs > 0);
    }
}

}  // namespace prodsim::testing
