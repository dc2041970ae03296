// The object store, driven by callers whose every instant is known.

#include "tests/models/stage.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

std::string store(const std::string& more) {
    return R"({"type": "object_store", "first_byte": "100ms", "error_rate": 0, )" + more + "}";
}

/// Asks at this rate, one after another, from one instant to another.
void ask(Stage& stage, const std::string& operation, int per_s, Duration from, Duration to) {
    const Duration gap = Duration{1s} / per_s;
    for (Duration at = from; at < to; at += gap) {
        stage.run(at);
        stage.call(operation);
    }
}

}  // namespace

TEST_CASE("an object store takes so many reads and so many writes a second, and says slow down") {
    Stage stage(store(R"("reads": "20/s", "writes": "10/s",
                         "operations": {"get": "img", "put": {"prefix": "img", "write": true}})"));
    for (int i = 0; i < 30; ++i) stage.call("get");
    for (int i = 0; i < 30; ++i) stage.call("put");
    stage.run(50ms);
    REQUIRE(stage.client().count(Outcome::rejected_rate) == 10 + 20);
    REQUIRE(stage.client().answers().front().mechanism == "slow down");
    stage.run(1s);
    REQUIRE(stage.client().count(Outcome::ok) == 20 + 10);
    REQUIRE(stage.count("slowed_down") == 30);
    REQUIRE(stage.balanced());
}

TEST_CASE("each prefix has a partition of its own") {
    Stage stage(store(R"("reads": "10/s", "operations": {"a": "a", "b": "b", "also_a": "a"})"));
    for (int i = 0; i < 15; ++i) stage.call("a");
    for (int i = 0; i < 15; ++i) stage.call("b");
    for (int i = 0; i < 15; ++i) stage.call("also_a");
    stage.run(1s);
    REQUIRE(stage.client().count(Outcome::ok) == 20);
}

TEST_CASE("an answer takes the time to its first byte and that of the transfer") {
    Stage stage(store(R"("operations": {"get": {"transfer": "30ms"},
                                        "head": {"first_byte": "10ms"}})"));
    stage.call("get");
    stage.call("head");
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>{10ms, 130ms});
}

TEST_CASE("a partition that is overloaded for long enough is split, and takes twice as much") {
    Stage stage(store(R"("reads": "10/s", "split_after": "30min", "operations": {"get": {}})"));
    ask(stage, "get", 40, 0s, 30min);
    REQUIRE(stage.count("splits") == 0);
    // A burst of a second, and then what drips in. The first refusal is within the first second.
    REQUIRE(static_cast<double>(stage.count("served")) == within(20, 10 + 10 * 1800));
    ask(stage, "get", 40, 30min, 31min);
    REQUIRE(stage.count("splits") == 1);
    const std::uint64_t before = stage.count("served");
    ask(stage, "get", 40, 31min, 41min);
    REQUIRE(static_cast<double>(stage.count("served") - before) == within(20, 20 * 600));
    // Both halves are overloaded, too: 20/s each for 10/s.
    ask(stage, "get", 40, 41min, 62min);
    REQUIRE(stage.count("splits") == 3);
    const std::uint64_t enough = stage.count("slowed_down");
    ask(stage, "get", 39, 62min, 63min);
    // A quarter of 39/s now comes to each of four, which is less than 10/s: chance is all that is
    // left.
    REQUIRE(static_cast<double>(stage.count("slowed_down") - enough) < 0.15 * 39 * 60);
    REQUIRE(stage.balanced());
}

TEST_CASE("a partition that was overloaded for a while only is not split") {
    Stage stage(store(R"("reads": "10/s", "split_after": "30min", "operations": {"get": {}})"));
    ask(stage, "get", 40, 0s, 20min);
    ask(stage, "get", 5, 20min, 60min);
    REQUIRE(stage.count("splits") == 0);
}

TEST_CASE("all attempts of a request ask for the same name") {
    Stage stage(store(R"("reads": "1/s", "partitions": 100, "operations": {"get": {}})"));
    Request request = stage.request("get", 7);
    for (unsigned attempt = 1; attempt <= 5; ++attempt) {
        request.set_attempt(1, attempt);
        stage.client().call(request);
    }
    stage.run(1s);
    REQUIRE(stage.client().count(Outcome::ok) == 1);
    REQUIRE(stage.client().count(Outcome::rejected_rate) == 4);
}

TEST_CASE("an object store fails now and then by itself") {
    Stage stage(R"({"type": "object_store", "first_byte": 0, "error_rate": "10%",
                    "reads": "1000000/s", "operations": {"get": {}}})");
    constexpr int calls = 10000;
    for (int i = 0; i < calls; ++i) stage.call("get");
    stage.run(1ms);
    REQUIRE(static_cast<double>(stage.count("errors")) ==
            within(4 * std::sqrt(calls * 0.1 * 0.9), calls * 0.1));
    REQUIRE(stage.client().answers().size() == calls);
}

TEST_CASE("when the caller gives up, an object store does the work all the same") {
    Stage stage(store(R"("operations": {"put": {"write": true}})"));
    stage.give_up(stage.call("put"));
    stage.run();
    REQUIRE(stage.count("served") == 1);
    REQUIRE(stage.count("unknown") == 1);
    REQUIRE(stage.balanced());
}

TEST_CASE("an object store that loses capacity takes less, one that is slow takes longer") {
    Stage stage(store(R"("reads": "20/s", "operations": {"get": {}})"));
    stage.set({.slow = 3, .capacity = 0.5});
    for (int i = 0; i < 20; ++i) stage.call("get");
    stage.run();
    REQUIRE(stage.client().count(Outcome::ok) == 10);
    REQUIRE(stage.answered_at().back() == 300ms);
}

TEST_CASE("an object store that hangs answers when it goes on, one that dies resets its calls") {
    Stage stage(store(R"("operations": {"get": {}})"));
    stage.call("get");
    stage.hang();
    stage.run(1s);
    REQUIRE(stage.client().answers().empty());
    stage.recover();
    stage.run(1s);
    REQUIRE(stage.client().answer().at == 1s);
    stage.call("get");
    stage.crash();
    stage.run();
    REQUIRE(stage.client().count(Outcome::reset) == 1);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}
