#pragma once

// What the peer programs in C++ share: chance as the standard library gives it, the list of all
// latencies, and the line they print. The simulator under comparison does everything else.

#include "tests/benchmark/measure.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>
#include <vector>

namespace prodsim::benchmark {

class PeerChance {
public:
    explicit PeerChance(std::uint64_t seed) : generator_(seed) {}

    double exponential(double mean) {
        return std::exponential_distribution<double>(1 / mean)(generator_);
    }
    std::size_t below(std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(generator_);
    }

    /// Of two different apps the one with fewer requests under way.
    template <class UnderWay>
    std::size_t less_loaded(const UnderWay& under_way) {
        const std::size_t one = below(under_way.size());
        std::size_t other = below(under_way.size() - 1);
        if (other >= one) ++other;
        return under_way[other] < under_way[one] ? other : one;
    }

private:
    std::mt19937_64 generator_;
};

class PeerLatencies {
public:
    explicit PeerLatencies(std::size_t wanted) : wanted_(wanted) { all_.reserve(wanted + 1000); }

    void add(double latency_s) { all_.push_back(latency_s); }
    bool are_enough() const { return all_.size() >= wanted_; }

    /// The line that the benchmark reads: nanoseconds per completed request, mean in seconds.
    void print(double cpu_ns) const {
        double sum = 0;
        for (const double latency : all_) sum += latency;
        const auto count = static_cast<double>(all_.size());
        std::printf("%.17g %.17g\n", cpu_ns / count, sum / count);
    }

private:
    std::size_t wanted_;
    std::vector<double> all_;
};

/// The command line of every peer: a|b|c|d REQUESTS SEED.
struct PeerTask {
    char model;
    std::size_t requests;
    std::uint64_t seed;
};

inline PeerTask peer_task(int count, char** arguments) {
    constexpr std::string_view models = "abcd";
    if (count != 4 || models.find(arguments[1][0]) == std::string_view::npos) {
        std::fprintf(stderr, "usage: %s a|b|c|d REQUESTS SEED\n", arguments[0]);
        std::exit(2);
    }
    return {arguments[1][0], std::strtoull(arguments[2], nullptr, 10),
            std::strtoull(arguments[3], nullptr, 10)};
}

}  // namespace prodsim::benchmark
