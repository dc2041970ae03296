// The broker between a publisher and a consumer whose every instant is known.

#include "sim/world/world.hpp"
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <map>
#include <string>

namespace prodsim {

void add_broker(Catalogue& catalogue);

}  // namespace prodsim

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// A broker "events" with one topic and one subscription, whose consumers call the backend.
class Events {
public:
    explicit Events(const std::string& subscription, const std::string& broker = "",
                    std::uint64_t seed = 1)
        : bench({add_broker, add_timeout}, seed),
          callee_(
              bench.component("events", R"({"type": "broker", "publish_time": 0, )" + broker +
                                            R"("topics": {"order": {"partitions": 4}, "dead": 1},
                          "subscriptions": {"mail": {"topic": "order", "call": "backend.send", )" +
                                            subscription + "}}}")),
          publisher_(bench.client({}, callee_)) {}

    void publish(int count = 1) {
        for (int i = 0; i < count; ++i) publisher_.call();
    }

    /// One message after each interval, up to and including the end.
    void publish_from(Duration start, Duration end, Duration interval) {
        for (Duration at = start; at <= end; at += interval) publisher_.call_at(at);
    }

    std::uint64_t count(const std::string& meter) { return bench.count("events", "mail." + meter); }
    std::int64_t level(const std::string& meter) { return bench.level("events", "mail." + meter); }
    const Histogram& age() { return bench.world.meters.histogram("events", "mail.age", ""); }
    Client& publisher() { return publisher_; }

    void set(const Condition& condition) { callee_.instances()[0]->set_condition(condition); }
    void set_consumers(const Condition& condition) {
        bench.backend.instances()[0]->set_condition(condition);
    }

    /// When deliveries came to the consumer.
    Instants delivered_at() { return bench.backend.visited_at(); }

    /// Every message that was stored came to one end or is still there, and where none is there the
    /// stays add up to the integral of the level.
    bool balanced() {
        const std::uint64_t ends = count("acknowledged") + count("dead") + count("dropped") +
                                   count("expired") + count("lost");
        const auto present = static_cast<std::uint64_t>(level("present"));
        if (bench.count("events", "order.published") != ends + present) return false;
        for (const auto& [meter, stays] : bench.world.meters.stay_books()) {
            if (meter->value() != 0) continue;
            if (meter->integral(bench.world.now()) != stays->sum()) return false;
        }
        return bench.balanced();
    }

    Bench bench;

private:
    Callee& callee_;
    Client& publisher_;
};

}  // namespace

TEST_CASE("a broker answers when the message is stored, not when it is processed") {
    Events events("\"consumers\": 1");
    events.bench.backend.plays([](const Request&) { return replies(5s); });
    events.publish(2);
    events.bench.run();
    REQUIRE(events.publisher().answers().back().at == 0s);
    REQUIRE(events.delivered_at() == Instants{0s, 5s});
    REQUIRE(events.age().max() == 10s);
    REQUIRE(events.count("acknowledged") == 2);
    REQUIRE(events.balanced());
}

TEST_CASE("as many messages are in flight as consumers prefetch") {
    Events events(R"("consumers": 2, "prefetch": 3)");
    events.bench.backend.plays([](const Request&) { return replies(1s); });
    events.publish(10);
    events.bench.run(500ms);
    REQUIRE(events.level("in_flight") == 6);
    REQUIRE(events.level("waiting") == 4);
    events.bench.run();
    REQUIRE(events.age().max() == 2s);
    REQUIRE(events.balanced());
}

// An outage of 3600 s at 10/s leaves 36000 messages; with a capacity of 15/s they drain at 5/s, in
// 7200 s. The one that waited longest was published when the outage began, or just after.
TEST_CASE("a backlog drains at the difference between capacity and load") {
    Events events("\"consumers\": 3");
    events.bench.backend.forget_visits();
    events.bench.backend.plays([](const Request&) { return replies(200ms); });
    events.publish_from(0s, 12000s, 100ms);
    events.bench.at(100s, [&] { events.set_consumers({.mode = Condition::Mode::refusing}); });
    events.bench.at(3700s, [&] { events.set_consumers({}); });
    events.bench.run(3700s);
    REQUIRE(static_cast<double>(events.level("present")) == within(0.01 * 36000, 36000));
    events.bench.run(Duration(3700s + 7200s * 98 / 100));
    REQUIRE(events.level("waiting") > 100);
    events.bench.run(Duration(3700s + 7200s * 102 / 100));
    REQUIRE(events.level("waiting") == 0);
    events.bench.run();
    REQUIRE(in_seconds(events.age().max()) == within(0.01 * 3600, 3600));
    REQUIRE(events.count("dead") == 0);
    REQUIRE(events.balanced());
}

// A message is dead with probability p^5 and is received (1 - p^5) / (1 - p) times on average: a
// geometric law cut off at 5.
TEST_CASE("what fails five times is a dead letter") {
    const std::map<double, double> receives{{0.1, 1.1111}, {0.5, 1.9375}, {1.0, 5.0}};
    for (const auto& [p, mean] : receives) {
        Events events(R"("consumers": 10, "redelivery": "1s", "max_receives": 5)");
        events.bench.backend.forget_visits();
        const Stream chance = events.bench.world.stream("failures");
        events.bench.backend.plays([&chance, share = p](const Request& request) {
            const bool bad = chance.draws(request.demand_key()).chance(share);
            return bad ? fails(Outcome::error, 1ms) : replies(1ms);
        });
        constexpr int messages = 20000;
        events.publish(messages);
        events.bench.run();
        INFO("failures " << p);
        const double dead = p * p * p * p * p;
        REQUIRE(static_cast<double>(events.count("dead")) / messages ==
                within(4 * standard_error(dead, messages) + 1e-9, dead));
        REQUIRE(static_cast<double>(events.count("deliveries")) / messages == within(0.05, mean));
        REQUIRE(events.balanced());
    }
}

TEST_CASE("a dead letter goes to its topic") {
    Events events(R"("redelivery": "1s", "max_receives": 2, "dead_letters": "dead")");
    events.bench.backend.plays({fails(Outcome::error), fails(Outcome::error)});
    events.publish();
    events.bench.run();
    REQUIRE(events.delivered_at() == Instants{0s, 1s});
    REQUIRE(events.bench.count("events", "dead.published") == 1);
}

TEST_CASE("consumers without a partition are idle") {
    // Ten consumers of 100/s share four partitions at 500/s: four work, and 100/s are left over.
    Events events(R"("assignment": "exclusive", "consumers": 10)");
    events.bench.backend.forget_visits();
    events.bench.backend.plays([](const Request&) { return replies(10ms); });
    events.publish_from(2ms, 100s, 2ms);
    events.bench.run(100s);
    REQUIRE(events.level("in_flight") == 4);
    REQUIRE(static_cast<double>(events.count("acknowledged")) == within(0.02 * 40000, 40000));
    REQUIRE(static_cast<double>(events.level("waiting")) == within(0.1 * 10000, 10000));
}

TEST_CASE("a failed message steps aside in a queue, and holds up a log") {
    for (const bool log : {false, true}) {
        Events events(log ? R"("assignment": "exclusive", "redelivery": "10s")"
                          : R"("redelivery": "10s")");
        events.bench.backend.plays({fails(Outcome::error), replies(1s), replies(1s)});
        events.publish(2);
        events.bench.run();
        INFO((log ? "log" : "queue"));
        REQUIRE(events.delivered_at() == (log ? Instants{0s, 10s, 11s} : Instants{0s, 0s, 10s}));
        REQUIRE(events.balanced());
    }
}

TEST_CASE("a failure is delivered again when its visibility timeout ends, unless told otherwise") {
    Events events(R"("visibility_timeout": "30s")");
    events.bench.backend.plays({fails(Outcome::error, 5s), replies()});
    events.publish();
    events.bench.run();
    REQUIRE(events.delivered_at() == Instants{0s, 30s});
}

TEST_CASE("redeliveries wait longer and longer, up to the longest") {
    Events events(R"("redelivery": {"after": "1s", "factor": 2, "longest": "3s"})");
    events.bench.backend.plays(
        {fails(Outcome::error), fails(Outcome::error), fails(Outcome::error), replies()});
    events.publish();
    events.bench.run();
    REQUIRE(events.delivered_at() == Instants{0s, 1s, 3s, 6s});
}

// The timeout of 30 s passes while the first consumer is at work, so a second gets the message at
// 30 s; the first ends at 40 s, too late, and the second acknowledges at 35 s.
TEST_CASE("a message that is not acknowledged in time is processed twice") {
    Events events(R"("consumers": 2, "visibility_timeout": "30s")");
    events.bench.backend.plays({replies(40s), replies(5s)});
    events.publish();
    events.bench.run();
    REQUIRE(events.delivered_at() == Instants{0s, 30s});
    REQUIRE(events.count("timed_out") == 1);
    REQUIRE(events.count("late") == 1);
    REQUIRE(events.age().max() == 35s);
    REQUIRE(events.balanced());
}

TEST_CASE("a slow consumer stays busy although its message has gone to another") {
    Events events(R"("consumers": 1, "visibility_timeout": "30s")");
    events.bench.backend.plays({replies(40s), replies(5s)});
    events.publish();
    events.bench.run();
    REQUIRE(events.delivered_at() == Instants{0s, 40s});
    REQUIRE(events.age().max() == 45s);
}

TEST_CASE("a consumer that never answers is given up after the consumer timeout") {
    Events events(R"("visibility_timeout": 0, "redelivery": "1s", "consumer_timeout": "60s")");
    events.bench.backend.plays({Act{}, replies()});
    events.publish();
    events.bench.run();
    REQUIRE(events.delivered_at() == Instants{0s, 61s});
    REQUIRE(events.bench.backend.visits().front().abandoned == Duration(60s));
    REQUIRE(events.level("present") == 0);
}

TEST_CASE("a message in work when its consumer dies is delivered again") {
    Events events(R"("redelivery": "1s")");
    events.bench.backend.plays([](const Request&) { return replies(10s); });
    events.publish();
    events.bench.at(5s, [&] { events.set_consumers({.mode = Condition::Mode::refusing}); });
    events.bench.at(20s, [&] { events.set_consumers({}); });
    events.bench.run();
    REQUIRE(events.delivered_at() == Instants{0s, 20s});  // asked for at 6 s, 7 s, ... 20 s
    REQUIRE(events.count("failed") == 1);
    REQUIRE(events.count("turned_away") == 14);
    REQUIRE(events.age().max() == 30s);
    REQUIRE(events.balanced());
}

TEST_CASE("deliveries that never came in are not counted as receives") {
    Events events(R"("max_receives": 2, "redelivery": "1s")");
    events.set_consumers({.mode = Condition::Mode::refusing});
    events.publish();
    events.bench.run(100s);
    REQUIRE(events.level("present") == 1);
    events.set_consumers({});
    events.bench.run();
    REQUIRE(events.count("acknowledged") == 1);
    REQUIRE(events.balanced());
}

TEST_CASE("a full queue rejects the publication or drops its oldest message") {
    for (const bool reject : {true, false}) {
        Events events(std::string(R"("limit": 2, "overflow": )") +
                      (reject ? R"("reject")" : R"("drop_oldest")"));
        events.bench.backend.plays([](const Request&) { return replies(1s); });
        events.publish(5);  // one is taken at once, two wait, two are too many
        events.bench.run();
        INFO((reject ? "reject" : "drop"));
        REQUIRE(events.publisher().count(Outcome::rejected_overload) == (reject ? 2 : 0));
        REQUIRE(events.count("dropped") == (reject ? 0 : 2));
        REQUIRE(events.count("acknowledged") == 3);
        REQUIRE(events.balanced());
    }
}

TEST_CASE("an unread message expires") {
    Events events(R"("retention": "10s")");
    events.bench.backend.plays([](const Request&) { return replies(25500ms); });
    events.publish_from(0s, 20s, 1s);
    events.bench.run();
    // The first is taken at once; when its consumer is free again, those of 16 s and later are
    // there, and it takes one more. The others end unread.
    REQUIRE(events.delivered_at() == Instants{0s, 25500ms});
    REQUIRE(events.count("expired") == 19);
    REQUIRE(events.balanced());
}

TEST_CASE("poison is never processed, however often it is delivered") {
    Events events(R"("poison": "10%", "redelivery": "1s", "max_receives": 3, "consumers": 100)");
    events.bench.backend.forget_visits();
    constexpr int messages = 10000;
    events.publish(messages);
    events.bench.run();
    REQUIRE(static_cast<double>(events.count("dead")) / messages ==
            within(4 * standard_error(0.1, messages), 0.1));
    REQUIRE(events.count("deliveries") == messages + 2 * events.count("dead"));
}

TEST_CASE("a broker that crashes keeps what is on disk and loses what is in memory") {
    for (const bool disk : {true, false}) {
        Events events("\"consumers\": 1", disk ? "" : R"("storage": "memory", )");
        events.bench.backend.plays([](const Request&) { return replies(10s); });
        events.publish(3);
        events.bench.at(5s, [&] { events.set({.mode = Condition::Mode::refusing}); });
        events.bench.at(60s, [&] { events.set({}); });
        events.bench.run();
        INFO((disk ? "disk" : "memory"));
        REQUIRE(events.count("lost") == (disk ? 0 : 3));
        REQUIRE(events.delivered_at() == (disk ? Instants{0s, 60s, 70s, 80s} : Instants{0s}));
        REQUIRE(events.balanced());
    }
}

TEST_CASE("while a broker hangs nothing is delivered, and what consumers say is heard later") {
    Events events("\"consumers\": 1");
    events.bench.backend.plays([](const Request&) { return replies(10s); });
    events.publish(2);
    events.bench.at(5s, [&] { events.set({.mode = Condition::Mode::hanging}); });
    events.bench.at(20s, [&] { events.set({}); });
    events.bench.run();
    REQUIRE(events.delivered_at() == Instants{0s, 20s});
    REQUIRE(events.age().max() == 30s);
    REQUIRE(events.balanced());
}

TEST_CASE("publishing takes its time, longer while the broker is slow") {
    Bench bench({add_broker});
    Callee& broker = bench.component("events", R"({"type": "broker", "publish_time": "2ms",
                                                   "topics": {"order": {}}})");
    Client& publisher = bench.client({}, broker);
    publisher.call();
    bench.run(1s);
    broker.instances()[0]->set_condition({.slow = 10});
    publisher.call();
    bench.run();
    REQUIRE(publisher.answers()[0].latency == 2ms);
    REQUIRE(publisher.answers()[1].latency == 20ms);
}

TEST_CASE("every subscription gets a copy, and a journey tells how old messages become") {
    Bench bench({add_broker});
    Callee& broker = bench.component("events", R"({"type": "broker", "publish_time": 0,
        "topics": {"order": 1},
        "subscriptions": {
            "mail": {"topic": "order", "call": "backend.send", "journey": "confirmation"},
            "stock": {"topic": "order", "call": "backend.book"}}})");
    bench.backend.plays([](const Request&) { return replies(2s); });
    bench.client({}, broker).call();
    bench.run();
    REQUIRE(bench.backend.visits().size() == 2);
    REQUIRE(bench.backend.visits()[0].request.subject != bench.backend.visits()[1].request.subject);
    const Journey& journey = bench.world.journey("confirmation");
    REQUIRE(journey.offered().total() == 1);
    REQUIRE(journey.latency_good().max() == 2s);
}

TEST_CASE("a million messages that are processed at once need no stack") {
    Events events("\"consumers\": 1");
    events.bench.backend.forget_visits();
    events.bench.backend.plays([](const Request&) { return replies(); });
    events.set_consumers({.mode = Condition::Mode::refusing});
    events.publish(1000000);
    events.bench.run(500ms);
    events.set_consumers({});
    events.bench.run();
    REQUIRE(events.count("acknowledged") == 1000000);
    REQUIRE(events.balanced());
}
