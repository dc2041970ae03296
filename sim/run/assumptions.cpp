#include "sim/run/assumptions.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace prodsim {

namespace {

/// "components.shop.threads" is the field "threads" of the component "shop"; "faults.0.slow" is the
/// field "slow" of fault 1.
struct AssumedAt {
    std::string kind;  // "component", "fault"; those of different kinds are never put together
    std::string place;
    std::string field;
};

/// Below a list only the list's name is left: "steps[].count" of all steps together.
std::string without_numbers(const std::string& field) {
    const auto is_digit = [](char character) { return character >= '0' && character <= '9'; };
    for (std::size_t dot = field.rfind('.'); dot != std::string::npos && dot > 0;
         dot = field.rfind('.', dot - 1)) {
        const std::size_t before = field.rfind('.', dot - 1);
        const std::size_t start = before == std::string::npos ? 0 : before + 1;
        if (!std::all_of(&field[start], &field[dot], is_digit) || start < 2) continue;
        const std::size_t list = field.rfind('.', start - 2);
        const std::size_t list_start = list == std::string::npos ? 0 : list + 1;
        return field.substr(list_start, start - 1 - list_start) + "[]" + field.substr(dot);
    }
    return field;
}

AssumedAt assumed_at(const std::string& path) {
    struct Kind {
        std::string_view prefix;
        std::string_view title;
        bool numbered;
    };
    static constexpr std::array kinds{
        Kind{"components.", "", false}, Kind{"faults.", "fault ", true},
        Kind{"requirements.", "requirement ", false}, Kind{"expect.", "expectation ", true}};
    for (const Kind& kind : kinds) {
        if (!path.starts_with(kind.prefix)) continue;
        const std::size_t start = kind.prefix.size();
        // The names of requirements contain dots, their fields do not.
        const std::size_t dot =
            kind.prefix == "requirements." ? path.rfind('.') : path.find('.', start);
        if (dot == std::string::npos || dot < start) break;
        std::string name = path.substr(start, dot - start);
        if (kind.numbered) name = std::to_string(std::stoul(name) + 1);
        return {std::string(kind.prefix), std::string(kind.title) + name,
                without_numbers(path.substr(dot + 1))};
    }
    return {"", "the scenario", path};
}

}  // namespace

std::vector<AssumptionReport> assumptions_of(const std::vector<Assumption>& all) {
    std::vector<AssumptionReport> groups;
    std::map<std::array<std::string, 4>, std::size_t> known;
    for (const Assumption& assumption : all) {
        AssumedAt at = assumed_at(assumption.path);
        const auto [found, is_new] = known.try_emplace(
            {at.kind, at.field, assumption.value, assumption.source}, groups.size());
        if (is_new) {
            const bool of_the_system =
                at.kind == "components." || (at.kind.empty() && !at.field.starts_with("prices."));
            groups.push_back(
                {at.field, assumption.value, assumption.doc, assumption.source, {}, of_the_system});
        }
        std::vector<std::string>& places = groups[found->second].places;
        if (places.empty() || places.back() != at.place) places.push_back(std::move(at.place));
    }
    return groups;
}

}  // namespace prodsim
