#include "sim/run/trial.hpp"

#include <iterator>
#include <utility>

namespace prodsim {

Trial run_trial(const Scenario& scenario, unsigned threads, RunWatch& watch) {
    Trial trial;
    const std::int64_t all = scenario.parameters().run.replications;
    extend_trial(scenario, static_cast<std::size_t>(all), threads, watch, trial);
    return trial;
}

void extend_trial(const Scenario& scenario, std::size_t end, unsigned threads, RunWatch& watch,
                  Trial& trial) {
    const std::size_t faults = scenario.parameters().faults.size();
    const std::size_t first = trial.main.size();
    std::vector<FaultSelection> kinds{FaultSelection::all()};
    if (faults > 0) kinds.push_back(FaultSelection::none());
    for (std::size_t i = 0; faults > 1 && i < faults; ++i) {
        kinds.push_back(FaultSelection::only(i));
    }
    std::vector<RunPlan> plans;
    for (const FaultSelection& kind : kinds) {
        const std::vector<RunPlan> more = plans_of(scenario, kind, first, end);
        plans.insert(plans.end(), more.begin(), more.end());
    }
    std::vector<Replication> results = simulate_all(scenario, plans, threads, watch);
    auto next = std::make_move_iterator(results.begin());
    const auto take = [&](std::vector<Replication>& runs) {
        const auto count = static_cast<std::ptrdiff_t>(end - first);
        runs.insert(runs.end(), next, next + count);
        next += count;
    };
    take(trial.main);
    if (faults > 0) take(trial.baseline);
    if (faults > 1) trial.alone.resize(faults);
    for (std::vector<Replication>& runs : trial.alone) take(runs);
}

}  // namespace prodsim
