#pragma once

// How a scenario that fails becomes small: part after part is left out, as long as it still fails
// in the same way.

#include "sim/config/value.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace prodsim::testing {

/// Where a part of a document is: which child of which child.
using Path = std::vector<std::size_t>;

inline std::size_t children(const Value& value) {
    if (value.is_array()) return value.items().size();
    return value.is_object() ? value.members().size() : 0;
}

inline Value& child(Value& value, std::size_t index) {
    if (value.is_array()) return value.items()[index];
    return *value.find(value.members()[index].key);
}

inline void list_paths(Value& value, Path& here, std::vector<Path>& all) {
    for (std::size_t i = children(value); i-- > 0;) {
        here.push_back(i);
        all.push_back(here);
        list_paths(child(value, i), here, all);
        here.pop_back();
    }
}

/// Every part, the whole before its parts.
inline std::vector<Path> paths_of(Value& value) {
    Path here;
    std::vector<Path> all;
    list_paths(value, here, all);
    return all;
}

inline Value without(Value whole, const Path& path) {
    Value* parent = &whole;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) parent = &child(*parent, path[i]);
    if (parent->is_array()) {
        parent->items().erase(parent->items().begin() + static_cast<std::ptrdiff_t>(path.back()));
    } else {
        const std::string key = parent->members()[path.back()].key;
        parent->remove(key);
    }
    return whole;
}

/// The kind of a verdict: which law is broken, or by which words it died.
inline std::string kind_of(const std::string& verdict) {
    if (verdict.find("died") == 0) return verdict;
    return verdict.substr(0, verdict.find(':'));
}

/// The scenario without every part that the failure does not need, as `verdict_on` judges it.
template <class Verdict>
Value shrunk(Value scenario, const std::string& kind, Verdict verdict_on) {
    for (bool smaller = true; smaller;) {
        smaller = false;
        std::vector<Path> paths = paths_of(scenario);
        for (std::size_t at = 0; at < paths.size();) {
            Value candidate = without(scenario, paths[at]);
            if (kind_of(verdict_on(candidate)) == kind) {
                scenario = std::move(candidate);
                paths = paths_of(scenario);
                smaller = true;
            } else {
                ++at;
            }
        }
    }
    return scenario;
}

}  // namespace prodsim::testing
