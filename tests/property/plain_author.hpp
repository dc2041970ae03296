#pragma once

// Scenarios by chance in which hardly anything happens at the same instant as anything else, so
// that two that ought to be alike can be compared to the last nanosecond.

#include "sim/config/value.hpp"
#include "tests/property/dice.hpp"

#include <cstdint>
#include <string>

namespace prodsim::testing {

/// Writes scenarios without ties: open Poisson traffic through services whose work is drawn from
/// continuous laws, with lines of every length.
class PlainAuthor : private Dice {
public:
    explicit PlainAuthor(std::uint64_t seed) : Dice(seed) {}

    Value scenario() {
        services_ = 2 + below(5);
        Value components = Value::object();
        for (std::size_t i = 1 + below(2); i > 0; --i) {
            Value journeys = Value::object();
            for (std::size_t k = 1 + below(2); k > 0; --k) {
                journeys.put("j" + std::to_string(i) + std::to_string(k),
                             Value::object({{"steps", calls(0)}}));
            }
            components.put(
                "users" + std::to_string(i),
                Value::object({{"type", "clients"},
                               {"arrivals", chance(0.5) ? "poisson(60/s)" : "poisson(150/s)"},
                               {"journeys", journeys}}));
        }
        for (std::size_t i = 0; i < services_; ++i) components.put(name(i), service(i));
        return Value::object({{"version", 1},
                              {"run", Value::object({{"duration", "10s"},
                                                     {"warm_up", "1s"},
                                                     {"seed", count(0, 999)},
                                                     {"replications", 1}})},
                              {"components", components}});
    }

private:
    static std::string name(std::size_t index) { return "s" + std::to_string(index); }

    Value service(std::size_t index) {
        Value steps = Value::array(
            {Value::object({{"cpu", chance(0.5) ? "exp(10ms)" : "lognormal(8ms, 2)"}})});
        if (index + 1 < services_ && chance(0.7)) {
            const Value more = calls(index + 1);
            for (const Value& call : more.items()) steps.append(call);
        }
        return Value::object({{"type", "service"},
                              {"instances", count(1, 3)},
                              {"cores", 1},
                              {"threads", count(1, 8)},
                              {"queue", count(0, 29)},
                              {"operations", Value::object({{"get", steps}})}});
    }

    Value calls(std::size_t first) {
        Value list = Value::array();
        for (std::size_t i = 1 + below(2); i > 0; --i) {
            const std::size_t target = first + below(services_ - first);
            Value call = Value::object({{"call", name(target) + ".get"}});
            if (chance(0.4)) call.put("probability", "50%");
            list.append(call);
        }
        return list;
    }

    std::size_t services_ = 0;
};

}  // namespace prodsim::testing
