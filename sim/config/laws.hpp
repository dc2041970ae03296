#pragma once

// The laws, each a described struct over Duration, Bytes or double, and how it becomes a sampler.
// Included by law.cpp alone. A law is made only after its arguments have been read without a
// problem, so `make` relies on every limit and rule in its description.

#include "sim/config/fields.hpp"
#include "sim/config/problem.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim::laws {

inline double plain(Duration duration) { return in_seconds(duration); }
inline double plain(Bytes bytes) { return static_cast<double>(bytes.count); }
inline double plain(double number) { return number; }

/// What a law may need beside its arguments to become a sampler.
struct Making {
    const OpenFile& open;
    Problems& problems;
    Place place;
};
using Made = std::optional<Distribution>;

/// The coefficient of variation of measured service times is rarely above 10.
inline constexpr double largest_cv = 100;

template <class Quantity>
struct Constant {
    Quantity value{};

    void describe(Fields& fields) {
        fields("value", value, "The one value.", {.minimum = 0, .required = true, .position = 1});
    }
    Made make(const Making&) const { return Distribution::constant(plain(value)); }
};

template <class Quantity>
struct Uniform {
    Quantity minimum{};
    Quantity maximum{};

    void describe(Fields& fields) {
        fields("min", minimum, "The smallest value.",
               {.minimum = 0, .required = true, .position = 1});
        fields("max", maximum, "The largest value.",
               {.minimum = 0, .required = true, .position = 2});
        fields.rule(minimum <= maximum, "max", "must be at least \"min\"");
    }
    Made make(const Making&) const { return Distribution::uniform(plain(minimum), plain(maximum)); }
};

template <class Quantity>
struct Exponential {
    Quantity mean{};

    void describe(Fields& fields) {
        fields("mean", mean, "The mean.", {.above = 0, .required = true, .position = 1});
    }
    Made make(const Making&) const { return Distribution::exponential(plain(mean)); }
};

/// Of numbers alone: it counts.
struct Geometric {
    double mean = 1;

    void describe(Fields& fields) {
        fields("mean", mean, "The mean.",
               {.minimum = 1, .maximum = 1e15, .required = true, .position = 1});
    }
    Made make(const Making&) const { return Distribution::geometric(mean); }
};

template <class Quantity>
struct Erlang {
    std::int64_t phases = 1;
    Quantity mean{};

    void describe(Fields& fields) {
        fields("k", phases, "The number of exponential phases in a row.",
               {.minimum = 1, .maximum = 10000, .required = true, .position = 1});
        fields("mean", mean, "The mean of the sum.", {.above = 0, .required = true, .position = 2});
    }
    Made make(const Making&) const {
        return Distribution::erlang(static_cast<int>(phases), plain(mean));
    }
};

template <class Quantity>
struct Branch {
    double weight = 1;
    Quantity mean{};

    void describe(Fields& fields) {
        fields("weight", weight, "How often this branch is taken, in proportion to the others.",
               {.above = 0, .maximum = 1e12});
        fields("mean", mean, "The mean of this branch.", {.above = 0, .required = true});
    }
};

template <class Quantity>
struct Hyperexponential {
    std::optional<Quantity> mean;
    std::optional<double> cv;
    std::vector<Branch<Quantity>> branches;

    void describe(Fields& fields) {
        fields("mean", mean, "The mean, of two branches with balanced means.",
               {.above = 0, .position = 1});
        fields("cv", cv, "Standard deviation divided by mean.",
               {.minimum = 1, .maximum = largest_cv, .position = 2});
        fields("branches", branches, "The exponential branches, instead of mean and cv.");
        const bool by_cv = mean && cv && branches.empty();
        const bool by_branches = !mean && !cv && !branches.empty();
        fields.rule(by_cv || by_branches, "", "needs either \"mean\" and \"cv\", or \"branches\"");
    }
    Made make(const Making&) const {
        if (branches.empty()) return Distribution::hyperexponential_from_cv(plain(*mean), *cv);
        std::vector<double> weights;
        std::vector<double> means;
        for (const Branch<Quantity>& branch : branches) {
            weights.push_back(branch.weight);
            means.push_back(plain(branch.mean));
        }
        return Distribution::hyperexponential(weights, means);
    }
};

template <class Quantity>
struct Lognormal {
    std::optional<Quantity> mean;
    std::optional<double> cv;
    std::optional<Quantity> p50;
    std::optional<Quantity> p99;

    void describe(Fields& fields) {
        fields("mean", mean, "The mean.", {.above = 0, .position = 1});
        fields("cv", cv, "Standard deviation divided by mean.",
               {.minimum = 0, .maximum = largest_cv, .position = 2});
        fields("p50", p50, "The median, together with p99 and instead of mean and cv.",
               {.above = 0});
        fields("p99", p99, "The 99th percentile.", {.above = 0});
        const bool by_moments = mean && cv && !p50 && !p99;
        const bool by_quantiles = p50 && p99 && !mean && !cv;
        fields.rule(by_moments || by_quantiles, "",
                    "needs either \"mean\" and \"cv\", or \"p50\" and \"p99\"");
        fields.rule(!by_quantiles || *p50 <= *p99, "p99", "must be at least \"p50\"");
    }
    Made make(const Making&) const {
        return mean ? Distribution::lognormal(plain(*mean), *cv)
                    : Distribution::lognormal_from_quantiles(plain(*p50), plain(*p99));
    }
};

template <class Quantity>
struct Gamma {
    Quantity mean{};
    double cv = 1;

    void describe(Fields& fields) {
        fields("mean", mean, "The mean.", {.above = 0, .required = true, .position = 1});
        fields("cv", cv, "Standard deviation divided by mean.",
               {.minimum = 0, .maximum = largest_cv, .required = true, .position = 2});
    }
    Made make(const Making&) const { return Distribution::gamma(plain(mean), cv); }
};

template <class Quantity>
struct Weibull {
    Quantity mean{};
    double shape = 1;

    void describe(Fields& fields) {
        fields("mean", mean, "The mean.", {.above = 0, .required = true, .position = 1});
        fields("shape", shape, "Below 1 heavy-tailed, 1 exponential, above 1 ever more regular.",
               {.minimum = 0.02, .maximum = 100, .required = true, .position = 2});
    }
    Made make(const Making&) const { return Distribution::weibull(plain(mean), shape); }
};

template <class Quantity>
struct Pareto {
    std::optional<Quantity> minimum;
    double alpha = 0;
    std::optional<Quantity> mean;

    void describe(Fields& fields) {
        fields("min", minimum, "The smallest value.", {.above = 0, .position = 1});
        fields("alpha", alpha, "How fast the tail falls; the mean is infinite at 1 and below.",
               {.minimum = 0.1, .maximum = 100, .required = true, .position = 2});
        fields("mean", mean, "The mean, instead of min.", {.above = 0});
        fields.rule(minimum.has_value() != mean.has_value(), "",
                    "needs either \"min\" or \"mean\"");
        fields.rule(!mean || alpha > 1, "alpha", "must be more than 1 for the mean to exist");
    }
    Made make(const Making&) const {
        return minimum ? Distribution::pareto(plain(*minimum), alpha)
                       : Distribution::pareto_from_mean(plain(*mean), alpha);
    }
};

template <class Quantity>
struct BoundedPareto {
    Quantity minimum{};
    Quantity maximum{};
    double alpha = 1;

    void describe(Fields& fields) {
        fields("min", minimum, "The smallest value.",
               {.above = 0, .required = true, .position = 1});
        fields("max", maximum, "The largest value.", {.above = 0, .required = true, .position = 2});
        fields("alpha", alpha, "How fast the tail falls between them.",
               {.minimum = 0.1, .maximum = 100, .required = true, .position = 3});
        fields.rule(minimum < maximum, "max", "must be more than \"min\"");
    }
    Made make(const Making&) const {
        return Distribution::bounded_pareto(plain(minimum), plain(maximum), alpha);
    }
};

template <class Quantity>
struct Quantiles {
    Quantity minimum{};
    std::optional<Quantity> p10, p25, p50, p75, p90, p95, p99, p99_9, p99_99;
    std::optional<Quantity> maximum;

    void describe(Fields& fields) {
        fields("min", minimum, "The smallest value.", {.minimum = 0});
        fields("p10", p10, "One in ten is at most this.", {.minimum = 0});
        fields("p25", p25, "One in four is at most this.", {.minimum = 0});
        fields("p50", p50, "Half are at most this.", {.minimum = 0});
        fields("p75", p75, "Three in four are at most this.", {.minimum = 0});
        fields("p90", p90, "Nine in ten are at most this.", {.minimum = 0});
        fields("p95", p95, "95% are at most this.", {.minimum = 0});
        fields("p99", p99, "99% are at most this.", {.minimum = 0});
        fields("p99_9", p99_9, "99.9% are at most this.", {.minimum = 0});
        fields("p99_99", p99_99, "99.99% are at most this.", {.minimum = 0});
        fields("max", maximum,
               "The largest value. Without it the highest quantile given, since no tail is "
               "invented: the tail is then too short.",
               {.minimum = 0});
        const auto points = known_points();
        fields.rule(points.size() > 1, "", "needs at least one quantile");
        const bool rises =
            std::is_sorted(points.begin(), points.end(),
                           [](const auto& a, const auto& b) { return a.value < b.value; });
        fields.rule(rises, "", "has quantiles that fall: a higher one cannot be less");
    }

    Made make(const Making&) const {
        std::vector<Distribution::Quantile> points = known_points();
        if (points.back().probability < 1) points.push_back({1, points.back().value});
        return Distribution::from_quantiles(std::move(points));
    }

private:
    std::vector<Distribution::Quantile> known_points() const {
        std::vector<Distribution::Quantile> points{{0, plain(minimum)}};
        const auto add = [&](double probability, const std::optional<Quantity>& value) {
            if (value) points.push_back({probability, plain(*value)});
        };
        add(0.1, p10);
        add(0.25, p25);
        add(0.5, p50);
        add(0.75, p75);
        add(0.9, p90);
        add(0.95, p95);
        add(0.99, p99);
        add(0.999, p99_9);
        add(0.9999, p99_99);
        add(1, maximum);
        return points;
    }
};

template <class Quantity>
struct Weighted {
    Quantity value{};
    double weight = 1;

    void describe(Fields& fields) {
        fields("value", value, "One of the values.",
               {.minimum = 0, .required = true, .position = 1});
        fields("weight", weight, "How often it occurs, in proportion to the others.",
               {.above = 0, .maximum = 1e12});
    }
};

template <class Quantity>
struct Discrete {
    std::vector<Weighted<Quantity>> values;

    void describe(Fields& fields) {
        fields("values", values, "The values and their weights.",
               {.required = true, .position = 1});
        fields.rule(!values.empty(), "values", "must have at least one item");
    }
    Made make(const Making&) const {
        std::vector<double> points;
        std::vector<double> weights;
        for (const Weighted<Quantity>& item : values) {
            points.push_back(plain(item.value));
            weights.push_back(item.weight);
        }
        return Distribution::discrete(points, weights);
    }
};

template <class Quantity>
struct Part {
    Law<Quantity> law;
    double weight = 1;

    void describe(Fields& fields) {
        fields("law", law, "A law of its own.", {.required = true, .position = 1});
        fields("weight", weight, "How often it is drawn from, in proportion to the others.",
               {.above = 0, .maximum = 1e12});
    }
};

template <class Quantity>
struct Mixture {
    std::vector<Part<Quantity>> parts;

    void describe(Fields& fields) {
        fields("parts", parts, "The laws and their weights.", {.required = true, .position = 1});
        fields.rule(!parts.empty(), "parts", "must have at least one item");
    }
    Made make(const Making&) const {
        std::vector<double> weights;
        std::vector<Distribution> laws;
        for (const Part<Quantity>& part : parts) {
            weights.push_back(part.weight);
            laws.push_back(part.law.distribution());
        }
        return Distribution::mixture(weights, std::move(laws));
    }
};

/// The base units of a dimension as a sampler counts them: nanoseconds are seconds there.
inline double sampled(double value, Dimension dimension) {
    return dimension == Dimension::duration ? value * 1e-9 : value;
}

inline constexpr std::size_t sample_limit = 1'000'000;

template <class Quantity>
struct Samples {
    FileName file;
    std::string unit;

    void describe(Fields& fields) {
        fields("file", file,
               "A CSV file; the first cell of each line is one observation, such as 4ms.",
               {.required = true, .position = 1});
        fields("unit", unit, "The unit of cells that are bare numbers.");
    }

    Made make(const Making& making) const {
        const std::optional<std::string> text = making.open ? making.open(file.path) : std::nullopt;
        if (!text) {
            making.problems.add(file.place, "cannot read the file " + in_quotes(file.path));
            return std::nullopt;
        }
        std::vector<double> samples;
        std::size_t line = 0;
        for (std::string_view rest = *text; !rest.empty();) {
            const std::string_view whole = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(std::min(rest.size(), whole.size() + 1));
            if (!take(whole, ++line, samples, making)) return std::nullopt;
        }
        if (!samples.empty()) return Distribution::from_samples(std::move(samples));
        making.problems.add(file.place, "there is no observation in " + in_quotes(file.path));
        return std::nullopt;
    }

private:
    /// False if the line is wrong. The first may be a header.
    bool take(std::string_view whole, std::size_t line, std::vector<double>& samples,
              const Making& making) const {
        std::string_view cell = whole.substr(0, whole.find(','));
        while (!cell.empty() && (cell.back() == '\r' || cell.back() == ' ')) cell.remove_suffix(1);
        if (cell.empty()) return true;
        const std::string where = in_quotes(file.path) + " line " + std::to_string(line);
        if (samples.size() == sample_limit) {
            making.problems.add(file.place, where + ": more than a million observations");
            return false;
        }
        constexpr Dimension dimension = dimension_of<Quantity>();
        const bool bare = cell.back() >= '0' && cell.back() <= '9';
        const ParsedQuantity parsed =
            parse_quantity(bare ? std::string(cell) + unit : std::string(cell), dimension);
        if (parsed.good()) {
            samples.push_back(sampled(parsed.value, dimension));
        } else if (line > 1) {
            making.problems.add(file.place, where + ": this observation " + parsed.message,
                                parsed.cure);
        }
        return parsed.good() || line == 1;
    }
};

}  // namespace prodsim::laws
