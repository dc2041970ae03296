#include "sim/study/difference.hpp"

#include "sim/run/metric.hpp"
#include "sim/run/report_numbers.hpp"

#include <cassert>
#include <cmath>

namespace prodsim {

namespace {

std::vector<Replication> runs_of(const Scenario& scenario, unsigned threads, RunWatch& watch) {
    return simulate_all(scenario, plans_of(scenario, FaultSelection::all()), threads, watch);
}

Difference difference_of(const Metric& metric, const std::vector<Replication>& first,
                         const std::vector<Replication>& second) {
    std::vector<double> before;
    std::vector<double> after;
    for (std::size_t i = 0; i < first.size(); ++i) {
        const auto one = metric.of(first[i]);
        const auto other = metric.of(second[i]);
        if (!one || !other) continue;
        before.push_back(*one);
        after.push_back(*other);
    }
    return {metric.name(), metric.dimension(), estimate_mean(before), estimate_mean(after),
            estimate_difference(before, after)};
}

}  // namespace

bool Difference::is_certain() const {
    return std::abs(paired.difference.mean) > paired.difference.half_width;
}

std::string Difference::text() const {
    const Estimate& off = paired.difference;
    const Measured size{std::abs(off.mean), off.half_width};
    std::string text = metric + ": " + readable({first.mean}, dimension) + " and " +
                       readable({second.mean}, dimension) + ", " + readable(size, dimension) +
                       (off.mean < 0 ? " less" : " more");
    if (!is_certain()) text += ", which may be chance";
    if (!std::isfinite(paired.variance_reduction)) return text;
    return text + "; common chance is worth " + readable_number(paired.variance_reduction) +
           " times as many replications";
}

std::vector<Difference> differences(const Scenario& first, const Scenario& second,
                                    std::span<const std::string> metrics, unsigned threads,
                                    RunWatch& watch) {
    assert(first.parameters().run.seed == second.parameters().run.seed);
    assert(first.parameters().run.replications == second.parameters().run.replications);
    const std::vector<Replication> before = runs_of(first, threads, watch);
    const std::vector<Replication> after = runs_of(second, threads, watch);
    std::vector<Difference> result;
    for (const std::string& name : metrics) {
        result.push_back(difference_of(*Metric::parse(name), before, after));
    }
    return result;
}

}  // namespace prodsim
