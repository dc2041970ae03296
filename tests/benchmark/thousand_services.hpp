#pragma once

// A graph of a thousand services, too large to be written by hand. Every service stands in every
// tier of four: a request enters at any of them, and what it asks there calls the next service, and
// so on, along maps that are one to one, so that all services carry the same load.

#include "tests/benchmark/scenario_text.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace prodsim::benchmark::thousand_services {

inline constexpr std::uint32_t services = 1000;
inline constexpr std::uint32_t depth = 4;
inline constexpr std::uint32_t workers = 4;
inline constexpr double service_s = 0.004;
inline constexpr double load = 0.6;

/// Requests a second: each of them asks `depth` of the services.
inline constexpr double arrivals = services * load * workers / service_s / depth;

/// Whom a service calls from tier `tier`. One to one, since the factors have no divisor in common
/// with 1000.
inline std::uint32_t callee_of(std::uint32_t tier, std::uint32_t service) {
    constexpr std::array<std::uint32_t, depth - 1> factors{387, 623, 811};
    return (service * factors[tier] + 131) % services;
}

/// The graph in the language of scenarios.
inline std::string scenario() {
    constexpr std::array<const char*, depth> tiers{"first", "second", "third", "last"};
    const auto call = [&](std::uint32_t tier, std::uint32_t service) {
        return with(R"({"call": "s$service.)", "$service", std::to_string(service)) + tiers[tier] +
               "\"}";
    };
    std::string entries;
    std::string components;
    for (std::uint32_t service = 0; service < services; ++service) {
        entries +=
            (service == 0 ? "" : ", ") + with(R"({"steps": [$call]})", "$call", call(0, service));
        std::string operations;
        for (std::uint32_t tier = 0; tier < depth; ++tier) {
            std::string steps = R"x({"cpu": "exp(4ms)"})x";
            if (tier + 1 < depth) steps += ", " + call(tier + 1, callee_of(tier, service));
            operations += (tier == 0 ? "" : ", ") +
                          with(with(R"("$name": {"steps": [$steps]})", "$name", tiers[tier]),
                               "$steps", steps);
        }
        components += with(with(R"(, "s$service": {"type": "service", "cores": 4,
            "concurrency": "event_loop", "operations": {$operations}})",
                                "$service", std::to_string(service)),
                           "$operations", operations);
    }
    static_assert(workers == 4 && service_s == 0.004 && arrivals > 149999 && arrivals < 150001);
    return with(with(R"x({"version": 1, "run": {"duration": "1s", "warm_up": "0s"},
        "components": {"users": {"type": "clients", "arrivals": "poisson(150000/s)",
            "journeys": {"visit": {"steps": [{"choose": [$entries]}]}}}$components}})x",
                     "$entries", entries),
                "$components", components);
}

}  // namespace prodsim::benchmark::thousand_services
