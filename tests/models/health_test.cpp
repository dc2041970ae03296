// Who is kept away from endpoints that do not work: balancers that learn from their own calls, as
// Envoy does, and checks that tell everybody, as HAProxy and Kubernetes do.

#include "models/resilience/ejection.hpp"
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <vector>

namespace prodsim {

void add_health_checks(Catalogue& catalogue);
void add_load_balancer(Catalogue& catalogue);

}  // namespace prodsim

using namespace prodsim;
using namespace prodsim::testing;

namespace {

constexpr Duration pace = 100ms;
constexpr Duration interval = 10s;  // Envoy 1.31

/// Endpoints of which some fail every call, and a client that calls at a steady pace.
struct Cluster {
    Cluster(int endpoints, std::vector<bool> failing, const std::string& policy)
        : bench({add_load_balancer}) {
        for (int i = 1; i < endpoints; ++i) bench.backend.add_instance(0);
        bench.backend.plays([failing](const Request& request) {
            return failing[request.route - 1u] ? fails(Outcome::error) : replies();
        });
        Callee& front = bench.component(
            "front",
            R"({ "type": "load_balancer", "target": "backend", "policy": [)" + policy + "] }");
        client = &bench.client({}, front);
    }

    void run(Duration length) {
        for (Duration t = pace; t < length; t += pace) client->call_at(t);
        bench.run(length);
    }

    std::vector<Duration> visits_of(std::uint16_t endpoint) const {
        std::vector<Duration> instants;
        for (const Visit& visit : bench.backend.visits()) {
            if (visit.endpoint == endpoint) instants.push_back(visit.at);
        }
        return instants;
    }

    std::int64_t out() { return bench.level("front -> backend", "balance.ejected"); }

    Bench bench;
    Client* client;
};

const std::string round_robin =
    R"({ "type": "balance", "algorithm": "round_robin", "ejection": 5 })";

Duration first_sweep_from(Duration instant) {
    return interval * ((instant + interval - 1ns) / interval);
}

}  // namespace

TEST_CASE("five failures in a row eject an endpoint, 30 s longer each time, 300 s at most") {
    std::vector<bool> failing(10, false);
    failing[2] = true;
    Cluster cluster(10, failing, round_robin);
    cluster.run(2500s);
    const std::vector<Duration> visits = cluster.visits_of(3);
    // Each time it fails five calls, a second apart, before it is out again.
    REQUIRE(visits.size() >= 12 * 5);
    for (std::size_t stay = 1; stay <= 11; ++stay) {
        const Duration ejected = visits[5 * stay - 1];
        const Duration back =
            first_sweep_from(ejected + std::min<Duration>(30s * static_cast<int>(stay), 300s));
        INFO("stay " << stay);
        CHECK(visits[5 * stay] >= back);
        CHECK(visits[5 * stay] <= back + 10 * pace);
    }
}

TEST_CASE("a tenth of the endpoints may be out, and one at least") {
    Cluster cluster(10, std::vector<bool>(10, true), round_robin);
    cluster.run(60s);
    CHECK(cluster.out() == 1);
    Cluster small(3, std::vector<bool>(3, true), round_robin);
    small.run(20s);
    CHECK(small.out() == 1);
}

TEST_CASE("without always_eject_one_host fewer than ten endpoints lose none") {
    Cluster cluster(9, std::vector<bool>(9, true),
                    R"({ "type": "balance", "ejection": { "at_least": 0 } })");
    cluster.run(60s);
    CHECK(cluster.out() == 0);
    CHECK(cluster.bench.count("front -> backend", "balance.ejections") == 0);
}

TEST_CASE("every interval that an endpoint stays in forgives one ejection") {
    const Ejection rules;
    const Outliers outliers(rules);
    Suspect suspect;
    const auto eject = [&](Duration at) {
        for (int i = 0; i < 4; ++i) CHECK(!outliers.failed(suspect, 0, 10, Time{at}));
        CHECK(outliers.failed(suspect, 0, 10, Time{at}));
    };
    eject(1s);
    CHECK(outliers.stay(suspect) == 30s);
    CHECK(!outliers.sweep(suspect, Time{30s}));
    CHECK(outliers.sweep(suspect, Time{40s}));
    eject(45s);
    CHECK(outliers.stay(suspect) == 60s);
    CHECK(outliers.sweep(suspect, Time{110s}));
    CHECK(!outliers.sweep(suspect, Time{120s}));  // two ejections become one
    eject(125s);
    CHECK(outliers.stay(suspect) == 60s);
    CHECK(outliers.sweep(suspect, Time{190s}));
    for (const Duration at : {200s, 210s, 220s}) CHECK(!outliers.sweep(suspect, Time{at}));
    CHECK(suspect.is_spotless());
}

TEST_CASE("a success between failures starts the count again") {
    const Ejection rules;
    const Outliers outliers(rules);
    Suspect suspect;
    for (int i = 0; i < 4; ++i) CHECK(!outliers.failed(suspect, 0, 10, Time{}));
    Outliers::succeeded(suspect);
    for (int i = 0; i < 4; ++i) CHECK(!outliers.failed(suspect, 0, 10, Time{}));
    CHECK(outliers.failed(suspect, 0, 10, Time{}));
}

TEST_CASE("when fewer than half are left a balancer keeps away from none") {
    const auto last_second = [](const Cluster& cluster, std::uint16_t endpoint) {
        std::size_t count = 0;
        for (const Duration at : cluster.visits_of(endpoint)) count += at >= 19s ? 1u : 0u;
        return count;
    };
    const std::string all_but = R"({ "type": "balance", "algorithm": "round_robin",
                                     "ejection": { "most": "100%" }, "panic_threshold": )";
    // Two of four are left: that is half. Of nine calls in the last second, each has its turn.
    Cluster half(4, {true, true, false, false}, all_but + R"("50%" })");
    half.run(20s);
    CHECK(half.out() == 2);
    CHECK(last_second(half, 1) + last_second(half, 2) == 0);
    Cluster fewer(4, {true, true, true, false}, all_but + R"("50%" })");
    fewer.run(20s);
    CHECK(fewer.out() == 3);
    CHECK(last_second(fewer, 1) >= 2);
    CHECK(last_second(fewer, 4) <= 3);
    Cluster calm(4, {true, true, true, false}, all_but + R"("0%" })");
    calm.run(20s);
    CHECK(last_second(calm, 4) == 10);
}

TEST_CASE("three checks in a row take an instance out and two bring it back, for all callers") {
    Bench bench({add_health_checks});
    for (int i = 1; i < 3; ++i) bench.backend.add_instance(0);
    Component& checks =
        bench.any_component("checks", R"({ "type": "health_checks", "call": "backend.ping" })");
    const auto unhealthy = [&] { return bench.level("checks", "unhealthy"); };
    bench.run(9s);
    // Every two seconds, from a phase on that chance chooses.
    const Duration phase = bench.backend.visits().front().at;
    REQUIRE(phase < 2s);
    const auto first_check_from = [phase](Duration instant) {
        return phase + 2s * ((instant - phase + 2s - 1ns) / 2s);
    };
    Instance& sick = *bench.backend.find_instance(2);
    bench.at(10s, [&] { sick.set_condition({Condition::Mode::refusing}); });
    const Duration out = first_check_from(10s) + 4s;  // refused at once
    bench.run(out - 1ns);
    CHECK(unhealthy() == 0);
    CHECK(bench.backend.endpoints().size() == 3);
    bench.run(out);
    CHECK(unhealthy() == 1);
    CHECK(bench.backend.endpoints() ==
          std::vector<Instance*>{bench.backend.find_instance(1), bench.backend.find_instance(3)});
    CHECK(bench.backend.members().size() == 3);
    bench.at(30s, [&] { sick.set_condition({}); });
    const Duration back = first_check_from(30s) + 2s;
    bench.run(back - 1ns);
    CHECK(bench.backend.endpoints().size() == 2);
    bench.run(back);
    CHECK(bench.backend.endpoints().size() == 3);
    // Who does not answer at all is found out by the patience of the third check.
    bench.at(50s, [&] { sick.set_condition({Condition::Mode::black_holed}); });
    const Duration silent = first_check_from(50s) + 4s + 2s;
    bench.run(silent - 1ns);
    CHECK(unhealthy() == 0);
    bench.run(silent);
    CHECK(unhealthy() == 1);
    checks.stop_arrivals();
    bench.run();
    CHECK(bench.balanced());
}

TEST_CASE("where too few are well callers are told of all, if there is a threshold") {
    const auto told_of = [](const std::string& threshold) {
        Bench bench({add_health_checks});
        for (int i = 1; i < 4; ++i) bench.backend.add_instance(0);
        bench.any_component(
            "checks", R"({ "type": "health_checks", "call": "backend.ping", "panic_threshold": ")" +
                          threshold + R"(" })");
        for (const std::uint16_t number : {1, 2, 3}) {
            bench.backend.find_instance(number)->set_condition({Condition::Mode::refusing});
        }
        bench.run(10s);
        return bench.backend.endpoints().size();
    };
    CHECK(told_of("0%") == 1);
    CHECK(told_of("25%") == 1);  // one of four is left: not fewer
    CHECK(told_of("50%") == 4);
}
