#pragma once

// Writes a Value as JSON. Numbers are the shortest that read back the same, whatever the locale, so
// equal values give equal bytes.

#include "sim/config/value.hpp"

#include <string>

namespace prodsim {

/// On one line.
std::string compact_json(const Value& value);

/// Indented by two spaces; arrays and objects that fit stay on one line. Ends with a line break.
std::string pretty_json(const Value& value);

}  // namespace prodsim
