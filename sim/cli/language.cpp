#include "sim/cli/language.hpp"

#include "models/catalogue.hpp"
#include "sim/run/scenario.hpp"

namespace prodsim::cli {

Catalogue language() {
    Catalogue catalogue = full_catalogue();
    add_scenario_families(catalogue.families);
    return catalogue;
}

Reference reference_of_language() {
    FamilyReference scenario{"scenario", "What a file of a scenario says.", {}};
    scenario.alternatives.push_back(
        record_reference<ScenarioParameters>("scenario", "The members of the outermost object."));
    const Catalogue catalogue = language();
    Reference reference = reference_of(catalogue.families);
    reference.insert(reference.begin(), std::move(scenario));
    return reference;
}

}  // namespace prodsim::cli
