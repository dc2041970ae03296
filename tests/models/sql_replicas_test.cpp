// Replicas of a database: how far behind they are, who waits for them, and how they catch up.

#include "sim/world/world.hpp"
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <cmath>
#include <string>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// A primary "pg" that commits at once, and its replicas "ro".
class Cluster {
public:
    explicit Cluster(const std::string& replicas)
        : bench({add_sql_database, add_timeout}),
          primary_(bench.component("pg", R"({"type": "sql_database", "connections": 100000,
              "flush_time": 0, "operations": {"write": {"cpu": 0, "commit": true}}})")),
          replicas_(bench.component("ro", R"({"type": "sql_replicas", "of": "pg", )" + replicas +
                                              R"(, "operations": {"read": {"cpu": 0}}})")),
          writer(bench.client({}, primary_)),
          reader(bench.client({}, replicas_)) {}

    void write_from(Duration start, Duration end, Duration interval) {
        for (Duration at = start; at < end; at += interval) writer.call_at(at);
    }

    std::int64_t unapplied() { return bench.level("ro", "unapplied"); }

    void set_primary(const Condition& condition) { set(primary_, condition); }
    void set_replica(const Condition& condition) { set(replicas_, condition); }

    Bench bench;

private:
    static void set(Callee& callee, const Condition& condition) {
        callee.instances()[0]->set_condition(condition);
    }

    Callee& primary_;
    Callee& replicas_;

public:
    Client& writer;
    Client& reader;
};

constexpr Condition away{.mode = Condition::Mode::refusing};

}  // namespace

// After t the commit is still on its way with probability exp(-t / 100 ms).
TEST_CASE("a read after a write misses it as often as the delay is longer") {
    for (const Duration wait : {1ns, Duration(50ms), Duration(100ms), Duration(200ms)}) {
        Cluster cluster(R"j("delay": "exp(100ms)", "apply_time": 0)j");
        constexpr int rounds = 4000;
        for (int i = 0; i < rounds; ++i) {
            cluster.writer.call_at(i * Duration(10s));
            cluster.reader.call_at(i * Duration(10s) + wait);
        }
        cluster.bench.run();
        const double share = std::exp(-in_seconds(wait) / 0.1);
        INFO("wait " << wait.count());
        REQUIRE(static_cast<double>(cluster.bench.count("ro", "behind")) / rounds ==
                within(4 * standard_error(share, rounds) + 1e-3, share));
    }
}

// 200 writes a second that arrive 5 s later: 1000 on their way, which a failover would lose.
TEST_CASE("what a failover would lose is the lag times the rate of writes") {
    Cluster cluster(R"("delay": "5s", "apply_time": 0)");
    cluster.write_from(0s, 60s, 5ms);
    for (const Duration at : {10s, 20s, 50s}) {
        cluster.bench.run(at);
        REQUIRE(static_cast<double>(cluster.unapplied()) == within(1, 1000));
    }
    cluster.bench.run();
    REQUIRE(cluster.unapplied() == 0);
}

TEST_CASE("a replica that applies more slowly than the primary commits falls ever further behind") {
    Cluster cluster(R"("delay": 0, "apply_time": "10ms")");  // 100/s of 200/s
    cluster.write_from(0s, 20s, 5ms);
    cluster.bench.run(10s);
    REQUIRE(static_cast<double>(cluster.unapplied()) == within(2, 1000));
    cluster.bench.run(20s);
    REQUIRE(static_cast<double>(cluster.unapplied()) == within(2, 2000));
}

// 60 s at 100/s are 6000 commits; 1000/s are applied and 100/s come in: 6000 / 900 = 6.67 s.
TEST_CASE("a replica that was away catches up at the difference of applying and writing") {
    for (const auto mode : {Condition::Mode::refusing, Condition::Mode::hanging}) {
        Cluster cluster(R"("delay": "1ms", "apply_time": "1ms")");
        cluster.write_from(0s, 100s, 10ms);
        cluster.bench.at(10s, [&] { cluster.set_replica({.mode = mode}); });
        cluster.bench.at(70s, [&] { cluster.set_replica({}); });
        cluster.bench.run(70s - 1ns);
        REQUIRE(static_cast<double>(cluster.unapplied()) == within(2, 6000));
        cluster.bench.run(70s + 6500ms);
        REQUIRE(cluster.unapplied() > 100);
        cluster.bench.run(70s + 6800ms);
        REQUIRE(cluster.unapplied() < 3);
    }
}

TEST_CASE("a commit waits for the first replica that is asked to acknowledge it") {
    Cluster cluster(R"("delay": "3ms", "instances": 2, "synchronous": "block")");
    cluster.writer.call();
    cluster.bench.run();
    REQUIRE(cluster.writer.answer().at == 6ms);  // there and back
}

TEST_CASE("while every replica is away a commit waits for its return, or goes on without") {
    for (const bool block : {true, false}) {
        Cluster cluster(std::string(R"("delay": "3ms", "synchronous": )") +
                        (block ? R"("block")" : R"("fall_back")"));
        cluster.set_replica(away);
        cluster.writer.call_at(1s);
        cluster.bench.at(20s, [&] { cluster.set_replica({}); });
        cluster.bench.run();
        INFO((block ? "block" : "fall back"));
        REQUIRE(cluster.writer.answer().at == (block ? Duration(20s) : Duration(1s)));
        REQUIRE(cluster.bench.balanced());
    }
}

TEST_CASE("a primary that dies takes the commits that waited for a replica with it") {
    Cluster cluster(R"("synchronous": "block")");
    cluster.set_replica(away);
    cluster.writer.call_at(1s);
    cluster.bench.at(2s, [&] { cluster.set_primary(away); });
    cluster.bench.at(3s, [&] { cluster.set_replica({}); });
    cluster.bench.run();
    REQUIRE(cluster.writer.answer().outcome == Outcome::reset);
    REQUIRE(cluster.bench.balanced());
}

TEST_CASE("replicas go on reading without their primary") {
    Cluster cluster(R"("instances": 2)");
    cluster.set_primary(away);
    cluster.writer.call();
    cluster.reader.call();
    cluster.bench.run();
    REQUIRE(cluster.writer.answer().outcome == Outcome::refused);
    REQUIRE(cluster.reader.answer().outcome == Outcome::ok);
}

TEST_CASE("reads of a replica that lags by more than the bound are stale") {
    Cluster cluster(R"("delay": "10s", "apply_time": 0, "stale_after": "4s")");
    cluster.writer.call_at(0s);
    cluster.reader.call_at(3s);
    cluster.reader.call_at(5s);
    cluster.reader.call_at(11s);
    cluster.bench.run();
    REQUIRE(cluster.reader.answers()[0].outcome == Outcome::ok);
    REQUIRE(cluster.reader.answers()[1].outcome == Outcome::stale);
    REQUIRE(cluster.reader.answers()[1].mechanism == "replica lag");
    REQUIRE(cluster.reader.answers()[2].outcome == Outcome::ok);
    REQUIRE(cluster.bench.count("ro", "behind") == 2);
}
