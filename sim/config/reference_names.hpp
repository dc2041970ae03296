#pragma once

// Names that point at something else: a component, one of its operations, a zone, a file. They
// remember their place, because whether the thing exists is known only when everything has been
// read.

#include "sim/config/place.hpp"

#include <string>

namespace prodsim {

/// "orders-pg". An edge of the service graph.
struct ComponentName {
    std::string name;
    Place place;
    bool empty() const { return name.empty(); }
    bool operator==(const ComponentName& other) const { return name == other.name; }
};

/// "eu-1a", or a region for all of its zones. Not an edge.
struct ZoneName {
    std::string name;
    Place place;
    bool empty() const { return name.empty(); }
    bool operator==(const ZoneName& other) const { return name == other.name; }
};

/// "orders-pg.write". An edge of the service graph.
struct OperationName {
    std::string component;
    std::string operation;
    Place place;
    bool empty() const { return component.empty(); }
    std::string text() const { return empty() ? "" : component + "." + operation; }
    bool operator==(const OperationName& other) const {
        return component == other.component && operation == other.operation;
    }
};

/// A path relative to the scenario that names it.
struct FileName {
    std::string path;
    Place place;
    bool empty() const { return path.empty(); }
    bool operator==(const FileName& other) const { return path == other.path; }
};

}  // namespace prodsim
