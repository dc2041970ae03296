// What opening a connection costs: round trips on the way, processor time at the other end.

#include "models/catalogue.hpp"
#include "sim/run/metric.hpp"
#include "sim/run/simulation.hpp"
#include "sim/run/topology.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <algorithm>
#include <memory>
#include <string>

namespace prodsim {
namespace {

using namespace std::chrono_literals;
using testing::everything;

// Over the ocean it is 40 ms one way, so a round trip takes 80 ms; full handshakes take 2 ms.
std::string over_the_ocean(const std::string& users, const std::string& policy,
                           const std::string& more = "", const std::string& duration = "100s",
                           const std::string& steps = "") {
    return R"j({"run": {"duration": ")j" + duration + R"j(", "warm_up": "0s", "replications": 1},
        "places": {"eu": ["a"], "us": ["b"]},
        "network": {"between_regions": "40ms"},
        "components": {
            "users": {"type": "clients", "zones": ["a"], )j" +
           users + R"j(, "journeys": {"ask": {"call": "shop.ask"}},
                      "calls": {"shop": {"policy": [)j" +
           policy + R"j(]}}},
            "shop": {"type": "service", "zones": ["b"],
                     "tls": {"full": "2ms", "resumed": "1ms"},
                     "operations": {"ask": {"steps": [)j" +
           steps + "]}}}}" + more + "}";
}

Replication run_of(const std::string& text) {
    const auto scenario = Scenario::parse(text, "test", everything());
    RunWatch watch;
    Replication run = simulate(*scenario, plans_of(*scenario, FaultSelection::all())[0], watch);
    for (const Audit& audit : run.audits) {
        INFO(audit.law << ", " << audit.subject << ": " << audit.detail);
        CHECK(audit.holds);
    }
    return run;
}

double total(const Replication& run, const char* owner, const char* name) {
    const auto* counter = run.readings.counter(owner, name);
    REQUIRE(counter != nullptr);
    return static_cast<double>(counter->total);
}

double per_call(const Replication& run, TimeKind kind) {
    double sum = 0;
    for (std::size_t i = 0; i < run.breakdowns[0].good.by_label.size(); ++i) {
        if (run.time_labels[i].kind == kind) sum += in_seconds(run.breakdowns[0].good.by_label[i]);
    }
    return sum / static_cast<double>(run.breakdowns[0].good.journeys);
}

const Histogram& latency(const Replication& run) { return run.journeys[0].latency_good(); }

double median(const Replication& run) { return in_seconds(latency(run).quantile(0.5)); }

}  // namespace

TEST_CASE("a cold call takes the round trips of its protocol and the work of the handshake") {
    const auto cold = [](const std::string& connect) {
        const Replication run =
            run_of(over_the_ocean(R"j("arrivals": "paced(1/s)")j", '"' + connect + '"'));
        CHECK(latency(run).min() == latency(run).max());
        return latency(run).max();
    };
    // The call itself is one round trip more than those that open the connection.
    CHECK(cold("connect(none)") == 80ms);
    CHECK(cold("connect(tcp)") == 2 * 80ms);
    CHECK(cold("connect(tls_1_3)") == 3 * 80ms + 2ms);
    CHECK(cold("connect(tls_1_2)") == 4 * 80ms + 2ms);
    CHECK(cold("connect(quic)") == 2 * 80ms + 2ms);
    CHECK(cold("connect(tls_1_3, resumed=100%)") == 3 * 80ms + 1ms);
    CHECK(cold("connect(tls_1_2, resumed=100%)") == 3 * 80ms + 1ms);
}

TEST_CASE("the time of a cold call is told apart: connecting, agreeing on keys, the way") {
    const Replication run =
        run_of(over_the_ocean(R"j("arrivals": "paced(1/s)")j", R"j("connect(tls_1_3)")j"));
    CHECK(per_call(run, TimeKind::connect) == testing::within(1e-9, 0.080));
    CHECK(per_call(run, TimeKind::tls) == testing::within(1e-9, 0.082));
    CHECK(per_call(run, TimeKind::network) == testing::within(1e-9, 0.080));
    CHECK(per_call(run, TimeKind::cpu) == 0);  // of the handshake it is part of agreeing on keys
}

TEST_CASE("a pool pays for a connection once, and less for those that resume a session") {
    const auto pool = [](const std::string& idle, const std::string& resume) {
        return run_of(over_the_ocean(
            R"j("arrivals": "paced(1/s)", "per": "device_pool")j",
            R"j({"type": "pool", "size": 1, "lifetime": "0s", "idle": ")j" + idle +
                R"j(", "transport": {"protocol": "tls_1_3", "resume": ")j" + resume + R"j("}})j"));
    };
    SECTION("kept") {
        const Replication run = pool("0s", "5min");
        CHECK(latency(run).max() == 242ms);
        CHECK(median(run) == testing::within(0.001, 0.080));
        CHECK(total(run, "users -> shop", "pool.opened") == 1);
        CHECK(total(run, "shop", "cpu.work") == 2e6);
    }
    SECTION("closed when idle, and taken up again") {
        const Replication run = pool("500ms", "5min");
        CHECK(latency(run).max() == 242ms);
        CHECK(median(run) == testing::within(0.001, 0.241));
        // The hundredth call comes at the end of the run.
        CHECK(total(run, "users -> shop", "pool.opened") == 100);
        CHECK(total(run, "shop", "cpu.work") == 2e6 + 98 * 1e6);
    }
    SECTION("closed when idle, and too late to be taken up") {
        const Replication run = pool("500ms", "500ms");
        CHECK(latency(run).min() == 242ms);
        CHECK(total(run, "shop", "cpu.work") == 99 * 2e6);
    }
}

TEST_CASE("calls over one connection wait for the same round trips") {
    const Replication run = run_of(over_the_ocean(
        R"j("arrivals": {"type": "schedule", "occasions": [
            {"at": "0s", "count": 2}, {"at": "100ms"}, {"at": "1s"}]}, "per": "device_pool")j",
        R"j("pool(1, streams=10, transport=tls_1_3)")j"));
    CHECK(total(run, "users -> shop", "pool.opened") == 1);
    CHECK(latency(run).count() == 4);
    CHECK(latency(run).max() == 242ms);
    CHECK(median(run) == testing::within(0.001, 0.142));  // came 100 ms later
    CHECK(latency(run).min() == 80ms);
}

TEST_CASE("a connection that its caller did not wait for is there for the next call") {
    const Replication run = run_of(over_the_ocean(
        R"j("arrivals": {"type": "schedule", "occasions": [{"at": "0s"}, {"at": "1s"}]},
            "per": "device_pool")j",
        R"j("timeout(100ms)", "pool(1, transport=tls_1_3)")j"));
    CHECK(run.journeys[0].latency_bad().max() == 100ms);
    CHECK(latency(run).max() == 80ms);
    CHECK(total(run, "users -> shop", "pool.opened") == 1);
}

TEST_CASE("after a crash everybody shakes hands again, and the processors have to do it") {
    // A hundred users with a connection each call again and again; the calls take a second.
    const std::string text = over_the_ocean(
        R"j("users": 100, "per": "user", "think": "uniform(0s, 1s)")j",
        R"j("pool(1, transport=tls_1_3, idle=0s, lifetime=0s)")j",
        R"j(, "faults": [{"at": "20s", "for": "2s", "crash": true, "target": "shop"}])j", "60s",
        R"j({"wait": "3s"})j");
    const Replication run = run_of(text);
    // Whoever was inside is reset; whoever was thinking calls within a second and is refused. Both
    // forget their sessions.
    const double broken = total(run, "users -> shop", "pool.closed.broken");
    CHECK(broken == 100);
    const double opened = total(run, "users -> shop", "pool.opened");
    const double unopened = total(run, "users -> shop", "pool.closed.unopened");
    CHECK(opened - unopened == 100 + broken);
    CHECK(total(run, "shop", "cpu.work") == (100 + broken) * 2e6);
}

TEST_CASE("a herd of handshakes delays the calls that come after them") {
    const auto herd = [](const std::string& transport) {
        // All come back at one instant after a second, and one core has 2 s of handshakes to do.
        return run_of(over_the_ocean(R"j("users": 1000, "per": "user", "think": "1s")j",
                                     R"j("pool(1, transport=)j" + transport + R"j()")j", "", "2s"));
    };
    CHECK(latency(herd("tcp")).max() == 160ms);
    // A thousand take turns at equal shares of the core: the first 200, one for each thread, end
    // after 200 x 2 ms, and the last of those that were let in after 300 x 2 ms.
    const Replication run = herd("tls_1_3");
    CHECK(run.journeys[0].outcomes().count(Outcome::rejected_overload) == 700);
    CHECK(latency(run).max() == 3 * 80ms + 300 * 2ms);
}

TEST_CASE("an expired certificate stops new connections and no others") {
    const auto expired = [](const std::string& policy) {
        const Replication run = run_of(over_the_ocean(
            R"j("arrivals": "paced(10/s)", "per": "device_pool")j", '"' + policy + '"',
            R"j(, "faults": [{"at": "50s", "expired": true, "target": "shop"}])j"));
        const Span before{start_of_run, start_of_run + 49s};
        const Span after{start_of_run + 51s, start_of_run + 100s};
        const Metric loss = *Metric::parse("ask.loss");
        CHECK(*loss.of(run, before) == 0);
        return *loss.of(run, after);
    };
    CHECK(expired("connect(tls_1_3)") == 1);
    CHECK(expired("connect(tcp)") == 0);
    CHECK(expired("pool(10, transport=tls_1_3, idle=0s, lifetime=0s)") == 0);
    CHECK(expired("pool(10, transport=tls_1_2, lifetime=20s, idle=0s)") ==
          testing::within(0.05, 0.83));
    CHECK(expired("timeout(1s)") == 0);  // who keeps no books of connections never opens one
}

TEST_CASE("a certificate that nobody looks at is told of before the run") {
    const auto is_told = [](const std::string& policy) {
        const auto scenario = Scenario::parse(
            over_the_ocean(R"j("arrivals": "paced(10/s)", "per": "device_pool")j",
                           '"' + policy + '"',
                           R"j(, "faults": [{"at": "50s", "expired": true, "target": "shop"}])j"),
            "test", everything());
        const Topology topology = analyse(*scenario);
        return std::any_of(topology.findings.begin(), topology.findings.end(),
                           [](const Finding& f) { return f.rule == "certificate_unseen"; });
    };
    CHECK(is_told("timeout(1s)"));
    CHECK(is_told("pool(10)"));
    CHECK(is_told("connect(tcp)"));
    CHECK_FALSE(is_told("connect(tls_1_3)"));
    CHECK_FALSE(is_told("pool(10, transport=quic)"));
}

TEST_CASE("a process that hangs is connected to, and agrees on nothing") {
    const auto waited = [](const std::string& transport) {
        const Replication run = run_of(over_the_ocean(
            R"j("arrivals": {"type": "schedule", "occasions": [{"at": "10s"}]})j",
            R"j("timeout(2s)", "connect()j" + transport + R"j()")j",
            R"j(, "faults": [{"at": "0s", "for": "11s", "hang": true, "target": "shop"}])j"));
        return latency(run).max();
    };
    // The call itself, or the hello, is taken up 1 s after the process was called.
    CHECK(waited("tcp") == 1s + 40ms);
    CHECK(waited("tls_1_3") == 1s + 40ms + 2ms + 80ms);
}

TEST_CASE("a connection to a process that is gone is refused within a round trip") {
    const Replication run =
        run_of(over_the_ocean(R"j("arrivals": "paced(1/s)")j", R"j("connect(tls_1_3)")j",
                              R"j(, "faults": [{"at": "0s", "crash": true, "target": "shop"}])j"));
    CHECK(run.journeys[0].latency_bad().min() == 80ms);
    CHECK(run.journeys[0].latency_bad().max() == 80ms);
    CHECK(run.journeys[0].outcomes().count(Outcome::refused) == 99);
    CHECK(total(run, "users -> shop", "connect.failed") == 99);
}

}  // namespace prodsim
