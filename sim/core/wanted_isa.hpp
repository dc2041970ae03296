#pragma once

// The variable PRODSIM_ISA of the environment asks for one of the code paths of the event list:
// "scalar", "avx2" or "avx512". All give the same bytes, so it is no input of a run; it is there so
// that anybody can see that they do. Only this file reads it.

#include "sim/core/event_list_path.hpp"

#include <optional>
#include <string_view>

namespace prodsim {

/// The value of PRODSIM_ISA, empty where it is not set.
std::string_view wanted_isa();

/// Nothing for a word that names no instruction set.
std::optional<Isa> isa_named(std::string_view name);

}  // namespace prodsim
