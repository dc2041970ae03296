#include "sim/stats/series.hpp"

#include <limits>
#include <utility>

namespace prodsim {
namespace {

/// Saturation is associative for counts, so the order of merging stays without consequence.
std::uint32_t saturating_sum(std::uint32_t a, std::uint32_t b) {
    return a + std::min(b, std::numeric_limits<std::uint32_t>::max() - a);
}

Duration saturating_sum(Duration a, Duration b) { return a + std::min(b, Duration::max() - a); }

Series::Window joined(const Series::Window& a, const Series::Window& b) {
    return {.count = a.count + b.count,
            .bad = a.bad + b.bad,
            .sum = saturating_sum(a.sum, b.sum),
            .max = std::max(a.max, b.max)};
}

}  // namespace

void Sketches::resize(std::size_t windows) {
    ranges_.resize(windows, {static_cast<std::uint32_t>(counts_.size()), 0, 0});
}

Sketches::View Sketches::view(std::size_t window) const {
    if (window >= ranges_.size()) return {};
    const Range& range = ranges_[window];
    return {range.first_bucket, std::span{counts_}.subspan(range.begin, range.size)};
}

void Sketches::record(std::size_t window, Duration duration) {
    const unsigned bucket = Scale::bucket_of(static_cast<std::uint64_t>(duration.count()));
    const Range& range = ranges_[window];
    if (bucket - range.first_bucket >= range.size) extend(window, bucket);
    std::uint32_t& count = counts_[range.begin + (bucket - range.first_bucket)];
    count = saturating_sum(count, 1);
}

void Sketches::extend(std::size_t window, unsigned bucket) {
    Range& range = ranges_[window];
    if (range.size == 0) range.first_bucket = static_cast<std::uint16_t>(bucket);
    const unsigned end = range.first_bucket + range.size;
    const unsigned before = bucket < range.first_bucket ? range.first_bucket - bucket : 0;
    const unsigned after = bucket >= end ? bucket + 1 - end : 0;
    counts_.insert(counts_.begin() + range.begin + range.size, after, 0);
    counts_.insert(counts_.begin() + range.begin, before, 0);
    range.first_bucket = static_cast<std::uint16_t>(range.first_bucket - before);
    range.size = static_cast<std::uint16_t>(range.size + before + after);
    // Records come in the order of time, so usually there is no later window.
    for (std::size_t later = window + 1; later < ranges_.size(); ++later) {
        ranges_[later].begin += before + after;
    }
}

void Sketches::append_sum(View left, View right) {
    if (left.counts.empty()) std::swap(left, right);
    if (right.counts.empty()) right.first_bucket = left.first_bucket;
    const unsigned first = std::min(left.first_bucket, right.first_bucket);
    const unsigned end = std::max(left.end_bucket(), right.end_bucket());
    const std::size_t begin = counts_.size();
    ranges_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint16_t>(end - first),
                       static_cast<std::uint16_t>(first)});
    counts_.resize(begin + (end - first));
    for (const View& part : {left, right}) {
        std::size_t at = begin + (part.first_bucket - first);
        for (const std::uint32_t count : part.counts) {
            counts_[at] = saturating_sum(counts_[at], count);
            ++at;
        }
    }
}

void Sketches::merge(const Sketches& other) {
    Sketches sum;
    const std::size_t windows = std::max(ranges_.size(), other.ranges_.size());
    for (std::size_t i = 0; i < windows; ++i) sum.append_sum(view(i), other.view(i));
    *this = std::move(sum);
}

void Sketches::join_neighbours() {
    Sketches sum;
    for (std::size_t i = 0; i < ranges_.size(); i += 2) sum.append_sum(view(i), view(i + 1));
    *this = std::move(sum);
}

Duration Sketches::quantile(std::size_t window, double p) const {
    const View sketch = view(window);
    std::uint64_t total = 0;
    for (const std::uint32_t count : sketch.counts) total += count;
    std::uint64_t rank = quantile_rank(p, total);
    unsigned bucket = sketch.first_bucket;
    for (const std::uint32_t count : sketch.counts) {
        if (rank <= count) {
            return Duration{static_cast<Duration::rep>(Scale::value_at(bucket, rank, count))};
        }
        rank -= count;
        ++bucket;
    }
    return Duration::zero();
}

std::uint64_t Sketches::count_above(std::size_t window, Duration limit) const {
    const View sketch = view(window);
    const unsigned border = Scale::bucket_of(static_cast<std::uint64_t>(limit.count())) + 1;
    std::uint64_t above = 0;
    for (unsigned bucket = std::max(border, sketch.first_bucket); bucket < sketch.end_bucket();
         ++bucket) {
        above += sketch.counts[bucket - sketch.first_bucket];
    }
    return above;
}

void Series::enter(Time now) {
    assert(now >= start_of_run);
    while ((now - start_of_run) / width_ >= most_windows) double_width();
    current_ = static_cast<std::size_t>((now - start_of_run) / width_);
    current_start_ = start(current_);
    if (current_ < windows_.size()) return;
    windows_.resize(current_ + 1);
    if (detail_ == Detail::quantiles) sketches_.resize(windows_.size());
}

void Series::double_width() {
    width_ *= 2;
    current_start_ = never;
    for (std::size_t i = 0; i < windows_.size(); i += 2) {
        const Window right = i + 1 < windows_.size() ? windows_[i + 1] : Window{};
        windows_[i / 2] = joined(windows_[i], right);
    }
    windows_.resize((windows_.size() + 1) / 2);
    sketches_.join_neighbours();
}

void Series::merge(const Series& other) {
    assert(detail_ == other.detail_);
    while (width_ < other.width_) double_width();
    Series aligned = other;
    while (aligned.width_ < width_) aligned.double_width();
    assert(aligned.width_ == width_);
    if (windows_.size() < aligned.windows_.size()) windows_.resize(aligned.windows_.size());
    for (std::size_t i = 0; i < aligned.windows_.size(); ++i) {
        windows_[i] = joined(windows_[i], aligned.windows_[i]);
    }
    sketches_.merge(aligned.sketches_);
}

Duration Series::quantile(std::size_t window, double p) const {
    assert(detail_ == Detail::quantiles);
    assert(window < windows_.size() && windows_[window].count > 0);
    return std::min(sketches_.quantile(window, p), windows_[window].max);
}

std::uint64_t Series::count_above(std::size_t window, Duration limit) const {
    assert(detail_ == Detail::quantiles);
    return sketches_.count_above(window, limit);
}

}  // namespace prodsim
