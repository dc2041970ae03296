#pragma once

// From a Value to a parameter struct. Every mistake becomes a problem and reading goes on, so one
// look shows them all: unknown keys, wrong kinds, missing units, limits, rules between fields. Keys
// that start with "x-" and the key "about" are free everywhere.

#include "sim/config/fields.hpp"
#include "sim/config/problem.hpp"
#include "sim/config/value.hpp"

#include <string>
#include <vector>

namespace prodsim {

/// A field that nobody wrote: a number in the answer that is the simulator's and not the user's.
struct Assumption {
    std::string path;   ///< "components.shop.threads"
    std::string value;  ///< "200"
    std::string doc;
    std::string source;  ///< "Apache Tomcat 10 maxThreads"; empty when it is nobody's
};

struct Reading {
    const Families& families;
    Problems& problems;
    std::vector<Assumption> assumptions = {};
    OpenFile open = {};
};

void read_slot(const Value& value, const Slot& slot, std::string_view path, Reading& reading);

/// Fills `target`, which keeps its own values where `value` says nothing.
template <class T>
void read(const Value& value, T& target, Reading& reading, std::string_view path = {}) {
    read_slot(value, slot_of(target), path, reading);
}

}  // namespace prodsim
