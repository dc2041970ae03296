// The page of performance is made by a run of the benchmarks on some machine. Its numbers are not
// compared here: only that it is whole, so that nobody publishes a run of some of the models.

#include "tests/catch.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace {

std::string page() {
    std::ifstream file("docs/performance.md");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string section(const std::string& heading) {
    const std::string text = page();
    const std::size_t begin = text.find(heading + "\n");
    REQUIRE(begin != std::string::npos);
    return text.substr(begin, text.find("\n#", begin) - begin);
}

}  // namespace

TEST_CASE("the page of performance has every model against its floors") {
    const std::string costs =
        section("### Nanoseconds of processor time per completed request, medians");
    const std::string floors = section("### prodsim divided by its floor");
    for (const char* model :
         {"a M/M/1", "b M/M/16", "c three tiers", "d life cycle", "e 1000 services"}) {
        CAPTURE(model);
        CHECK(costs.find(std::string("\n| ") + model + " |") != std::string::npos);
        CHECK(floors.find(std::string("\n| ") + model + " |") != std::string::npos);
    }
}

TEST_CASE("the page of performance has every peer on the models that it runs") {
    const std::string peers = section("### Peers divided by prodsim");
    for (const char* model : {"a M/M/1", "b M/M/16", "c three tiers", "d life cycle"}) {
        for (const char* peer : {"naive C++", "SimPy", "ns-3", "SimGrid"}) {
            CAPTURE(model, peer);
            const std::string row = std::string("\n| ") + model + " | " + peer + " |";
            CHECK(peers.find(row) != std::string::npos);
        }
    }
}

TEST_CASE("the page of performance says where we lose") {
    CHECK(section("## Where we lose").size() > std::string("## Where we lose\n\n").size());
}
