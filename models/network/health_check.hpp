#pragma once

// How somebody from outside finds out whether a component is well: by asking at a fixed pace, and
// believing what it hears only when it hears it several times in a row.

#include "sim/config/fields.hpp"
#include "sim/core/time.hpp"

#include <cstdint>
#include <string>

namespace prodsim {

struct HealthCheck {
    std::string operation;
    Duration interval = std::chrono::seconds(30);
    std::int64_t threshold = 3;
    Duration timeout = std::chrono::seconds(6);

    void describe(Fields& fields) {
        fields("operation", operation, "What a checker calls of each record's component.",
               {.required = true, .position = 1});
        fields("interval", interval, "From one check to the next.",
               {.above = 0, .source = "Amazon Route 53 health checks: 30 s, or 10 s for a price"});
        fields("threshold", threshold, "Checks in a row that change a record's health, both ways.",
               {.minimum = 1, .maximum = 10, .source = "Amazon Route 53 failure threshold"});
        fields("timeout", timeout, "A check without an answer by then has failed.",
               {.above = 0, .source = "Amazon Route 53: 4 s to connect and 2 s to answer"});
        fields.rule(timeout <= interval, "timeout", "must not be longer than \"interval\"");
    }
};

/// What is believed.
class Health {
public:
    bool is_healthy() const { return is_healthy_; }

    /// True if this result, together with those before it, changes the belief.
    bool hear(bool good, std::int64_t threshold) {
        streak_ = good == is_healthy_ ? 0 : streak_ + 1;
        if (streak_ < threshold) return false;
        is_healthy_ = good;
        streak_ = 0;
        return true;
    }

private:
    bool is_healthy_ = true;
    std::int64_t streak_ = 0;  // of results that contradict it
};

}  // namespace prodsim
