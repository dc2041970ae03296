#pragma once

#include "sim/config/units.hpp"
#include "sim/run/simulation.hpp"
#include "sim/stats/estimate.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

/// A number that a run can be asked for: "order.latency_p99", "orders-pg.utilisation",
/// "shop -> orders-pg.retry.attempts". The last part says what, the rest says whose.
///
/// Of a journey: offered, goodput, throughput (per second), availability, loss, degraded (shares),
/// latency_mean, latency_p50, latency_p99_9, latency_max, latency_above(2s) (of successes; the last
/// is a share), latency_all_... (of everything). Of a component: utilisation, and the name of any
/// of its meters: counters per second, levels as their mean, or with "_max", or at the end with
/// "_last" or "_last_above(0)", histograms with "_mean", "_p99", "_max" or "_above(0s)".
///
/// Where there are prices: cost_per_hour of a component and, with nothing before it, of everything;
/// cost_per_1000_good, by the journeys of all kinds that succeeded.
///
/// "A per B" is the one divided by the other: "shop -> bank.retry.attempts per order.offered"; and
/// "A per B per C" is divided by both.
class Metric {
public:
    /// Nothing when the name does not have the form.
    static std::optional<Metric> parse(std::string_view name);

    const std::string& name() const { return name_; }

    /// In which unit a limit is written; the base units are seconds, 1/s, shares and numbers.
    Dimension dimension() const;

    /// The value over the whole window; nothing when the run has no such thing, or nothing of it.
    std::optional<double> of(const Replication& run) const;

    /// The value over a stretch of it: of a journey from its series; of a counter or a level from
    /// what was read at both ends. A stretch without length asks for a level at an instant.
    std::optional<double> of(const Replication& run, Span span) const;

    /// Whether it has a value over a stretch of a run, or at an instant: a histogram has none.
    bool has_spans(const Replication& run) const;
    bool has_instants(const Replication& run) const;

    /// The durations that it is a number of, where it is one of a histogram.
    std::optional<Histogram> records(const Replication& run) const;

    /// Which percentile it is of them, if it is one: 0.99.
    std::optional<double> percentile() const;

    /// Whether a run of this kind has the metric at all.
    bool exists(const Replication& run) const;

private:
    bool exists_in_component(const Replication& run) const;
    std::optional<double> of_one(const Replication& run) const;
    template <class Value>
    std::optional<double> divided(std::optional<double> value, Value value_of) const;
    std::optional<double> of_journey(const Journey& journey, double window_s) const;
    std::optional<double> of_component(const Replication& run) const;
    std::optional<double> of_component(const Replication& run, Span span) const;

    std::string name_;
    std::string subject_;
    std::string quantity_;
    std::vector<Metric> per_;  // what it is divided by, if by anything
};

/// What these runs say of it: the mean over those that have it, and of a percentile that of all
/// records together.
Estimate estimate_of(const Metric& metric, const std::vector<Replication>& runs);

/// What puts that in doubt, in a sentence: a percentile of which some run has too few records
/// (`has_quantile`), a mean in a scenario with a law of a heavy tail (`heaviest_law`), or of
/// records that show one (`estimate_tail`). Empty where nothing does.
std::string doubt_about(const Metric& metric, const Scenario& scenario,
                        const std::vector<Replication>& runs);

/// Every name that `run` can be asked for: for "did you mean".
std::vector<std::string> metric_names(const Replication& run);

/// A quantile named in a metric: "p99" is 0.99, "p99_9" is 0.999.
std::optional<double> quantile_named(std::string_view name);

/// A comparison with a quantity: "<= 800ms".
struct Threshold {
    bool at_least = false;  // otherwise at most
    double value = 0;       // in seconds, 1/s, share or number
    std::string text;

    bool holds(double measured) const { return at_least ? measured >= value : measured <= value; }
};

struct ParsedThreshold {
    Threshold threshold;
    std::string message;  // empty if all is well
    std::string cure;
};

ParsedThreshold parse_threshold(std::string_view text, Dimension dimension);

}  // namespace prodsim
