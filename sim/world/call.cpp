#include "sim/world/call.hpp"

#include "sim/world/traces.hpp"

namespace prodsim {

void Calls::trace_opened(Call& call, const Request& cause) { traces_.opened(call, cause); }

void Calls::trace_answered(const Call& call) { traces_.answered(call); }

void Calls::trace_abandoned(const Call& call) { traces_.abandoned(call); }

}  // namespace prodsim
