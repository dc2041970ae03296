#pragma once

// What a parameter struct refers to, in the order of the description: the edges of the service
// graph that it implies, which are references to a component or to one of its operations; and
// zones.

#include "sim/config/fields.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

struct Edge {
    std::string path;  ///< of the field: "operations.order.steps.1.call"
    std::string component;
    std::string operation;  ///< empty for a reference to the component as a whole
    std::string kind;       ///< "calls" unless the field says otherwise
    Place place;
};

std::vector<Edge> edges_of_slot(const Slot& slot, std::string_view path);
std::vector<ZoneName> zones_in_slot(const Slot& slot);

template <class T>
std::vector<Edge> edges_of(T& record, std::string_view path = {}) {
    return edges_of_slot(slot_of(record), path);
}

/// Every zone or region that it names.
template <class T>
std::vector<ZoneName> zones_in(T& record) {
    return zones_in_slot(slot_of(record));
}

}  // namespace prodsim
