#pragma once

// Where the simulator is held against theory. An experiment is a scenario as users write it, run
// with the seeds that it names; every number it measures comes with its own standard error, and
// agreement is judged by that error alone. A case also says how sharp the measurement must be: an
// agreement within an error that could hide a mistake is none. Where trials are to be few, the
// first replications stand for all, and may be off by what their number makes of the same error.
//
//     Experiment queue(line, {{"arrivals", "poisson(0.8/s)"}, {"work", "exp(1s)"}});
//     REQUIRE(queue.measures("visit.latency_mean", 3_percent) == 5.0);

#include "sim/run/metric.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "sim/stats/estimate.hpp"
#include "tests/catch.hpp"
#include "tests/effort.hpp"
#include "tests/everything.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <concepts>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim::testing {

/// A relative error that a case allows.
struct Tolerance {
    double share;
};
constexpr Tolerance operator""_percent(unsigned long long percent) {
    return {static_cast<double>(percent) / 100};
}

/// What an experiment found. It equals what theory says when the two lie within four standard
/// errors, and three standard errors within the tolerance. Of n replications for a planned number
/// of them four standard errors are then at most (4 / 3) sqrt(planned / n) tolerances.
struct Measured {
    Estimate estimate;
    Tolerance tolerance;
    std::size_t planned = 0;

    bool is_sharp(double theory) const {
        return 3 * estimate.standard_error <= tolerance.share * std::abs(theory);
    }
    friend bool operator==(const Measured& measured, double theory) {
        const double off = std::abs(measured.estimate.mean - theory);
        if (measured.estimate.n < measured.planned) {
            const double fewer =
                static_cast<double>(measured.planned) / static_cast<double>(measured.estimate.n);
            return off <= 4.0 / 3 * std::sqrt(fewer) * measured.tolerance.share * std::abs(theory);
        }
        return off <= 4 * measured.estimate.standard_error && measured.is_sharp(theory);
    }
};

/// The words of a scenario that differ from one experiment to the next.
using Words = std::initializer_list<std::pair<std::string_view, std::string>>;

/// The text with each `$word` replaced by what it stands for.
inline std::string filled(std::string text, Words words) {
    for (const auto& [word, meaning] : words) {
        const std::string sign = "$" + std::string(word);
        std::size_t at = text.find(sign);
        assert(at != std::string::npos && "the text has this word");
        for (; at != std::string::npos; at = text.find(sign, at + meaning.size())) {
            text.replace(at, sign.size(), meaning);
        }
    }
    assert(text.find('$') == std::string::npos && "every word has a meaning");
    return text;
}

inline std::unique_ptr<const Scenario> understood(const std::string& text) {
    return Scenario::parse(text, "experiment", everything());
}

/// A scenario and its replications, every audit of which holds.
class Experiment {
public:
    explicit Experiment(const std::string& text) : scenario_(understood(text)) {
        RunWatch watch;
        std::vector<RunPlan> plans = plans_of(*scenario_, FaultSelection::all());
        planned_ = plans.size();
        if (few_trials) plans.resize(std::min<std::size_t>(planned_, 3));
        runs_ = simulate_all(*scenario_, plans, 1, watch);
        for (const Replication& run : runs_) {
            for (const Audit& audit : run.audits) {
                INFO(audit.law << ", " << audit.subject << ": " << audit.detail);
                REQUIRE(audit.holds);
            }
        }
    }
    Experiment(const char* text, Words words) : Experiment(filled(text, words)) {}

    const std::vector<Replication>& runs() const { return runs_; }

    /// A metric, by the name that users have for it.
    Measured measures(std::string_view name, Tolerance tolerance) const {
        return measures([&](const Replication& run) { return value(run, name); }, tolerance);
    }

    /// A number that follows from each run.
    template <std::invocable<const Replication&> Number>
    Measured measures(Number number, Tolerance tolerance) const {
        std::vector<double> values;
        for (const Replication& run : runs_) values.push_back(number(run));
        return {estimate_mean(values), tolerance, planned_};
    }

    /// For what chance has no part in.
    double mean(std::string_view name) const { return measures(name, 0_percent).estimate.mean; }

    static double value(const Replication& run, std::string_view name) {
        const auto metric = Metric::parse(name);
        assert(metric.has_value());
        return metric->of(run).value();
    }

private:
    std::unique_ptr<const Scenario> scenario_;
    std::size_t planned_ = 0;
    std::vector<Replication> runs_;
};

/// The share of the journeys of this name that did not succeed.
inline auto loss_of(std::string_view journey) {
    std::string name(journey);
    name += ".availability";
    return [name](const Replication& run) { return 1 - Experiment::value(run, name); };
}

/// How many of one meter come for one of another, by their rates.
inline auto ratio(std::string_view many, std::string_view one) {
    return [many = std::string(many), one = std::string(one)](const Replication& run) {
        return Experiment::value(run, many) / Experiment::value(run, one);
    };
}

/// The share of the records of a histogram that exceed the limit.
inline auto share_above(Duration limit, std::string owner, std::string name) {
    return [=](const Replication& run) {
        return run.readings.histogram(owner, name)->histogram.fraction_above(limit);
    };
}

}  // namespace prodsim::testing

/// A failure reads `5.07 +- 0.01 == 5.0`, and says if the measurement was too blunt.
template <>
struct Catch::StringMaker<prodsim::testing::Measured> {
    static std::string convert(const prodsim::testing::Measured& measured) {
        const auto& estimate = measured.estimate;
        return Detail::stringify(estimate.mean) + " +- " +
               Detail::stringify(estimate.standard_error) + " (a third of " +
               Detail::stringify(100 * measured.tolerance.share) + " % allowed)";
    }
};
