#pragma once

// The JSON Schema (draft 07, which editors know best) of what the reader accepts. It is a little
// wider than the reader: rules between fields and what an expression contains are the reader's.

#include "sim/config/fields.hpp"
#include "sim/config/value.hpp"

namespace prodsim {

/// Families become definitions, so recursive ones (steps within steps) are no problem.
Value schema_of_slot(const Slot& root, const Families& families, std::string_view title);

template <class T>
Value schema_of(const Families& families, std::string_view title) {
    T root{};
    return schema_of_slot(slot_of(root), families, title);
}

}  // namespace prodsim
