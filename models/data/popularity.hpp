#pragma once

// How often each of many objects is asked for. Objects are numbered from 0; under Zipf's law 0 is
// the most popular one. Draws are exact, whatever the number of objects.

#include "sim/config/fields.hpp"
#include "sim/core/random.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace prodsim {

struct PopularityFamily {
    static constexpr std::string_view name = "popularity";
};

struct ZipfPopularity {
    double exponent = 0.9;

    void describe(Fields& fields);
};

struct UniformPopularity {
    void describe(Fields&) {}
};

struct WeightedPopularity {
    std::vector<double> weights;

    void describe(Fields& fields);
};

/// Declares the family and its alternatives, once, whoever asks first.
void add_popularity(Families& families);

/// Ranks from 1 to n with probability proportional to rank^-s, exactly, without a table:
/// rejection-inversion (Hoermann & Derflinger 1996, "Rejection-inversion to generate variates from
/// monotone discrete distributions"), 1.1 draws on average.
class Zipf {
public:
    Zipf(std::int64_t n, double exponent);

    std::uint64_t rank(Draws& draws) const;

private:
    double density(double x) const;
    double integral(double x) const;
    double inverse(double area) const;

    double n_;
    double exponent_;
    double first_;
    double last_;
    double sure_;
};

/// Draws one of `objects` objects as its description says.
class Popularity {
public:
    Popularity(const Choice<PopularityFamily>& description, std::int64_t objects);

    std::uint64_t object(Draws& draws) const;

private:
    std::uint64_t objects_;
    std::optional<Zipf> zipf_;
    std::vector<double> cumulative_;  // weights; none if all are alike
};

}  // namespace prodsim
