#include "sim/run/metric.hpp"

#include "sim/run/heavy_laws.hpp"
#include "sim/stats/tail.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace prodsim {

namespace {

const Journey* journey_of(const Replication& run, std::string_view name) {
    for (const auto* shelf : {&run.journeys, &run.cohorts}) {
        for (const Journey& journey : *shelf) {
            if (journey.name() == name) return &journey;
        }
    }
    return nullptr;
}

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

bool ends_with(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// The limit of "above(2s)"; nothing where it is none.
std::optional<double> limit_of(std::string_view which, Dimension dimension) {
    constexpr std::string_view start = "above(";
    if (!starts_with(which, start) || !ends_with(which, ")")) return std::nullopt;
    const std::string_view text = which.substr(start.size(), which.size() - start.size() - 1);
    const ParsedQuantity limit = parse_quantity(text, dimension);
    return limit.good() ? std::optional(limit.value) : std::nullopt;
}

/// "mean", "p99" or "above(2s)" of a histogram.
std::optional<double> statistic(const Histogram& histogram, std::string_view which) {
    if (histogram.count() == 0) return std::nullopt;
    if (which == "mean") return histogram.mean_s();
    if (which == "max") return in_seconds(histogram.max());
    if (const auto limit = limit_of(which, Dimension::duration)) {
        return histogram.fraction_above(Duration(static_cast<std::int64_t>(*limit)));
    }
    const auto p = quantile_named(which);
    if (!p) return std::nullopt;
    return in_seconds(histogram.quantile(*p));
}

bool is_statistic(std::string_view which) {
    return which == "mean" || which == "max" || quantile_named(which).has_value() ||
           limit_of(which, Dimension::duration).has_value();
}

/// "max", "last" or "last_above(0)" of a level.
std::optional<double> statistic(const Readings::LevelReading& level, std::string_view which) {
    if (which == "max") return static_cast<double>(level.maximum);
    if (which == "last") return static_cast<double>(level.last);
    if (!starts_with(which, "last_")) return std::nullopt;
    const auto limit = limit_of(which.substr(5), Dimension::number);
    if (!limit) return std::nullopt;
    return static_cast<double>(level.last) > *limit ? 1 : 0;
}

/// A quantity of a component that is a meter's name and what is asked of the meter.
struct Question {
    std::string meter;
    std::string which;
};

/// Every way to take a quantity apart: "wait_p99_9" is "p99_9" of "wait", and, by its form alone,
/// "9" of "wait_p99".
std::vector<Question> questions(const std::string& quantity) {
    std::vector<Question> all;
    for (std::size_t at = quantity.find('_'); at != std::string::npos;
         at = quantity.find('_', at + 1)) {
        all.push_back({quantity.substr(0, at), quantity.substr(at + 1)});
    }
    return all;
}

constexpr std::string_view journey_quantities[] = {
    "offered",      "goodput",     "throughput",  "availability", "loss",          "degraded",
    "latency_mean", "latency_p50", "latency_p90", "latency_p99",  "latency_p99_9",
};

constexpr std::string_view division = " per ";

// Of everything together: no name and no dot before them.
constexpr std::string_view cost_per_hour = "cost_per_hour";
constexpr std::string_view cost_per_1000_good = "cost_per_1000_good";

bool is_journey_quantity(std::string_view quantity) {
    for (const std::string_view known : journey_quantities) {
        if (known == quantity) return true;
    }
    if (starts_with(quantity, "latency_all_")) return is_statistic(quantity.substr(12));
    return starts_with(quantity, "latency_") && is_statistic(quantity.substr(8));
}

/// What the windows of a series that lie within a span add up to.
struct Sum {
    std::uint64_t count = 0;
    std::uint64_t bad = 0;
    Duration sum{};
};

template <class Visit>
void for_each_window(const Series& series, Span span, Visit visit) {
    for (std::size_t i = 0; i < series.windows().size(); ++i) {
        if (series.start(i) >= span.from && series.start(i) + series.width() <= span.to) visit(i);
    }
}

/// How much of a span whole windows cover, those after the last record included: rates are per
/// second of this.
double covered_s(const Series& series, Span span) {
    const auto width = series.width();
    const auto first = (span.from - start_of_run + width - Duration{1}) / width;
    const auto end = (span.to - start_of_run) / width;
    return end <= first ? 0 : in_seconds((end - first) * width);
}

Sum sum_over(const Series& series, Span span) {
    Sum sum;
    for_each_window(series, span, [&](std::size_t i) {
        sum.count += series.windows()[i].count;
        sum.bad += series.windows()[i].bad;
        sum.sum += series.windows()[i].sum;
    });
    return sum;
}

/// The largest quantile of any window of the span: what the worst second looked like.
std::optional<double> worst_quantile(const Series& series, Span span, double p) {
    std::optional<double> worst;
    for_each_window(series, span, [&](std::size_t i) {
        if (series.windows()[i].count == 0) return;
        const double value = in_seconds(series.quantile(i, p));
        worst = std::max(worst.value_or(value), value);
    });
    return worst;
}

}  // namespace

std::optional<double> quantile_named(std::string_view name) {
    if (name.size() < 2 || name.front() != 'p' || name.back() == '_') return std::nullopt;
    std::string digits(name.substr(1));
    const std::size_t point = digits.find('_');
    if (point != std::string::npos) digits[point] = '.';
    double percent = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
    if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) {
        return std::nullopt;
    }
    if (!(percent > 0 && percent < 100)) return std::nullopt;
    return percent / 100;
}

std::optional<Metric> Metric::parse(std::string_view name) {
    if (const std::size_t at = name.rfind(division); at != std::string_view::npos) {
        std::optional<Metric> metric = parse(name.substr(0, at));
        const std::optional<Metric> divisor = parse(name.substr(at + division.size()));
        if (!metric || !divisor) return std::nullopt;
        metric->name_ = name;
        metric->per_.push_back(*divisor);
        return metric;
    }
    if (name == cost_per_hour || name == cost_per_1000_good) {
        Metric metric;
        metric.name_ = name;
        metric.quantity_ = name;
        return metric;
    }
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return std::nullopt;
    Metric metric;
    metric.name_ = name;
    metric.subject_ = name.substr(0, dot);
    metric.quantity_ = name.substr(dot + 1);
    return metric;
}

Dimension Metric::dimension() const {
    if (!per_.empty()) return Dimension::number;
    for (const std::string_view share : {"availability", "loss", "degraded", "utilisation"}) {
        if (quantity_ == share) return Dimension::share;
    }
    if (ends_with(quantity_, ")")) return Dimension::share;
    if (starts_with(quantity_, "latency_")) return Dimension::duration;
    if (quantity_ == "offered" || quantity_ == "goodput" || quantity_ == "throughput") {
        return Dimension::rate;
    }
    for (const auto& [meter, which] : questions(quantity_)) {
        if (which == "mean" || quantile_named(which)) return Dimension::duration;
        if (which == "max" && ends_with(meter, "wait")) return Dimension::duration;
    }
    return Dimension::number;
}

bool Metric::exists(const Replication& run) const {
    for (const Metric& divisor : per_) {
        if (!divisor.exists(run)) return false;
    }
    if (journey_of(run, subject_) != nullptr) return is_journey_quantity(quantity_);
    return exists_in_component(run);
}

bool Metric::exists_in_component(const Replication& run) const {
    const Readings& readings = run.readings;
    if (subject_.empty()) return !run.bill.items.empty();
    if (quantity_ == cost_per_hour) return run.bill.per_hour(subject_).has_value();
    if (quantity_ == "utilisation") return readings.level(subject_, "cpu.busy") != nullptr;
    if (readings.counter(subject_, quantity_) || readings.level(subject_, quantity_)) return true;
    for (const auto& [meter, which] : questions(quantity_)) {
        const auto* level = readings.level(subject_, meter);
        if (level != nullptr && statistic(*level, which)) return true;
        if (readings.histogram(subject_, meter) && is_statistic(which)) return true;
    }
    return false;
}

std::optional<double> Metric::of(const Replication& run) const {
    return divided(of_one(run), [&](const Metric& by) { return by.of(run); });
}

template <class Value>
std::optional<double> Metric::divided(std::optional<double> value, Value value_of) const {
    for (const Metric& metric : per_) {
        const std::optional<double> divisor = value_of(metric);
        if (!value || !divisor || *divisor == 0) return std::nullopt;
        *value /= *divisor;
    }
    return value;
}

std::optional<double> Metric::of_one(const Replication& run) const {
    const double window = in_seconds(run.end - (start_of_run + run.plan.warm_up));
    if (const Journey* journey = journey_of(run, subject_)) return of_journey(*journey, window);
    return of_component(run);
}

std::optional<double> Metric::of_journey(const Journey& journey, double window_s) const {
    const std::uint64_t good = journey.latency_good().count();
    const std::uint64_t all = good + journey.latency_bad().count();
    if (quantity_ == "offered") {
        return static_cast<double>(journey.offered().in_window()) / window_s;
    }
    if (quantity_ == "goodput") return static_cast<double>(good) / window_s;
    if (quantity_ == "throughput") return static_cast<double>(all) / window_s;
    if (quantity_ == "availability" || quantity_ == "loss" || quantity_ == "degraded") {
        if (all == 0) return std::nullopt;
        const std::uint64_t part = quantity_ == "availability" ? good
                                   : quantity_ == "loss"
                                       ? journey.latency_bad().count()
                                       : journey.outcomes().count(Outcome::degraded);
        return static_cast<double>(part) / static_cast<double>(all);
    }
    if (starts_with(quantity_, "latency_all_")) {
        Histogram everything = journey.latency_good();
        everything.merge(journey.latency_bad());
        return statistic(everything, std::string_view(quantity_).substr(12));
    }
    if (starts_with(quantity_, "latency_")) {
        return statistic(journey.latency_good(), std::string_view(quantity_).substr(8));
    }
    return std::nullopt;
}

std::optional<double> Metric::of_component(const Replication& run) const {
    if (quantity_ == cost_per_1000_good) return run.bill.per_1000_good();
    if (quantity_ == cost_per_hour) {
        return subject_.empty() ? run.bill.per_hour() : run.bill.per_hour(subject_);
    }
    const double window = in_seconds(run.end - (start_of_run + run.plan.warm_up));
    if (quantity_ == "utilisation") {
        const auto* busy = run.readings.level(subject_, "cpu.busy");
        const auto* capacity = run.readings.level(subject_, "cpu.capacity");
        if (busy == nullptr || capacity == nullptr || capacity->mean <= 0) return std::nullopt;
        return busy->mean / capacity->mean;
    }
    if (const auto* counter = run.readings.counter(subject_, quantity_)) {
        return static_cast<double>(counter->in_window) / window;
    }
    if (const auto* level = run.readings.level(subject_, quantity_)) return level->mean;
    for (const auto& [meter, which] : questions(quantity_)) {
        if (const auto* reading = run.readings.level(subject_, meter)) {
            if (const auto value = statistic(*reading, which)) return value;
        }
        if (const auto* reading = run.readings.histogram(subject_, meter)) {
            if (const auto value = statistic(reading->histogram, which)) return value;
        }
    }
    return std::nullopt;
}

std::optional<double> Metric::of(const Replication& run, Span span) const {
    if (!per_.empty()) {
        Metric alone = *this;
        alone.per_.clear();
        return divided(alone.of(run, span), [&](const Metric& by) { return by.of(run, span); });
    }
    const Journey* journey = journey_of(run, subject_);
    if (journey == nullptr) return of_component(run, span);
    const Series& series = quantity_ == "offered" ? journey->offers() : journey->ends();
    const Sum sum = sum_over(series, span);
    const double length = covered_s(series, span);
    if (length <= 0) return std::nullopt;
    if (quantity_ == "offered" || quantity_ == "throughput") {
        return static_cast<double>(sum.count) / length;
    }
    if (quantity_ == "goodput") return static_cast<double>(sum.count - sum.bad) / length;
    if (sum.count == 0) return std::nullopt;
    if (quantity_ == "availability") {
        return static_cast<double>(sum.count - sum.bad) / static_cast<double>(sum.count);
    }
    if (quantity_ == "loss") {
        return static_cast<double>(sum.bad) / static_cast<double>(sum.count);
    }
    if (ends_with(quantity_, "_mean")) {
        return in_seconds(sum.sum) / static_cast<double>(sum.count);
    }
    for (const auto& [meter, which] : questions(quantity_)) {
        if (const auto p = quantile_named(which)) return worst_quantile(series, span, *p);
    }
    return std::nullopt;
}

std::optional<Histogram> Metric::records(const Replication& run) const {
    if (!per_.empty()) return std::nullopt;
    if (const Journey* journey = journey_of(run, subject_)) {
        if (!starts_with(quantity_, "latency_")) return std::nullopt;
        Histogram records = journey->latency_good();
        if (starts_with(quantity_, "latency_all_")) records.merge(journey->latency_bad());
        return records;
    }
    for (const auto& [meter, which] : questions(quantity_)) {
        const auto* reading = run.readings.histogram(subject_, meter);
        if (reading != nullptr && is_statistic(which)) return reading->histogram;
    }
    return std::nullopt;
}

std::optional<double> Metric::percentile() const {
    if (!per_.empty()) return std::nullopt;
    for (const auto& [meter, which] : questions(quantity_)) {
        if (const auto p = quantile_named(which)) return p;
    }
    return std::nullopt;
}

bool Metric::has_instants(const Replication& run) const {
    return journey_of(run, subject_) == nullptr &&
           (quantity_ == "utilisation" || run.readings.level(subject_, quantity_) != nullptr);
}

bool Metric::has_spans(const Replication& run) const {
    return journey_of(run, subject_) != nullptr || has_instants(run) ||
           run.readings.counter(subject_, quantity_) != nullptr;
}

namespace {

const Readings* readings_at(const Replication& run, Time instant) {
    if (instant == run.end) return &run.readings;
    const auto found = run.glimpses.find(instant);
    return found == run.glimpses.end() ? nullptr : &found->second;
}

/// The mean between two readings, or the value where both are the same.
std::optional<double> level_between(const Readings& from, const Readings& to, Span span,
                                    std::string_view owner, std::string_view name) {
    const auto* before = from.level(owner, name);
    const auto* after = to.level(owner, name);
    if (before == nullptr || after == nullptr) return std::nullopt;
    if (span.from == span.to) return static_cast<double>(after->last);
    return (after->integral_s - before->integral_s) / in_seconds(span.to - span.from);
}

}  // namespace

std::optional<double> Metric::of_component(const Replication& run, Span span) const {
    const Readings* from = readings_at(run, span.from);
    const Readings* to = readings_at(run, span.to);
    if (from == nullptr || to == nullptr || span.to < span.from) return std::nullopt;
    if (quantity_ == "utilisation") {
        const auto busy = level_between(*from, *to, span, subject_, "cpu.busy");
        const auto capacity = level_between(*from, *to, span, subject_, "cpu.capacity");
        if (!busy || !capacity || *capacity <= 0) return std::nullopt;
        return *busy / *capacity;
    }
    const auto* before = from->counter(subject_, quantity_);
    const auto* after = to->counter(subject_, quantity_);
    if (before != nullptr && after != nullptr && span.from < span.to) {
        return static_cast<double>(after->total - before->total) / in_seconds(span.to - span.from);
    }
    return level_between(*from, *to, span, subject_, quantity_);
}

namespace {

Histogram all_records(const Metric& metric, const std::vector<Replication>& runs) {
    Histogram all;
    for (const Replication& run : runs) {
        if (const auto records = metric.records(run)) all.merge(*records);
    }
    return all;
}

std::string lack_of_records(const Metric& metric, double p, const std::vector<Replication>& runs) {
    std::optional<std::uint64_t> fewest;
    for (const Replication& run : runs) {
        const auto records = metric.records(run);
        if (records && records->count() > 0) {
            fewest = std::min(fewest.value_or(records->count()), records->count());
        }
    }
    if (!fewest || has_quantile(*fewest, p)) return {};
    const double needed = std::ceil(fewest_beyond_quantile / std::min(p, 1 - p) - 1e-6);
    return "too few for this percentile: a replication has as few as " + std::to_string(*fewest) +
           " and needs " + to_text(static_cast<std::int64_t>(needed));
}

}  // namespace

Estimate estimate_of(const Metric& metric, const std::vector<Replication>& runs) {
    std::vector<double> values;
    for (const Replication& run : runs) {
        if (const auto value = metric.of(run)) values.push_back(*value);
    }
    const std::optional<double> p = metric.percentile();
    if (!p || values.empty()) return estimate_mean(values);
    return estimate_sections(in_seconds(all_records(metric, runs).quantile(*p)), values);
}

std::string doubt_about(const Metric& metric, const Scenario& scenario,
                        const std::vector<Replication>& runs) {
    if (const auto p = metric.percentile()) return lack_of_records(metric, *p, runs);
    if (!ends_with(metric.name(), "_mean")) return {};
    const std::string advice = ", so the interval of a mean is too narrow; ask for a percentile";
    const std::string law = heaviest_law(scenario);
    if (!law.empty()) return "heavy tail: no run sees the end of " + law + advice;
    const Histogram all = all_records(metric, runs);
    const auto tail = all.count() == 0 ? std::nullopt : estimate_tail(all);
    if (!tail || !tail->has_no_variance()) return {};
    return "heavy tail: the slowest hundredth falls like x^-" +
           to_text(std::round(10 * tail->value) / 10) + advice;
}

std::vector<std::string> metric_names(const Replication& run) {
    std::vector<std::string> names{"recovery_time"};
    for (const auto* shelf : {&run.journeys, &run.cohorts}) {
        for (const Journey& journey : *shelf) {
            for (const std::string_view quantity : journey_quantities) {
                names.push_back(journey.name() + "." + std::string(quantity));
            }
        }
    }
    if (!run.bill.items.empty()) {
        names.emplace_back(cost_per_hour);
        names.emplace_back(cost_per_1000_good);
    }
    for (const Bill::Item& item : run.bill.items) {
        names.push_back(item.component + "." + std::string(cost_per_hour));
    }
    for (const auto& level : run.readings.levels) {
        if (level.name.name == "cpu.busy") names.push_back(level.name.owner + ".utilisation");
        names.push_back(level.name.owner + "." + level.name.name);
    }
    for (const auto& counter : run.readings.counters) {
        names.push_back(counter.name.owner + "." + counter.name.name);
    }
    for (const auto& histogram : run.readings.histograms) {
        names.push_back(histogram.name.owner + "." + histogram.name.name + "_p99");
        names.push_back(histogram.name.owner + "." + histogram.name.name + "_mean");
    }
    return names;
}

ParsedThreshold parse_threshold(std::string_view text, Dimension dimension) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    ParsedThreshold parsed;
    parsed.threshold.text = text;
    const bool least = starts_with(text, ">=");
    if (!least && !starts_with(text, "<=")) {
        parsed.message = "starts neither with <= nor with >=";
        parsed.cure = "write \"<= 800ms\" or \">= 99.9%\"";
        return parsed;
    }
    parsed.threshold.at_least = least;
    text.remove_prefix(2);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    const ParsedQuantity quantity = parse_quantity(text, dimension);
    parsed.message = quantity.message;
    parsed.cure = quantity.cure;
    const bool nanoseconds = dimension == Dimension::duration;
    parsed.threshold.value = nanoseconds ? quantity.value * 1e-9 : quantity.value;
    return parsed;
}

}  // namespace prodsim
