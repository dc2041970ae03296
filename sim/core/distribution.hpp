#pragma once

// A distribution of numbers >= 0, which are seconds where it describes a duration. It is a value:
// a law in its standard form and the scale that stretches it. Every law but Erlang, gamma and
// mixture is sampled by inversion: one uniform u gives the quantile at u, so that runs which share
// their draws stay synchronised and a larger u never means a smaller value. The uniforms end
// 2^-53 short of 0 and 1, and so do the tails: an exponential stays below 37 times its mean.

#include "sim/core/elementary.hpp"
#include "sim/core/random.hpp"
#include "sim/core/time.hpp"

#include <variant>
#include <vector>

namespace prodsim {

/// Unless said otherwise a parameter is finite and greater than 0. Anything else is a mistake of
/// the program: whoever reads input checks it first. `cv` is the coefficient of variation, the
/// standard deviation divided by the mean. Weights need not add up to 1, but to more than 0.
class Distribution {
public:
    /// With this probability a value is at most `value`.
    struct Quantile {
        double probability;
        double value;
    };

    // ---- The laws ----

    /// Always `value` >= 0; draws nothing.
    static Distribution constant(double value);

    /// Evenly spread over [low, high], 0 <= low <= high.
    static Distribution uniform(double low, double high);

    /// Memoryless: -mean log(1 - u).
    static Distribution exponential(double mean);

    /// 1, 2, 3, ...: the number of tries until the first success, each of probability 1 / mean.
    /// 1 <= mean <= 1e15.
    static Distribution geometric(double mean);

    /// The sum of `phases` >= 1 equal exponentials; cv = 1 / sqrt(phases). Up to 16 phases it is
    /// the logarithm of a product of as many uniforms, above that a gamma of the same shape.
    static Distribution erlang(int phases, double mean);

    /// An exponential with mean `means[i]`, chosen with probability proportional to `weights[i]`
    /// >= 0: a mixture. Same length, at least 1.
    static Distribution hyperexponential(const std::vector<double>& weights,
                                         const std::vector<double>& means);

    /// Two exponentials with balanced means (p1 mean1 = p2 mean2), cv >= 1: p1 is
    /// (1 + sqrt((cv^2 - 1) / (cv^2 + 1))) / 2 and mean1 is mean / (2 p1). Tijms 2003, "A First
    /// Course in Stochastic Models", appendix B.
    static Distribution hyperexponential_from_cv(double mean, double cv);

    /// exp(mu + sigma z) with z standard normal; sigma^2 = log(1 + cv^2) and
    /// exp(mu) = mean / sqrt(1 + cv^2). cv >= 0; at 0 it is the constant.
    static Distribution lognormal(double mean, double cv);

    /// The lognormal with this median and 99th percentile, p50 <= p99.
    static Distribution lognormal_from_quantiles(double p50, double p99);

    /// Gamma of shape 1 / cv^2, 0 <= cv <= 1000; at 0 it is the constant. Rejection, so it takes
    /// a varying number of uniforms: Marsaglia & Tsang 2000, "A simple method for generating gamma
    /// variables", with their power of one more uniform where the shape is below 1.
    static Distribution gamma(double mean, double cv);

    /// scale (-log(1 - u))^(1 / shape), the scale being mean / Gamma(1 + 1 / shape). Heavy below
    /// shape 1, exponential at 1. 0.02 <= shape <= 1000.
    static Distribution weibull(double mean, double shape);

    /// minimum (1 - u)^(-1 / alpha), so P(X > x) = (minimum / x)^alpha. The mean is infinite up to
    /// alpha = 1, the variance up to alpha = 2. alpha >= 0.06 keeps the largest value finite.
    static Distribution pareto(double minimum, double alpha);

    /// The Pareto with this mean; its minimum is mean (alpha - 1) / alpha. alpha > 1.
    static Distribution pareto_from_mean(double mean, double alpha);

    /// The Pareto of minimum `low` given that it is at most `high`, low <= high (Harchol-Balter
    /// 2013, "Performance Modeling and Design of Computer Systems", section 20.5).
    static Distribution bounded_pareto(double low, double high, double alpha);

    /// Straight lines between given quantiles. The first probability is 0 and the last is 1, since
    /// no tail is invented; probabilities increase, values >= 0 do not decrease.
    static Distribution from_quantiles(std::vector<Quantile> quantiles);

    /// One of these observations, each as likely as the others: the empirical distribution, not
    /// smoothed. At least one, each >= 0, in any order.
    static Distribution from_samples(std::vector<double> samples);

    /// `values[i]` >= 0, in any order, with probability proportional to `weights[i]` >= 0. Same
    /// length, at least 1.
    static Distribution discrete(const std::vector<double>& values,
                                 const std::vector<double>& weights);

    /// `parts[i]` with probability proportional to `weights[i]` >= 0: one uniform for the choice,
    /// then what the part takes. Same length, at least 1.
    static Distribution mixture(const std::vector<double>& weights,
                                const std::vector<Distribution>& parts);

    // ---- What one can ask of it ----

    double sample(Draws& draws) const;

    /// Infinite where the law has none.
    double mean() const;
    double variance() const;

    /// 0 for a constant, even for the constant 0.
    double cv() const;

    bool is_constant() const { return std::holds_alternative<One>(law_); }

    /// Every value multiplied by `factor` >= 0.
    Distribution scaled(double factor) const;

private:
    // The standard laws. One that is sampled by inversion has a `quantile`, any other a `sample`.

    struct One {
        double quantile(double) const { return 1; }
        double mean() const { return 1; }
        double variance() const { return 0; }
    };

    /// Mean 1.
    struct Exponential {
        double quantile(double u) const { return -elementary::log(1 - u); }
        double mean() const { return 1; }
        double variance() const { return 1; }
    };

    /// Tries until the first success; `failure` is the logarithm of the probability of none.
    struct Geometric {
        double failure;

        double quantile(double u) const;
        double mean() const;
        double variance() const;
    };

    struct Uniform {
        double low;
        double high;

        double quantile(double u) const { return low + (high - low) * u; }
        double mean() const { return low + (high - low) / 2; }
        double variance() const { return (high - low) * (high - low) / 12; }
    };

    /// Each phase has mean 1.
    struct Erlang {
        int phases;

        double sample(Draws& draws) const;
        double mean() const { return phases; }
        double variance() const { return phases; }
    };

    /// Scale 1.
    struct Gamma {
        double shape;

        double sample(Draws& draws) const;
        double mean() const { return shape; }
        double variance() const { return shape; }
    };

    /// Median 1.
    struct Lognormal {
        double sigma;

        double quantile(double u) const;
        double mean() const;
        double variance() const;
    };

    /// Scale 1.
    struct Weibull {
        double inverse_shape;

        double quantile(double u) const;
        double mean() const;
        double variance() const;
    };

    /// Minimum 1.
    struct Pareto {
        double inverse_alpha;

        double quantile(double u) const;
        double mean() const;
        double variance() const;
    };

    /// From 1 to `high`; `mass` is the probability that the unbounded law stays in there.
    struct BoundedPareto {
        double high;
        double alpha;
        double mass;

        double quantile(double u) const;
        double moment(int order) const;
        double mean() const { return moment(1); }
        double variance() const;
    };

    /// Invariant: probabilities from 0 to 1, both columns sorted.
    struct Interpolated {
        std::vector<Quantile> points;

        double quantile(double u) const;
        double mean() const;
        double variance() const;
    };

    /// Invariant: sorted.
    struct Observed {
        std::vector<double> samples;

        double quantile(double u) const;
        double mean() const;
        double variance() const;
    };

    /// Invariant: both columns sorted, the last probability is 1.
    struct Steps {
        std::vector<Quantile> steps;

        double quantile(double u) const;
        double mean() const;
        double variance() const;
    };

    struct Part;

    /// Invariant: `up_to` is the probability of this part and those before it; each part has some,
    /// the last is up to 1.
    struct Mixture {
        std::vector<Part> parts;

        double sample(Draws& draws) const;
        double mean() const;
        double variance() const;
    };

    using Law =
        std::variant<One, Exponential, Geometric, Uniform, Erlang, Gamma, Lognormal, Weibull,
                     Pareto, BoundedPareto, Interpolated, Observed, Steps, Mixture>;

    Distribution(Law law, double scale);

    double sample_law(Draws& draws) const;

    Law law_;
    double scale_;
};

struct Distribution::Part {
    double up_to;
    Distribution law;
};

/// A sample in seconds, as a duration.
inline Duration sample_duration(const Distribution& distribution, Draws& draws) {
    return from_seconds(distribution.sample(draws));
}

inline double Distribution::sample(Draws& draws) const {
    if (std::holds_alternative<Exponential>(law_)) {
        return scale_ * Exponential{}.quantile(draws.uniform());
    }
    if (is_constant()) return scale_;
    return sample_law(draws);
}

}  // namespace prodsim
