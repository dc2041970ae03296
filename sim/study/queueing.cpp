#include "sim/study/queueing.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <numeric>

namespace prodsim {

namespace {

/// A closed network that grows centre by centre. With the normalising constants G(n) of Buzen 1973
/// it keeps their ratios g(n) = G(n) / G(n - 1), which are one over the throughput: with another
/// centre, whose chances to hold k of n customers are p(k, n),
///
///     g'(n) = p(0, n - 1) g(n) + demand (p(0, n - 1) / 1 + ... + p(k, n - 1) / min(k + 1, c) +
///     ...)
///
/// because p(k, n) = p(k - 1, n - 1) demand / (min(k, c) g'(n)).
class GrowingNetwork {
public:
    GrowingNetwork(double think_s, std::int64_t population) {
        ratios_.reserve(static_cast<std::size_t>(population));
        for (std::int64_t n = 1; n <= population; ++n) {
            ratios_.push_back(think_s / static_cast<double>(n));
        }
    }

    /// Returns how many are there on average with the whole population.
    double add(double demand_s, std::int64_t servers) {
        Occupancy there(demand_s, servers);
        for (double& ratio : ratios_) ratio = there.admit(ratio);
        return there.mean();
    }

    const std::vector<double>& ratios() const { return ratios_; }

private:
    /// How many are at one centre, as the population grows.
    class Occupancy {
    public:
        Occupancy(double demand_s, std::int64_t servers)
            : demand_s_(demand_s),
              servers_(static_cast<double>(servers)),
              chances_(static_cast<std::size_t>(servers), 0.0) {
            chances_.front() = 1;
        }

        /// One customer more; returns the ratio of the network with the centre.
        double admit(double ratio_without) {
            const std::size_t last = chances_.size() - 1;  // all servers but one are busy
            double pace = (chances_[last] + beyond_) / servers_;
            double seen = (1 + mean_) / servers_;
            for (std::size_t k = 0; k < last; ++k) {
                const auto busy = static_cast<double>(k + 1);
                pace += chances_[k] / busy;
                seen += chances_[k] * (servers_ - busy) / servers_;
            }
            const double ratio = chances_[0] * ratio_without + demand_s_ * pace;
            const double step = demand_s_ / ratio;
            mean_ = step * seen;
            beyond_ = (chances_[last] + beyond_) * step / servers_;
            for (std::size_t k = last; k > 0; --k) {
                chances_[k] = chances_[k - 1] * step / static_cast<double>(k);
            }
            chances_[0] *= ratio_without / ratio;
            return ratio;
        }

        double mean() const { return mean_; }

    private:
        double demand_s_;
        double servers_;
        std::vector<double> chances_;  // that 0, 1 ... servers - 1 are there
        double beyond_ = 0;            // that there are as many as servers, or more
        double mean_ = 0;
    };

    std::vector<double> ratios_;
};

/// The residence of a turn at the centre, all copies together.
double residence(const ClosedNetwork& network, std::size_t number, std::int64_t population) {
    GrowingNetwork growing(network.think_s, population);
    double inside = 0;
    for (std::size_t i = 0; i <= network.centres.size(); ++i) {
        // The centre in question comes last: only then is it seen by the whole network.
        if (i == number) continue;
        const Centre& centre = network.centres[i == network.centres.size() ? number : i];
        for (std::int64_t copy = 0; copy < centre.copies; ++copy) {
            inside = growing.add(centre.demand_s, centre.servers);
        }
    }
    const auto copies = static_cast<double>(network.centres[number].copies);
    return copies * inside * growing.ratios().back();
}

}  // namespace

double erlang_b(std::int64_t servers, double offered) {
    assert(servers >= 1 && offered >= 0);
    double lost = 1;
    for (std::int64_t n = 1; n <= servers; ++n) {
        lost = offered * lost / (static_cast<double>(n) + offered * lost);
    }
    return lost;
}

double erlang_c(std::int64_t servers, double offered) {
    assert(offered < static_cast<double>(servers));
    const double lost = erlang_b(servers, offered);
    return lost / (1 - offered / static_cast<double>(servers) * (1 - lost));
}

double multi_server_wait(std::int64_t servers, double rate, double mean) {
    if (mean == 0) return 0;
    return erlang_c(servers, rate * mean) / (static_cast<double>(servers) / mean - rate);
}

double single_server_wait(double rate, double mean, double second_moment) {
    assert(rate * mean < 1);
    return rate * second_moment / (2 * (1 - rate * mean));
}

double ClosedNetwork::demand_s() const {
    return std::accumulate(centres.begin(), centres.end(), 0.0,
                           [](double sum, const Centre& centre) { return sum + centre.total_s(); });
}

double ClosedNetwork::bottleneck_s() const {
    double most = 0;
    for (const Centre& centre : centres) most = std::max(most, centre.bottleneck_s());
    return most;
}

double ClosedNetwork::most_per_s(std::int64_t population) const {
    const double alone = static_cast<double>(population) / (think_s + demand_s());
    return bottleneck_s() > 0 ? std::min(alone, 1 / bottleneck_s()) : alone;
}

double ClosedNetwork::least_response_s(std::int64_t population) const {
    return std::max(demand_s(), static_cast<double>(population) * bottleneck_s() - think_s);
}

double ClosedSolution::response_s() const {
    return std::accumulate(residence_s.begin(), residence_s.end(), 0.0);
}

ClosedSolution solve(const ClosedNetwork& network, std::int64_t population) {
    assert(population >= 1);
    ClosedSolution solution;
    GrowingNetwork whole(network.think_s, population);
    for (const Centre& centre : network.centres) {
        assert(centre.demand_s > 0 && centre.servers >= 1);
        for (std::int64_t copy = 0; copy < centre.copies; ++copy) {
            whole.add(centre.demand_s, centre.servers);
        }
    }
    for (const double ratio : whole.ratios()) solution.per_s.push_back(1 / ratio);
    for (std::size_t i = 0; i < network.centres.size(); ++i) {
        solution.residence_s.push_back(residence(network, i, population));
    }
    return solution;
}

double work_of(const ClosedNetwork& network, std::int64_t population) {
    double once = 0;
    for (const Centre& centre : network.centres) {
        once += static_cast<double>(centre.copies) * static_cast<double>(centre.servers);
    }
    return once * static_cast<double>(network.centres.size() + 1) * static_cast<double>(population);
}

}  // namespace prodsim
