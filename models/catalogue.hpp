#pragma once

#include "sim/world/catalogue.hpp"

#include <functional>
#include <map>
#include <string>

namespace prodsim {

/// Everything that a scenario can be made of.
Catalogue full_catalogue();

/// The text of each file of models/presets, by its name without the ending.
const std::map<std::string, std::string, std::less<>>& preset_texts();

}  // namespace prodsim
