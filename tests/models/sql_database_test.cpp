// The database, driven by callers whose every instant is known.

#include "tests/models/stage.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace prodsim;
using namespace prodsim::testing;

TEST_CASE("a database refuses statements beyond its connections") {
    Stage stage(R"({"type": "sql_database", "cores": 2, "connections": 2,
                    "operations": {"op": {"cpu": "10ms"}}})");
    for (int i = 0; i < 3; ++i) stage.call();
    REQUIRE(stage.client().answer().outcome == Outcome::refused);
    REQUIRE(stage.client().answer().mechanism == "too many connections");
    stage.run();
    REQUIRE(stage.client().count(Outcome::ok) == 2);
    REQUIRE(stage.answered_at().back() == 10ms);
}

TEST_CASE("when the caller gives up, a statement runs on and holds its session") {
    Stage stage(R"({"type": "sql_database", "cores": 1, "connections": 1,
                    "operations": {"op": "10ms"}})");
    const std::size_t number = stage.call();
    stage.run(1ms);
    stage.give_up(number);
    stage.call();
    REQUIRE(stage.client().answer().outcome == Outcome::refused);
    stage.run(10ms);
    REQUIRE(stage.count("wasted") == 1);
    REQUIRE(stage.count("cpu.wasted") == 10'000'000);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("when the caller gives up and sends a cancel request, the statement ends at once") {
    Stage stage(R"({"type": "sql_database", "cores": 1, "connections": 1, "cancellation": "running",
                    "operations": {"op": "10ms"}})");
    const std::size_t number = stage.call();
    stage.run(1ms);
    stage.give_up(number);
    REQUIRE(stage.world.calls.live() == 0);
    stage.call();
    stage.run();
    REQUIRE(stage.client().answer().at == 11ms);
    REQUIRE(stage.count("wasted") == 0);
}

TEST_CASE("a cancel request takes a statement out of the line for the storage, not out of it") {
    Stage stage(R"({"type": "sql_database", "cancellation": "running", "io_depth": 1,
                    "io_time": "10ms", "iops": 0, "prefetch": 4,
                    "operations": {"op": {"cpu": 0, "pages": 4, "buffer_hit": 0}}})");
    const std::size_t number = stage.call();
    stage.run(5ms);
    REQUIRE(stage.level("io.present") == 4);
    stage.give_up(number);
    REQUIRE(stage.level("io.present") == 1);
    stage.call();
    stage.run();
    REQUIRE(stage.client().answer().at == 50ms);  // 5 ms more for nobody, then four reads in a row
    REQUIRE(stage.level("io.present") == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a cancel request does not stop a commit") {
    Stage stage(R"({"type": "sql_database", "cancellation": "running", "flush_time": "1ms",
                    "operations": {"op": {"cpu": 0, "commit": true}}})");
    const std::size_t number = stage.call();
    stage.run(500us);
    stage.give_up(number);
    stage.run();
    REQUIRE(stage.count("commits") == 1);
    REQUIRE(stage.count("wasted") == 1);
}

TEST_CASE("statements share the cores, which may be slower than those they were measured on") {
    Stage stage(R"({"type": "sql_database", "cores": 2, "speed": 0.5,
                    "operations": {"op": "10ms"}})");
    for (int i = 0; i < 4; ++i) stage.call();  // 4 x 10 ms on 2 cores at half speed
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>(4, 40ms));
}

TEST_CASE("commits that arrive during a flush are made durable by the next, all together") {
    Stage stage(R"({"type": "sql_database", "flush_time": "1ms",
                    "operations": {"op": {"cpu": 0, "commit": true}}})");
    for (int i = 0; i < 10; ++i) stage.call();  // the first flushes alone, nine wait for the second
    stage.run(1200us);
    stage.call();  // during the second flush
    stage.run(5ms);
    stage.call();  // nothing is under way
    stage.run();
    std::vector<Duration> expected(12, 2ms);
    expected[0] = 1ms;
    expected[10] = 3ms;
    expected[11] = 6ms;
    REQUIRE(stage.answered_at() == expected);
    REQUIRE(stage.count("commits") == 12);
    REQUIRE(stage.count("flushes") == 4);
}

TEST_CASE("a commit waits for its standby after the flush, and others are flushed meanwhile") {
    Stage stage(R"({"type": "sql_database", "flush_time": "1ms", "synchronous_standby": "5ms",
                    "operations": {"op": {"cpu": 0, "commit": true}, "read": 0}})");
    stage.call();
    stage.call();
    stage.call("read");
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>{0ms, 6ms, 7ms});
}

TEST_CASE("the reads of a statement follow each other, or fan out as far as it looks ahead") {
    const auto last_answer = [](const std::string& storage) {
        Stage stage(R"({"type": "sql_database", "io_time": "1ms", )" + storage +
                    R"(, "operations": {"op": {"cpu": 0, "pages": 8, "buffer_hit": 0}}})");
        stage.call();
        stage.run();
        REQUIRE(stage.count("io.arrivals") == 8);
        return stage.client().answer().at;
    };
    REQUIRE(last_answer(R"("io_depth": 4, "iops": 0, "prefetch": 1)") == 8ms);
    REQUIRE(last_answer(R"("io_depth": 4, "iops": 0, "prefetch": 8)") == 2ms);
    REQUIRE(last_answer(R"("io_depth": 4, "iops": 0, "prefetch": 2)") == 4ms);
    // One begins every 2 ms, the eighth at 14 ms.
    REQUIRE(last_answer(R"("io_depth": 8, "iops": "500/s", "prefetch": 8)") == 15ms);
}

TEST_CASE("the misses of a statement are binomial in its pages") {
    Stage stage(R"({"type": "sql_database", "io_depth": 1000, "io_time": 0, "iops": 0,
                    "operations": {"op": {"cpu": 0, "pages": 50, "buffer_hit": "90%"}}})");
    constexpr int statements = 20000;
    double squares = 0;
    std::uint64_t before = 0;
    for (int i = 0; i < statements; ++i) {
        stage.call();
        stage.run(stage.world.now().time_since_epoch() + 1ms);
        const auto now = stage.count("io.arrivals");
        const auto misses = static_cast<double>(now - before);
        squares += misses * misses;
        before = now;
    }
    // n p = 5, n p q = 4.5; the variance of a sample variance is about 2 sigma^4 / n.
    const double mean = static_cast<double>(before) / statements;
    REQUIRE(mean == within(4 * std::sqrt(4.5 / statements), 5));
    REQUIRE(squares / statements - mean * mean ==
            within(4 * 4.5 * std::sqrt(2.0 / statements), 4.5));
}

TEST_CASE("another attempt touches the same pages and finds others of them in the buffer") {
    Stage stage(R"({"type": "sql_database", "iops": 0, "io_time": 0,
                    "operations": {"op": {"cpu": 0, "buffer_hit": 0, "pages":
                                          {"type": "uniform", "min": 1, "max": 1000}}}})");
    Request request = stage.request("op", 5);
    stage.client().call(request);
    stage.run(1s);
    const std::uint64_t first = stage.count("io.arrivals");
    request.set_attempt(1, 2);
    stage.client().call(request);
    stage.run(2s);
    REQUIRE(stage.count("io.arrivals") == 2 * first);
}

TEST_CASE("a database that hangs answers nobody, and goes on afterwards") {
    Stage stage(R"({"type": "sql_database", "cores": 4, "flush_time": "1ms", "io_time": "1ms",
                    "iops": 0,
                    "operations": {"op": "10ms", "write": {"cpu": 0, "commit": true},
                                   "read": {"cpu": 0, "pages": 2, "buffer_hit": 0}}})");
    stage.call();
    stage.run(5ms - 500us);
    stage.call("write");
    stage.call("read");
    stage.run(5ms);
    stage.hang();
    stage.run(105ms);
    REQUIRE(stage.client().answers().empty());
    stage.recover();
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>{105ms, 106ms, 110ms});
}

TEST_CASE("a database that dies loses its sessions and everything under way") {
    Stage stage(R"({"type": "sql_database", "connections": 4, "flush_time": "10ms",
                    "io_time": "10ms", "synchronous_standby": "10ms",
                    "operations": {"op": "10ms", "write": {"cpu": 0, "commit": true},
                                   "read": {"cpu": 0, "pages": 2, "buffer_hit": 0}}})");
    stage.call();
    stage.call("write");
    stage.call("write");
    stage.call("read");
    stage.run(5ms);
    stage.crash();
    REQUIRE(stage.client().count(Outcome::reset) == 4);
    stage.call();
    REQUIRE(stage.client().count(Outcome::refused) == 1);
    stage.run(20ms);
    stage.recover();
    for (int i = 0; i < 4; ++i) stage.call("write");
    stage.run();
    REQUIRE(stage.client().count(Outcome::ok) == 4);
    REQUIRE(stage.level("sessions.present") == 0);
    REQUIRE(stage.level("cpu.runnable") == 0);
    REQUIRE(stage.level("io.present") == 0);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a slow database takes longer for processor, storage and log alike") {
    Stage stage(R"({"type": "sql_database", "flush_time": "1ms", "io_time": "1ms", "iops": 0,
                    "operations": {"op": {"cpu": "1ms", "pages": 1, "buffer_hit": 0,
                                          "commit": true}}})");
    stage.set({.slow = 10});
    stage.call();
    stage.run();
    REQUIRE(stage.client().answer().at == 30ms);
}
