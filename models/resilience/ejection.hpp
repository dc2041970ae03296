#pragma once

// Who is an outlier, by what its calls came to, as Envoy decides it: so many failures in a row
// eject an endpoint, for longer each time, and never too many at once. It knows neither calls nor
// clocks. Envoy 1.31, arch_overview/upstream/outlier and config.cluster.v3.OutlierDetection.

#include "sim/config/fields.hpp"
#include "sim/core/time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace prodsim {

struct Ejection {
    std::int64_t consecutive = 5;
    Duration interval = std::chrono::seconds(10);
    Duration base = std::chrono::seconds(30);
    Duration longest = std::chrono::seconds(300);
    Share most{0.1};
    std::int64_t at_least = 1;

    void describe(Fields& fields) {
        fields("consecutive", consecutive, "Failures in a row that eject an endpoint.",
               {.minimum = 1, .position = 1, .source = "Envoy 1.31 consecutive_5xx"});
        fields("interval", interval, "How often those whose time is over are let back in.",
               {.above = 0, .source = "Envoy 1.31 interval"});
        fields("base", base,
               "How long it stays out, times the ejections so far; one less counts for every "
               "interval that it stays in.",
               {.above = 0, .source = "Envoy 1.31 base_ejection_time"});
        fields("longest", longest, "It stays out no longer than this, or than `base`.",
               {.above = 0, .source = "Envoy 1.31 max_ejection_time"});
        fields("most", most, "The share of the endpoints that may be out at a time.",
               {.source = "Envoy 1.31 max_ejection_percent"});
        fields("at_least", at_least, "So many may be out whatever `most` says.",
               {.minimum = 0,
                .source = "Envoy 1.30 API: one; 1.31 wants always_eject_one_host for it"});
    }
};

/// What is remembered of one endpoint.
struct Suspect {
    std::int64_t failures = 0;   // in a row
    std::int64_t ejections = 0;  // the factor of its next stay outside, and of the present one
    bool is_out = false;
    Time since{};  // when it was ejected

    bool is_spotless() const { return !is_out && ejections == 0; }
};

/// The rules, applied to the endpoints of one balancer.
class Outliers {
public:
    explicit Outliers(const Ejection& rules) : rules_(rules) {}

    /// A call to it went well.
    static void succeeded(Suspect& suspect) { suspect.failures = 0; }

    /// A call to it failed; true if it is ejected now. `out` of the `all` endpoints are.
    bool failed(Suspect& suspect, std::size_t out, std::size_t all, Time now) const {
        if (++suspect.failures != rules_.consecutive || suspect.is_out) return false;
        if (!may_eject(out, all)) return false;
        suspect.is_out = true;
        suspect.since = now;
        if (rules_.base * suspect.ejections < rules_.longest + rules_.base) ++suspect.ejections;
        return true;
    }

    /// Once every interval; true if it comes back now.
    bool sweep(Suspect& suspect, Time now) const {
        if (!suspect.is_out) {
            if (suspect.ejections > 0) --suspect.ejections;
            return false;
        }
        if (now - suspect.since < stay(suspect)) return false;
        suspect.is_out = false;
        suspect.failures = 0;
        return true;
    }

    Duration stay(const Suspect& suspect) const {
        return std::min(rules_.base * suspect.ejections, std::max(rules_.base, rules_.longest));
    }

private:
    bool may_eject(std::size_t out, std::size_t all) const {
        const auto after = static_cast<double>(out + 1);
        return out < static_cast<std::size_t>(rules_.at_least) ||
               after <= rules_.most.value * static_cast<double>(all) + 1e-9;
    }

    const Ejection& rules_;
};

}  // namespace prodsim
