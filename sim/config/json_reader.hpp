#pragma once

// Reads JSON with comments into a Value that knows the place of everything. Duplicate keys, texts
// that are not UTF-8, numbers that do not fit and whatever else is wrong become problems. At most
// 64 MiB and 200 levels.

#include "sim/config/problem.hpp"
#include "sim/config/value.hpp"

#include <string>

namespace prodsim {

inline constexpr std::size_t json_size_limit = std::size_t{64} << 20;
inline constexpr std::size_t json_depth_limit = 200;

/// Null if there were problems that leave nothing to work with.
Value read_json(Sources& sources, std::string name, std::string text, Problems& problems);

}  // namespace prodsim
