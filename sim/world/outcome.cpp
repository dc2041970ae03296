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
        "rejected_rule",
        "no_endpoint",
        "refused",
        "reset",
        "unreachable",
        "cancelled",
    };
    return names[static_cast<std::size_t>(outcome)];
}

std::span<const Word> words(Outcome) {
    static constexpr std::array all{
        Word{"error", Outcome::error, "The handler failed."},
        Word{"dependency_failed", Outcome::dependency_failed,
             "Something that the handler needs failed."},
        Word{"timeout", Outcome::timeout, "A limit ran out while the callee worked."},
        Word{"timeout_queue", Outcome::timeout_queue, "The limit of a waiting line ran out."},
        Word{"timeout_connect", Outcome::timeout_connect, "There was no connection in time."},
        Word{"deadline_exceeded", Outcome::deadline_exceeded,
             "The deadline of the whole request ran out."},
        Word{"rejected_overload", Outcome::rejected_overload, "503: a full line shed it."},
        Word{"rejected_rate", Outcome::rejected_rate, "429: a quota or a rate limit."},
        Word{"rejected_breaker", Outcome::rejected_breaker, "A circuit breaker was open."},
        Word{"rejected_bulkhead", Outcome::rejected_bulkhead, "A bulkhead was full."},
        Word{"rejected_pool", Outcome::rejected_pool, "A connection pool was exhausted."},
        Word{"rejected_rule", Outcome::rejected_rule, "403: a rule of a firewall blocked it."},
        Word{"no_endpoint", Outcome::no_endpoint, "There was nobody to balance to."},
        Word{"refused", Outcome::refused, "The connection was refused."},
        Word{"reset", Outcome::reset, "The connection broke under the call."},
        Word{"unreachable", Outcome::unreachable, "The network dropped it and said so."},
    };
    return all;
}

}  // namespace prodsim
