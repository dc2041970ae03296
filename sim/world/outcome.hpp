#pragma once

#include "sim/config/fields.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace prodsim {

/// How an attempt ended; every attempt ends in exactly one of these. The first three answered the
/// user, the rest did not.
enum class Outcome : std::uint8_t {
    ok,                 // correct, in time, fresh enough
    degraded,           // a declared fallback or partial content
    stale,              // older than the staleness bound
    error,              // the handler failed
    dependency_failed,  // something that the handler needs failed
    timeout,            // the caller's limit ran out while the callee worked
    timeout_queue,      // the limit of a waiting line ran out
    timeout_connect,    // no connection in time
    deadline_exceeded,  // the absolute deadline of the whole request ran out
    rejected_overload,  // 503: a full line shed it
    rejected_rate,      // 429: a quota or a rate limit
    rejected_breaker,
    rejected_bulkhead,
    rejected_pool,
    rejected_rule,  // 403: a rule of a firewall
    no_endpoint,    // nobody to balance to
    refused,        // connection refused: it never reached the application
    reset,          // the connection broke under the call
    unreachable,    // the network dropped it and said so
    cancelled,      // the caller gave up while it waited
};

inline constexpr std::size_t outcome_count = 20;

std::string_view name_of(Outcome outcome);

/// Those that end a call without an answer, for the architect: policies list which they act upon.
std::span<const Word> words(Outcome);

/// The user got an answer, perhaps a declared lesser one.
constexpr bool succeeded(Outcome outcome) { return outcome <= Outcome::stale; }

/// Shed or refused before any work was done for it.
constexpr bool is_rejection(Outcome outcome) {
    return outcome >= Outcome::rejected_overload && outcome <= Outcome::refused;
}

constexpr bool is_timeout(Outcome outcome) {
    return outcome >= Outcome::timeout && outcome <= Outcome::deadline_exceeded;
}

/// Which component and which of its mechanisms made a call fail; an index into the world's
/// register of reasons. 0 is "no reason", the reason of a success.
using ReasonId = std::uint16_t;

/// What comes back to a caller.
struct Reply {
    Outcome outcome = Outcome::ok;
    ReasonId reason = 0;
    /// The callee asks the caller to wait this long before it tries again; 0 is "did not say".
    std::uint32_t retry_after_us = 0;

    bool good() const { return succeeded(outcome); }
};

}  // namespace prodsim
