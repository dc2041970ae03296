// Forecasts of scenarios: against closed forms, against simulation within its own error, and where
// nothing can be said, that this is said.

#include "sim/study/forecast.hpp"

#include "tests/catch.hpp"
#include "tests/theory/formulas.hpp"
#include "tests/theory/laboratory.hpp"

#include <algorithm>
#include <filesystem>
#include <string>

namespace prodsim::testing {
namespace {

Forecast forecast_of(const std::string& text) { return forecast(*understood(text)); }

std::string with(const std::string& components,
                 const std::string& run = R"j("duration": "2min")j") {
    return R"j({"version": 1, "run": {)j" + run + R"j(}, "components": {)j" + components + "}}";
}

const ResourceForecast& resource(const Forecast& told, const std::string& component) {
    const auto found =
        std::find_if(told.resources.begin(), told.resources.end(),
                     [&](const auto& one) { return one.use.component == component; });
    REQUIRE(found != told.resources.end());
    return *found;
}

Within near(double value) { return within(1e-9 * value, value); }

/// One stream of 8/s in front of a service of these parameters and steps.
std::string one_service(const std::string& parameters, const std::string& steps,
                        const std::string& arrivals = "poisson(8/s)") {
    return with(R"j("users": {"type": "clients", "arrivals": ")j" + arrivals +
                R"j(", "journeys": {"visit": {"call": "app.page"}}},
                "app": {"type": "service", )j" +
                parameters + R"j(, "operations": {"page": {"steps": [)j" + steps + "]}}}");
}

constexpr const char* one_exponential = R"j({"cpu": "exp(100ms)"})j";

/// Two tiers shared by all, a hop that takes time, and a second call for some.
const std::string open_system = with(
    R"j("users": {"type": "clients", "arrivals": "poisson(30/s)", "journeys": {
        "look": {"weight": 2, "call": "app.look"}, "buy": {"call": "app.buy"}}},
    "app": {"type": "service", "instances": 2, "cores": 1, "operations": {
        "look": {"steps": [{"cpu": "erlang(k=3, mean=30ms)"}, {"call": "db.read"}]},
        "buy": {"steps": [{"cpu": "exp(20ms)"}, {"call": "db.read", "count": "2"},
                          {"wait": "15ms"}, {"cpu": "exp(30ms)"}]}}},
    "db": {"type": "sql_database", "cores": 2, "operations": {
        "read": {"cpu": "hyperexp(mean=30ms, cv=2)"}}})j",
    R"j("duration": "31min", "warm_up": "1min", "replications": 10, "seed": 5)j");

const std::string closed_system = with(
    R"j("staff": {"type": "clients", "users": 40, "think": "exp(1s)", "journeys": {
        "look": {"weight": 3, "call": "app.look"}, "edit": {"call": "app.edit"}}},
    "app": {"type": "service", "instances": 2, "cores": 1, "threads": 40, "operations": {
        "look": {"steps": [{"cpu": "erlang(k=2, mean=20ms)"}, {"call": "db.read"},
                           {"wait": "5ms"}]},
        "edit": {"steps": [{"cpu": "exp(40ms)"}, {"call": "db.read", "count": "2"}]}}},
    "db": {"type": "sql_database", "cores": 2, "operations": {
        "read": {"cpu": "hyperexp(mean=45ms, cv=2)"}}})j",
    R"j("duration": "21min", "warm_up": "1min", "replications": 10, "seed": 5)j");

}  // namespace

TEST_CASE("a service with as many threads as cores waits as M/M/c, the others share") {
    const double mmc = theory::Mmc{2, 8, 0.1}.mean_wait();
    const Forecast in_turn =
        forecast_of(one_service(R"j("cores": 2, "threads": 2)j", one_exponential));
    REQUIRE(*resource(in_turn, "app").wait_s == near(mmc));
    REQUIRE(resource(in_turn, "app").basis == "M/M/2, Erlang C");
    REQUIRE(*in_turn.journeys.at(0).latency_s == near(mmc + 0.1));
    const Forecast shared = forecast_of(one_service(R"j("cores": 2)j", R"j({"cpu": "100ms"})j"));
    REQUIRE(*resource(shared, "app").wait_s == near(mmc));
    REQUIRE(resource(shared, "app").basis == "M/G/2 shared, Erlang C");
}

TEST_CASE("one server in turn waits as Pollaczek and Khinchine say, and half a core is slower") {
    const Forecast event_loop = forecast_of(
        one_service(R"j("cores": 1, "concurrency": "event_loop")j", R"j({"cpu": "100ms"})j"));
    REQUIRE(*resource(event_loop, "app").wait_s ==
            near(theory::pollaczek_khinchine_wait(8, 0.1, 0)));
    // On half a core 50 ms take 100 ms.
    const Forecast half = forecast_of(one_service(R"j("cores": 0.5)j", R"j({"cpu": "50ms"})j"));
    REQUIRE(*resource(half, "app").wait_s == near(0.4));
    REQUIRE(*half.journeys.at(0).latency_s == near(0.5));
}

TEST_CASE("resources come in the order in which a growing load fills them") {
    const Forecast told = forecast_of(open_system);
    // 30/s x (2/3 x 30 ms + 1/3 x 50 ms) of 2; 30/s x 4/3 x 30 ms of 2.
    REQUIRE(told.resources.at(0).use.component == "db");
    REQUIRE(told.resources.at(0).use.share() == near(0.6));
    REQUIRE(told.resources.at(1).use.share() == near(0.55));
    REQUIRE(*told.resources.at(0).full_at == near(1 / 0.6));
}

TEST_CASE("the latency of an open system is the simulated one") {
    const Forecast told = forecast_of(open_system);
    const Experiment experiment(open_system);
    for (const JourneyForecast& journey : told.journeys) {
        INFO(journey.name << ": " << journey.basis);
        REQUIRE(experiment.measures(journey.name + ".latency_mean", 3_percent) ==
                *journey.latency_s);
    }
    REQUIRE(experiment.measures("db.utilisation", 3_percent) == resource(told, "db").use.share());
}

TEST_CASE("the throughput of a closed system is the simulated one") {
    const Forecast told = forecast_of(closed_system);
    const PopulationForecast& staff = told.populations.at(0);
    // Z + D = 1 s + 2 visits of the copies, 25 ms in all, + 1.25 x 45 ms + 3/4 x 5 ms; the database
    // is the bottleneck.
    const double bottleneck = 1.25 * 0.045 / 2;
    REQUIRE(*staff.demand_s == near(0.025 + 1.25 * 0.045 + 0.00375));
    REQUIRE(*staff.knee == near((1 + *staff.demand_s) / bottleneck));
    REQUIRE(*staff.most_per_s == near(1 / bottleneck));
    INFO(staff.basis);
    const Experiment experiment(closed_system);
    const auto all = [](const std::string& quantity) {
        return [quantity](const Replication& run) {
            return Experiment::value(run, "look." + quantity) +
                   Experiment::value(run, "edit." + quantity);
        };
    };
    REQUIRE(experiment.measures(all("throughput"), 3_percent) == *staff.per_s);
    REQUIRE(experiment.measures("db.utilisation", 3_percent) == resource(told, "db").use.share());
    const auto latency = [](const Replication& run) {
        const double look = Experiment::value(run, "look.throughput");
        const double edit = Experiment::value(run, "edit.throughput");
        return (look * Experiment::value(run, "look.latency_mean") +
                edit * Experiment::value(run, "edit.latency_mean")) /
               (look + edit);
    };
    REQUIRE(experiment.measures(latency, 3_percent) == *staff.latency_s);
}

TEST_CASE("what is not known of a wait is said") {
    struct Case {
        std::string text;
        std::string basis;
    };
    const std::string erlang = R"j({"cpu": "erlang(k=2, mean=100ms)"})j";
    for (const Case& one :
         {Case{one_service(R"j("cores": 2, "threads": 2)j", erlang), "no exact law"},
          Case{one_service(R"j("cores": 1.5)j", erlang), "a part of a core"},
          Case{one_service(R"j("cores": 2)j", erlang, "paced(8/s)"), "no Poisson stream"},
          Case{one_service(R"j("cores": 2)j", erlang, "poisson(20/s)"), "cannot keep up"},
          Case{one_service(R"j("cores": 4, "threads": 2)j", R"j({"cpu": "exp(400ms)"})j"),
               "its 2 threads cannot keep up"},
          Case{one_service(R"j("cores": 1, "threads": 1)j", erlang + R"j(, {"wait": "1ms"})j"),
               "holds its thread"},
          Case{one_service(R"j("cores": 1, "concurrency": "event_loop")j",
                           R"j({"cpu": "10ms"}, {"cpu": "10ms"})j"),
               "several pieces of work"}}) {
        const Forecast told = forecast_of(one.text);
        REQUIRE_FALSE(resource(told, "app").wait_s.has_value());
        REQUIRE_THAT(resource(told, "app").basis, ContainsSubstring(one.basis));
        REQUIRE_FALSE(told.journeys.at(0).latency_s.has_value());
        REQUIRE_THAT(told.journeys.at(0).basis, ContainsSubstring("at app is not known"));
    }
}

TEST_CASE("what is not known of a latency is said") {
    const std::string users =
        R"j("users": {"type": "clients", "arrivals": "poisson(8/s)",
                      "journeys": {"visit": {"call": "app.page"}}}, )j";
    const std::string service = R"j("app": {"type": "service", "operations": {"page": {"steps": )j";
    const Forecast parallel = forecast_of(with(users + service + R"j([{"parallel": [
        {"steps": [{"cpu": "1ms"}]}, {"steps": [{"cpu": "1ms"}]}]}]}}})j"));
    REQUIRE(parallel.journeys.at(0).basis == "app.page does several things at the same time");
    const Forecast endless =
        forecast_of(with(users + service + R"j([{"cpu": "1ms"}, {"call": "app.page"}]}}})j"));
    REQUIRE(endless.journeys.at(0).basis == "calls multiply without end");
    REQUIRE(endless.findings.at(0).rule == "calls_multiply");
    REQUIRE(endless.resources.empty());
    const Forecast commit = forecast_of(with(users + service + R"j([{"call": "db.write"}]}}},
        "db": {"type": "sql_database",
               "operations": {"write": {"cpu": "1ms", "commit": true}}})j"));
    REQUIRE(commit.journeys.at(0).basis == "db.write waits for what is shared with others");
}

TEST_CASE("a population whose calls hold threads for one another is only bounded") {
    const Forecast told = forecast_of(with(R"j("staff": {"type": "clients", "users": 9,
        "think": "1s", "journeys": {"visit": {"call": "app.page"}}},
        "app": {"type": "service", "cores": 1, "threads": 1, "operations": {"page": {"steps": [
            {"cpu": "exp(200ms)"}, {"wait": "1s"}]}}})j"));
    const PopulationForecast& staff = told.populations.at(0);
    REQUIRE_THAT(staff.basis, ContainsSubstring("app: a call holds its thread"));
    REQUIRE(*staff.most_per_s == near(5));
    REQUIRE_FALSE(staff.demand_s.has_value());
    REQUIRE_FALSE(staff.knee.has_value());
}

TEST_CASE("what is not known of a population is said, and its bounds are kept") {
    const auto population = [](const std::string& more, const std::string& parameters) {
        return forecast_of(with(
            R"j("staff": {"type": "clients", "users": 9, "think": "1s",
            "journeys": {"visit": {"call": "app.page"}}}, )j" +
            more + R"j("app": {"type": "service", )j" + parameters +
            R"j(, "operations": {"page": {"steps": [{"cpu": "erlang(k=2, mean=200ms)"}]}}})j"));
    };
    const std::string others = R"j("public": {"type": "clients", "arrivals": "poisson(1/s)",
        "journeys": {"look": {"call": "app.page"}}}, )j";
    for (const auto& [told, basis] :
         {std::pair{population("", R"j("cores": 1)j"), "exact mean-value analysis"},
          std::pair{population("", R"j("cores": 1, "threads": 1)j"), "serves in turn"},
          std::pair{population("", R"j("cores": 1, "threads": 5)j"), "one of the 5 threads"},
          std::pair{population(others, R"j("cores": 1)j"), "there is other load"}}) {
        const PopulationForecast& staff = told.populations.at(0);
        REQUIRE_THAT(staff.basis, ContainsSubstring(basis));
        REQUIRE(staff.per_s.has_value() == (staff.basis == "exact mean-value analysis"));
        // 1.2 s / 0.2 s; 9 users in 1.2 s would be 7.5/s, of which one core does 5.
        REQUIRE(*staff.knee == near(6));
        REQUIRE(*staff.most_per_s == near(5));
    }
}

TEST_CASE("every scenario of the repository can be analysed") {
    for (const char* folder : {"scenarios", "tests/golden"}) {
        for (const auto& file : std::filesystem::directory_iterator(folder)) {
            if (file.path().extension() != ".json") continue;
            INFO(file.path().string());
            const auto scenario = Scenario::load({file.path().string(), {}}, everything());
            REQUIRE_FALSE(forecast(*scenario).assumptions.empty());
        }
    }
}

}  // namespace prodsim::testing
