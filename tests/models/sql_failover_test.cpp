// What a database without its primary does, until a replica takes over, and what is gone then.

#include "sim/world/world.hpp"
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <string>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

constexpr Condition away{.mode = Condition::Mode::refusing};

/// A primary "pg" that commits at once, with a failover of Patroni's defaults whose promotion takes
/// two seconds, and replicas "ro" of it.
class Cluster {
public:
    explicit Cluster(const std::string& replicated, const std::string& failover = "")
        : bench({add_sql_database, add_timeout}),
          primary(bench.component(
              "pg", R"({"type": "sql_database", "connections": 100000, "flush_time": 0,
                        "failover": { "promotion": "2s" )" +
                        failover + R"( },
                        "operations": {"write": {"cpu": 0, "commit": true}}})")),
          replicas(bench.component("ro", R"({"type": "sql_replicas", "of": "pg", )" + replicated +
                                             R"(, "operations": {"read": {"cpu": 0}}})")),
          writer(bench.client({}, primary)),
          reader(bench.client({}, replicas)) {}

    void write_from(Duration start, Duration end, Duration interval) {
        for (Duration at = start; at < end; at += interval) writer.call_at(at);
    }

    void set(Callee& callee, std::size_t number, const Condition& condition) {
        callee.instances()[number]->set_condition(condition);
    }

    void lose_at(Duration at) {
        bench.at(at, [this] { set(primary, 0, away); });
    }

    /// When the lease was renewed last before this.
    Duration renewal_before(Duration at) {
        const double phase = bench.world.stream("pg/lease").next().uniform();
        Duration renewal = from_seconds(10 * phase) - 10s;
        while (renewal + 10s <= at) renewal += 10s;
        return renewal;
    }

    Duration first_success_after(Duration at) const {
        for (const Answer& answer : writer.answers()) {
            if (answer.at > at && answer.outcome == Outcome::ok) return answer.at;
        }
        return 24h;
    }

    std::uint64_t lost() const { return bench.count("pg", "failover.lost"); }

    Bench bench;
    Callee& primary;
    Callee& replicas;
    Client& writer;
    Client& reader;
};

const std::string quick = R"("delay": "1ms", "apply_time": 0)";

}  // namespace

// Patroni: ttl 30 s after the last renewal, which was at most loop_wait = 10 s ago.
TEST_CASE(
    "writes fail from the loss of the primary until its lease is over, and a promotion more") {
    for (const Duration loss : {100s, 103s, 107s, 111s}) {
        Cluster cluster(quick);
        cluster.write_from(90s, 200s, 10ms);
        cluster.lose_at(loss);
        cluster.bench.run(200s);
        const Duration expected = cluster.renewal_before(loss) + 30s + 2s;
        INFO("lost at " << loss.count());
        CHECK(expected > loss + 20s + 2s - 1ns);
        CHECK(expected <= loss + 30s + 2s);
        const Duration back = cluster.first_success_after(loss);
        CHECK(back >= expected);
        CHECK(back <= expected + 10ms);
        CHECK(cluster.writer.count(Outcome::refused) ==
              static_cast<std::size_t>((back - loss) / 10ms - 1));
        CHECK(cluster.bench.count("pg", "failovers") == 1);
        CHECK(cluster.bench.level("pg", "leaderless") == 0);
        CHECK(cluster.bench.balanced());
    }
}

TEST_CASE("a primary that is back before its lease is over leads on") {
    Cluster cluster(quick);
    cluster.write_from(90s, 200s, 10ms);
    cluster.lose_at(100s);
    cluster.bench.at(119s, [&] { cluster.set(cluster.primary, 0, {}); });
    cluster.bench.run(200s);
    CHECK(cluster.bench.count("pg", "failovers") == 0);
    CHECK(cluster.first_success_after(100s) == 119s + 10ms);
    CHECK(cluster.primary.members().front()->number() == 1);
}

// 200 writes a second that take 4 s to the replica: 800 are on their way when the primary is lost.
TEST_CASE("what had not come to the replica is lost") {
    Cluster cluster(R"("delay": "4s", "apply_time": 0)", R"(, "commit_size": "1B")");
    cluster.write_from(50s, 100s, 5ms);
    cluster.lose_at(100s - 1ms);
    cluster.bench.run(200s);
    CHECK(cluster.bench.count("pg", "failovers") == 1);
    CHECK(static_cast<double>(cluster.lost()) == within(1, 800));
    CHECK(cluster.bench.level("ro", "unapplied") == 0);
}

// What the leader had is known from its last renewal. Before that 4 s of writes were missing: at
// 200/s and 8 KiB 6.25 MiB, more than 1 MiB; half a second is 0.78 MiB.
TEST_CASE("a replica that lacks more than maximum_lag is not promoted") {
    const auto failovers = [](const std::string& delay) {
        Cluster cluster(R"("apply_time": 0, "delay": ")" + delay + '"');
        // The loss comes just after a renewal, so that nearly all that is missing was known of.
        const Duration loss = cluster.renewal_before(100s) + 10s + 1ms;
        cluster.write_from(50s, loss, 5ms);
        cluster.lose_at(loss);
        cluster.bench.run(300s);
        return cluster.bench.count("pg", "failovers");
    };
    CHECK(failovers("4s") == 0);
    CHECK(failovers("500ms") == 1);
}

TEST_CASE("the replica that has most of the log is promoted, and the others forget the rest") {
    Cluster cluster(R"j("instances": 3, "delay": "exp(2s)", "apply_time": 0)j",
                    R"(, "commit_size": "1B")");
    cluster.write_from(50s, 100s, 100ms);
    cluster.lose_at(100s - 1ms);
    cluster.bench.run(200s);
    REQUIRE(cluster.bench.count("pg", "failovers") == 1);
    CHECK(cluster.replicas.members().size() == 2);
    CHECK(cluster.lost() > 0);
    CHECK(cluster.bench.level("ro", "unapplied") == 0);
    // They follow the new primary.
    const std::uint64_t behind = cluster.bench.count("ro", "behind");
    cluster.writer.call_at(201s);
    cluster.reader.call_at(201s + 1ms);
    cluster.bench.run(202s);
    CHECK(cluster.bench.count("ro", "behind") == behind + 1);
    cluster.bench.run();
    CHECK(cluster.bench.balanced());
}

TEST_CASE("where commits wait for a replica nothing that users were told of is lost") {
    Cluster cluster(R"("delay": "1s", "apply_time": 0, "synchronous": "block")");
    cluster.write_from(50s, 100s, 5ms);
    cluster.lose_at(100s - 1ms);
    cluster.bench.run(200s);
    CHECK(cluster.bench.count("pg", "failovers") == 1);
    CHECK(cluster.lost() == 0);
    CHECK(cluster.writer.count(Outcome::reset) > 0);  // they never heard of theirs
}

TEST_CASE("while no replica is up there is nobody to promote, and then it takes a loop at most") {
    Cluster cluster(quick);
    cluster.write_from(90s, 300s, 10ms);
    cluster.lose_at(100s);
    cluster.bench.at(90s, [&] { cluster.set(cluster.replicas, 0, away); });
    cluster.bench.at(200s, [&] { cluster.set(cluster.replicas, 0, {}); });
    cluster.bench.run(300s);
    const Duration back = cluster.first_success_after(100s);
    CHECK(back > 202s);
    CHECK(back <= 200s + 10s + 2s + 10ms);
}

TEST_CASE("a primary that was replaced comes back as a replica, and may lead again") {
    Cluster cluster(quick, R"(, "rejoin": "20s")");
    cluster.write_from(90s, 400s, 10ms);
    cluster.lose_at(100s);
    cluster.bench.at(150s, [&] { cluster.set(cluster.primary, 0, {}); });
    cluster.bench.run(170s - 1ns);
    CHECK(cluster.replicas.members().empty());
    cluster.bench.run(170s);
    CHECK(cluster.replicas.members().size() == 1);
    cluster.bench.at(200s, [&] { cluster.set(cluster.primary, 1, away); });
    cluster.bench.run(400s);
    CHECK(cluster.bench.count("pg", "failovers") == 2);
    CHECK(cluster.first_success_after(200s) <= 200s + 30s + 2s + 10ms);
    cluster.bench.run();
    CHECK(cluster.bench.balanced());
}
