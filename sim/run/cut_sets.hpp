#pragma once

// Instances without which journeys fail: one alone, or two together. What must work for a journey
// is a formula of all-of and some-of, and an instance alone is a cut where the formula is false
// without it. The cuts of every part are a set; all-of joins them, some-of keeps those that enough
// parts share. The pairs are the cuts that are left when one instance has gone already.
//
// Limits: an instance is there or not, however much the others can carry; steps that are chosen by
// chance are all needed; pairs are looked for while there are not too many of them.

#include "sim/run/service_graph.hpp"

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

namespace prodsim {

struct CutSets {
    struct Cut {
        std::vector<std::size_t> components;  // the same twice: both of its two instances
        std::vector<std::size_t> journeys;
    };
    std::vector<Cut> singles;  // of one component with one instance
    std::vector<Cut> pairs;    // minimal: neither is a single of the journey
    bool complete = true;      // false: too many components to look for pairs of different ones
};

/// Components and callees of theirs whose failures they forgive.
using Forgiven = std::set<std::pair<std::size_t, std::size_t>>;

CutSets cut_sets(const ServiceGraph& graph, const Forgiven& forgiven);

}  // namespace prodsim
