#pragma once

#include "sim/core/time.hpp"
#include "sim/stats/wide.hpp"

#include <cassert>
#include <cstdint>

namespace prodsim {

/// A count that changes at instants and matters by how long it lasts: calls in a line, servers at
/// work. The integral (level times nanoseconds) is exact over the whole run, so Little's law can be
/// audited with ==; mean and maximum belong to the current observation window. The level is 0 at
/// the start of the run and never negative.
class alignas(64) Level {
public:
    void add(std::int64_t delta, Time now) {
        assert(now >= start_of_run);
        weighted_ += Wide{delta} * (now - start_of_run).count();
        value_ += delta;
        assert(value_ >= 0);
        if (value_ > maximum_) maximum_ = value_;
    }

    std::int64_t value() const { return value_; }

    /// The highest level of the window, even where it lasted for no time at all.
    std::int64_t maximum() const { return maximum_; }

    /// The mean over the window so far; the present value while the window has no length.
    double mean(Time now) const {
        const Duration length = now - window_opened_;
        if (length == Duration::zero()) return static_cast<double>(value_);
        return static_cast<double>(integral(now) - window_integral_) /
               static_cast<double>(length.count());
    }

    /// Level times nanoseconds since the start of the run: windows do not touch it.
    Wide integral(Time now) const {
        return Wide{value_} * (now - start_of_run).count() - weighted_;
    }

    /// Opens a new observation window, as at the end of the warm-up.
    void reset_window(Time now) {
        window_opened_ = now;
        window_integral_ = integral(now);
        maximum_ = value_;
    }

private:
    // Each change times its instant. Had every change held from the start of the run, the integral
    // would be `value_` times the length of the run; this much of that came before its change.
    Wide weighted_ = 0;
    std::int64_t value_ = 0;
    std::int64_t maximum_ = 0;
    Time window_opened_ = start_of_run;
    Wide window_integral_ = 0;
};

}  // namespace prodsim
