// docs/life_of_a_call.md, row by row: who owns which slot, permit, connection and timer. Instants
// are those of the page plus one second, because paced arrivals begin one interval after the start.

#include "models/catalogue.hpp"
#include "sim/run/scenario.hpp"
#include "sim/world/world.hpp"
#include "tests/catch.hpp"

#include <string>

using namespace prodsim;

namespace {

constexpr const char* order = R"json({
  "run": { "duration": "10s", "warm_up": "0s", "replications": 1 },
  "components": {
    "early": { "type": "clients", "arrivals": "paced(1/s)",
      "journeys": { "hold": { "call": "stock.hold" } } },
    "shoppers": { "type": "clients", "arrivals": "renewal(1010ms)",
      "journeys": { "order": { "call": "storefront.order" } } },
    "storefront": { "type": "service", "threads": 10,
      "operations": { "order": { "steps": [ { "on_failure": "cancel", "parallel": [
        { "steps": [ { "call": "orders.place" } ] },
        { "steps": [ { "call": "stock.reserve" } ] } ] } ] } },
      "calls": { "orders": { "policy": [ "retry(2, backoff=fixed, base=10ms)",
        "breaker(consecutive, consecutive=1)", "timeout(100ms)" ] } } },
    "stock": { "type": "service", "threads": 1, "queue": 10, "cancellation": "queued",
      "operations": { "hold": { "steps": [ { "wait": "1200ms" } ] },
        "reserve": { "steps": [ { "cpu": "1ms" } ] } } },
    "orders": { "type": "service", "threads": 4,
      "operations": { "place": { "steps": [ { "call": "orders-pg.write" } ] } },
      "calls": { "orders-pg": { "policy": [ "pool(size=1)" ] } } },
    "orders-pg": { "type": "sql_database", "cores": 1,
      "operations": { "write": { "cpu": "990ms" } } }
  } })json";

/// The world of the page, stopped wherever a row wants to look.
class Story {
public:
    Story()
        : catalogue_(full_catalogue()),
          scenario_(Scenario::parse(order, "order.json", catalogue_)),
          world_(scenario_->world(1, 0)) {
        world_->start();
    }

    /// Just after everything that happens at this instant of the page.
    void at(Duration instant) {
        world_->engine.run_until(start_of_run + std::chrono::seconds(1) + instant);
        if (instant >= std::chrono::milliseconds(120)) stop_arrivals();
    }

    std::int64_t level(const std::string& owner, const std::string& name) {
        return world_->meters.level(owner, name, "").value();
    }
    std::uint64_t count(const std::string& owner, const std::string& name) {
        return world_->meters.counter(owner, name, "").total();
    }
    World& world() { return *world_; }
    const Journey& order_books() { return world_->journey("order"); }

private:
    void stop_arrivals() {
        for (const auto& component : world_->components()) component->stop_arrivals();
    }

    Catalogue catalogue_;
    std::unique_ptr<const Scenario> scenario_;
    std::unique_ptr<World> world_;
};

using std::chrono::milliseconds;

}  // namespace

TEST_CASE("the life of a call: before the order, a long job holds the one thread of stock") {
    Story story;
    story.at(milliseconds(5));
    CHECK(story.world().calls.live() == 1);
    CHECK(story.level("stock", "threads.present") == 1);
}

TEST_CASE("the life of a call: while the order is under way, every hop owns its slot and permit") {
    Story story;
    story.at(milliseconds(60));
    CHECK(story.world().calls.live() == 9);
    CHECK(story.level("storefront", "threads.present") == 1);
    CHECK(story.level("orders", "threads.present") == 1);
    CHECK(story.level("stock", "threads.present") == 2);
    CHECK(story.level("stock", "threads.waiting") == 1);
    CHECK(story.level("orders -> orders-pg", "pool.connections") == 1);
    CHECK(story.level("orders-pg", "sessions.present") == 1);
}

TEST_CASE("the life of a call: the timeout gives up and the server works on") {
    Story story;
    story.at(milliseconds(60));
    const std::size_t pending = story.world().engine.pending();
    story.at(milliseconds(115));
    CHECK(story.world().calls.live() == 7);
    CHECK(story.count("storefront -> orders", "timeout.expired") == 1);
    CHECK(story.count("storefront -> orders", "breaker.opened") == 1);
    CHECK(story.level("orders", "threads.present") == 1);
    CHECK(story.level("orders-pg", "sessions.present") == 1);
    // The timer of the timeout has gone and the pause of the retry has come.
    CHECK(story.world().engine.pending() == pending);
}

TEST_CASE("the life of a call: the breaker refuses the retry, and the sibling leaves its queue") {
    Story story;
    story.at(milliseconds(115));
    const std::size_t pending = story.world().engine.pending();
    story.at(milliseconds(119));
    CHECK(story.count("storefront -> orders", "breaker.rejected") == 0);
    story.world().engine.run_until(start_of_run + milliseconds(1120));
    CHECK(story.world().engine.pending() == pending - 1);
    CHECK(story.count("storefront -> orders", "breaker.rejected") == 1);
    CHECK(story.count("storefront -> orders", "retry.attempts") == 2);
    CHECK(story.level("storefront", "threads.present") == 0);
    CHECK(story.level("stock", "threads.waiting") == 0);
    CHECK(story.count("stock", "threads.withdrawn") == 1);
    CHECK(story.world().calls.live() == 4);
}

TEST_CASE("the life of a call: the user hears which mechanism refused the last attempt") {
    Story story;
    story.at(milliseconds(120));
    REQUIRE(story.order_books().ended().total() == 1);
    const OutcomeTable& outcomes = story.order_books().outcomes();
    CHECK(outcomes.count(Outcome::dependency_failed) == 1);
    std::string reason;
    for (std::size_t id = 0; id < outcomes.reasons(); ++id) {
        if (outcomes.count(static_cast<ReasonId>(id), Outcome::dependency_failed) > 0) {
            reason = story.world().reasons()[id].component;
        }
    }
    CHECK(reason == "storefront -> orders");
    CHECK(story.order_books().latency_bad().max() == milliseconds(110));
}

TEST_CASE("the life of a call: zombies hold what they hold until their work is done") {
    Story story;
    story.at(milliseconds(990));
    CHECK(story.level("orders", "threads.present") == 1);
    CHECK(story.level("orders-pg", "sessions.present") == 1);
    story.at(milliseconds(1100));
    CHECK(story.level("orders", "threads.present") == 0);
    CHECK(story.level("orders-pg", "sessions.present") == 0);
    CHECK(story.level("orders -> orders-pg", "pool.connections") == 1);
    CHECK(story.count("orders", "wasted") == 1);
    CHECK(story.world().calls.live() == 1);
}

TEST_CASE("the life of a call: in the end every call was answered or wasted") {
    Story story;
    story.at(milliseconds(120));  // and nothing new arrives
    story.at(milliseconds(1300));
    const Calls& calls = story.world().calls;
    CHECK(calls.opened() == 10);
    CHECK(calls.answered() == 8);
    CHECK(calls.wasted() == 2);
    CHECK(calls.live() == 0);
}
