#pragma once

// What theory says of a scenario before anything runs: how busy every resource is and which is full
// first, how long calls wait, and what closed populations achieve. A number is given where its
// assumptions hold as far as the scenario tells; otherwise the reason why there is none. All
// numbers are means, of a system in which nothing fails, is refused, given up or tried again.

#include "sim/run/scenario.hpp"
#include "sim/run/topology.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace prodsim {

struct ResourceForecast {
    PredictedUse use;
    std::optional<double> full_at;  // times the load; a closed population has no such factor
    std::optional<double> wait_s;   // of a call, or what it loses to those it shares with
    std::string basis;              // the law, or why none is known

    // What the law was asked.
    double per_s = 0;                 // calls that come, to all sets of servers together
    std::int64_t sets = 1;            // over which they are spread at random
    std::int64_t servers = 0;         // of a set; 0 where no law is known
    bool in_turn = false;             // otherwise shared
    std::optional<double> loss = {};  // share of calls refused, where nobody waits
};

struct JourneyForecast {
    std::string name;
    std::optional<double> per_s;
    bool at_most;
    std::optional<double> latency_s;
    std::string basis;
};

struct PopulationForecast {
    std::string clients;
    std::int64_t users;
    double think_s;
    std::optional<double> most_per_s;  // a bound that holds in any case
    // Where a journey is a sequence of visits, its demands and what follows from them.
    std::optional<double> demand_s;
    std::optional<double> knee;  // the population beyond which users wait for one another
    std::optional<double> least_latency_s;
    // Where the exact means are known.
    std::optional<double> per_s;
    std::optional<double> latency_s;
    std::string basis;
};

struct Forecast {
    std::vector<ResourceForecast> resources;  // the one that is full first comes first
    std::vector<JourneyForecast> journeys;
    std::vector<PopulationForecast> populations;
    std::vector<std::string> assumptions;
    std::vector<Finding> findings;  // that make the numbers doubtful
};

Forecast forecast(const Scenario& scenario);

// The ways to print it.
std::string text_forecast(const Scenario& scenario, const Forecast& forecast);
std::string markdown_forecast(const Scenario& scenario, const Forecast& forecast);
std::string json_forecast(const Scenario& scenario, const Forecast& forecast);

}  // namespace prodsim
