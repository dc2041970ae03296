// The outcomes that end a call without an answer, as words for the architect: policies list those
// that they act upon.

#include "sim/config/fields.hpp"
#include "sim/world/outcome.hpp"

#include <array>

namespace prodsim {

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
        Word{"no_endpoint", Outcome::no_endpoint, "There was nobody to balance to."},
        Word{"refused", Outcome::refused, "The connection was refused."},
        Word{"reset", Outcome::reset, "The connection broke under the call."},
        Word{"unreachable", Outcome::unreachable, "The network dropped it and said so."},
    };
    return all;
}

}  // namespace prodsim
