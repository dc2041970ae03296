#pragma once

#include <functional>
#include <map>
#include <string>

namespace prodsim::cli {

/// Scenarios to begin with, by name.
const std::map<std::string, std::string, std::less<>>& template_texts();

}  // namespace prodsim::cli
