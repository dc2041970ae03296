#pragma once

#include "sim/config/reference.hpp"
#include "sim/world/catalogue.hpp"

#include <string>

namespace prodsim::cli {

/// Everything that a scenario may say: the models, and what belongs to the scenario itself.
Catalogue language();

/// The same as reference: first the scenario as a whole, then the families.
Reference reference_of_language();

/// The same as JSON Schema, for files.
std::string schema_of_language();

}  // namespace prodsim::cli
