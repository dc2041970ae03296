// Users who do not wait for ever, who click again, and who stay for a session.

#include "sim/run/metric.hpp"
#include "sim/run/simulation.hpp"
#include "sim/run/topology.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <cmath>
#include <string>

namespace prodsim {
namespace {

using testing::everything;
using testing::within;

/// Users like these of a site that takes as long as this, however many are there.
std::string site(const std::string& users, const std::string& time, const std::string& more = "",
                 const std::string& journeys = R"j("look": {"call": "site.look"})j") {
    return R"j({"run": {"duration": "210s", "warm_up": "10s", "replications": 1},
        "components": {
            "users": {"type": "clients", "journeys": {)j" +
           journeys + "}, " + users + R"j(},
            "site": {"type": "service", "concurrency": "event_loop", "connections": 1000000,
                     "operations": {"look": {"steps": [{"wait": ")j" +
           time + R"j("}]}}}})j" + more + "}";
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

double value(const Replication& run, const std::string& metric) {
    return *Metric::parse(metric)->of(run);
}

/// Four standard deviations of a share of so many.
double spread(double share, double count) { return 4 * std::sqrt(share * (1 - share) / count); }

constexpr double count = 200 * 100;
const std::string hundred = R"j("arrivals": "poisson(100/s)", )j";

}  // namespace

TEST_CASE("who gives up is told by the law of the patience against that of the time") {
    SECTION("two exponential laws: the one that is over first, by their rates") {
        const Replication run = run_of(site(hundred + R"j("patience": "exp(1s)")j", "exp(2s)"));
        const double share = (1 / 1.) / (1 / 1. + 1 / 2.);
        CHECK(value(run, "look.loss") == within(spread(share, count), share));
        // Of both kinds the time is exponential with the sum of the rates.
        CHECK(value(run, "look.latency_all_mean") ==
              within(4 * (2 / 3.) / std::sqrt(count), 2 / 3.));
        CHECK(run.journeys[0].outcomes().count(Outcome::cancelled) ==
              run.journeys[0].latency_bad().count());
    }
    SECTION("a constant patience: whoever takes longer") {
        const Replication run = run_of(site(hundred + R"j("patience": "1s")j", "exp(2s)"));
        const double share = std::exp(-1 / 2.);
        CHECK(value(run, "look.loss") == within(spread(share, count), share));
        CHECK(run.journeys[0].latency_bad().min() == std::chrono::seconds(1));
        CHECK(run.journeys[0].latency_bad().max() == std::chrono::seconds(1));
        CHECK(run.journeys[0].latency_good().max() <= std::chrono::seconds(1));
    }
    SECTION("what nobody waits for is done all the same") {
        const Replication run =
            run_of(site(R"j("arrivals": "paced(10/s)", "patience": "1s")j", "3s"));
        CHECK(value(run, "look.loss") == 1);
        CHECK(value(run, "site.served") == within(0.1, 10));
        CHECK(value(run, "site.wasted") == value(run, "site.served"));
        CHECK(value(run, "users.abandoned per look.offered") == within(0.01, 1));
    }
}

TEST_CASE("users who click again multiply the load by how often they do") {
    // Each answer takes 2 s. Whoever is due to click before that does so, and waits for the whole
    // of it again: so clicks are q, q^2, q^3 and no more.
    const auto clicks = [](const std::string& probability, double q) {
        const Replication run =
            run_of(site(hundred + R"j("reclick": {"after": "exp(1s)", "most": 3, "on_failure": 0,
                "probability": ")j" +
                            probability + R"j("})j",
                        "2s"));
        const double again = q + q * q + q * q * q;
        // The standard deviation of the number of clicks is less than 2.
        const double tolerance = 4 * 2 / std::sqrt(count);
        CHECK(value(run, "users.reclicked per look.offered") == within(tolerance, again));
        CHECK(value(run, "look.availability") == 1);
        // The server does not know that they are the same: it does all of them.
        CHECK(value(run, "site.served per look.offered") == within(2 * tolerance, 1 + again));
        // What passes before the click is that of an exponential time below 2 s.
        const double before = 1 - 2 * std::exp(-2.) / (1 - std::exp(-2.));
        CHECK(value(run, "look.latency_mean") == within(0.05, 2 + again * before));
    };
    clicks("100%", 1 - std::exp(-2.));
    clicks("50%", (1 - std::exp(-2.)) / 2);
}

TEST_CASE("users who click again after a failure do so for the same thing") {
    const Replication run =
        run_of(site(hundred + R"j("reclick": {"on_failure": "40%", "pause": "1s", "most": 2})j",
                    "0s", R"j(, "faults": [{"at": "0s", "errors": "50%", "target": "site"}])j"));
    // Half fail; of these 40 % try again, twice at most.
    const double again = 0.5 * 0.4 + 0.5 * 0.4 * 0.5 * 0.4;
    CHECK(value(run, "users.reclicked per look.offered") ==
          within(spread(0.2, count) * 1.5, again));
    const double good = 0.5 + 0.2 * 0.5 + 0.04 * 0.5;
    CHECK(value(run, "look.availability") == within(spread(good, count), good));
    // They are as slow as the pauses before them: none, one or two.
    CHECK(run.journeys[0].latency_good().max() == std::chrono::seconds(2));
    CHECK(run.journeys[0].latency_good().mean_s() ==
          within(0.01, (0.2 * 0.5 * 1 + 0.04 * 0.5 * 2) / good));
}

TEST_CASE("patience is that of the journey, from its first click on") {
    const Replication run = run_of(site(R"j("arrivals": "paced(10/s)", "patience": "5s",
        "reclick": {"after": "2s", "most": 100, "on_failure": 0})j",
                                        "3s"));
    CHECK(value(run, "look.loss") == 1);
    CHECK(run.journeys[0].latency_bad().min() == std::chrono::seconds(5));
    CHECK(run.journeys[0].latency_bad().max() == std::chrono::seconds(5));
    // At 2 s and at 4 s.
    CHECK(value(run, "users.reclicked per look.offered") == within(0.05, 2));
    CHECK(value(run, "site.served per look.offered") == within(0.05, 3));
}

TEST_CASE("a user who loses patience in the pause after a failure is gone") {
    const Replication run =
        run_of(site(R"j("arrivals": "paced(10/s)", "patience": "500ms",
        "reclick": {"on_failure": "100%", "pause": "1s"})j",
                    "0s", R"j(, "faults": [{"at": "0s", "errors": "100%", "target": "site"}])j"));
    CHECK(run.journeys[0].latency_bad().max() == std::chrono::milliseconds(500));
    CHECK(value(run, "users.reclicked") == 0);
    CHECK(value(run, "users.abandoned") == within(0.1, 10));
}

TEST_CASE("whoever gives up in a closed population thinks, and comes again") {
    const Replication run =
        run_of(site(R"j("users": 10, "think": "1s", "patience": "1s")j", "10s"));
    // Each goes round once in two seconds; the site works on for ten.
    CHECK(value(run, "look.offered") == within(0.1, 10 / 2.));
    CHECK(value(run, "site.served") == within(0.1, 10 / 2.));
}

TEST_CASE("a failed journey ends the session that it belongs to") {
    const std::string journeys = R"("a": {"call": "site.look"}, "b": {"call": "site.look"},
                                    "c": {"call": "site.look"})";
    const Replication run = run_of(
        site(hundred + R"j("session": {"path": ["a", "b", "c"], "stay": "80%", "think": "2s"})j",
             "0s", R"j(, "faults": [{"at": "0s", "errors": "10%", "target": "site"}])j", journeys));
    const double on = 0.9 * 0.8;
    const auto near = [](double share) { return within(spread(share, count) + 0.005, share); };
    CHECK(value(run, "b.offered per a.offered") == near(on));
    CHECK(value(run, "c.offered per a.offered") == near(on * on));
    CHECK(value(run, "users.sessions.lost per users.sessions.begun") ==
          near(0.1 * (1 + on + on * on)));
    CHECK(value(run, "users.sessions.left per users.sessions.begun") == near(0.9 * 0.2 * (1 + on)));
    CHECK(value(run, "users.sessions.completed per users.sessions.begun") == near(on * on * 0.9));
}

TEST_CASE("sessions without a path are as long as users stay") {
    const std::string text =
        site(hundred + R"j("session": {"stay": "75%", "think": "1s"})j", "100ms", "",
             R"j("look": {"call": "site.look", "weight": 3}, "back": {"call": "site.look"})j");
    const Replication run = run_of(text);
    // Geometric: 1 / (1 - 0.75) journeys, of which three quarters are looks.
    CHECK(value(run, "look.offered") == within(6, 100 * 4 * 0.75));
    CHECK(value(run, "back.offered") == within(4, 100 * 4 * 0.25));
    CHECK(value(run, "users.sessions.completed") == within(3, 100));
    const Topology topology = analyse(*Scenario::parse(text, "test", everything()));
    CHECK(topology.journeys[0].per_s == 300);
    CHECK(topology.journeys[1].per_s == 100);
}

TEST_CASE("what a path of sessions will ask for is known before") {
    const Topology topology = analyse(*Scenario::parse(
        site(hundred + R"j("session": {"path": ["look", "back", "look"], "stay": "50%"})j", "0s",
             "", R"j("look": {"call": "site.look"}, "back": {"call": "site.look"})j"),
        "test", everything()));
    CHECK(*topology.journeys[0].per_s == within(1e-9, 100 * (1 + 0.25)));
    CHECK(*topology.journeys[1].per_s == within(1e-9, 100 * 0.5));
}

}  // namespace prodsim
