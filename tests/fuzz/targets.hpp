#pragma once

// All that is fuzzed: what the layer of the configuration reads, and whole scenarios.

#include "sim/config/json_writer.hpp"
#include "tests/everything.hpp"
#include "tests/fuzz/config_targets.hpp"

#include <array>
#include <string>
#include <string_view>

namespace prodsim::testing {

/// A whole scenario: read, checked, and written again with every default in its place.
inline void fuzz_scenario(std::string_view bytes) {
    try {
        const auto scenario = Scenario::parse(std::string(bytes), "fuzz.json", everything());
        require_promise(!pretty_json(scenario->effective()).empty());
    } catch (const InvalidInput& refusal) {
        require_promise(*refusal.what() != '\0');
    }
}

/// The targets by the names of their folders in tests/fuzz/corpus.
struct FuzzTarget {
    const char* name;
    void (*run)(std::string_view bytes);
};
inline constexpr std::array fuzz_targets{
    FuzzTarget{"scenario", fuzz_scenario}, FuzzTarget{"units", fuzz_units},
    FuzzTarget{"laws", fuzz_laws}, FuzzTarget{"observations", fuzz_observations}};

}  // namespace prodsim::testing
