#pragma once

// What theory says, each formula under the name of its author. Rates are per second, times in
// seconds. Nothing here knows the simulator.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace prodsim::theory {

/// The point at which a rising function reaches `wanted`, by halving; REQUIRES: it does so in
/// [0, high].
template <class Rising>
double inverse(Rising rising, double wanted, double high) {
    double low = 0;
    for (int i = 0; i < 200; ++i) {
        const double middle = (low + high) / 2;
        (rising(middle) < wanted ? low : high) = middle;
    }
    return (low + high) / 2;
}

// ---- one station --------------------------------------------------------------------------------

/// Erlang 1917: the share of calls that find all servers busy and are lost.
inline double erlang_b(int servers, double offered) {
    double loss = 1;
    for (int n = 1; n <= servers; ++n) loss = offered * loss / (n + offered * loss);
    return loss;
}

/// Erlang 1917: the share of calls that find all servers busy and wait.
inline double erlang_c(int servers, double offered) {
    const double loss = erlang_b(servers, offered);
    return loss / (1 - offered / servers * (1 - loss));
}

/// M/M/c, first come first served.
struct Mmc {
    int servers;
    double rate;
    double mean;  // service time

    double must_wait() const { return erlang_c(servers, rate * mean); }
    double drain() const { return servers / mean - rate; }
    double mean_wait() const { return must_wait() / drain(); }
    double mean_response() const { return mean_wait() + mean; }
    double wait_quantile(double p) const {
        return p <= 1 - must_wait() ? 0 : -std::log((1 - p) / must_wait()) / drain();
    }

    /// The wait is an exponential or nothing, the service another one: their sum has two phases.
    double response_above(double t) const {
        const double a = 1 / mean;
        const double b = drain();
        const double both = a == b ? (1 + a * t) * std::exp(-a * t)
                                   : (a * std::exp(-b * t) - b * std::exp(-a * t)) / (a - b);
        return (1 - must_wait()) * std::exp(-a * t) + must_wait() * both;
    }
    double response_quantile(double p) const {
        return inverse([this](double t) { return 1 - response_above(t); }, p, 1e4 * mean);
    }
};

/// Pollaczek 1930 and Khinchine 1932: the mean wait of M/G/1.
inline double pollaczek_khinchine_wait(double rate, double mean, double cv) {
    const double load = rate * mean;
    return load / (1 - load) * mean * (1 + cv * cv) / 2;
}

/// Erlang 1909: the share of M/D/1 waits up to t, with a service time of 1. The terms alternate, so
/// it is good to t = 12 or so.
inline double erlang_md1_wait_at_most(double rate, double t) {
    long double sum = 0;
    for (int k = 0; k <= static_cast<int>(t); ++k) {
        const long double x = rate * (k - static_cast<long double>(t));
        long double power = 1;
        for (int i = 1; i <= k; ++i) power *= x / i;
        sum += power * std::exp(-x);
    }
    return static_cast<double>((1 - static_cast<long double>(rate)) * sum);
}

/// Cobham 1954: the mean waits of M/M/1 classes of one service time, the first served first.
inline std::vector<double> cobham_waits(const std::vector<double>& rates, double mean) {
    const double load = mean * std::accumulate(rates.begin(), rates.end(), 0.0);
    const double residual = load * mean;
    std::vector<double> waits;
    double before = 0;
    for (const double rate : rates) {
        const double with = before + rate * mean;
        waits.push_back(residual / ((1 - before) * (1 - with)));
        before = with;
    }
    return waits;
}

/// The long-run chances of 0, 1, 2 ... in a birth-death chain; the last state has no births.
template <class Births, class Deaths>
std::vector<double> birth_death(std::size_t states, Births births, Deaths deaths) {
    std::vector<double> chances{1};
    for (std::size_t n = 0; n + 1 < states; ++n) {
        chances.push_back(chances.back() * births(n) / deaths(n + 1));
    }
    const double sum = std::accumulate(chances.begin(), chances.end(), 0.0);
    for (double& chance : chances) chance /= sum;
    return chances;
}

/// The mean of what is in each state.
template <class Of>
double mean_over(const std::vector<double>& chances, Of of) {
    double sum = 0;
    for (std::size_t n = 0; n < chances.size(); ++n) sum += chances[n] * of(n);
    return sum;
}

/// The mean response of GI/M/1 whose gaps are the sums of `phases` exponentials: the root of
/// sigma = A*(mu (1 - sigma)) (Kendall 1953).
inline double erlang_gaps_response(int phases, double rate, double mean) {
    double sigma = 0.5;
    for (int i = 0; i < 10000; ++i) {
        const double s = (1 - sigma) / mean;
        sigma = std::pow(phases * rate / (phases * rate + s), phases);
    }
    return mean / (1 - sigma);
}

/// M/M/1 that starts empty, at time t: the chance of each number inside, by uniformisation (Jensen
/// 1953) of the chain cut off at `states`.
inline std::vector<double> mm1_at(double t, double rate, double mean, std::size_t states) {
    const double pace = rate + 1 / mean;
    const double up = rate / pace;
    std::vector<double> now(states, 0.0);
    now[0] = 1;
    std::vector<double> sum(states, 0.0);
    double log_weight = -pace * t;  // of a Poisson number of jumps
    const auto jumps = static_cast<std::size_t>(pace * t + 10 * std::sqrt(pace * t) + 20);
    for (std::size_t jump = 0; jump <= jumps; ++jump) {
        const double weight = std::exp(log_weight);
        for (std::size_t n = 0; n < states; ++n) sum[n] += weight * now[n];
        log_weight += std::log(pace * t / static_cast<double>(jump + 1));
        std::vector<double> next(states, 0.0);
        for (std::size_t n = 0; n < states; ++n) {
            next[n + 1 < states ? n + 1 : n] += up * now[n];
            next[n > 0 ? n - 1 : 0] += (1 - up) * now[n];
        }
        now.swap(next);
    }
    return sum;
}

// ---- several stations ---------------------------------------------------------------------------

struct Closed {
    double throughput;
    double response;
};

/// Reiser & Lavenberg 1980: exact mean value analysis of single servers with exponential demands.
inline Closed mean_value_analysis(const std::vector<double>& demands, double think, int users) {
    std::vector<double> queues(demands.size(), 0.0);
    Closed result{0, 0};
    for (int n = 1; n <= users; ++n) {
        result.response = 0;
        for (std::size_t i = 0; i < demands.size(); ++i) {
            result.response += demands[i] * (1 + queues[i]);
        }
        result.throughput = n / (think + result.response);
        for (std::size_t i = 0; i < demands.size(); ++i) {
            queues[i] = result.throughput * demands[i] * (1 + queues[i]);
        }
    }
    return result;
}

/// The machine repairman (Palm 1947): users who think, then ask one of `servers`.
inline Closed repairman(int users, int servers, double think, double mean) {
    const auto busy = [=](std::size_t n) {
        return std::min(static_cast<double>(n), static_cast<double>(servers));
    };
    const auto chances = birth_death(
        static_cast<std::size_t>(users) + 1,
        [=](std::size_t n) { return (users - static_cast<double>(n)) / think; },
        [=](std::size_t n) { return busy(n) / mean; });
    const double throughput = mean_over(chances, busy) / mean;
    return {throughput, users / throughput - think};
}

/// Nelson & Tantawi 1988: every arrival asks two M/M/1 at once and waits for both.
inline double nelson_tantawi_response(double rate, double mean) {
    return (12 - rate * mean) / 8 * mean / (1 - rate * mean);
}

/// The shorter of two queues, ties by chance: the mean response, from the chain of the two lengths
/// (Kingman 1961, Flatto & McKean 1977), cut off at `longest` and solved by Gauss and Seidel.
/// Service times have mean 1, `rate` is that of both queues together.
inline double shorter_queue_response(double rate, std::size_t longest) {
    const std::size_t side = longest + 1;
    std::vector<double> chance(side * side, 1.0 / static_cast<double>(side * side));
    const auto at = [&](std::size_t a, std::size_t b) -> double& { return chance[a * side + b]; };
    const auto joins = [&](std::size_t from, std::size_t other) {
        return from < other ? rate : from == other ? rate / 2 : 0.0;
    };
    const auto leaving = [&](std::size_t a, std::size_t b) {
        const double up = a == longest && b == longest ? 0 : rate;
        return up + (a > 0 ? 1 : 0) + (b > 0 ? 1 : 0);
    };
    for (int sweep = 0; sweep < 4000; ++sweep) {
        for (std::size_t a = 0; a < side; ++a) {
            for (std::size_t b = 0; b < side; ++b) {
                double in = 0;
                if (a > 0) in += joins(a - 1, b) * at(a - 1, b);
                if (b > 0) in += joins(b - 1, a) * at(a, b - 1);
                if (a < longest) in += at(a + 1, b);
                if (b < longest) in += at(a, b + 1);
                at(a, b) = in / leaving(a, b);
            }
        }
    }
    double sum = 0;
    double jobs = 0;
    for (std::size_t a = 0; a < side; ++a) {
        for (std::size_t b = 0; b < side; ++b) {
            sum += at(a, b);
            jobs += static_cast<double>(a + b) * at(a, b);
        }
    }
    return jobs / sum / rate;
}

/// The supermarket model (Vvedenskaya, Dobrushin & Karpelevich 1996, Mitzenmacher 1996): the mean
/// response where each arrival joins the shortest of `choices` among infinitely many queues with
/// service times of mean 1.
inline double supermarket_response(double load, int choices) {
    double sum = 0;
    double exponent = 0;  // (d^i - d) / (d - 1)
    for (int i = 1; i < 30 && exponent < 1e4; ++i) {
        sum += std::pow(load, exponent);
        exponent = choices * exponent + choices;
    }
    return sum;
}

// ---- order statistics ---------------------------------------------------------------------------

/// The mean of the k-th smallest of n exponentials of mean 1 (Renyi 1953).
inline double exponential_order_mean(int k, int n) {
    double sum = 0;
    for (int i = 0; i < k; ++i) sum += 1.0 / (n - i);
    return sum;
}

/// A quantile of the largest of n exponentials of mean 1.
inline double exponential_maximum_quantile(int n, double p) {
    return -std::log(1 - std::pow(p, 1.0 / n));
}

}  // namespace prodsim::theory
