#include "sim/run/one_run.hpp"

#include "sim/stats/estimate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace prodsim {

namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t batch_count = 10;

/// What happened in one window, or in a batch of them.
struct Part {
    double length_s = 0;
    double offered = 0;
    double ended = 0;
    double good = 0;
    double bad = 0;
    double slower = 0;  // than some limit
    double sum_s = 0;
};

/// A journey in one run, cut into windows of one width.
class Windows {
public:
    Windows(const Journey& journey, Span span) : offers_(journey.offers()), ends_(journey.ends()) {
        offers_.merge(Series{ends_.width()});
        ends_.merge(Series{offers_.width(), Series::Detail::quantiles});
        const Duration width = ends_.width();
        first_ = static_cast<std::size_t>((span.from - start_of_run + width - Duration{1}) / width);
        end_ = std::max(first_, static_cast<std::size_t>((span.to - start_of_run) / width));
    }

    std::size_t size() const { return end_ - first_; }

    /// So many batches of equal length; windows that fill none are left out at the start.
    std::vector<Part> batches(std::size_t count, Duration limit) const {
        const std::size_t length = size() / count;
        std::vector<Part> parts(count);
        for (std::size_t i = 0; i < count * length; ++i) {
            add(end_ - count * length + i, limit, parts[i / length]);
        }
        return parts;
    }

private:
    void add(std::size_t window, Duration limit, Part& part) const {
        part.length_s += in_seconds(ends_.width());
        if (window < offers_.windows().size()) {
            part.offered += static_cast<double>(offers_.windows()[window].count);
        }
        if (window >= ends_.windows().size()) return;
        const Series::Window& here = ends_.windows()[window];
        part.ended += static_cast<double>(here.count);
        part.good += static_cast<double>(here.count - here.bad);
        part.bad += static_cast<double>(here.bad);
        part.sum_s += in_seconds(here.sum);
        part.slower += static_cast<double>(ends_.count_above(window, limit));
    }

    Series offers_;
    Series ends_;
    std::size_t first_ = 0;
    std::size_t end_ = 0;
};

/// Whether neighbours look alike: their correlation is beyond what independent ones show in 5 % of
/// all cases (one side: 1.64 / sqrt(n)).
bool follow_one_another(const std::vector<double>& values) {
    const double mean = estimate_mean(values).mean;
    double squares = 0;
    double products = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        squares += (values[i] - mean) * (values[i] - mean);
        if (i > 0) products += (values[i] - mean) * (values[i - 1] - mean);
    }
    return products > 1.64 / std::sqrt(static_cast<double>(values.size())) * squares;
}

/// The half width of the ratio of two numbers of a part; NaN where batches are too few or depend on
/// one another.
double half_width_of(const Windows& windows, double Part::*above, double Part::*below,
                     Duration limit = Duration::max()) {
    if (windows.size() < batch_count) return unknown;
    std::vector<double> ratios;
    for (const Part& part : windows.batches(batch_count, limit)) {
        ratios.push_back(part.*above / part.*below);
    }
    const bool complete = std::all_of(ratios.begin(), ratios.end(),
                                      [](double ratio) { return std::isfinite(ratio); });
    return complete && !follow_one_another(ratios) ? estimate_mean(ratios).half_width : unknown;
}

void add_intervals(const Windows& windows, const Histogram& records, DurationReport& report) {
    if (report.count == 0) return;
    report.mean_s.half_width = half_width_of(windows, &Part::sum_s, &Part::ended);
    for (QuantileReport& quantile : report.quantiles) {
        const Duration value = records.quantile(quantile.share);
        const double off = half_width_of(windows, &Part::slower, &Part::ended, value);
        const double low = quantile.share - off;
        const double high = quantile.share + off;
        if (!(low > 0 && high < 1)) continue;  // beyond the sample, or not known
        quantile.seconds.half_width =
            in_seconds(std::max(value - records.quantile(low), records.quantile(high) - value));
    }
}

}  // namespace

void add_intervals(const Journey& journey, Span window, JourneyReport& report) {
    const Windows windows(journey, window);
    const auto add = [&](Measured& measured, double Part::*above, double Part::*below) {
        measured.half_width = half_width_of(windows, above, below);
    };
    add(report.offered_per_s, &Part::offered, &Part::length_s);
    add(report.good_per_s, &Part::good, &Part::length_s);
    add(report.failed_per_s, &Part::bad, &Part::length_s);
    const bool some_bad = report.availability.value > 0 && report.availability.value < 1;
    if (some_bad) add(report.availability, &Part::good, &Part::ended);
    Histogram all = journey.latency_good();
    all.merge(journey.latency_bad());
    add_intervals(windows, all, report.latency_all);
    // Windows do not tell the times of good requests from those of bad ones.
    if (journey.latency_bad().count() == 0) report.latency_good = report.latency_all;
}

}  // namespace prodsim
