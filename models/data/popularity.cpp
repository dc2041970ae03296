#include "models/data/popularity.hpp"

#include "sim/core/elementary.hpp"

#include <algorithm>
#include <string>

namespace prodsim {

void ZipfPopularity::describe(Fields& fields) {
    fields("exponent", exponent, "The object of rank k is asked for in proportion to 1/k^s.",
           {.minimum = 0,
            .maximum = 10,
            .position = 1,
            .source = "assumed; Breslau et al. 1999 measured 0.64 to 0.83 for web pages"});
}

void WeightedPopularity::describe(Fields& fields) {
    fields("weights", weights, "How often each object is asked for, relative to the others.",
           {.minimum = 0, .required = true, .position = 1});
}

void add_popularity(Families& families) {
    if (families.find(PopularityFamily::name) != nullptr) return;
    Family& popularity = families.declare(std::string(PopularityFamily::name),
                                          "How often each of many objects is asked for.");
    popularity.add<ZipfPopularity>("zipf", "Few objects are popular, most are not.");
    popularity.add<UniformPopularity>("uniform", "All objects equally often.");
    popularity.add<WeightedPopularity>("weights", "As given, object by object.");
}

Zipf::Zipf(std::int64_t n, double exponent)
    : n_(static_cast<double>(n)),
      exponent_(exponent),
      first_(integral(1.5) - 1),
      last_(integral(n_ + 0.5)),
      sure_(2 - inverse(integral(2.5) - density(2))) {}

std::uint64_t Zipf::rank(Draws& draws) const {
    while (true) {
        const double u = last_ + draws.uniform() * (first_ - last_);
        const double x = inverse(u);
        const auto nearest = static_cast<double>(static_cast<std::int64_t>(x + 0.5));
        const double k = std::clamp(nearest, 1.0, n_);
        if (k - x <= sure_ || u >= integral(k + 0.5) - density(k)) {
            return static_cast<std::uint64_t>(k);
        }
    }
}

double Zipf::density(double x) const { return elementary::exp(-exponent_ * elementary::log(x)); }

// The integral of t^-s from 1 to x, and its inverse, without cancellation near s = 1.
double Zipf::integral(double x) const {
    const double log_x = elementary::log(x);
    const double power = (1 - exponent_) * log_x;
    return power == 0 ? log_x : log_x * (elementary::expm1(power) / power);
}

double Zipf::inverse(double area) const {
    const double power = std::max(-1.0, (1 - exponent_) * area);
    return elementary::exp(power == 0 ? area : area * (elementary::log1p(power) / power));
}

Popularity::Popularity(const Choice<PopularityFamily>& description, std::int64_t objects)
    : objects_(static_cast<std::uint64_t>(objects)) {
    if (const auto* zipf = description.as<ZipfPopularity>()) {
        zipf_.emplace(objects, zipf->exponent);
    } else if (const auto* weighted = description.as<WeightedPopularity>()) {
        double sum = 0;
        for (const double weight : weighted->weights) cumulative_.push_back(sum += weight);
    }
}

std::uint64_t Popularity::object(Draws& draws) const {
    if (zipf_) return zipf_->rank(draws) - 1;
    if (cumulative_.empty()) return draws.below(objects_);
    const double point = draws.uniform() * cumulative_.back();
    const auto chosen = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, point);
    return static_cast<std::uint64_t>(chosen - cumulative_.begin());
}

}  // namespace prodsim
