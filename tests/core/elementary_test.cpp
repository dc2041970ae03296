// The elementary functions against the long double functions of the standard library, and their
// edges. Where long double has 64 bits, its own error does not count.
#include "sim/core/elementary.hpp"

#include "sim/core/random.hpp"
#include "tests/catch.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace prodsim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double smallest_subnormal = std::numeric_limits<double>::denorm_min();
constexpr double smallest_normal = std::numeric_limits<double>::min();
constexpr double largest = std::numeric_limits<double>::max();
constexpr int arguments = 300'000;

/// The error in units of the last place of the expected number.
double error_in_ulp(double value, long double expected) {
    const double rounded = std::abs(static_cast<double>(expected));
    const double unit = std::nextafter(rounded, infinity) - rounded;
    return std::abs(static_cast<double>((value - expected) / unit));
}

/// The largest error in ulp over many arguments drawn by `argument`.
template <typename Argument, typename Function, typename Reference>
double worst_error(Argument argument, Function function, Reference reference) {
    Draws draws{1};
    double worst = 0;
    for (int i = 0; i < arguments; ++i) {
        const double x = argument(draws);
        const long double expected = reference(static_cast<long double>(x));
        worst = std::max(worst, error_in_ulp(function(x), expected));
    }
    return worst;
}

auto between(double low, double high) {
    return [=](Draws& draws) { return low + (high - low) * draws.uniform(); };
}

/// Of either sign, with every size down to 2^-120 as likely as any other.
double small_number(Draws& draws) {
    const double size = std::ldexp(draws.uniform(), -static_cast<int>(draws.below(120)));
    return draws.chance(0.5) ? size : -size;
}

double positive_number(Draws& draws) {
    const std::uint64_t infinity_bits = std::bit_cast<std::uint64_t>(infinity);
    return std::bit_cast<double>(1 + draws.below(infinity_bits - 1));
}

const auto log_of = [](auto x) { return std::log(x); };
const auto exp_of = [](auto x) { return std::exp(x); };

/// P(Z > z) of a standard normal variable, without cancellation in the tail.
long double normal_tail(long double z) { return std::erfc(z / std::sqrt(2.0L)) / 2; }

long double normal_density(long double z) {
    return std::exp(-z * z / 2) / std::sqrt(8 * std::atan(1.0L));
}

}  // namespace

TEST_CASE("log is within 2 ulp for numbers of every size, and where it crosses zero") {
    CHECK(worst_error(positive_number, elementary::log, log_of) <= 2);
    CHECK(worst_error(between(0, 1), elementary::log, log_of) <= 2);
    CHECK(worst_error(between(0.99, 1.01), elementary::log, log_of) <= 2);
    CHECK(worst_error(between(1 - 1e-9, 1 + 1e-9), elementary::log, log_of) <= 2);
    CHECK(worst_error(between(1e-310, 1e-307), elementary::log, log_of) <= 2);
}

TEST_CASE("log knows its edges") {
    CHECK(elementary::log(1.0) == 0.0);
    CHECK(elementary::log(0.0) == -infinity);
    CHECK(elementary::log(-0.0) == -infinity);
    CHECK(elementary::log(infinity) == infinity);
    CHECK(std::isnan(elementary::log(-1.0)));
    CHECK(std::isnan(elementary::log(-infinity)));
    CHECK(std::isnan(elementary::log(std::numeric_limits<double>::quiet_NaN())));
    for (const double x : {smallest_subnormal, smallest_normal, largest, 2.0, 0.5, 0.6875, 1.375,
                           std::nextafter(1.0, 0.0), std::nextafter(1.0, 2.0),
                           std::nextafter(smallest_normal, 0.0)}) {
        INFO("x = " << x);
        CHECK(error_in_ulp(elementary::log(x), std::log(static_cast<long double>(x))) <= 2);
    }
}

TEST_CASE("exp is within 1.1 ulp from the smallest subnormal to the largest number") {
    CHECK(worst_error(between(-708, 708), elementary::exp, exp_of) <= 1.1);
    CHECK(worst_error(between(-1, 1), elementary::exp, exp_of) <= 1.1);
    CHECK(worst_error(small_number, elementary::exp, exp_of) <= 1.1);
    CHECK(worst_error(between(708, 709.7827), elementary::exp, exp_of) <= 1.1);
    CHECK(worst_error(between(-745, -708), elementary::exp, exp_of) <= 1.1);
}

TEST_CASE("exp knows its edges") {
    CHECK(elementary::exp(0.0) == 1.0);
    CHECK(elementary::exp(-0.0) == 1.0);
    CHECK(elementary::exp(smallest_subnormal) == 1.0);
    CHECK(elementary::exp(infinity) == infinity);
    CHECK(elementary::exp(-infinity) == 0.0);
    CHECK(std::isnan(elementary::exp(std::numeric_limits<double>::quiet_NaN())));

    // log(2^1024 - 2^970) = 709.782712893383996..., log(2^-1075) = -745.13321910194...
    CHECK(elementary::exp(709.782712893384) < infinity);
    CHECK(elementary::exp(709.7827128933841) == infinity);
    CHECK(elementary::exp(1e300) == infinity);
    CHECK(elementary::exp(-745.13) == smallest_subnormal);
    CHECK(elementary::exp(-745.14) == 0.0);
    CHECK(elementary::exp(-1e300) == 0.0);
}

TEST_CASE("log1p and expm1 keep their relative accuracy however small the argument is") {
    const auto log1p_of = [](long double x) { return std::log1p(x); };
    const auto expm1_of = [](long double x) { return std::expm1(x); };
    CHECK(worst_error(small_number, elementary::log1p, log1p_of) <= 4);
    CHECK(worst_error(small_number, elementary::expm1, expm1_of) <= 4);
    CHECK(worst_error(between(-1, 100), elementary::log1p, log1p_of) <= 4);
    CHECK(worst_error(between(-50, 50), elementary::expm1, expm1_of) <= 4);

    CHECK(elementary::log1p(0.0) == 0.0);
    CHECK(elementary::log1p(-1.0) == -infinity);
    CHECK(elementary::log1p(infinity) == infinity);
    CHECK(std::isnan(elementary::log1p(-1.5)));
    CHECK(elementary::expm1(0.0) == 0.0);
    CHECK(elementary::expm1(-infinity) == -1.0);
    CHECK(elementary::expm1(infinity) == infinity);
}

TEST_CASE("pow is within 3 (1 + |y log x|) ulp") {
    Draws draws{2};
    double worst = 0;
    for (int i = 0; i < arguments; ++i) {
        const double x = std::ldexp(1 + draws.uniform(), static_cast<int>(draws.below(40)) - 20);
        const double y = 40 * draws.uniform() - 20;
        const long double expected = std::pow(static_cast<long double>(x), y);
        const auto allowance = static_cast<double>(1 + std::abs(std::log(expected)));
        worst = std::max(worst, error_in_ulp(elementary::pow(x, y), expected) / allowance);
    }
    CHECK(worst <= 3);

    CHECK(elementary::pow(0.0, 2.0) == 0.0);
    CHECK(elementary::pow(0.0, -2.0) == infinity);
    CHECK(elementary::pow(0.0, 0.0) == 1.0);
    CHECK(elementary::pow(1.0, 1e9) == 1.0);
    CHECK(elementary::pow(infinity, 0.5) == infinity);
}

TEST_CASE("the normal quantile has the values that Wichura prints with AS 241") {
    CHECK(elementary::normal_quantile(0.25) == within(1e-15, -0.6744897501960817));
    CHECK(elementary::normal_quantile(0.001) == within(5e-15, -3.090232306167814));
    CHECK(elementary::normal_quantile(1e-20) == within(1e-14, -9.262340089798408));
}

TEST_CASE("the normal quantile inverts the distribution function to 1e-15, in both tails") {
    Draws draws{3};
    double worst = 0;
    for (int i = 0; i < arguments; ++i) {
        // Half of them spread evenly, half of them with every size down to 1e-300.
        const double tail = i % 2 == 0 ? draws.uniform() / 2 : std::pow(10, -300 * draws.uniform());
        const double p = tail < 0.5 ? tail : 1 - tail;
        const double z = elementary::normal_quantile(p);
        if (z > -1e-3) continue;  // relative to z, the reference itself is no better there
        // One step of Newton's method says how far z is from the true quantile.
        const long double step = (normal_tail(-z) - p) / normal_density(z);
        worst = std::max(worst, static_cast<double>(std::abs(step / z)));
    }
    CHECK(worst <= 1e-15);

    CHECK(elementary::normal_quantile(0.5) == 0.0);
    for (const double p : {0x1p-53, 0x1p-40, 0x1p-10, 0.0625, 0.25, 0.5 - 0x1p-30}) {
        CHECK(elementary::normal_quantile(1 - p) == -elementary::normal_quantile(p));
    }
}

TEST_CASE("log_gamma agrees with factorials, with Gamma(1/2) and with the standard library") {
    double factorial = 1;
    for (int n = 1; n <= 20; ++n) {
        CHECK(elementary::log_gamma(n) == within(3e-14, std::log(factorial)));
        factorial *= n;
    }
    CHECK(elementary::log_gamma(0.5) == within(3e-14, std::log(std::acos(-1.0)) / 2));
    for (double x = 0.01; x < 20; x += 0.01) {
        CHECK(elementary::log_gamma(x) == within(3e-14, std::lgamma(x)));
    }
    CHECK(elementary::log_gamma(101.0) == within(1e-12, std::lgamma(101.0)));
}

TEST_CASE("multiplication and addition are not contracted") {
    // Fused, the rounding error of the square would come out instead of 0.
    const volatile double x = 1 + 0x1p-30;
    const volatile double square = x * x;
    const double a = x;
    const double b = square;
    CHECK(a * a - b == 0.0);
}

TEST_CASE("the elementary functions give the same bits on every machine") {
    // The number has no theory: it is what one machine gave, and what every other must give.
    Draws draws{4};
    std::uint64_t fingerprint = 0;
    const auto add = [&](double x) {
        fingerprint = mix(fingerprint, std::bit_cast<std::uint64_t>(x));
    };
    for (int i = 0; i < arguments; ++i) {
        const double u = draws.uniform();
        add(elementary::log(u));
        add(elementary::exp(2000 * u - 1000));
        add(elementary::log1p(u - 0.5));
        add(elementary::expm1(u - 0.5));
        add(elementary::pow(u, 1.7));
        add(elementary::normal_quantile(u));
        add(elementary::log_gamma(20 * u));
    }
    CHECK(fingerprint == 0xacda'6630'b6fa'd90au);
}

}  // namespace prodsim
