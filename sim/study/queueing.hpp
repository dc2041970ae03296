#pragma once

// What the theory of queues says of single stations and of closed networks: pure numbers, times in
// seconds, rates per second. Nothing here knows scenarios.

#include <cstdint>
#include <vector>

namespace prodsim {

/// The share of Poisson arrivals that find all servers busy and are lost, where nobody waits,
/// whatever the law of the service times (Erlang 1917). REQUIRES: 0 <= offered.
double erlang_b(std::int64_t servers, double offered);

/// The share of Poisson arrivals that find all servers of M/M/c busy and wait (Erlang 1917).
/// REQUIRES: 0 <= offered < servers, where `offered` is rate x mean service time.
double erlang_c(std::int64_t servers, double offered);

/// The mean wait of M/M/c. The same time is lost on average where all calls share the servers, then
/// whatever the law of the service times: each gets as much of a server as it can use, and such
/// stations know no more of the law than its mean (Baskett, Chandy, Muntz and Palacios 1975).
/// REQUIRES: rate x mean < servers.
double multi_server_wait(std::int64_t servers, double rate, double mean);

/// The mean wait of M/G/1, first come first served (Pollaczek 1930, Khinchine 1932).
/// REQUIRES: rate x mean < 1.
double single_server_wait(double rate, double mean, double second_moment);

/// `copies` equal stations over which the visits are spread evenly and at random. Each is shared by
/// its visitors, or serves them in turn for exponential times.
struct Centre {
    double demand_s;  // of one turn of a customer, at one of the copies
    std::int64_t servers = 1;
    std::int64_t copies = 1;

    double total_s() const { return demand_s * static_cast<double>(copies); }
    /// What one turn keeps the whole centre busy for.
    double bottleneck_s() const { return demand_s / static_cast<double>(servers); }
};

/// A population that goes round: it thinks, then visits the centres.
struct ClosedNetwork {
    double think_s = 0;
    std::vector<Centre> centres;

    double demand_s() const;
    double bottleneck_s() const;

    /// The population beyond which customers must wait for one another even if they were scheduled
    /// perfectly: N* = (Z + D) / Dmax (Kleinrock 1968; Denning and Buzen 1978).
    double knee() const { return (think_s + demand_s()) / bottleneck_s(); }

    /// The asymptotic bounds (Denning and Buzen 1978).
    double most_per_s(std::int64_t population) const;
    double least_response_s(std::int64_t population) const;
};

struct ClosedSolution {
    std::vector<double> per_s;        // by population, from 1 on
    std::vector<double> residence_s;  // at each centre in one turn, with the whole population

    double response_s() const;
};

/// The exact means: those of mean-value analysis (Reiser and Lavenberg 1980). Their recursion takes
/// the chance that a centre of many servers is empty from a difference, which rounding destroys;
/// this one adds a centre at a time to the network, as convolution does (Buzen 1973), keeps ratios
/// of its constants only, and subtracts nothing. The work is of the order of `work_of`.
/// REQUIRES: population >= 1; demands > 0.
ClosedSolution solve(const ClosedNetwork& network, std::int64_t population);

/// How many steps `solve` takes.
double work_of(const ClosedNetwork& network, std::int64_t population);

}  // namespace prodsim
