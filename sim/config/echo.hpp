#pragma once

// From a parameter struct back to a Value: the effective scenario with every default in it. Reading
// the echo gives the same struct.

#include "sim/config/fields.hpp"
#include "sim/config/value.hpp"

namespace prodsim {

Value echo_slot(const Slot& slot);

template <class T>
Value echo(T record) {
    return echo_slot(slot_of(record));
}

}  // namespace prodsim
