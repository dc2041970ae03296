#pragma once

// How the benchmarks measure: processor time of the own thread, contestants that take turns in
// every round, and medians of the ratios within a round, because two programs that run one after
// the other on a shared machine can be compared, and two nanosecond numbers cannot.

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

namespace prodsim::benchmark {

inline double cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

inline double wall_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// The processor time that `work` takes on this thread.
template <class Work>
double cpu_ns_of(Work work) {
    const double start = cpu_ns();
    work();
    return cpu_ns() - start;
}

/// What the rounds said.
struct Spread {
    double least;
    double median;
    double most;
};

/// REQUIRES: at least one value.
inline Spread spread_of(std::vector<double> values) {
    assert(!values.empty());
    std::sort(values.begin(), values.end());
    return {values.front(), values[values.size() / 2], values.back()};
}

/// The rounds of one contestant divided by those of another, round by round.
inline Spread ratio_of(const std::vector<double>& above, const std::vector<double>& below) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < above.size(); ++i) ratios.push_back(above[i] / below[i]);
    return spread_of(std::move(ratios));
}

/// A mean over independent runs and the standard error that the runs themselves show.
struct Estimate {
    double mean;
    double standard_error;
};

/// REQUIRES: at least two runs.
inline Estimate estimate_of(const std::vector<double>& runs) {
    assert(runs.size() > 1);
    const auto count = static_cast<double>(runs.size());
    double sum = 0;
    for (const double run : runs) sum += run;
    const double mean = sum / count;
    double squares = 0;
    for (const double run : runs) squares += (run - mean) * (run - mean);
    return {mean, std::sqrt(squares / (count - 1) / count)};
}

/// Whether two numbers are the same but for chance.
inline bool agree(Estimate one, Estimate other) {
    return std::abs(one.mean - other.mean) <=
           4 * std::hypot(one.standard_error, other.standard_error);
}

/// One number against its limit: "must" is a sentence that the benchmark can check.
enum class Must : bool { stay_below, reach };

inline const char* verdict(double value, Must must, double limit) {
    const bool met = must == Must::stay_below ? value <= limit : value >= limit;
    return met ? "met" : "MISSED";
}

}  // namespace prodsim::benchmark
