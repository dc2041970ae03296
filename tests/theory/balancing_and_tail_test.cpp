// Balancers against exact chains and limits, fan-out and quorums against order statistics.

#include "tests/theory/formulas.hpp"
#include "tests/theory/laboratory.hpp"

using namespace prodsim;
using namespace prodsim::testing;
using namespace prodsim::theory;
using namespace std::chrono_literals;

namespace {

/// Servers of one thread each, behind one balancer that sees all calls.
constexpr auto farm = R"json({
  "version": 1,
  "run": { "duration": "$duration", "warm_up": "500s", "seed": 1, "replications": 28 },
  "components": {
    "public": { "type": "clients", "arrivals": "poisson($rate/s)",
                "calls": { "farm": { "policy": [ "$balance" ] } },
                "journeys": { "visit": { "call": "farm.serve" } } },
    "farm": { "type": "service", "instances": $instances, "cores": $servers, "threads": $servers,
              "queue": 1000000, "operations": { "serve": [ { "cpu": "exp(1s)" } ] } }
  }
})json";

Experiment farm_of(int instances, const std::string& balance, const std::string& rate,
                   const std::string& duration) {
    return Experiment(farm, {{"instances", std::to_string(instances)},
                             {"servers", "1"},
                             {"balance", balance},
                             {"rate", rate},
                             {"duration", duration}});
}

}  // namespace

TEST_CASE("the shorter of two queues is as long as the chain of Kingman, Flatto and McKean") {
    REQUIRE(shorter_queue_response(1.0, 40) == within(1e-4, 1.42632));
    REQUIRE(shorter_queue_response(1.6, 60) == within(1e-4, 2.95574));
    const Experiment half = farm_of(2, "balance(least_request)", "1", "5500s");
    REQUIRE(half.measures("visit.latency_mean", 2_percent) == shorter_queue_response(1.0, 40));
    const Experiment busy = farm_of(2, "balance(least_request)", "1.6", "20500s");
    REQUIRE(busy.measures("visit.latency_mean", 4_percent) == shorter_queue_response(1.6, 60));
}

TEST_CASE("four balancers and a central queue rank, and measure, as they should") {
    const std::string rate = "3.2";
    const std::string duration = "15500s";
    const Experiment central(farm, {{"instances", "1"},
                                    {"servers", "4"},
                                    {"balance", "balance(random)"},
                                    {"rate", rate},
                                    {"duration", duration}});
    const Experiment shortest = farm_of(4, "balance(least_request)", rate, duration);
    const Experiment idle = farm_of(4, "balance(join_idle_queue)", rate, duration);
    const Experiment in_turn = farm_of(4, "balance(round_robin)", rate, duration);
    const Experiment random = farm_of(4, "balance(random)", rate, duration);

    // Random splits a Poisson stream into Poisson streams; in turn leaves every fourth gap's end.
    const double round_robin = erlang_gaps_response(4, 0.8, 1);
    REQUIRE(round_robin == within(1e-4, 3.2674));
    REQUIRE(central.measures("visit.latency_mean", 3_percent) == Mmc{4, 3.2, 1}.mean_response());
    REQUIRE(in_turn.measures("visit.latency_mean", 4_percent) == round_robin);
    REQUIRE(random.measures("visit.latency_mean", 4_percent) == Mmc{1, 0.8, 1}.mean_response());

    // GI/M/1 responses are exponential, whatever the gaps.
    REQUIRE(in_turn.measures("visit.latency_p95", 5_percent) == -std::log(0.05) * round_robin);

    // No formula is known for these two: a published table of simulations, 95 % intervals of
    // 0.0072 and 0.0065.
    const Estimate jsq = shortest.measures("visit.latency_mean", 3_percent).estimate;
    const Estimate jiq = idle.measures("visit.latency_mean", 3_percent).estimate;
    REQUIRE(jsq.mean == within(4 * std::hypot(jsq.standard_error, 0.0037), 1.952));
    REQUIRE(jiq.mean == within(4 * std::hypot(jiq.standard_error, 0.0033), 2.334));
    REQUIRE(central.mean("visit.latency_mean") < jsq.mean);
    REQUIRE(jsq.mean < jiq.mean);
    REQUIRE(jiq.mean < in_turn.mean("visit.latency_mean"));
    REQUIRE(in_turn.mean("visit.latency_mean") < random.mean("visit.latency_mean"));
}

TEST_CASE("two choices approach the supermarket model as the farm grows") {
    // The error of a farm of n is of the order of 1/n (Kurtz), so two sizes give the limit.
    const auto response = [](int n, const char* duration) {
        const std::string rate = std::to_string(8 * n / 10);
        return farm_of(n, "balance(power_of_choices, choices=2)", rate, duration)
            .measures("visit.latency_mean", 2_percent)
            .estimate;
    };
    const Estimate small = response(20, "1500s");
    const Estimate large = response(80, "700s");
    const double limit = (4 * large.mean - small.mean) / 3;
    const double error = std::hypot(4 * large.standard_error, small.standard_error) / 3;
    REQUIRE(supermarket_response(0.8, 2) == within(1e-3, 1.9474));
    REQUIRE(limit == within(4 * error, supermarket_response(0.8, 2)));
    REQUIRE(3 * error < 0.03 * supermarket_response(0.8, 2));
}

TEST_CASE("weights share out the calls in their proportion") {
    const Experiment weighted(R"json({
      "version": 1,
      "run": { "duration": "2000s", "warm_up": "100s", "seed": 1, "replications": 20 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(20/s)",
                    "calls": { "farm": { "policy": [ { "type": "balance", "algorithm": "weighted",
                                                       "weights": [ 3, 1 ] } ] } },
                    "journeys": { "visit": { "call": "farm.serve" } } },
        "farm": { "type": "service", "instances": 2, "threads": 100000, "cores": 1,
                  "operations": { "serve": [ { "cpu": "60ms" } ] } }
      }
    })json");
    // Each is M/D/1 with processor sharing: 15/s and 5/s of 60 ms.
    const double mean = (15 * 0.06 / (1 - 0.9) + 5 * 0.06 / (1 - 0.3)) / 20;
    REQUIRE(weighted.measures("visit.latency_mean", 6_percent) == mean);
}

// ---- fan-out ------------------------------------------------------------------------------------

TEST_CASE("a fan-out over n leaves is slow when one of them is, as Dean and Barroso say") {
    constexpr auto fan = R"json({
      "version": 1,
      "run": { "duration": "$duration", "warm_up": "0s", "seed": 2, "replications": 10 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(100/s)", "journeys": { "visit": {
            "steps": [ { "parallel": [ { "steps": [ { "call": "leaf.serve" } ] } ],
                         "copies": $leaves } ] } } },
        "leaf": { "type": "service", "instances": 4, "threads": 1000000, "operations": { "serve": [
            { "wait": { "type": "discrete", "values": [ { "value": "10ms", "weight": $fast },
                                                        { "value": "2s", "weight": 1 } ] } } ] } }
      }
    })json";
    struct Row {
        int leaves;
        int one_in;
        const char* duration;
        Tolerance tolerance;
    };
    for (const Row& row : {Row{1, 100, "300s", 10_percent}, Row{10, 100, "50s", 10_percent},
                           Row{100, 100, "10s", 4_percent}, Row{500, 1000, "5s", 8_percent},
                           Row{2000, 10000, "2s", 20_percent}}) {
        CAPTURE(row.leaves);
        const Experiment run(fan, {{"leaves", std::to_string(row.leaves)},
                                   {"fast", std::to_string(row.one_in - 1)},
                                   {"duration", row.duration}});
        // All of the run, its drain included: who is slow must not be cut off at the end.
        const auto slow = [](const Replication& replication) {
            const Histogram& latency = replication.journeys.front().latency_good();
            const double offered =
                static_cast<double>(replication.journeys.front().offered().total());
            return 1 - (1 - latency.fraction_above(1s)) * static_cast<double>(latency.count()) /
                           offered;
        };
        REQUIRE(run.measures(slow, row.tolerance) ==
                1 - std::pow(1 - 1.0 / row.one_in, row.leaves));
    }
}

TEST_CASE("the slowest of n exponential leaves has the law of a maximum") {
    constexpr auto fan = R"json({
      "version": 1,
      "run": { "duration": "$duration", "warm_up": "20s", "seed": 3, "replications": 10 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(50/s)", "journeys": { "visit": {
            "steps": [ { "parallel": [ { "steps": [ { "wait": "exp(1s)" } ] } ],
                         "copies": $leaves } ] } } }
      }
    })json";
    for (const auto& [leaves, duration] : {std::pair{1, "820s"}, std::pair{10, "220s"},
                                           std::pair{100, "60s"}, std::pair{1000, "25s"}}) {
        CAPTURE(leaves);
        const Experiment run(fan, {{"leaves", std::to_string(leaves)}, {"duration", duration}});
        REQUIRE(run.measures("visit.latency_mean", 3_percent) ==
                exponential_order_mean(leaves, leaves));
        REQUIRE(run.measures("visit.latency_p50", 3_percent) ==
                exponential_maximum_quantile(leaves, 0.50));
        REQUIRE(run.measures("visit.latency_p99", 7_percent) ==
                exponential_maximum_quantile(leaves, 0.99));
    }
}

TEST_CASE("a quorum of k of n answers when the k-th exponential reply is there") {
    constexpr auto quorum = R"json({
      "version": 1,
      "run": { "duration": "220s", "warm_up": "20s", "seed": 4, "replications": 10 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(50/s)", "journeys": { "visit": {
            "steps": [ { "parallel": [ { "steps": [ { "call": "node.get" } ] } ], "copies": $all,
                         "at_least": $enough, "leftover": "$leftover" } ] } } },
        "node": { "type": "service", "threads": 1000000,
                  "operations": { "get": [ { "wait": "exp(1s)" } ] } }
      }
    })json";
    for (const auto& [all, enough] :
         {std::pair{3, 1}, std::pair{3, 2}, std::pair{3, 3}, std::pair{5, 1}, std::pair{5, 2},
          std::pair{5, 3}, std::pair{5, 5}}) {
        for (const char* leftover : {"cancel", "run_on"}) {
            CAPTURE(all, enough, leftover);
            const Experiment run(quorum, {{"all", std::to_string(all)},
                                          {"enough", std::to_string(enough)},
                                          {"leftover", leftover}});
            REQUIRE(run.measures("visit.latency_mean", 3_percent) ==
                    exponential_order_mean(enough, all));
        }
    }
}
