#include "sim/core/distribution.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

namespace prodsim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Asked only by assertions, which a release does without.
[[maybe_unused]] bool positive(double x) { return x > 0 && x < infinity; }
[[maybe_unused]] bool not_negative(double x) { return x >= 0 && x < infinity; }
[[maybe_unused]] bool none_negative(const std::vector<double>& all) {
    return std::all_of(all.begin(), all.end(), not_negative);
}

[[maybe_unused]] bool legal(const std::vector<Distribution::Quantile>& points) {
    bool sorted = points.size() >= 2 && points.front().probability == 0 &&
                  points.back().probability == 1 && not_negative(points.front().value) &&
                  not_negative(points.back().value);
    for (std::size_t i = 1; i < points.size(); ++i) {
        sorted = sorted && points[i - 1].probability < points[i].probability &&
                 points[i - 1].value <= points[i].value;
    }
    return sorted;
}

double square(double x) { return x * x; }

/// The integral of x^(s - 1) from 1 to e^length: (e^(s length) - 1) / s, also where s is 0.
double power_integral(double s, double length) {
    return s == 0 ? length : elementary::expm1(s * length) / s;
}

/// The first point above a probability; there is one, since the last probability is 1 and u is not.
auto first_above(const std::vector<Distribution::Quantile>& points, double u) {
    const auto above = [](double p, const auto& point) { return p < point.probability; };
    return std::upper_bound(points.begin(), points.end(), u, above);
}

}  // namespace

// ---- The laws ----

Distribution::Distribution(Law law, double scale) : law_{std::move(law)}, scale_{scale} {}

Distribution Distribution::constant(double value) {
    assert(not_negative(value));
    return {One{}, value};
}

Distribution Distribution::uniform(double low, double high) {
    assert(not_negative(low) && low <= high && high < infinity);
    return {Uniform{low, high}, 1};
}

Distribution Distribution::exponential(double mean) {
    assert(positive(mean));
    return {Exponential{}, mean};
}

Distribution Distribution::geometric(double mean) {
    assert(mean >= 1 && mean <= 1e15);
    if (mean == 1) return constant(1);
    return {Geometric{elementary::log1p(-1 / mean)}, 1};
}

Distribution Distribution::erlang(int phases, double mean) {
    assert(phases >= 1 && positive(mean));
    if (phases == 1) return exponential(mean);
    // A product of 16 uniforms of at least 2^-53 is far above the smallest double.
    if (phases <= 16) return {Erlang{phases}, mean / phases};
    return {Gamma{static_cast<double>(phases)}, mean / phases};
}

Distribution Distribution::hyperexponential(const std::vector<double>& weights,
                                            const std::vector<double>& means) {
    std::vector<Distribution> phases;
    phases.reserve(means.size());
    for (const double mean : means) phases.push_back(exponential(mean));
    return mixture(weights, phases);
}

Distribution Distribution::hyperexponential_from_cv(double mean, double cv) {
    assert(positive(mean) && cv >= 1 && cv < infinity);
    const double p = (1 + std::sqrt((cv * cv - 1) / (cv * cv + 1))) / 2;
    // 1 - p loses its digits where cv is large; p (1 - p) = 1 / (2 (cv^2 + 1)) keeps them.
    const double q = 1 / (2 * (cv * cv + 1) * p);
    return hyperexponential({p, q}, {mean / (2 * p), mean / (2 * q)});
}

Distribution Distribution::lognormal(double mean, double cv) {
    assert(positive(mean) && not_negative(cv));
    if (cv == 0) return constant(mean);
    const double sigma = std::sqrt(elementary::log1p(cv * cv));
    return {Lognormal{sigma}, mean / std::sqrt(1 + cv * cv)};
}

Distribution Distribution::lognormal_from_quantiles(double p50, double p99) {
    assert(positive(p50) && p50 <= p99 && p99 < infinity);
    if (p50 == p99) return constant(p50);
    return {Lognormal{elementary::log(p99 / p50) / elementary::normal_quantile(0.99)}, p50};
}

Distribution Distribution::gamma(double mean, double cv) {
    assert(positive(mean) && cv >= 0 && cv <= 1000);
    if (cv == 0) return constant(mean);
    return {Gamma{1 / (cv * cv)}, mean * (cv * cv)};
}

Distribution Distribution::weibull(double mean, double shape) {
    assert(positive(mean) && shape >= 0.02 && shape <= 1000);
    const Weibull law{1 / shape};
    return {law, mean / law.mean()};
}

Distribution Distribution::pareto(double minimum, double alpha) {
    assert(positive(minimum) && alpha >= 0.06 && alpha < infinity);
    return {Pareto{1 / alpha}, minimum};
}

Distribution Distribution::pareto_from_mean(double mean, double alpha) {
    assert(positive(mean) && alpha > 1);
    return pareto(mean * (alpha - 1) / alpha, alpha);
}

Distribution Distribution::bounded_pareto(double low, double high, double alpha) {
    assert(positive(low) && low <= high && high < infinity && positive(alpha));
    const double ratio = high / low;
    if (ratio == 1) return constant(low);
    const double mass = -elementary::expm1(-alpha * elementary::log(ratio));
    return {BoundedPareto{ratio, alpha, mass}, low};
}

Distribution Distribution::from_quantiles(std::vector<Quantile> quantiles) {
    assert(legal(quantiles));
    return {Interpolated{std::move(quantiles)}, 1};
}

Distribution Distribution::from_samples(std::vector<double> samples) {
    assert(!samples.empty() && none_negative(samples));
    std::sort(samples.begin(), samples.end());
    return {Observed{std::move(samples)}, 1};
}

Distribution Distribution::discrete(const std::vector<double>& values,
                                    const std::vector<double>& weights) {
    assert(values.size() == weights.size() && none_negative(values) && none_negative(weights));
    std::vector<std::pair<double, double>> sorted;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (weights[i] > 0) sorted.emplace_back(values[i], weights[i]);
    }
    assert(!sorted.empty());
    std::sort(sorted.begin(), sorted.end());

    Steps law;
    double weight_so_far = 0;
    for (const auto& [value, weight] : sorted) {
        weight_so_far += weight;
        law.steps.push_back({weight_so_far, value});
    }
    for (Quantile& step : law.steps) step.probability /= weight_so_far;
    return {std::move(law), 1};
}

Distribution Distribution::mixture(const std::vector<double>& weights,
                                   const std::vector<Distribution>& parts) {
    assert(weights.size() == parts.size() && none_negative(weights));
    Mixture law;
    double weight_so_far = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (weights[i] == 0) continue;
        weight_so_far += weights[i];
        law.parts.push_back({weight_so_far, parts[i]});
    }
    assert(!law.parts.empty());
    for (Part& part : law.parts) part.up_to /= weight_so_far;
    return {std::move(law), 1};
}

// ---- What one can ask of it ----

double Distribution::sample_law(Draws& draws) const {
    const auto standard_sample = [&draws](const auto& law) {
        if constexpr (requires { law.quantile(0.5); }) {
            return law.quantile(draws.uniform());
        } else {
            return law.sample(draws);
        }
    };
    return scale_ * std::visit(standard_sample, law_);
}

double Distribution::mean() const {
    return scale_ * std::visit([](const auto& law) { return law.mean(); }, law_);
}

double Distribution::variance() const {
    return square(scale_) * std::visit([](const auto& law) { return law.variance(); }, law_);
}

double Distribution::cv() const {
    const double spread = variance();
    if (spread == 0 || spread == infinity) return spread;
    return std::sqrt(spread) / mean();
}

Distribution Distribution::scaled(double factor) const {
    assert(not_negative(factor));
    if (factor == 0) return constant(0);
    return {law_, scale_ * factor};
}

// ---- The standard laws ----

double Distribution::Geometric::quantile(double u) const {
    return 1 + std::floor(elementary::log(1 - u) / failure);
}

double Distribution::Geometric::mean() const { return -1 / elementary::expm1(failure); }

double Distribution::Geometric::variance() const { return mean() * (mean() - 1); }

double Distribution::Erlang::sample(Draws& draws) const {
    double product = 1;
    for (int phase = 0; phase < phases; ++phase) product *= draws.uniform();
    return -elementary::log(product);
}

double Distribution::Gamma::sample(Draws& draws) const {
    if (shape < 1) {
        const double power = elementary::pow(draws.uniform(), 1 / shape);
        return Gamma{shape + 1}.sample(draws) * power;
    }
    const double d = shape - 1.0 / 3;
    const double c = 1 / std::sqrt(9 * d);
    while (true) {
        const double z = elementary::normal_quantile(draws.uniform());
        const double u = draws.uniform();
        const double root = 1 + c * z;
        if (root <= 0) continue;
        const double v = root * root * root;
        const bool inside = u < 1 - 0.0331 * square(z * z);  // saves most of the logarithms
        if (inside || elementary::log(u) < z * z / 2 + d * (1 - v + elementary::log(v))) {
            return d * v;
        }
    }
}

double Distribution::Lognormal::quantile(double u) const {
    return elementary::exp(sigma * elementary::normal_quantile(u));
}

double Distribution::Lognormal::mean() const { return elementary::exp(sigma * sigma / 2); }

double Distribution::Lognormal::variance() const {
    return elementary::exp(sigma * sigma) * elementary::expm1(sigma * sigma);
}

double Distribution::Weibull::quantile(double u) const {
    return elementary::pow(Exponential{}.quantile(u), inverse_shape);
}

double Distribution::Weibull::mean() const {
    return elementary::exp(elementary::log_gamma(1 + inverse_shape));
}

double Distribution::Weibull::variance() const {
    // Gamma(1 + 2/shape) - Gamma(1 + 1/shape)^2, without the cancellation at large shapes.
    const double log_mean = elementary::log_gamma(1 + inverse_shape);
    const double log_second_moment = elementary::log_gamma(1 + 2 * inverse_shape);
    return elementary::exp(2 * log_mean) * elementary::expm1(log_second_moment - 2 * log_mean);
}

double Distribution::Pareto::quantile(double u) const {
    return elementary::exp(Exponential{}.quantile(u) * inverse_alpha);
}

double Distribution::Pareto::mean() const {
    return inverse_alpha < 1 ? 1 / (1 - inverse_alpha) : infinity;
}

double Distribution::Pareto::variance() const {
    if (inverse_alpha >= 0.5) return infinity;
    return square(inverse_alpha / (1 - inverse_alpha)) / (1 - 2 * inverse_alpha);
}

double Distribution::BoundedPareto::quantile(double u) const {
    const double value = elementary::exp(-elementary::log(1 - u * mass) / alpha);
    return std::min(value, high);
}

double Distribution::BoundedPareto::moment(int order) const {
    const double length = elementary::log(high);
    return power_integral(order - alpha, length) / power_integral(-alpha, length);
}

double Distribution::BoundedPareto::variance() const {
    return std::max(0.0, moment(2) - square(moment(1)));
}

double Distribution::Interpolated::quantile(double u) const {
    const auto above = first_above(points, u);
    const auto below = above - 1;
    const double share = (u - below->probability) / (above->probability - below->probability);
    return below->value + (above->value - below->value) * share;
}

double Distribution::Interpolated::mean() const {
    double sum = 0;
    for (std::size_t i = 1; i < points.size(); ++i) {
        const double probability = points[i].probability - points[i - 1].probability;
        sum += probability * (points[i - 1].value + points[i].value) / 2;
    }
    return sum;
}

double Distribution::Interpolated::variance() const {
    const double centre = mean();
    double sum = 0;
    for (std::size_t i = 1; i < points.size(); ++i) {
        const Uniform line{points[i - 1].value, points[i].value};
        const double probability = points[i].probability - points[i - 1].probability;
        sum += probability * (line.variance() + square(line.mean() - centre));
    }
    return sum;
}

double Distribution::Observed::quantile(double u) const {
    const auto position = static_cast<std::size_t>(u * static_cast<double>(samples.size()));
    return samples[std::min(position, samples.size() - 1)];
}

double Distribution::Observed::mean() const {
    const double sum = std::accumulate(samples.begin(), samples.end(), 0.0);
    return sum / static_cast<double>(samples.size());
}

double Distribution::Observed::variance() const {
    const double centre = mean();
    double sum = 0;
    for (const double value : samples) sum += square(value - centre);
    return sum / static_cast<double>(samples.size());
}

double Distribution::Steps::quantile(double u) const { return first_above(steps, u)->value; }

double Distribution::Steps::mean() const {
    double sum = 0;
    double before = 0;
    for (const auto& [up_to, value] : steps) {
        sum += (up_to - before) * value;
        before = up_to;
    }
    return sum;
}

double Distribution::Steps::variance() const {
    const double centre = mean();
    double sum = 0;
    double before = 0;
    for (const auto& [up_to, value] : steps) {
        sum += (up_to - before) * square(value - centre);
        before = up_to;
    }
    return sum;
}

double Distribution::Mixture::sample(Draws& draws) const {
    const double u = draws.uniform();
    const auto chosen = std::upper_bound(parts.begin(), parts.end(), u,
                                         [](double x, const Part& part) { return x < part.up_to; });
    return chosen->law.sample(draws);
}

double Distribution::Mixture::mean() const {
    double sum = 0;
    double before = 0;
    for (const auto& [up_to, law] : parts) {
        sum += (up_to - before) * law.mean();
        before = up_to;
    }
    return sum;
}

double Distribution::Mixture::variance() const {
    const double centre = mean();
    if (centre == infinity) return infinity;
    double sum = 0;
    double before = 0;
    for (const auto& [up_to, law] : parts) {
        sum += (up_to - before) * (law.variance() + square(law.mean() - centre));
        before = up_to;
    }
    return sum;
}

}  // namespace prodsim
