// The laws of the product against closed forms, each by its author.

#include "sim/study/queueing.hpp"

#include "tests/catch.hpp"
#include "tests/theory/formulas.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace prodsim {
namespace {

testing::Within near(double value) { return testing::within(1e-10 * std::abs(value), value); }

/// Reiser and Lavenberg 1980, as they wrote it, for centres of one server.
double throughput_by_mean_values(double think_s, const std::vector<double>& demands, int users) {
    std::vector<double> inside(demands.size(), 0);
    double per_s = 0;
    for (int n = 1; n <= users; ++n) {
        double turn = think_s;
        for (std::size_t i = 0; i < demands.size(); ++i) turn += demands[i] * (1 + inside[i]);
        per_s = n / turn;
        for (std::size_t i = 0; i < demands.size(); ++i) {
            inside[i] = per_s * demands[i] * (1 + inside[i]);
        }
    }
    return per_s;
}

/// Zahorjan, Sevcik, Eager and Galler 1982, without think time: between a network whose demands are
/// all the largest one, and one whose demands are all the mean.
struct BalancedJobBounds {
    double sum;
    double most;
    double mean;
    double users;

    double lower() const { return users / (sum + (users - 1) * most); }
    double upper() const { return std::min(1 / most, users / (sum + (users - 1) * mean)); }
};

}  // namespace

TEST_CASE("Erlang's C is that of his tables") {
    REQUIRE(erlang_c(1, 0.7) == near(0.7));
    REQUIRE(erlang_c(2, 1) == near(1.0 / 3));
    REQUIRE(erlang_c(3, 2) == near(4.0 / 9));
    for (const int servers : {1, 5, 40, 300}) {
        REQUIRE(erlang_c(servers, 0.9 * servers) == near(theory::erlang_c(servers, 0.9 * servers)));
    }
    REQUIRE(erlang_c(4, 0) == 0);
}

TEST_CASE("waits of open stations are those of M/M/c and M/G/1") {
    // M/M/1 at 0.8: rho / (1 - rho) service times; half of that if they are constant.
    REQUIRE(multi_server_wait(1, 0.8, 1) == near(4));
    REQUIRE(single_server_wait(0.8, 1, 2) == near(4));
    REQUIRE(single_server_wait(0.8, 1, 1) == near(2));
    REQUIRE(single_server_wait(3, 0.2, 0.04 * (1 + 16)) ==
            near(theory::pollaczek_khinchine_wait(3, 0.2, 4)));
    REQUIRE(multi_server_wait(6, 50, 0.1) == near(theory::Mmc{6, 50, 0.1}.mean_wait()));
    REQUIRE(multi_server_wait(6, 50, 0) == 0);
}

TEST_CASE("machines and repairmen get what the birth-death chain of Palm gives them") {
    for (const int repairmen : {1, 2, 5, 20}) {
        for (const int machines : {1, 4, 20, 60}) {
            // Each works for 9 s on average; a repair takes 1 s.
            const auto chances = theory::birth_death(
                static_cast<std::size_t>(machines) + 1,
                [&](std::size_t broken) { return (machines - static_cast<double>(broken)) / 9; },
                [&](std::size_t broken) {
                    return static_cast<double>(
                        std::min(broken, static_cast<std::size_t>(repairmen)));
                });
            const double broken =
                theory::mean_over(chances, [](std::size_t n) { return static_cast<double>(n); });
            const ClosedSolution solution = solve({9, {{1, repairmen}}}, machines);
            const double per_s = (machines - broken) / 9;
            REQUIRE(solution.per_s.back() == near(per_s));
            REQUIRE(solution.response_s() == near(broken / per_s));
        }
    }
}

TEST_CASE("a closed network has the throughput of mean-value analysis at every population") {
    const std::vector<double> demands{0.3, 0.05, 0.29, 0.11};
    for (const double think : {0.0, 4.0}) {
        const ClosedNetwork network{think, {{0.3}, {0.05}, {0.29}, {0.11}}};
        const ClosedSolution solution = solve(network, 200);
        for (const int users : {1, 2, 7, 50, 200}) {
            REQUIRE(solution.per_s[static_cast<std::size_t>(users) - 1] ==
                    near(throughput_by_mean_values(think, demands, users)));
        }
    }
}

TEST_CASE("equal copies are as many centres") {
    const ClosedSolution together = solve({2, {{0.1, 3, 4}, {0.2}}}, 30);
    const ClosedSolution apart = solve({2, {{0.1, 3}, {0.2}, {0.1, 3}, {0.1, 3}, {0.1, 3}}}, 30);
    REQUIRE(together.per_s.back() == near(apart.per_s.back()));
    REQUIRE(together.residence_s[0] == near(4 * apart.residence_s[0]));
    REQUIRE(together.response_s() == near(apart.response_s()));
}

TEST_CASE("a network without think time lies within the balanced job bounds") {
    const ClosedNetwork network{0, {{0.3}, {0.05}, {0.29}, {0.11}}};
    const ClosedSolution solution = solve(network, 100);
    for (std::size_t users = 1; users <= 100; ++users) {
        const BalancedJobBounds bounds{0.75, 0.3, 0.75 / 4, static_cast<double>(users)};
        const double per_s = solution.per_s[users - 1];
        REQUIRE(per_s >= bounds.lower() * (1 - 1e-12));
        REQUIRE(per_s <= bounds.upper() * (1 + 1e-12));
    }
    // A balanced network meets them: of K equal centres, N / (N + K - 1) are busy.
    const ClosedSolution balanced = solve({0, {{0.2}, {0.2}, {0.2}}}, 10);
    REQUIRE(balanced.per_s.back() == near(10.0 / 12 / 0.2));
}

TEST_CASE("the response time law holds, however many servers and users there are") {
    // Where the recursion with marginal chances has long lost all digits.
    const ClosedNetwork network{1, {{0.5, 64}, {0.02, 1, 2}, {0.2, 16, 3}}};
    for (const std::int64_t users : {1, 40, 60, 1000, 20000}) {
        const ClosedSolution solution = solve(network, users);
        const double per_s = solution.per_s.back();
        REQUIRE(solution.response_s() == near(static_cast<double>(users) / per_s - 1));
        REQUIRE(per_s <= network.most_per_s(users) * (1 + 1e-12));
        REQUIRE(solution.response_s() >= network.least_response_s(users) * (1 - 1e-12));
    }
    // The only bottleneck is busy all the time.
    REQUIRE(solve({1, {{0.5, 64}, {0.02}, {0.2, 16, 3}}}, 20000).per_s.back() == near(50));
}

TEST_CASE("the knee is where the two asymptotes cross") {
    const ClosedNetwork network{8, {{0.5}, {0.25, 1, 2}, {1, 4}}};
    // Z = 8, D = 0.5 + 2 x 0.25 + 1, Dmax = 0.5.
    REQUIRE(network.knee() == near(20));
    REQUIRE(network.most_per_s(10) == near(1));
    REQUIRE(network.most_per_s(40) == near(2));
    REQUIRE(network.least_response_s(40) == near(12));
}

}  // namespace prodsim
