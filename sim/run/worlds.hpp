#pragma once

// Sometimes the same system under the same load lives in one seed and collapses in another: a mean
// over both describes neither. Such worlds are told apart by what share of the requests offered in
// the last tenth of a run succeeded in it.

#include "sim/run/simulation.hpp"
#include "sim/stats/estimate.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace prodsim {

struct TwoWorlds {
    std::vector<bool> collapsed;  // by replication
    std::size_t collapses = 0;
    Interval share{};       // of all seeds: Wilson, 95 %
    double served_alive{};  // mean share of the last tenth's requests, where it lives
    double served_collapsed{};
};

/// The worlds that the replications fall into: those on either side of the uppermost gap of 20
/// points or more between neighbours, in order of the share that succeeded. Nothing where there is
/// no such gap, or where some run was offered fewer than 100 requests in its last tenth, which
/// chance may split.
std::optional<TwoWorlds> two_worlds(const std::vector<Replication>& runs);

}  // namespace prodsim
