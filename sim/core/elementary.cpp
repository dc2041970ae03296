#include "sim/core/elementary.hpp"

#include <cmath>

namespace prodsim::elementary {
namespace {

// ---- Tables, computed by the compiler in double-double arithmetic and then rounded once ----

/// The unevaluated sum of two doubles: 106 bits, so that each table entry is correctly rounded.
struct Twofold {
    double high;
    double low;
};

constexpr Twofold exact_sum(double a, double b) {  // Knuth
    const double sum = a + b;
    const double b_share = sum - a;
    return {sum, (a - (sum - b_share)) + (b - b_share)};
}

constexpr Twofold halves(double a) {  // Dekker: two parts of 26 bits, whose products are exact
    const double scaled = a * 134217729.0;  // 2^27 + 1
    const double high = scaled - (scaled - a);
    return {high, a - high};
}

constexpr Twofold exact_product(double a, double b) {
    const double product = a * b;
    const Twofold x = halves(a);
    const Twofold y = halves(b);
    const double rest = ((x.high * y.high - product) + x.high * y.low + x.low * y.high);
    return {product, rest + x.low * y.low};
}

constexpr Twofold operator+(Twofold a, Twofold b) {
    const Twofold sum = exact_sum(a.high, b.high);
    return exact_sum(sum.high, sum.low + a.low + b.low);
}

constexpr Twofold operator*(Twofold a, Twofold b) {
    const Twofold product = exact_product(a.high, b.high);
    return exact_sum(product.high, product.low + a.high * b.low + a.low * b.high);
}

constexpr Twofold operator/(Twofold a, double b) {
    const double quotient = a.high / b;
    const Twofold back = exact_product(quotient, b);
    return exact_sum(quotient, ((a.high - back.high) - back.low + a.low) / b);
}

/// log c = 2 (t + t^3/3 + t^5/5 + ...) with t = (c - 1) / (c + 1), here at most 0.19.
constexpr double table_log(double centre) {
    const Twofold t = Twofold{centre - 1, 0} / (centre + 1);
    Twofold power = t;
    Twofold sum = t;
    for (int n = 3; n < 50; n += 2) {
        power = power * t * t;
        sum = sum + power / n;
    }
    return 2 * sum.high;
}

/// 2^x = 1 + x ln 2 + (x ln 2)^2 / 2 + ... for x below 1.
constexpr double table_exp2(double x) {
    constexpr Twofold ln2{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
    Twofold term{1, 0};
    Twofold sum{1, 0};
    for (int n = 1; n < 35; ++n) {
        term = term * ln2 * Twofold{x, 0} / n;
        sum = sum + term;
    }
    return sum.high;
}

constexpr std::array<LogEntry, 128> make_log_table() {
    std::array<LogEntry, 128> table{};
    for (int i = 0; i < 128; ++i) {
        const double centre = i < 80 ? (176 + i) / 256.0 : (128 + i - 80) / 128.0;
        table[static_cast<std::size_t>(i)] = {1 / centre, table_log(centre)};
    }
    return table;
}

constexpr std::array<double, 128> make_exp2_table() {
    std::array<double, 128> table{};
    for (int i = 0; i < 128; ++i) table[static_cast<std::size_t>(i)] = table_exp2(i / 128.0);
    return table;
}

// ---- Rational approximations ----

/// Horner's rule, the coefficient of the highest power first.
template <std::size_t n>
double polynomial(const std::array<double, n>& coefficients, double x) {
    double sum = 0;
    for (const double coefficient : coefficients) sum = sum * x + coefficient;
    return sum;
}

/// A ratio of two polynomials of degree 7, as AS 241 has three of them.
struct Ratio {
    std::array<double, 8> above;
    std::array<double, 8> below;

    double operator()(double x) const { return polynomial(above, x) / polynomial(below, x); }
};

constexpr Ratio normal_centre{
    {2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080e0},
    {5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0}};

constexpr Ratio normal_tail{
    {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
     4.63033784615654529590e0, 1.42343711074968357734e0},
    {1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
     2.05319162663775882187e0, 1.0}};

constexpr Ratio normal_far_tail{
    {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
     5.46378491116411436990e0, 6.65790464350110377720e0},
    {2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0}};

}  // namespace

constexpr std::array<LogEntry, 128> log_table = make_log_table();
constexpr std::array<double, 128> exp2_table = make_exp2_table();

double log_of_special(double x) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (x == 0) return -infinity;
    if (x < 0) return std::numeric_limits<double>::quiet_NaN();
    if (!(x < infinity)) return x;  // infinity or NaN

    // Subnormal: 2^52 makes it normal, and the sum is far from zero.
    return log(x * 0x1p52) - 52 * (ln2_high + ln2_low);
}

double exp_of_special(double x) {
    if (x > 710) return std::numeric_limits<double>::infinity();
    if (x < -746) return 0;
    if (!(x == x)) return x;

    // In two steps, of which only the last one rounds.
    const Exponential parts = split_exponential(x);
    const std::int64_t half = parts.exponent / 2;
    return parts.significand * power_of_two(half) * power_of_two(parts.exponent - half);
}

double log1p(double x) {  // Kahan: the rounding of 1 + x cancels in the ratio log(u) / (u - 1)
    const double u = 1 + x;
    if (u == 1) return x;
    if (!(u > 0 && u < std::numeric_limits<double>::infinity())) return log(u);
    return log(u) * (x / (u - 1));
}

double expm1(double x) {  // Kahan, likewise
    const double u = exp(x);
    if (u == 1) return x;
    if (!(u > 1e-17 && u < 1e17)) return u - 1;
    return (u - 1) * (x / log(u));
}

double pow(double x, double y) {
    if (y == 0) return 1;
    return exp(y * log(x));
}

double normal_quantile(double p) {
    const double q = p - 0.5;
    if (q >= -0.425 && q <= 0.425) return q * normal_centre(0.180625 - q * q);

    const double r = std::sqrt(-log(q < 0 ? p : 1 - p));
    const double distance = r <= 5 ? normal_tail(r - 1.6) : normal_far_tail(r - 5);
    return q < 0 ? -distance : distance;
}

double log_gamma(double x) {
    double shift = 1;
    for (; x < 10; x += 1) shift *= x;

    constexpr double half_log_two_pi = 0.91893853320467274178;
    constexpr std::array<double, 7> series{1.0 / 156,  -691.0 / 360360, 1.0 / 1188, -1.0 / 1680,
                                           1.0 / 1260, -1.0 / 360,      1.0 / 12};
    const double stirling = polynomial(series, 1 / (x * x)) / x;
    return (x - 0.5) * log(x) - x + half_log_two_pi + stirling - log(shift);
}

}  // namespace prodsim::elementary
