#pragma once

#include "sim/config/fields.hpp"
#include "sim/core/random.hpp"

#include <optional>
#include <vector>

namespace prodsim {

struct FaultShapeFamily;

/// How strong a fault is from an instant on: 0 is gone, 1 is full.
struct FaultPhase {
    Duration after;  // since the fault's beginning
    double strength;
};

void add_fault_shapes(Family& family);

/// The phases of a fault of this length (or up to `end` when it has none), the last one of
/// strength 0 if it ends. An empty choice is there at once and steadily.
std::vector<FaultPhase> phases_of(const Choice<FaultShapeFamily>& shape,
                                  std::optional<Duration> length, Duration end, Stream stream);

}  // namespace prodsim
