#pragma once

#include "sim/world/catalogue.hpp"

namespace prodsim {

/// Everything that a scenario can be made of.
Catalogue full_catalogue();

}  // namespace prodsim
