#include "sim/study/theory.hpp"

#include "sim/run/heavy_laws.hpp"
#include "sim/run/metric.hpp"
#include "sim/run/report_numbers.hpp"
#include "sim/study/forecast.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>

namespace prodsim {

namespace {

constexpr const char* utilisation_law = "utilisation law";
constexpr double thousandth = 1e-3;  // processors are counted in thousandths of a core

/// How long a station remembers: M/M/1 forgets like exp(-t / memory), others with as many servers
/// and as much load about as fast (Karlin and McGregor 1958; Blanc and van Doorn 1986).
double memory_s(double service_s, double load) {
    const double root = 1 - std::sqrt(std::min(load, 0.9999));
    return service_s / (root * root);
}

class Comparison {
public:
    Comparison(const Scenario& scenario, const Trial& trial)
        : scenario_(scenario),
          runs_(trial.baseline.empty() ? trial.main : trial.baseline),
          forecast_(forecast(scenario)),
          calls_(analyse(scenario).calls),
          heavy_law_(heaviest_law(scenario)) {}

    std::vector<TheoryLine> lines() && {
        if (!is_steady()) return {};
        for (const ResourceForecast& one : forecast_.resources) add(one);
        for (const PopulationForecast& one : forecast_.populations) add(one);
        add_little();
        return std::move(lines_);
    }

private:
    // ---- what was measured ----

    std::optional<Measured> measured(const std::string& name, double unit = 1) const {
        const std::optional<Metric> metric = Metric::parse(name);
        if (!metric || !metric->exists(runs_.front())) return std::nullopt;
        const Estimate estimate = estimate_of(*metric, runs_);
        if (!std::isfinite(estimate.mean)) return std::nullopt;
        return Measured{estimate.mean * unit, estimate.half_width * unit};
    }

    double mean(const std::string& name) const {
        const auto found = measured(name);
        return found ? found->value : 0;
    }

    /// Runs that came to their end, of a load that stays as it is.
    bool is_steady() const {
        const bool complete = std::none_of(runs_.begin(), runs_.end(),
                                           [](const auto& run) { return run.interrupted; });
        if (!complete || runs_.empty()) return false;
        for (const auto& component : scenario_.parameters().components) {
            const Value* shape =
                scenario_.effective().find_path("/components/" + component.name + "/shape");
            if (shape != nullptr && shape->is_array() && !shape->items().empty()) return false;
        }
        return true;
    }

    // ---- processors and their lines ----

    void add(const ResourceForecast& one) {
        const std::string& who = one.use.component;
        if (one.use.resource != "cores" || one.use.at_most || one.per_s == 0) return;
        const std::string part = who + ".threads";
        TheoryLine line{.subject = who,
                        .quantity = {},
                        .law = one.basis,
                        .assumes = {},
                        .dimension = {},
                        .theory = 0,
                        .at_most = one.sets > 1,
                        .measured = {},
                        .doubt = {}};
        if (one.loss) {
            return add_loss(one, part, std::move(line));
        }
        const bool lost = mean(part + ".rejected") + mean(part + ".expired") > 0;
        if (one.wait_s && !lost && one.in_turn) {
            if (const auto wait = measured(part + ".wait_mean")) {
                line.quantity = "mean wait";
                line.assumes = assumptions(one);
                line.dimension = Dimension::duration;
                line.theory = *one.wait_s;
                line.measured = *wait;
                return finish(one, std::move(line));
            }
        }
        if (one.wait_s && !lost && !one.in_turn && mean(part + ".wait_above(0s)") == 0) {
            if (const auto present = measured(who + ".cpu.runnable")) {
                line.quantity = "mean at work";
                line.assumes = assumptions(one);
                line.dimension = Dimension::number;
                line.theory = one.use.needed + one.per_s * *one.wait_s;
                line.measured = *present;
                return finish(one, std::move(line));
            }
        }
        add_utilisation(one, std::move(line));
    }

    void add_loss(const ResourceForecast& one, const std::string& part, TheoryLine line) {
        const auto refused = measured(part + ".rejected per " + part + ".arrivals");
        if (!refused) return;
        line.quantity = "share refused";
        line.assumes = "Poisson calls";
        line.dimension = Dimension::share;
        line.theory = *one.loss;
        line.measured = *refused;
        finish(one, std::move(line));
    }

    void add_utilisation(const ResourceForecast& one, TheoryLine line) {
        const auto busy = measured(one.use.component + ".cpu.busy", thousandth);
        if (!busy || one.use.needed >= one.use.available) return;
        line.quantity = "cores busy";
        line.law = utilisation_law;
        line.assumes = "all calls are served once";
        line.dimension = Dimension::number;
        line.theory = one.use.needed;
        line.at_most = false;
        line.measured = *busy;
        finish(one, std::move(line));
    }

    static std::string assumptions(const ResourceForecast& one) {
        std::string text = "Poisson calls";
        if (one.sets > 1) text += " at random";
        const bool exponential = one.basis.starts_with("M/M/");
        if (one.in_turn) text += exponential ? ", exponential work" : ", independent work";
        return text;
    }

    /// Directly, by some journey.
    bool is_called_by_users(const std::string& component) const {
        return std::any_of(calls_.begin(), calls_.end(), [&](const auto& calls) {
            return calls.to == component && is_source(calls.from);
        });
    }

    bool is_source(const std::string& component) const {
        return scenario_.effective().find_path("/components/" + component + "/journeys") != nullptr;
    }

    void finish(const ResourceForecast& one, TheoryLine line) {
        if (!agrees(line)) line.doubt = cause(one, line);
        lines_.push_back(std::move(line));
    }

    static bool agrees(const TheoryLine& line) {
        const double off = line.measured.value - line.theory;
        const double rounding = 1e-6 * std::abs(line.theory);
        if (std::isnan(line.measured.half_width)) return true;  // one run has no interval to leave
        return line.at_most && off < 0 ? true
                                       : std::abs(off) <= line.measured.half_width + rounding;
    }

    // ---- why they disagree ----

    std::string cause(const ResourceForecast& one, const TheoryLine& line) const {
        const std::string& who = one.use.component;
        if (const auto calls = measured(who + ".threads.arrivals")) {
            if (std::abs(calls->value - one.per_s) > calls->half_width) {
                return readable_rate(*calls) + " come instead of " + readable_rate({one.per_s}) +
                       ": tried again, given up or refused elsewhere";
            }
        }
        if (line.law == utilisation_law) return chance(line);
        if (heavy_law_.starts_with(who + ":")) {
            return "the tail of its work is heavy, so the interval is too narrow";
        }
        const double service_s = one.use.needed / one.per_s;
        const double load = one.use.needed / one.use.available;
        const double memory = memory_s(service_s, load);
        const RunParameters& run = scenario_.parameters().run;
        constexpr double forgotten = 3;
        if (line.measured.value < line.theory && in_seconds(*run.warm_up) < forgotten * memory) {
            return "it starts empty and remembers that for about " + readable_duration(memory) +
                   ": the warm-up is short";
        }
        constexpr double long_enough = 100;
        if (in_seconds(run.duration - *run.warm_up) < long_enough * memory) {
            return "it remembers for about " + readable_duration(memory) +
                   ": the runs are short, and their interval is too narrow";
        }
        if (!is_called_by_users(who)) {
            return "what comes through others is no Poisson stream, or chance: one of twenty "
                   "intervals misses";
        }
        return chance(line);
    }

    static std::string chance(const TheoryLine& line) {
        const double off = std::abs(line.measured.value - line.theory);
        if (off <= 2 * line.measured.half_width) return "chance: one of twenty intervals misses";
        return "an assumption does not hold: some calls are tried again, given up, or ask for more "
               "than "
               "the scenario says";
    }

    // ---- closed populations ----

    /// R = N / X - Z (Denning and Buzen 1978), for clients of one journey.
    void add(const PopulationForecast& one) {
        const std::string journeys = "/components/" + one.clients + "/journeys";
        const Value* all = scenario_.effective().find_path(journeys);
        if (all == nullptr || !all->is_object() || all->members().size() != 1) return;
        const std::string& journey = all->members().front().key;
        const auto latency = measured(journey + ".latency_all_mean");
        const double per_s = mean(journey + ".throughput");
        if (!latency || per_s <= 0) return;
        TheoryLine line{.subject = one.clients,
                        .quantity = "mean latency of " + journey,
                        .law = "interactive response time law, N/X - Z",
                        .assumes = "users think and ask in turn",
                        .dimension = Dimension::duration,
                        .theory = static_cast<double>(one.users) / per_s - one.think_s,
                        .at_most = false,
                        .measured = *latency,
                        .doubt = {}};
        if (one.latency_s) {
            line.law = "exact mean-value analysis";
            line.assumes = "nobody waits for threads or gives up";
            line.theory = *one.latency_s;
        }
        if (!agrees(line)) line.doubt = chance(line);
        lines_.push_back(std::move(line));
    }

    // ---- lines without another law ----

    /// Lq = lambda Wq, where somebody waits.
    void add_little() {
        std::set<std::string> done;
        for (const TheoryLine& line : lines_) done.insert(line.subject);
        for (const auto& level : runs_.front().readings.levels) {
            const std::string& name = level.name.name;
            if (!name.ends_with(".waiting") || done.count(level.name.owner) > 0) continue;
            add_little(level.name.owner, name.substr(0, name.rfind('.')));
        }
    }

    void add_little(const std::string& owner, const std::string& part) {
        const std::string line_of = owner + "." + part;
        const auto waiting = measured(line_of + ".waiting");
        const bool lost = mean(line_of + ".rejected") + mean(line_of + ".expired") +
                              mean(line_of + ".withdrawn") >
                          0;
        const double theory = mean(line_of + ".arrivals") * mean(line_of + ".wait_mean");
        if (!waiting || lost || theory <= 0) return;
        TheoryLine line{.subject = owner,
                        .quantity = "waiting for " + part,
                        .law = "Little's law",
                        .assumes = "the line neither grows nor shrinks",
                        .dimension = Dimension::number,
                        .theory = theory,
                        .at_most = false,
                        .measured = *waiting,
                        .doubt = {}};
        if (!agrees(line)) line.doubt = "the line grows or shrinks during the run";
        lines_.push_back(std::move(line));
    }

    const Scenario& scenario_;
    const std::vector<Replication>& runs_;
    Forecast forecast_;
    std::vector<PredictedCalls> calls_;
    std::string heavy_law_;
    std::vector<TheoryLine> lines_;
};

}  // namespace

std::vector<TheoryLine> compare_with_theory(const Scenario& scenario, const Trial& trial) {
    return Comparison(scenario, trial).lines();
}

}  // namespace prodsim
