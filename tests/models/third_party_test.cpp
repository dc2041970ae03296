// The third party, driven by callers whose every instant is known.

#include "tests/models/stage.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace prodsim;
using namespace prodsim::testing;

TEST_CASE("a third party lets a burst pass, then the rate, and says when to come again") {
    Stage stage(R"({"type": "third_party", "latency": "1ms", "error_rate": 0,
                    "quota": {"rate": "10/s", "burst": 2}, "operations": {"op": {"quota": 0}}})");
    Listener listener(stage.world);
    Instance& provider = *stage.it().members().front();
    for (int i = 0; i < 3; ++i) listener.call(stage.request("op", 1), provider);
    REQUIRE(listener.replies.size() == 1);
    REQUIRE(listener.replies.front().outcome == Outcome::rejected_rate);
    REQUIRE(static_cast<double>(listener.replies.front().retry_after_us) == within(1, 100'000));
    stage.run(99ms);
    stage.call();
    stage.run(101ms);
    stage.call();
    stage.call();
    stage.run();
    REQUIRE(stage.client().count(Outcome::ok) == 1);
    REQUIRE(stage.client().count(Outcome::rejected_rate) == 2);
    REQUIRE(stage.count("limited") == 3);
}

TEST_CASE("a third party counts each operation and the account") {
    Stage stage(R"({"type": "third_party", "latency": 0, "error_rate": 0, "quota": "10/s",
                    "operations": {"charge": {"quota": "4/s"}, "refund": {"quota": "8/s"}}})");
    for (int i = 0; i < 6; ++i) stage.call("charge");  // 4 pass
    for (int i = 0; i < 9; ++i) stage.call("refund");  // 8 would, but the account has 6 left
    stage.run(1ms);
    REQUIRE(stage.client().count(Outcome::ok) == 10);
    REQUIRE(stage.client().count(Outcome::rejected_rate) == 5);
    REQUIRE(stage.client().answers().front().mechanism == "quota");
}

TEST_CASE("over a long time a third party serves its quota, however much is asked") {
    Stage stage(R"({"type": "third_party", "latency": "1ms", "error_rate": 0,
                    "operations": {"op": {}}})");
    for (int i = 0; i < 10000; ++i) {  // 100/s for 100 s against 25/s and a burst of 25
        stage.run(i * 10ms);
        stage.call();
    }
    stage.run();
    REQUIRE(static_cast<double>(stage.client().count(Outcome::ok)) == within(1, 25 + 25 * 99.99));
}

TEST_CASE("a third party serves only so many at once") {
    Stage stage(R"({"type": "third_party", "latency": "1s", "error_rate": 0, "concurrency": 2,
                    "operations": {"op": {}}})");
    for (int i = 0; i < 3; ++i) stage.call();
    REQUIRE(stage.client().answer().outcome == Outcome::rejected_rate);
    REQUIRE(stage.client().answer().mechanism == "concurrency limit");
}

TEST_CASE("a third party errs as often as it is said to, after its usual time") {
    Stage stage(R"({"type": "third_party", "latency": "10ms", "error_rate": "5%", "quota": 0,
                    "operations": {"op": {"quota": 0}, "sure": {"quota": 0, "error_rate": 0}}})");
    constexpr int calls = 20000;
    for (int i = 0; i < calls; ++i) stage.call();
    for (int i = 0; i < 100; ++i) stage.call("sure");
    stage.run();
    REQUIRE(static_cast<double>(stage.client().count(Outcome::error)) ==
            within(4 * std::sqrt(calls * 0.05 * 0.95), calls * 0.05));
    REQUIRE(stage.client().answers().front().at == 10ms);
    REQUIRE(stage.count("served") + stage.count("errors") == calls + 100);
}

TEST_CASE("the latency of a third party has the quantiles that it is given") {
    Stage stage(R"({"type": "third_party", "quota": 0, "operations": {"op": {"quota": 0}}})");
    constexpr int calls = 20000;
    for (int i = 0; i < calls; ++i) stage.call();
    stage.run();
    double fast = 0;
    double slow = 0;
    for (const Answer& answer : stage.client().answers()) {
        fast += answer.latency <= 450ms ? 1 : 0;
        slow += answer.latency > 2500ms ? 1 : 0;
    }
    REQUIRE(fast == within(4 * std::sqrt(calls * 0.25), calls * 0.5));
    REQUIRE(slow == within(4 * std::sqrt(calls * 0.01 * 0.99), calls * 0.01));
}

TEST_CASE("when the caller gives up, a third party has done it all the same, and nobody knows") {
    Stage stage(R"({"type": "third_party", "latency": "1s", "error_rate": 0,
                    "operations": {"op": {}}})");
    const std::size_t number = stage.call();
    stage.run(500ms);
    stage.give_up(number);
    REQUIRE(stage.world.calls.live() == 1);
    stage.run();
    REQUIRE(stage.count("served") == 1);
    REQUIRE(stage.count("unknown") == 1);
    REQUIRE(stage.balanced());
}

TEST_CASE("a third party can hang, slow down, grant less and vanish") {
    Stage stage(R"({"type": "third_party", "latency": "1s", "error_rate": 0, "quota": "4/s",
                    "operations": {"op": {"quota": 0}}})");
    stage.call();
    stage.run(500ms);
    stage.hang();
    stage.run(10s);
    REQUIRE(stage.client().answers().empty());
    stage.recover();
    REQUIRE(stage.client().answer().at == 10s);
    stage.set({.slow = 10});
    stage.call();
    stage.run(30s);
    REQUIRE(stage.answered_at().back() == 20s);
    stage.set({.capacity = 0.25});
    for (int i = 0; i < 5; ++i) stage.call();  // the burst of 4 is still there
    stage.run(31s - 1ms);
    stage.call();  // at 1/s the next token comes after a second
    REQUIRE(stage.client().count(Outcome::rejected_rate) == 2);
    stage.crash();
    REQUIRE(stage.client().count(Outcome::reset) == 4);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}
