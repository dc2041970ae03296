// What a run records: durations in histograms, levels over time, series of windows. The laws used
// here have quantiles in closed form, and sums are compared as integers.
#include "sim/core/time.hpp"
#include "sim/stats/histogram.hpp"
#include "sim/stats/level.hpp"
#include "sim/stats/log_linear.hpp"
#include "sim/stats/series.hpp"
#include "sim/stats/tail.hpp"
#include "tests/catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <vector>

using namespace prodsim;
using namespace std::chrono_literals;

namespace {

/// A generator of its own for the tests (Marsaglia's xorshift64*): spread-out words, nothing more.
class Words {
public:
    explicit Words(std::uint64_t seed) : state_{seed} {}

    std::uint64_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 2685821657736338717ULL;
    }

    /// Durations over all scales: up to 2^61 ns, an octave as likely as any other.
    Duration duration() {
        const std::uint64_t word = next();
        return Duration{static_cast<std::int64_t>((word >> 3) >> (next() % 61))};
    }

private:
    std::uint64_t state_;
};

std::vector<Duration> durations(std::uint64_t seed, int n) {
    Words words{seed};
    std::vector<Duration> result;
    for (int i = 0; i < n; ++i) result.push_back(words.duration());
    return result;
}

Histogram histogram_of(const std::vector<Duration>& values) {
    Histogram result;
    for (const Duration value : values) result.record(value);
    return result;
}

constexpr int grid = 200'000;

/// The law whose quantile function is given in seconds, as values at the midpoints of a fine grid:
/// the value of rank k is exactly the quantile of (k - 1/2) / grid.
Histogram law(const std::function<double(double)>& quantile_s) {
    Histogram result;
    for (int i = 0; i < grid; ++i) result.record(from_seconds(quantile_s((i + 0.5) / grid)));
    return result;
}

/// The normal quantile by bisection of erfc, so that the tests need no other library.
double standard_normal_quantile(double p) {
    double low = -9;
    double high = 9;
    for (int i = 0; i < 60; ++i) {
        const double middle = (low + high) / 2;
        const double below = 0.5 * std::erfc(-middle / std::numbers::sqrt2);
        (below < p ? low : high) = middle;
    }
    return (low + high) / 2;
}

void require_same(const Histogram& a, const Histogram& b) {
    REQUIRE(a.count() == b.count());
    REQUIRE((a.sum() == b.sum()));
    REQUIRE(a.min() == b.min());
    REQUIRE(a.max() == b.max());
    REQUIRE((a.buckets() == b.buckets()));
}

std::uint64_t total_count(const Series& series) {
    std::uint64_t total = 0;
    for (const Series::Window& window : series.windows()) total += window.count;
    return total;
}

Time at(Duration since_start) { return start_of_run + since_start; }

}  // namespace

TEST_CASE("buckets of a log-linear scale follow each other without gap or overlap") {
    using Scale = LogLinear<7>;
    const unsigned last = Scale::bucket_of(INT64_MAX);
    for (unsigned bucket = 0; bucket < last; ++bucket) {
        const std::uint64_t low = Scale::lowest(bucket);
        const std::uint64_t width = Scale::width(bucket);
        REQUIRE(Scale::bucket_of(low) == bucket);
        REQUIRE(Scale::bucket_of(low + width - 1) == bucket);
        REQUIRE(Scale::lowest(bucket + 1) == low + width);
        REQUIRE((width == 1 || width * 128 <= low));
    }
    REQUIRE(Scale::octave_of(Scale::bucket_of(UINT64_MAX)) == Scale::octaves - 1);
    REQUIRE(Scale::bucket_of(255) == 255);
    REQUIRE(Scale::width(255) == 1);
    REQUIRE(Scale::width(256) == 2);
}

TEST_CASE("the rank of a quantile is the smallest that reaches its share") {
    REQUIRE(quantile_rank(0.0, 10) == 1);
    REQUIRE(quantile_rank(0.5, 10) == 5);
    REQUIRE(quantile_rank(0.51, 10) == 6);
    REQUIRE(quantile_rank(0.07, 100) == 7);
    REQUIRE(quantile_rank(0.99, 1000) == 990);
    REQUIRE(quantile_rank(1.0, 10) == 10);
}

TEST_CASE("a histogram is exact below 256 ns") {
    Histogram histogram;
    for (int i = 0; i < 256; ++i) histogram.record(Duration{i});
    for (int i = 1; i <= 256; ++i) REQUIRE(histogram.quantile(i / 256.0) == Duration{i - 1});
    REQUIRE(histogram.mean_s() == Approx(127.5e-9));
    REQUIRE(histogram.fraction_above(127ns) == 0.5);
    REQUIRE(histogram.fraction_above(254ns) == 1.0 / 256);
    REQUIRE(histogram.buckets().size() == 256);
}

TEST_CASE("count, sum, minimum and maximum of a histogram are exact at every scale") {
    const std::vector<Duration> values = durations(1, 20'000);
    const Histogram histogram = histogram_of(values);
    Wide sum = 0;
    for (const Duration value : values) sum += value.count();
    REQUIRE(histogram.count() == values.size());
    REQUIRE((histogram.sum() == sum));
    REQUIRE(histogram.min() == *std::min_element(values.begin(), values.end()));
    REQUIRE(histogram.max() == *std::max_element(values.begin(), values.end()));
}

TEST_CASE("a sum of durations passes 64 bits without harm") {
    Histogram histogram;
    for (int i = 0; i < 100; ++i) histogram.record(longest_delay);
    REQUIRE((histogram.sum() == Wide{100} * longest_delay.count()));
    REQUIRE(histogram.mean_s() == Approx(in_seconds(longest_delay)));
    histogram.record(Duration::max());
    REQUIRE(histogram.quantile(1.0) == Duration::max());
    REQUIRE(histogram.buckets().back().high == Duration::max());
}

TEST_CASE("a quantile of any sample is within 1/128 of the order statistic") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        std::vector<Duration> values = durations(seed, 997);
        const Histogram histogram = histogram_of(values);
        std::sort(values.begin(), values.end());
        for (const double p : {0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
            const auto exact = static_cast<double>(values[quantile_rank(p, 997) - 1].count());
            const auto answer = static_cast<double>(histogram.quantile(p).count());
            REQUIRE(answer == within(exact / 128, exact));
        }
    }
}

TEST_CASE("quantiles of smooth laws are within 0.1 % of the exact ones") {
    const auto exponential = [](double p) { return -0.025 * std::log1p(-p); };
    const auto uniform = [](double p) { return 0.002 + 0.009 * p; };
    // The median is 4 ms, the standard deviation of the logarithm 0.8.
    const auto lognormal = [](double p) {
        return 0.004 * std::exp(0.8 * standard_normal_quantile(p));
    };
    for (const std::function<double(double)>& quantile_s :
         {std::function<double(double)>{exponential}, {uniform}, {lognormal}}) {
        const Histogram histogram = law(quantile_s);
        for (double p = 0.01; p < 0.9995; p += 0.0007) {
            const auto rank = static_cast<double>(quantile_rank(p, grid));
            const double exact = quantile_s((rank - 0.5) / grid);
            REQUIRE(in_seconds(histogram.quantile(p)) == within(0.001 * exact, exact));
        }
    }
}

TEST_CASE("the share above a limit is that of the law") {
    const Histogram histogram = law([](double p) { return -0.025 * std::log1p(-p); });
    for (const double limit_s : {0.001, 0.025, 0.0333, 0.1}) {
        const double exact = std::exp(-limit_s / 0.025);
        REQUIRE(histogram.fraction_above(from_seconds(limit_s)) == within(0.001 * exact, exact));
    }
    REQUIRE(histogram.fraction_above(0ns) == 1);
    REQUIRE(histogram.fraction_above(histogram.max()) == 0);
    REQUIRE(histogram.fraction_above(histogram.min() - 1ns) == 1);
}

TEST_CASE("a single duration is all its quantiles") {
    Histogram histogram;
    histogram.record(123'456'789ns);
    for (const double p : {0.0, 0.5, 1.0}) REQUIRE(histogram.quantile(p) == 123'456'789ns);
}

TEST_CASE("merging histograms is associative, commutative and equal to recording all") {
    const std::vector<Duration> first = durations(1, 500);
    const std::vector<Duration> second = durations(2, 700);
    const std::vector<Duration> third = {5ns, 70s};
    std::vector<Duration> everything = first;
    everything.insert(everything.end(), second.begin(), second.end());
    everything.insert(everything.end(), third.begin(), third.end());

    Histogram left = histogram_of(first);
    left.merge(histogram_of(second));
    left.merge(histogram_of(third));
    Histogram right = histogram_of(third);
    right.merge(histogram_of(second));
    Histogram outer = histogram_of(first);
    outer.merge(right);

    require_same(left, histogram_of(everything));
    require_same(outer, left);
    right.merge(histogram_of(first));
    require_same(right, left);
    left.merge(Histogram{});
    require_same(left, right);
}

TEST_CASE("a histogram that was reset is as good as a new one") {
    Histogram histogram = histogram_of(durations(1, 500));
    histogram.reset();
    REQUIRE(histogram.count() == 0);
    REQUIRE(histogram.buckets().empty());
    for (const Duration value : durations(2, 500)) histogram.record(value);
    require_same(histogram, histogram_of(durations(2, 500)));
}

TEST_CASE("a level is weighted by how long it lasts") {
    Level level;
    level.add(+1, at(2ns));   // 0 for 2 ns
    level.add(+2, at(5ns));   // 1 for 3 ns
    level.add(-1, at(5ns));   // 3 for no time
    level.add(-2, at(11ns));  // 2 for 6 ns
    REQUIRE((level.integral(at(20ns)) == 0 * 2 + 1 * 3 + 3 * 0 + 2 * 6 + 0 * 9));
    REQUIRE(level.mean(at(20ns)) == 15.0 / 20);
    REQUIRE(level.maximum() == 3);
    REQUIRE(level.value() == 0);
}

TEST_CASE("a new window of a level starts from the present value and keeps the integral") {
    Level level;
    level.add(+4, at(0ns));
    level.add(-1, at(10ns));
    level.reset_window(at(30ns));
    REQUIRE(level.maximum() == 3);
    REQUIRE(level.mean(at(30ns)) == 3);
    level.add(-3, at(40ns));
    REQUIRE(level.mean(at(50ns)) == (3.0 * 10 + 0 * 10) / 20);
    REQUIRE((level.integral(at(50ns)) == 4 * 10 + 3 * 30));
}

TEST_CASE("Little's law holds to the nanosecond, past 64 bits") {
    // n calls arrive a step apart and each stays for two years: the integral is n stays.
    Level level;
    Histogram stays;
    constexpr int n = 1000;
    const Duration stay{std::chrono::hours{2 * 365 * 24}};
    for (int i = 0; i < n; ++i) level.add(+1, at(Duration{i}));
    for (int i = 0; i < n; ++i) {
        level.add(-1, at(Duration{i} + stay));
        stays.record(stay);
    }
    REQUIRE((level.integral(at(Duration{n} + stay)) == stays.sum()));
    REQUIRE((stays.sum() > Wide{INT64_MAX}));
}

TEST_CASE("a series keeps what happened in each window") {
    Series series{1s};
    series.record(at(0s), 10ms);
    series.record(at(999'999'999ns), 30ms);
    series.record_bad(at(1s), 7ms);
    series.record(at(3s), 1ms);
    REQUIRE(series.windows().size() == 4);
    REQUIRE((series.windows()[0] == Series::Window{2, 0, 40ms, 30ms}));
    REQUIRE((series.windows()[1] == Series::Window{1, 1, 7ms, 7ms}));
    REQUIRE((series.windows()[2] == Series::Window{}));
    REQUIRE((series.windows()[3] == Series::Window{1, 0, 1ms, 1ms}));
    REQUIRE(series.start(3) == at(3s));
}

TEST_CASE("a series that outgrows its windows doubles their width and loses nothing") {
    Series series{1s, Series::Detail::quantiles};
    for (int second = 0; second < 1000; ++second) {
        series.record(at(std::chrono::seconds{second}), Duration{second});
    }
    REQUIRE(series.width() == 1s);
    REQUIRE(series.windows().size() == Series::most_windows);
    series.record_bad(at(1000s), 1000ns);
    REQUIRE(series.width() == 2s);
    REQUIRE(series.windows().size() == 501);
    REQUIRE((series.windows()[7] == Series::Window{2, 0, 29ns, 15ns}));
    REQUIRE((series.windows()[500] == Series::Window{1, 1, 1000ns, 1000ns}));
    REQUIRE(total_count(series) == 1001);

    series.record(never, 1ns);
    REQUIRE(total_count(series) == 1002);
    REQUIRE(series.windows().size() <= Series::most_windows);
}

TEST_CASE("a series takes records that are late") {
    Series forward{1s, Series::Detail::quantiles};
    Series backward{1s, Series::Detail::quantiles};
    const std::vector<Duration> values = durations(3, 300);
    for (int i = 0; i < 300; ++i) {
        const int j = 299 - i;
        forward.record(at(i * 100ms), values[static_cast<std::size_t>(i)]);
        backward.record(at(j * 100ms), values[static_cast<std::size_t>(j)]);
    }
    REQUIRE((forward.windows() == backward.windows()));
    for (std::size_t i = 0; i < 30; ++i) {
        REQUIRE(forward.quantile(i, 0.9) == backward.quantile(i, 0.9));
    }
}

TEST_CASE("the p99 of a window is within 10 % on smooth laws and never above the maximum") {
    Series series{1s, Series::Detail::quantiles};
    constexpr int n = 20'000;
    for (int i = 0; i < n; ++i) {
        const double p = (i + 0.5) / n;
        series.record(at(0s), from_seconds(-0.025 * std::log1p(-p)));
        series.record(at(1s), from_seconds(0.004 * std::exp(0.8 * standard_normal_quantile(p))));
        series.record(at(2s), 600ms);
    }
    for (const double p : {0.5, 0.9, 0.99, 0.999}) {
        const double exponential = -0.025 * std::log1p(-p);
        const double lognormal = 0.004 * std::exp(0.8 * standard_normal_quantile(p));
        REQUIRE(in_seconds(series.quantile(0, p)) == within(0.1 * exponential, exponential));
        REQUIRE(in_seconds(series.quantile(1, p)) == within(0.1 * lognormal, lognormal));
        REQUIRE(in_seconds(series.quantile(2, p)) == within(0.125 * 0.6, 0.6));
        REQUIRE(series.quantile(2, p) <= 600ms);
    }
}

TEST_CASE("the merge of two series has the wider windows and equals the recording of both") {
    const std::vector<Duration> values = durations(4, 4000);
    const auto record_some = [&](Series& series, std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) {
            series.record(at(static_cast<int>(i) * 1s), values[i]);
        }
    };
    Series early{1s, Series::Detail::quantiles};
    Series late{1s, Series::Detail::quantiles};
    Series whole{1s, Series::Detail::quantiles};
    record_some(early, 0, 900);
    record_some(late, 900, 4000);
    record_some(whole, 0, 4000);
    REQUIRE(early.width() == 1s);
    REQUIRE(late.width() == 4s);

    Series one_way = early;
    one_way.merge(late);
    Series other_way = late;
    other_way.merge(early);
    for (const Series& merged : {one_way, other_way}) {
        REQUIRE(merged.width() == whole.width());
        REQUIRE((merged.windows() == whole.windows()));
        for (std::size_t i = 0; i < whole.windows().size(); ++i) {
            REQUIRE(merged.quantile(i, 0.5) == whole.quantile(i, 0.5));
        }
    }
}

TEST_CASE("the sum of a window stops growing instead of turning negative") {
    Series series{1s};
    series.record(at(0s), Duration::max() - 1ns);
    series.record(at(0s), 5ns);
    REQUIRE(series.windows()[0].sum == Duration::max());
}

TEST_CASE("a window of a series counts what exceeds the bucket of a limit") {
    Series series{1s, Series::Detail::quantiles};
    for (int i = 1; i <= 100; ++i) series.record(Time{500ms}, i * 1ms);
    for (int i = 1; i <= 10; ++i) series.record(Time{1500ms}, 5s);
    // The bucket of a limit is at most an eighth of it wide.
    REQUIRE(series.count_above(0, 40ms) <= 60);
    REQUIRE(series.count_above(0, 40ms) >= 55);
    REQUIRE(series.count_above(0, 1s) == 0);
    REQUIRE(series.count_above(0, 0s) == 100);
    REQUIRE(series.count_above(1, 1s) == 10);
    REQUIRE(series.count_above(1, Duration::max()) == 0);
}

TEST_CASE("Hill's estimate finds the index of a power law, and a high one for a light tail") {
    Words words{99};
    const auto uniform = [&] { return (static_cast<double>(words.next() >> 11) + 0.5) * 0x1p-53; };
    for (const double index : {1.2, 1.8, 3.0}) {
        Histogram records;
        for (int i = 0; i < 100'000; ++i) {
            records.record(from_seconds(0.001 * std::pow(uniform(), -1 / index)));
        }
        const auto tail = estimate_tail(records);
        REQUIRE(tail.has_value());
        // The error of independent records, and a hundredth for those known to a bucket.
        REQUIRE(tail->value == within(4 * tail->standard_error + 0.01 * index, index));
        REQUIRE(tail->has_no_variance() == (index < 2));
    }
    // Beyond the 99th percentile an exponential falls like a power of ln 100 = 4.6 or more.
    Histogram light;
    for (int i = 0; i < 100'000; ++i) light.record(from_seconds(-0.001 * std::log(uniform())));
    REQUIRE(estimate_tail(light)->value > 4);
    Histogram constant;
    for (int i = 0; i < 100'000; ++i) constant.record(std::chrono::milliseconds(5));
    REQUIRE_FALSE(estimate_tail(constant).has_value());
    REQUIRE_FALSE(estimate_tail(Histogram{}).has_value());
}
