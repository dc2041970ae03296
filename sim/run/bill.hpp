#pragma once

// What an environment costs. Whoever runs instances pays for the hours that they are in service,
// also while a fault makes them useless; whoever calls somebody else's service pays for what that
// carried out. Simplification: an instance costs nothing while it starts, and nothing once it was
// told to go.

#include "sim/config/fields.hpp"
#include "sim/config/named.hpp"
#include "sim/config/problem.hpp"
#include "sim/core/time.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

class World;

struct Price {
    double instance_hour = 0;
    double call = 0;
    void describe(Fields& fields);
};

/// What one run cost, in the currency of the prices.
struct Bill {
    struct Item {
        std::string component;
        double instances;    // in service, on average
        double calls_per_s;  // carried out; 0 where they cost nothing
        double per_hour;
    };

    std::vector<Item> items;
    double good_per_s = 0;  // journeys that succeeded, of all kinds

    /// Of one component, or of all; nothing where it has no price.
    std::optional<double> per_hour(std::string_view component) const;
    std::optional<double> per_hour() const;

    std::optional<double> per_1000_good() const;
};

/// Of what a world has done since `from`. REQUIRES: the counters were reset then.
Bill bill_of(const Named<Price>& prices, const World& world, Time from);

/// Finds prices of what there is not, or of calls that nobody counts.
void check_prices(const Named<Price>& prices, const World& world, Problems& problems);

}  // namespace prodsim
