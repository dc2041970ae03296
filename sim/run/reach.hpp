#pragma once

// How far a fault reaches: which components it may make fail, and by which way. It follows from
// who asks whom, and is asked once a run.

#include "sim/run/scenario.hpp"
#include "sim/world/world.hpp"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {

class Reaches {
public:
    /// REQUIRES: `world` was made of the parameters and has started.
    Reaches(const ScenarioParameters& parameters, const World& world);

    /// Of fault `number`, counted from 0.
    Disturbance of(std::size_t number) const;

private:
    using Names = std::set<std::string>;
    using Neighbours = std::map<std::string, Names>;

    Names disturbed_by(const FaultParameters& fault) const;
    Names behind_edges(const FaultTarget& target) const;
    bool stands_in(const std::string& component, const std::string& zone) const;
    Names strangers_to(const Names& disturbed) const;

    const ScenarioParameters& parameters_;
    const World& world_;
    Names all_;
    Names sources_;  // where load begins
    Neighbours callees_;
    Neighbours callers_;
    Neighbours others_;                      // both
    std::map<std::string, Names> journeys_;  // what each asks for, directly or not
};

}  // namespace prodsim
