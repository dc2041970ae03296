#pragma once

// Logarithm, exponential, power and normal quantile, made of + - * /, square root, integer
// arithmetic and tables alone: libm picks its code by the CPU, and a run must give the same bits
// everywhere. That holds for IEEE doubles rounded to nearest, compiled with contraction off.
// The errors quoted are relative, in units of the last place (ulp, at most 2.2e-16), as measured.

#include <array>
#include <bit>
#include <cfloat>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace prodsim::elementary {

static_assert(std::numeric_limits<double>::is_iec559 && FLT_EVAL_METHOD == 0,
              "the same bits everywhere need IEEE doubles without excess precision");

/// Natural logarithm; within 2 ulp. -infinity at 0, NaN below.
inline double log(double x);

/// e to the power x; within 1.1 ulp. Overflows to infinity, underflows by way of subnormals to 0.
inline double exp(double x);

/// log(1 + x), within 4 ulp however small x is. -infinity at -1, NaN below.
double log1p(double x);

/// exp(x) - 1, within 4 ulp however small x is.
double expm1(double x);

/// x to the power y for x >= 0 and finite y; within 3 (1 + |y log x|) ulp, so 1e-14 for results
/// between 1e-6 and 1e6.
double pow(double x, double y);

/// The z that a standard normal variable stays below with probability p, 0 < p < 1. Relative
/// error 1e-15. Wichura 1988, Algorithm AS 241 (PPND16), Applied Statistics 37:477.
double normal_quantile(double p);

/// Logarithm of the gamma function for x > 0; absolute error 3e-14 up to x = 20. Stirling's
/// series (Abramowitz & Stegun 6.1.41) after a shift to x >= 10.
double log_gamma(double x);

// What follows is how: a table brings the argument so near to where the function is known that a
// few terms of its Taylor series do the rest. The compiler computes the tables (elementary.cpp).

inline constexpr double ln2_high = 0x1.62e42fefa3800p-1;  // 42 bits: times an exponent it is exact
inline constexpr double ln2_low = 0x1.ef35793c76730p-45;

struct LogEntry {
    double inverse;  // 1 / centre
    double log_centre;
};

/// The centres are the numbers with 7 bits after the leading one from 0.6875 up to 1.375. One of
/// them is 1 itself, so that log keeps its relative accuracy where it goes to zero.
extern const std::array<LogEntry, 128> log_table;

/// 2^(i / 128)
extern const std::array<double, 128> exp2_table;

/// log of what is not a positive normal number.
double log_of_special(double x);

/// exp where the result is too large or too small for one multiplication by a power of two.
double exp_of_special(double x);

inline double log(double x) {
    constexpr std::uint64_t smallest_normal = 0x0010'0000'0000'0000;
    constexpr std::uint64_t infinity = 0x7ff0'0000'0000'0000;
    constexpr std::uint64_t first_centre = 0x3fe6'0000'0000'0000;  // 0.6875
    constexpr std::uint64_t step = std::uint64_t{1} << 45;

    const auto bits = std::bit_cast<std::uint64_t>(x);
    if (bits - smallest_normal >= infinity - smallest_normal) return log_of_special(x);

    // x = 2^k fraction, and fraction = centre (1 + r) with |r| <= 1/256.
    const std::uint64_t offset = bits - first_centre + step / 2;
    const auto k = static_cast<double>(static_cast<std::int64_t>(offset) >> 52);
    const std::uint64_t fraction_bits = bits - (offset & 0xfff0'0000'0000'0000);
    const auto fraction = std::bit_cast<double>(fraction_bits);
    const auto centre = std::bit_cast<double>((fraction_bits + step / 2) & ~(step - 1));
    const LogEntry& entry = log_table[(offset >> 45) & 127];
    const double r = (fraction - centre) * entry.inverse;

    const double r2 = r * r;
    const double tail = r2 * ((-1.0 / 2 + r * (1.0 / 3)) +
                              r2 * ((-1.0 / 4 + r * (1.0 / 5)) + r2 * (-1.0 / 6 + r * (1.0 / 7))));
    return (k * ln2_high + entry.log_centre) + (r + (tail + k * ln2_low));
}

/// e^x = 2^exponent significand, with a significand from 1 to 2, give or take its rounding.
struct Exponential {
    double significand;
    std::int64_t exponent;
};

inline Exponential split_exponential(double x) {
    // Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits.
    constexpr double rounding = 0x1.8p52;
    constexpr double steps_per_unit = 0x1.71547652b82fep7;  // 128 / ln 2

    // x = n ln 2 / 128 + r with |r| <= ln 2 / 256; n step_high is exact: 18 and 32 bits.
    constexpr double step_high = 0x1.62e42fee00000p-8;
    constexpr double step_low = 0x1.a39ef35793c76p-40;
    const double shifted = x * steps_per_unit + rounding;
    const std::int64_t n =
        std::bit_cast<std::int64_t>(shifted) - std::bit_cast<std::int64_t>(rounding);
    const double steps = shifted - rounding;
    const double r = (x - steps * step_high) - steps * step_low;

    const double r2 = r * r;
    const double tail = r2 * ((1.0 / 2 + r * (1.0 / 6)) + r2 * (1.0 / 24 + r * (1.0 / 120)));
    const double root = exp2_table[static_cast<std::size_t>(n & 127)];
    return {root + root * (r + tail), n >> 7};
}

/// 2^exponent, for the exponents of normal numbers.
inline double power_of_two(std::int64_t exponent) {
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

inline double exp(double x) {
    if (!(x > -708 && x < 708)) return exp_of_special(x);
    const Exponential parts = split_exponential(x);
    return parts.significand * power_of_two(parts.exponent);
}

}  // namespace prodsim::elementary
