#pragma once

// A look at what a list, a map or an optional would hold. Whoever only describes has a sample of
// the parameter struct to itself, so an element is put in, looked at and taken out again.

#include "sim/config/slot.hpp"

namespace prodsim {

template <class Look>
auto with_element(const ListSlot& slot, const Look& look) {
    auto seen = look(slot.append(slot.list));
    slot.remove_last(slot.list);
    return seen;
}

template <class Look>
auto with_element(const NamedSlot& slot, const Look& look) {
    auto seen = look(slot.append(slot.map, "", nowhere));
    slot.remove_last(slot.map);
    return seen;
}

template <class Look>
auto with_element(const OptionalSlot& slot, const Look& look) {
    if (slot.has_value(slot.optional)) return look(slot.value(slot.optional));
    auto seen = look(slot.emplace(slot.optional));
    slot.reset(slot.optional);
    return seen;
}

}  // namespace prodsim
