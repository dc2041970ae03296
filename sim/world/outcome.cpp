#include "sim/world/outcome.hpp"

#include <array>

namespace prodsim {

std::string_view name_of(Outcome outcome) {
    static constexpr std::array<std::string_view, outcome_count> names{
        "ok",
        "degraded",
        "stale",
        "error",
        "dependency_failed",
        "timeout",
        "timeout_queue",
        "timeout_connect",
        "deadline_exceeded",
        "rejected_overload",
        "rejected_rate",
        "rejected_breaker",
        "rejected_bulkhead",
        "rejected_pool",
        "no_endpoint",
        "refused",
        "reset",
        "unreachable",
        "cancelled",
    };
    return names[static_cast<std::size_t>(outcome)];
}

}  // namespace prodsim
