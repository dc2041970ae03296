// The simulator against queueing theory: single stations, networks, closed populations, transients.
// Numbers in comments are those of the literature, printed there or recomputed from it.

#include "tests/theory/formulas.hpp"
#include "tests/theory/laboratory.hpp"

#include <array>
#include <tuple>

using namespace prodsim;
using namespace prodsim::testing;
using namespace prodsim::theory;
using namespace std::chrono_literals;

namespace {

/// One station, first come first served: as many threads as cores, and room in front of them.
constexpr auto line = R"json({
  "version": 1,
  "run": { "duration": "$duration", "warm_up": "1000s", "seed": 1, "replications": 32 },
  "components": {
    "public": { "type": "clients", "arrivals": "$arrivals",
                "journeys": { "visit": { "call": "desk.serve" } } },
    "desk": { "type": "service", "cores": $servers, "threads": $servers, "queue": $room,
              "operations": { "serve": { "steps": [ { "cpu": "$work" } ] } } }
  }
})json";

constexpr auto endless = "1000000";

}  // namespace

// ---- one station --------------------------------------------------------------------------------

TEST_CASE("M/M/1 has the mean and the percentiles of an exponential response") {
    const Experiment queue(line, {{"duration", "81000s"},
                                  {"arrivals", "poisson(0.8/s)"},
                                  {"servers", "1"},
                                  {"room", endless},
                                  {"work", "exp(1s)"}});
    const Mmc theory{1, 0.8, 1};  // response: mean 5, p50 3.466, p90 11.51, p99 23.03
    REQUIRE(queue.measures("desk.utilisation", 3_percent) == 0.8);
    REQUIRE(queue.measures("visit.latency_mean", 3_percent) == theory.mean_response());
    REQUIRE(queue.measures("visit.latency_p50", 3_percent) == theory.response_quantile(0.50));
    REQUIRE(queue.measures("visit.latency_p90", 3_percent) == theory.response_quantile(0.90));
    REQUIRE(queue.measures("visit.latency_p99", 6_percent) == theory.response_quantile(0.99));
    REQUIRE(queue.measures("desk.threads.present", 3_percent) == 4.0);
    REQUIRE(queue.measures("desk.threads.wait_mean", 3_percent) == theory.mean_wait());
    REQUIRE(queue.measures("desk.threads.wait_p99", 6_percent) == theory.wait_quantile(0.99));
    REQUIRE(queue.measures(share_above(0s, "desk", "threads.wait"), 3_percent) == 0.8);
    REQUIRE(theory.response_quantile(0.99) == within(1e-4, 23.02585));
}

TEST_CASE("M/M/10 waits as Erlang C says") {
    const Experiment queue(line, {{"duration", "26000s"},
                                  {"arrivals", "poisson(8/s)"},
                                  {"servers", "10"},
                                  {"room", endless},
                                  {"work", "exp(1s)"}});
    const Mmc theory{10, 8, 1};
    REQUIRE(theory.must_wait() == within(1e-5, 0.40918));
    REQUIRE(theory.response_quantile(0.99) == within(1e-4, 4.94611));
    REQUIRE(queue.measures(share_above(0s, "desk", "threads.wait"), 3_percent) ==
            theory.must_wait());
    REQUIRE(queue.measures("desk.threads.wait_mean", 5_percent) == theory.mean_wait());
    REQUIRE(queue.measures("desk.threads.wait_p95", 5_percent) == theory.wait_quantile(0.95));
    REQUIRE(queue.measures("desk.threads.wait_p99", 5_percent) == theory.wait_quantile(0.99));
    REQUIRE(queue.measures("visit.latency_mean", 3_percent) == theory.mean_response());
    REQUIRE(queue.measures("visit.latency_p50", 3_percent) == theory.response_quantile(0.50));
    REQUIRE(queue.measures("visit.latency_p99", 3_percent) == theory.response_quantile(0.99));
}

TEST_CASE("a bounded line sheds what the birth-death chain of M/M/c/K says") {
    const Experiment queue(line, {{"duration", "3000s"},
                                  {"arrivals", "poisson(12/s)"},
                                  {"servers", "10"},
                                  {"room", "5"},
                                  {"work", "exp(1s)"}});
    const auto busy = [](std::size_t n) { return std::min(10.0, static_cast<double>(n)); };
    const auto chances = birth_death(
        16, [](std::size_t) { return 12.0; }, busy);
    const double loss = chances.back();
    const double inside = mean_over(chances, [](std::size_t n) { return static_cast<double>(n); });
    REQUIRE(loss == within(1e-5, 0.20326));
    REQUIRE(queue.measures(loss_of("visit"), 2_percent) == loss);
    REQUIRE(queue.measures("visit.goodput", 2_percent) == 12 * (1 - loss));
    REQUIRE(queue.measures("visit.latency_mean", 2_percent) == inside / (12 * (1 - loss)));
}

TEST_CASE("a station without a line loses what Erlang B says, whatever the law of the service") {
    struct Row {
        const char* servers;
        const char* rate;
        double loss;
        const char* duration;
        Tolerance tolerance;
    };
    for (const Row& row : {Row{"5", "3", erlang_b(5, 3), "8000s", 4_percent},
                           Row{"10", "10", erlang_b(10, 10), "2500s", 3_percent},
                           Row{"20", "12", erlang_b(20, 12), "4000s", 10_percent}}) {
        for (const char* work : {"exp(1s)", "1s", "lognormal(1s, 2)"}) {
            CAPTURE(row.servers, work);
            const Experiment station(line,
                                     {{"duration", row.duration},
                                      {"arrivals", "poisson(" + std::string(row.rate) + "/s)"},
                                      {"servers", row.servers},
                                      {"room", "0"},
                                      {"work", work}});
            REQUIRE(station.measures(loss_of("visit"), row.tolerance) == row.loss);
        }
    }
    REQUIRE(erlang_b(5, 3) == within(1e-5, 0.11005));
    REQUIRE(erlang_b(10, 10) == within(1e-5, 0.21458));
    REQUIRE(erlang_b(20, 12) == within(1e-5, 0.0098));
}

TEST_CASE("M/D/1 waits as Pollaczek, Khinchine and Erlang say") {
    const Experiment queue(line, {{"duration", "31000s"},
                                  {"arrivals", "poisson(0.8/s)"},
                                  {"servers", "1"},
                                  {"room", endless},
                                  {"work", "1s"}});
    const auto quantile = [](double p) {
        return inverse([](double t) { return erlang_md1_wait_at_most(0.8, t); }, p, 12);
    };
    REQUIRE(quantile(0.99) == within(1e-4, 10.35589));
    REQUIRE(queue.measures("desk.threads.wait_mean", 4_percent) ==
            pollaczek_khinchine_wait(0.8, 1, 0));
    REQUIRE(queue.measures("desk.threads.wait_p50", 4_percent) == quantile(0.50));
    REQUIRE(queue.measures("desk.threads.wait_p90", 4_percent) == quantile(0.90));
    REQUIRE(queue.measures("desk.threads.wait_p99", 6_percent) == quantile(0.99));
}

TEST_CASE("M/G/1 with lognormal work waits as Pollaczek and Khinchine say") {
    const Experiment queue(line, {{"duration", "91000s"},
                                  {"arrivals", "poisson(0.7/s)"},
                                  {"servers", "1"},
                                  {"room", endless},
                                  {"work", "lognormal(1s, 2)"}});
    const double wait = pollaczek_khinchine_wait(0.7, 1, 2);  // 5.833
    REQUIRE(queue.measures("desk.threads.wait_mean", 6_percent) == wait);
    REQUIRE(queue.measures("visit.latency_mean", 6_percent) == wait + 1);
    REQUIRE(queue.measures(share_above(0s, "desk", "threads.wait"), 3_percent) == 0.7);
}

TEST_CASE("M/H2/1 and M/E4/1 wait as Pollaczek and Khinchine say") {
    const Words of_h2{{"duration", "81000s"},
                      {"arrivals", "poisson(0.5/s)"},
                      {"servers", "1"},
                      {"room", endless},
                      {"work", "hyperexp(1s, 3)"}};
    REQUIRE(Experiment(line, of_h2).measures("desk.threads.wait_mean", 6_percent) ==
            pollaczek_khinchine_wait(0.5, 1, 3));
    const Words of_e4{{"duration", "11000s"},
                      {"arrivals", "poisson(0.5/s)"},
                      {"servers", "1"},
                      {"room", endless},
                      {"work", "erlang(4, 1s)"}};
    REQUIRE(Experiment(line, of_e4).measures("desk.threads.wait_mean", 6_percent) ==
            pollaczek_khinchine_wait(0.5, 1, 0.5));
}

TEST_CASE("processor sharing has one mean response for all laws of the work") {
    constexpr auto shared = R"json({
      "version": 1,
      "run": { "duration": "$duration", "warm_up": "1000s", "seed": 2, "replications": 20 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(0.8/s)",
                    "journeys": { "visit": { "call": "host.serve" } } },
        "host": { "type": "service", "cores": 1, "threads": 100000,
                  "operations": { "serve": { "steps": [ { "cpu": "$work" } ] } } }
      }
    })json";
    // 1 / (mu - lambda): Kleinrock 1976 for any law.
    for (const auto& [work, duration] : {std::pair{"1s", "31000s"}, std::pair{"exp(1s)", "61000s"},
                                         std::pair{"hyperexp(1s, 3)", "91000s"}}) {
        CAPTURE(work);
        const Experiment host(shared, {{"work", work}, {"duration", duration}});
        REQUIRE(host.measures("visit.latency_mean", 5_percent) == 1 / (1 - 0.8));
    }
}

TEST_CASE("batches wait for one another as in the queue with batch arrivals") {
    // M^X/M/1: (E[X^2] / E[X] + 1) / 2 in front of the rest, and a load of 0.8.
    const Experiment fixed(line, {{"duration", "81000s"},
                                  {"arrivals", "batches(0.16/s, size=5)"},
                                  {"servers", "1"},
                                  {"room", endless},
                                  {"work", "exp(1s)"}});
    REQUIRE(fixed.measures("visit.latency_mean", 6_percent) == 15.0);

    // A rounded exponential is geometric above 0, and a batch of 0 is none: with q = e^(-1/m) = 0.8
    // and a rate that makes up for the empty ones, 0.16 batches a second have a mean of 5.
    const std::string mean = std::to_string(-1 / std::log(0.8));
    const std::string rate = std::to_string(0.16 / std::sqrt(0.8));
    const Experiment geometric(line,
                               {{"duration", "301000s"},
                                {"arrivals", "batches(" + rate + "/s, size=exp(" + mean + "))"},
                                {"servers", "1"},
                                {"room", endless},
                                {"work", "exp(1s)"}});
    REQUIRE(geometric.measures("visit.offered", 3_percent) == 0.8);
    REQUIRE(geometric.measures("visit.latency_mean", 8_percent) == 25.0);
}

TEST_CASE("two classes wait as Cobham says, and their mean obeys the conservation law") {
    const Experiment queue(R"json({
      "version": 1,
      "run": { "duration": "61000s", "warm_up": "1000s", "seed": 3, "replications": 20 },
      "components": {
        "vips": { "type": "clients", "arrivals": "poisson(0.3/s)",
                  "journeys": { "first": { "call": "desk.serve", "priority": 0 } } },
        "others": { "type": "clients", "arrivals": "poisson(0.5/s)",
                    "journeys": { "second": { "call": "desk.serve", "priority": 1 } } },
        "desk": { "type": "service", "cores": 1, "threads": 1, "queue": 1000000,
                  "discipline": "priority",
                  "operations": { "serve": { "steps": [ { "cpu": "exp(1s)" } ] } } }
      }
    })json");
    const std::vector<double> waits = cobham_waits({0.3, 0.5}, 1);
    REQUIRE(waits[0] + 1 == within(1e-6, 2.142857));
    REQUIRE(waits[1] + 1 == within(1e-6, 6.714286));
    REQUIRE(queue.measures("first.latency_mean", 3_percent) == waits[0] + 1);
    REQUIRE(queue.measures("second.latency_mean", 5_percent) == waits[1] + 1);
    REQUIRE(queue.measures("desk.threads.wait_mean", 5_percent) == Mmc{1, 0.8, 1}.mean_wait());
}

TEST_CASE("last come first served waits as long on average as first come first served") {
    const Experiment queue(R"json({
      "version": 1,
      "run": { "duration": "41000s", "warm_up": "1000s", "seed": 4, "replications": 20 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(0.7/s)",
                    "journeys": { "visit": { "call": "desk.serve" } } },
        "desk": { "type": "service", "cores": 1, "threads": 1, "queue": 1000000,
                  "discipline": "lifo",
                  "operations": { "serve": { "steps": [ { "cpu": "exp(1s)" } ] } } }
      }
    })json");
    REQUIRE(queue.measures("visit.latency_mean", 4_percent) == Mmc{1, 0.7, 1}.mean_response());
}

TEST_CASE("callers whose patience is exponential abandon as in Erlang A") {
    // Whoever is impatient leaves the line, but not the desk: 48 calls a minute, 50 agents.
    const Experiment centre(R"json({
      "version": 1,
      "run": { "duration": "700min", "warm_up": "20min", "seed": 5, "replications": 20 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(48/min)", "journeys": { "visit": {
            "steps": [ { "parallel": [ { "steps": [ { "call": "desk.serve" } ] },
                                       { "steps": [ { "wait": "exp(2min)" } ] } ],
                         "join": "first" } ] } } },
        "desk": { "type": "service", "cores": 50, "threads": 50, "queue": 1000000,
                  "cancellation": "queued",
                  "operations": { "serve": { "steps": [ { "cpu": "exp(1min)" } ] } } }
      }
    })json");
    const auto beyond = [](std::size_t n) { return n > 50 ? static_cast<double>(n - 50) : 0.0; };
    const auto chances = birth_death(
        400, [](std::size_t) { return 48.0; },
        [&](std::size_t n) { return static_cast<double>(n) - beyond(n) / 2; });
    const double waiting = mean_over(chances, beyond);
    REQUIRE(waiting == within(1e-4, 2.9676));  // Mandelbaum & Zeltyn: 3
    REQUIRE(waiting / 2 / 48 == within(1e-5, 0.03091));
    REQUIRE(centre.measures("desk.threads.waiting", 8_percent) == waiting);
    REQUIRE(centre.measures(ratio("desk.threads.withdrawn", "desk.threads.arrivals"), 8_percent) ==
            waiting / 2 / 48);
    REQUIRE(centre.measures("desk.utilisation", 3_percent) == 0.93032);
}

TEST_CASE("a client that gives up at a limit misses the tail of the M/M/1 response") {
    // The server works on, so the response is exponential with rate mu - lambda all the same.
    constexpr auto impatient = R"json({
      "version": 1,
      "run": { "duration": "$duration", "warm_up": "1000s", "seed": 6, "replications": 28 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(0.8/s)",
                    "calls": { "desk": { "policy": [ "timeout($limit)" ] } },
                    "journeys": { "visit": { "call": "desk.serve" } } },
        "desk": { "type": "service", "cores": 1, "threads": 1, "queue": 1000000,
                  "operations": { "serve": { "steps": [ { "cpu": "exp(1s)" } ] } } }
      }
    })json";
    for (const auto& [limit, seconds, tolerance] :
         {std::tuple{"5s", 5.0, 4_percent}, std::tuple{"10s", 10.0, 8_percent}}) {
        const Experiment queue(impatient, {{"limit", limit}, {"duration", "51000s"}});
        CAPTURE(limit);
        REQUIRE(queue.measures(loss_of("visit"), tolerance) == std::exp(-(1 - 0.8) * seconds));
        REQUIRE(queue.measures("desk.utilisation", 3_percent) == 0.8);
    }
}

TEST_CASE("threads that wait for a slow dependency saturate as Little's law and Erlang B say") {
    constexpr auto pool = R"json({
      "version": 1,
      "run": { "duration": "140s", "warm_up": "40s", "seed": 7, "replications": 8 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(500/s)",
                    "journeys": { "visit": { "call": "shop.serve" } } },
        "shop": { "type": "service", "threads": 200, "queue": 0,
                  "operations": { "serve": { "steps": [ { "call": "bank.pay" } ] } } },
        "bank": { "type": "third_party", "latency": "$latency", "error_rate": "0%",
                  "quota": "0/s", "operations": { "pay": { "quota": "0/s" } } }
      }
    })json";
    const Experiment fast(pool, {{"latency", "50ms"}});
    REQUIRE(fast.measures("shop.threads.present", 3_percent) == 25.0);
    REQUIRE(fast.mean("visit.availability") == 1);
    // Insensitive to the law; a constant one would take hours to forget the rush at the beginning.
    const Experiment slow(pool, {{"latency", "lognormal(2s, 1)"}});
    REQUIRE(slow.measures(loss_of("visit"), 3_percent) == erlang_b(200, 1000));
    REQUIRE(slow.measures("visit.goodput", 3_percent) == 500 * (1 - erlang_b(200, 1000)));
    REQUIRE(erlang_b(200, 1000) == within(1e-5, 0.80025));
}

TEST_CASE("a pulse of overload builds the backlog of the fluid limit and drains as it says") {
    // 150 a second for a minute, then 50, into 100: paced, so only rounding is left to chance.
    const Experiment pulse(R"json({
      "version": 1,
      "run": { "duration": "240s", "warm_up": "0s", "seed": 1, "replications": 1 },
      "components": {
        "public": { "type": "clients", "arrivals": "paced(50/s)",
                    "shape": [ "step(3, at=0s, for=60s)" ],
                    "journeys": { "visit": { "call": "desk.serve" } } },
        "desk": { "type": "service", "cores": 1, "threads": 1, "queue": 1000000,
                  "operations": { "serve": { "steps": [ { "cpu": "10ms" } ] } } }
      }
    })json");
    REQUIRE(pulse.mean("desk.threads.waiting_max") == within(3, 3000));
    REQUIRE(pulse.mean("visit.latency_max") == within(0.05, 30));
    const Series& ends = pulse.runs().front().journeys.front().ends();
    std::size_t last = 0;
    for (std::size_t i = 0; i < ends.windows().size(); ++i) {
        if (ends.windows()[i].max > 30ms) last = i;
    }
    REQUIRE(in_seconds(ends.start(last)) == within(1.5, 120));
}

// ---- several stations ---------------------------------------------------------------------------

TEST_CASE("two M/M/1 in tandem are independent, as Burke and Reich say") {
    constexpr auto tandem = R"json({
      "version": 1,
      "run": { "duration": "$duration", "warm_up": "1000s", "seed": 8, "replications": 20 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson($rate/s)", "journeys": { "visit": {
            "steps": [ { "call": "one.serve" }, { "call": "two.serve" } ] } } },
        "one": { "type": "service", "cores": 1, "threads": 1, "queue": 1000000,
                 "operations": { "serve": { "steps": [ { "cpu": "exp(1s)" } ] } } },
        "two": { "type": "service", "cores": 1, "threads": 1, "queue": 1000000,
                 "operations": { "serve": { "steps": [ { "cpu": "exp($second)" } ] } } }
      }
    })json";
    const Experiment even(tandem, {{"duration", "61000s"}, {"rate", "0.8"}, {"second", "1s"}});
    REQUIRE(even.measures("visit.latency_mean", 4_percent) == 10.0);
    const auto erlang_2 = [](double t) { return 1 - (1 + 0.2 * t) * std::exp(-0.2 * t); };
    REQUIRE(even.measures("visit.latency_p99", 6_percent) == inverse(erlang_2, 0.99, 1000));
    const Experiment odd(tandem, {{"duration", "11000s"}, {"rate", "0.5"}, {"second", "500ms"}});
    REQUIRE(odd.measures("visit.latency_mean", 4_percent) == 1 / 0.5 + 1 / 1.5);
}

TEST_CASE("a network with feedback has the queues of Jackson's product form") {
    const Experiment network(R"json({
      "version": 1,
      "run": { "duration": "4100s", "warm_up": "100s", "seed": 9, "replications": 10 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson(10/s)", "journeys": { "visit": {
            "steps": [ { "publish": "one.serve" } ] } } },
        "one": { "type": "service", "threads": 1, "queue": 1000000, "operations": { "serve": [
            { "cpu": "exp(40ms)" },
            { "choose": [ { "weight": 0.7, "steps": [ { "publish": "two.serve" } ] },
                          { "weight": 0.1, "steps": [ { "publish": "three.serve" } ] },
                          { "weight": 0.2 } ] } ] } },
        "two": { "type": "service", "threads": 1, "queue": 1000000, "operations": { "serve": [
            { "cpu": "exp(50ms)" },
            { "choose": [ { "weight": 0.2, "steps": [ { "publish": "one.serve" } ] },
                          { "weight": 0.5, "steps": [ { "publish": "three.serve" } ] },
                          { "weight": 0.3 } ] } ] } },
        "three": { "type": "service", "threads": 1, "queue": 1000000, "operations": { "serve": [
            { "cpu": "exp(83.333333ms)" },
            { "choose": [ { "weight": 0.1, "steps": [ { "publish": "two.serve" } ] },
                          { "weight": 0.9 } ] } ] } }
      }
    })json");
    // The traffic equations: one = 10 + 0.2 two, two = 0.7 one + 0.1 three, three = 0.1 one + 0.5
    // two.
    const double two = 7.1 / (1 - 0.05 - 0.02 * 7.1);
    const double one = 10 + 0.2 * two;
    const double three = 0.1 * one + 0.5 * two;
    REQUIRE(one == within(1e-5, 11.757426));
    REQUIRE(two == within(1e-5, 8.787129));
    REQUIRE(three == within(1e-5, 5.569307));
    const auto inside = [](double load) { return load / (1 - load); };
    REQUIRE(network.measures("one.served", 3_percent) == one);
    REQUIRE(network.measures("two.served", 3_percent) == two);
    REQUIRE(network.measures("three.served", 3_percent) == three);
    REQUIRE(network.measures("one.threads.present", 5_percent) == inside(one / 25));
    REQUIRE(network.measures("two.threads.present", 5_percent) == inside(two / 20));
    REQUIRE(network.measures("three.threads.present", 5_percent) == inside(three / 12));
}

TEST_CASE("a request that waits for two M/M/1 takes as long as Nelson and Tantawi say") {
    constexpr auto fork = R"json({
      "version": 1,
      "run": { "duration": "$duration", "warm_up": "1000s", "seed": 10, "replications": 20 },
      "components": {
        "public": { "type": "clients", "arrivals": "poisson($rate/s)", "journeys": { "visit": {
            "steps": [ { "parallel": [ { "steps": [ { "call": "one.serve" } ] },
                                       { "steps": [ { "call": "two.serve" } ] } ] } ] } } },
        "one": { "type": "service", "cores": 1, "threads": 1, "queue": 1000000,
                 "operations": { "serve": { "steps": [ { "cpu": "exp(1s)" } ] } } },
        "two": { "type": "service", "cores": 1, "threads": 1, "queue": 1000000,
                 "operations": { "serve": { "steps": [ { "cpu": "exp(1s)" } ] } } }
      }
    })json";
    const Experiment half(fork, {{"rate", "0.5"}, {"duration", "11000s"}});
    REQUIRE(half.measures("visit.latency_mean", 3_percent) == nelson_tantawi_response(0.5, 1));
    const Experiment busy(fork, {{"rate", "0.8"}, {"duration", "51000s"}});
    REQUIRE(busy.measures("visit.latency_mean", 4_percent) == nelson_tantawi_response(0.8, 1));
    REQUIRE(nelson_tantawi_response(0.5, 1) == within(1e-9, 2.875));
    REQUIRE(nelson_tantawi_response(0.8, 1) == within(1e-9, 7.0));
}

// ---- closed populations -------------------------------------------------------------------------

TEST_CASE("a closed population gets what mean value analysis says") {
    constexpr auto office = R"json({
      "version": 1,
      "run": { "duration": "$duration", "warm_up": "100s", "seed": 11, "replications": 10 },
      "components": {
        "staff": { "type": "clients", "users": $users, "think": "exp(2s)",
                   "journeys": { "visit": { "steps": [ { "call": "web.serve" },
                                                       { "call": "app.serve" },
                                                       { "call": "db.serve" } ] } } },
        "web": { "type": "service", "threads": 1, "queue": 1000,
                 "operations": { "serve": [ { "cpu": "exp(50ms)" } ] } },
        "app": { "type": "service", "threads": 1, "queue": 1000,
                 "operations": { "serve": [ { "cpu": "exp(30ms)" } ] } },
        "db": { "type": "service", "threads": 1, "queue": 1000,
                "operations": { "serve": [ { "cpu": "exp(80ms)" } ] } }
      }
    })json";
    struct Row {
        int users;
        const char* duration;
        double throughput;
    };
    for (const Row& row :
         {Row{1, "20000s", 0.46296}, Row{10, "3000s", 4.51936}, Row{26, "3000s", 10.52827},
          Row{50, "3000s", 12.49864}, Row{100, "3000s", 12.5}}) {
        CAPTURE(row.users);
        const Closed theory = mean_value_analysis({0.05, 0.03, 0.08}, 2, row.users);
        REQUIRE(theory.throughput == within(1e-5, row.throughput));
        const Experiment run(office,
                             {{"users", std::to_string(row.users)}, {"duration", row.duration}});
        REQUIRE(run.measures("visit.throughput", 2_percent) == theory.throughput);
        REQUIRE(run.measures("visit.latency_mean", 4_percent) == theory.response);
    }
}

TEST_CASE("users who think and share servers are the machine repairman") {
    constexpr auto shop = R"json({
      "version": 1,
      "run": { "duration": "$duration", "warm_up": "50s", "seed": 12, "replications": 10 },
      "components": {
        "staff": { "type": "clients", "users": $users, "think": "exp($think)",
                   "journeys": { "visit": { "call": "desk.serve" } } },
        "desk": { "type": "service", "cores": $servers, "threads": $servers, "queue": 1000,
                  "operations": { "serve": [ { "cpu": "exp($work)" } ] } }
      }
    })json";
    struct Row {
        int users;
        int servers;
        const char* think;
        double think_s;
        const char* work;
        double work_s;
        const char* duration;
        double throughput;
    };
    for (const Row& row : {Row{4, 2, "1s", 1, "1s", 1, "5000s", 1.7},
                           Row{50, 4, "5s", 5, "400ms", 0.4, "2000s", 8.741193},
                           Row{100, 8, "1s", 1, "100ms", 0.1, "300s", 79.108992},
                           Row{200, 1, "10s", 10, "50ms", 0.05, "3000s", 18.912952}}) {
        CAPTURE(row.users);
        const Closed theory = repairman(row.users, row.servers, row.think_s, row.work_s);
        REQUIRE(theory.throughput == within(1e-5, row.throughput));
        const Experiment run(shop, {{"users", std::to_string(row.users)},
                                    {"servers", std::to_string(row.servers)},
                                    {"think", row.think},
                                    {"work", row.work},
                                    {"duration", row.duration}});
        REQUIRE(run.measures("visit.throughput", 2_percent) == theory.throughput);
        REQUIRE(run.measures("visit.latency_mean", 6_percent) == theory.response);
        REQUIRE(run.measures("desk.utilisation", 2_percent) ==
                theory.throughput * row.work_s / row.servers);
    }
}

// ---- transients ---------------------------------------------------------------------------------

TEST_CASE("M/M/1 fills from empty as the chain does, at every instant") {
    const auto scenario = understood(filled(line, {{"duration", "2000s"},
                                                   {"arrivals", "poisson(0.8/s)"},
                                                   {"servers", "1"},
                                                   {"room", endless},
                                                   {"work", "exp(1s)"}}));
    constexpr std::array instants{1s, 2s, 5s, 10s, 20s, 50s, 100s};
    constexpr std::size_t worlds = trials(10000, 100);
    std::array<std::vector<double>, instants.size()> inside;
    std::array<std::vector<double>, instants.size()> empty;
    for (std::size_t number = 0; number < worlds; ++number) {
        const auto world = scenario->world(1, number);
        world->start();
        const Level& present = world->meters.level("desk", "threads.present", "");
        for (std::size_t i = 0; i < instants.size(); ++i) {
            world->engine.run_some(start_of_run + instants[i], 1000000);
            inside[i].push_back(static_cast<double>(present.value()));
            empty[i].push_back(present.value() == 0 ? 1 : 0);
        }
    }
    for (std::size_t i = 0; i < instants.size(); ++i) {
        CAPTURE(instants[i].count());
        const auto chances = mm1_at(static_cast<double>(instants[i].count()), 0.8, 1, 150);
        const double mean =
            mean_over(chances, [](std::size_t n) { return static_cast<double>(n); });
        REQUIRE(Measured{estimate_mean(inside[i]), 6_percent, 10000} == mean);
        REQUIRE(Measured{estimate_mean(empty[i]), 6_percent, 10000} == chances[0]);
    }
}
