// Jobs that run by the clock, and what they call.

#include "sim/world/world.hpp"
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <string>

namespace prodsim {

void add_schedule(Catalogue& catalogue);

}  // namespace prodsim

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// A schedule "cron" with one job "bill" that calls the backend.
class Cron {
public:
    explicit Cron(const std::string& job, std::uint64_t seed = 1)
        : bench({add_schedule}, seed),
          component_(bench.any_component("cron", R"({"type": "schedule", "jobs": {"bill": {)" +
                                                     job + R"(, "call": "backend.bill"}}})")) {}

    std::uint64_t count(const std::string& meter) { return bench.count("cron", "bill." + meter); }
    const Journey& books() { return bench.world.journey("bill"); }

    /// Runs until then, and lets what is under way end.
    void run(Duration until) {
        bench.run(until);
        component_.stop_arrivals();
        bench.run();
    }

    Bench bench;

private:
    Component& component_;
};

}  // namespace

TEST_CASE("a job runs every period, the first time after one") {
    Cron cron(R"("every": "10s")");
    cron.bench.backend.plays({replies(1s)});
    cron.run(35s);
    REQUIRE(cron.bench.backend.visited_at() == Instants{10s, 20s, 30s});
    REQUIRE(cron.books().offered().total() == 3);
    REQUIRE(cron.books().latency_good().max() == 1s);
    REQUIRE(cron.bench.balanced());
}

TEST_CASE("the first run is when it is said to be") {
    Cron cron(R"("every": "10s", "first": "3s")");
    cron.run(25s);
    REQUIRE(cron.bench.backend.visited_at() == Instants{3s, 13s, 23s});
}

// A run takes 25 s and the period is 10 s.
TEST_CASE("a run that outlasts its period is joined, spares the next ones or is replaced") {
    SECTION("allow") {
        Cron cron(R"("every": "10s")");
        cron.bench.backend.plays({replies(25s)});
        cron.run(45s);
        REQUIRE(cron.bench.backend.visited_at() == Instants{10s, 20s, 30s, 40s});
        REQUIRE(cron.books().latency_good().count() == 4);
    }
    SECTION("forbid") {
        Cron cron(R"("every": "10s", "overlap": "forbid")");
        cron.bench.backend.plays({replies(25s)});
        cron.run(75s);
        REQUIRE(cron.bench.backend.visited_at() == Instants{10s, 40s, 70s});
        REQUIRE(cron.count("skipped") == 4);
    }
    SECTION("replace") {
        Cron cron(R"("every": "10s", "overlap": "replace")");
        cron.bench.backend.plays({replies(25s)});
        cron.run(35s);
        REQUIRE(cron.bench.backend.visited_at() == Instants{10s, 20s, 30s});
        REQUIRE(cron.bench.backend.visits().front().abandoned == Duration(20s));
        REQUIRE(cron.count("replaced") == 2);
        REQUIRE(cron.books().outcomes().count(Outcome::cancelled) == 2);
        REQUIRE(cron.books().latency_good().count() == 1);
        REQUIRE(cron.bench.balanced());
    }
}

TEST_CASE("copies start together, and jitter spreads them evenly") {
    Cron together(R"("every": "1h", "copies": 1000)");
    together.run(1h);
    REQUIRE(together.bench.backend.visits().size() == 1000);
    REQUIRE(together.bench.backend.visits().back().at == 1h);

    constexpr double copies = 10000;
    Cron spread(R"job("every": "1h", "copies": 10000, "jitter": "uniform(0s, 10min)")job");
    spread.run(70min);
    double early = 0;
    for (const Duration at : spread.bench.backend.visited_at()) early += at < 1h + 150s ? 1 : 0;
    REQUIRE(spread.bench.backend.visits().size() == 10000);
    REQUIRE(early / copies == within(4 * standard_error(0.25, copies), 0.25));
}

TEST_CASE("a job that fails is a failed journey, and the next one runs all the same") {
    Cron cron(R"("every": "10s")");
    cron.bench.backend.plays({fails(Outcome::error), replies()});
    cron.run(25s);
    REQUIRE(cron.books().latency_bad().count() == 1);
    REQUIRE(cron.books().latency_good().count() == 1);
}
