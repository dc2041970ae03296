#pragma once

#include "sim/run/scenario.hpp"

#include <string>

namespace prodsim {

/// The component and the law of a scenario whose tail no run of reasonable length sees the end of:
/// "shop: lognormal(mean=10ms, cv=4)"; empty where there is none. These are lognormal and Weibull
/// laws with a cv of 2.5 or more and Pareto laws without a third moment, alpha <= 3. Intervals of
/// means that such a law has a part in are too narrow: in M/G/1 at 50 % with lognormal service
/// times, ten replications of 15 000 requests cover the mean in 90 % of all cases with a cv of 2,
/// in 85 % with 3 and in 78 % with 4, and in 94 % with a hyperexponential law of cv 4, which ends
/// like an exponential. Limit: that the law has a part in a metric is taken for granted.
std::string heaviest_law(const Scenario& scenario);

}  // namespace prodsim
