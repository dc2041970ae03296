// Retries and hedges against geometric series and order statistics.

#include "tests/theory/formulas.hpp"
#include "tests/theory/laboratory.hpp"

#include <string>
#include <tuple>

using namespace prodsim;
using namespace prodsim::testing;
using namespace prodsim::theory;

namespace {

/// 1 + p + p^2 + ...: tries until the first success, at most so many.
double tries(double failure, int most) {
    double sum = 0;
    for (int i = 0; i < most; ++i) sum += std::pow(failure, i);
    return sum;
}

/// Users above a third party that fails. What stands between them comes after it.
constexpr auto ground = R"json({
  "version": 1,
  "run": { "duration": "$duration", "warm_up": "0s", "seed": 1, "replications": 10 },
  "components": {
    "public": { "type": "clients", "arrivals": "poisson(100/s)",
                "calls": { "$first": { "policy": [ "retry($attempts, backoff=none)" ] } },
                "journeys": { "visit": { "call": "$first.do" } } },
    "bottom": { "type": "third_party", "latency": "1ms", "error_rate": "$failure%",
                "quota": "0/s", "operations": { "do": { "quota": "0/s" } } }$layers
  }
})json";

constexpr auto layer = R"json(,
    "$name": { "type": "service", "threads": 100000,
               "calls": { "$below": { "policy": [ "retry($attempts, backoff=none)" ] } },
               "operations": { "do": [ { "call": "$below.do" } ] } })json";

/// So many layers of retries, the users' own the first of them.
Experiment tower(int layers, int attempts, double failure, const char* duration) {
    const auto name = [&](int number) {
        return number < layers ? "layer" + std::to_string(number) : "bottom";
    };
    std::string between;
    for (int number = 1; number < layers; ++number) {
        between += filled(layer, {{"name", name(number)},
                                  {"below", name(number + 1)},
                                  {"attempts", std::to_string(attempts)}});
    }
    return Experiment(ground, {{"duration", duration},
                               {"first", name(1)},
                               {"attempts", std::to_string(attempts)},
                               {"failure", std::to_string(100 * failure)},
                               {"layers", between}});
}

/// Calls that reached the bottom for each journey, the whole run and its drain counted.
double bottom_calls(const Replication& run) {
    const auto* calls = run.readings.counter("bottom", "calls.arrivals");
    return static_cast<double>(calls->total) /
           static_cast<double>(run.journeys.front().offered().total());
}

}  // namespace

TEST_CASE("independent failures cost a geometric number of attempts") {
    for (const auto& [failure, attempts] :
         {std::pair{0.1, 3}, std::pair{0.5, 3}, std::pair{0.9, 3}}) {
        CAPTURE(failure);
        const Experiment run = tower(1, attempts, failure, "200s");
        REQUIRE(run.measures(bottom_calls, 2_percent) == tries(failure, attempts));
        REQUIRE(run.measures("visit.availability", 6_percent) == 1 - std::pow(failure, attempts));
    }
    const Experiment hopeless = tower(1, 4, 1, "10s");
    REQUIRE(hopeless.mean("visit.availability") == 0);
    REQUIRE(hopeless.measures(bottom_calls, 1_percent).estimate.mean == within(0.05, 4));
}

TEST_CASE("layers of retries multiply during an outage: attempts to the power of the layers") {
    for (const auto& [attempts, layers, bottom] :
         {std::tuple{4, 3, 64}, std::tuple{3, 3, 27}, std::tuple{3, 5, 243},
          std::tuple{2, 10, 1024}}) {
        CAPTURE(attempts, layers);
        const Experiment run = tower(layers, attempts, 1, "4s");
        const Replication& first = run.runs().front();
        const auto ended = first.journeys.front().ended().total();
        REQUIRE(ended > 100);
        // Efforts under way at the end are counted in part.
        REQUIRE(bottom_calls(first) == within(0.3 * bottom, bottom));
        const auto exhausted = first.readings.counter("public -> layer1", "retry.exhausted")->total;
        REQUIRE(exhausted == ended);
    }
}

TEST_CASE("nested retries under partial failure are as many tries in a row") {
    for (const double failure : {0.1, 0.5, 0.9}) {
        CAPTURE(failure);
        const Experiment run = tower(3, 3, failure, "200s");
        REQUIRE(run.measures(bottom_calls, 3_percent) == tries(failure, 27));
        if (failure < 0.6) {
            REQUIRE(run.mean("visit.availability") == within(1e-6, 1));
        } else {
            REQUIRE(run.measures(loss_of("visit"), 9_percent) == std::pow(failure, 27));
        }
    }
}

TEST_CASE("a budget of a tenth bounds the amplification of an outage to 1.1") {
    constexpr auto outage = R"json({
      "version": 1,
      "run": { "duration": "120s", "warm_up": "20s", "seed": 1, "replications": 4 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(200/s)", "per": "device_pool",
                    "calls": { "bank": { "policy": [ "retry(3, backoff=none$budget)" ] } },
                    "journeys": { "visit": { "call": "bank.pay" } } },
        "bank": { "type": "third_party", "latency": "1ms", "error_rate": "100%",
                  "quota": "0/s", "operations": { "pay": { "quota": "0/s" } } }
      }
    })json";
    const auto amplification = ratio("public -> bank.retry.attempts", "public -> bank.retry.calls");
    const Experiment without(outage, {{"budget", ""}});
    REQUIRE(without.measures(amplification, 5_percent).estimate.mean == within(0.01, 3.0));
    const Experiment with(outage, {{"budget", ", budget=ratio(10%, reserve=0/s)"}});
    REQUIRE(with.measures(amplification, 5_percent).estimate.mean == within(0.01, 1.1));
}

TEST_CASE("a hedge at the 95th percentile of an exponential has the tail of two") {
    const Experiment hedged(R"json({
      "version": 1,
      "run": { "duration": "820s", "warm_up": "20s", "seed": 5, "replications": 10 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(100/s)",
                    "calls": { "node": { "policy": [ "hedge(2.995732274s)" ] } },
                    "journeys": { "visit": { "call": "node.get" } } },
        "node": { "type": "service", "threads": 100000,
                  "operations": { "get": [ { "wait": "exp(1s)" } ] } }
      }
    })json");
    // Beyond the delay d the faster of two is awaited: P(T > d + t) = 0.05 e^(-2t).
    const double delay = -std::log(0.05);
    REQUIRE(hedged.measures("visit.latency_mean", 2_percent) == 0.95 + 0.05 / 2);
    REQUIRE(hedged.measures("visit.latency_p99", 2_percent) == delay + std::log(0.05 / 0.01) / 2);
    REQUIRE(hedged.measures("visit.latency_p99_9", 4_percent) ==
            delay + std::log(0.05 / 0.001) / 2);
    const auto amplification = ratio("public -> node.hedge.attempts", "public -> node.hedge.calls");
    REQUIRE(hedged.measures(amplification, 1_percent) == 1.05);
    const auto hedges = [&](const Replication& run) { return amplification(run) - 1; };
    REQUIRE(hedged.measures(hedges, 6_percent) == 0.05);
}
