#pragma once

#include "models/catalogue.hpp"
#include "sim/run/scenario.hpp"

namespace prodsim::testing {

/// Everything that a scenario may name.
inline const Catalogue& everything() {
    static const Catalogue catalogue = [] {
        Catalogue all = full_catalogue();
        add_scenario_families(all.families);
        return all;
    }();
    return catalogue;
}

}  // namespace prodsim::testing
