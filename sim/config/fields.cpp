#include "sim/config/fields.hpp"

#include <array>

namespace prodsim {

namespace {

struct Demand {
    std::string_view words;
    std::optional<Limit> limit;
    bool (*holds)(double value, double limit);

    std::string text(Dimension dimension) const {
        return std::string(words) + " " + to_text(limit->value, dimension);
    }
};

std::array<Demand, 4> demands_of(const FieldOptions& options) {
    return {{
        {"at least", options.minimum, [](double value, double limit) { return value >= limit; }},
        {"more than", options.above, [](double value, double limit) { return value > limit; }},
        {"at most", options.maximum, [](double value, double limit) { return value <= limit; }},
        {"less than", options.below, [](double value, double limit) { return value < limit; }},
    }};
}

}  // namespace

void Fields::rule(bool, std::string_view, std::string_view, std::string_view) {}

std::string limits_text(const FieldOptions& options, Dimension dimension) {
    std::string text;
    for (const Demand& demand : demands_of(options)) {
        if (!demand.limit) continue;
        if (!text.empty()) text += ", ";
        text += demand.text(dimension);
    }
    return text;
}

std::string broken_limit(const FieldOptions& options, double value, Dimension dimension) {
    for (const Demand& demand : demands_of(options)) {
        if (demand.limit && !demand.holds(value, demand.limit->value))
            return demand.text(dimension);
    }
    return {};
}

}  // namespace prodsim
