#include "sim/run/fault_shape.hpp"

#include "sim/core/distribution.hpp"
#include "sim/run/scenario.hpp"

#include <algorithm>

namespace prodsim {

namespace {

// A run has at most this many phases of one fault; more would be a load of events, not a fault.
constexpr std::size_t most_phases = 100000;

struct Ramp {
    Duration rise = std::chrono::seconds(10);
    void describe(Fields& fields) {
        fields("rise", rise, "From nothing to full strength, in ten equal steps.",
               {.above = 0, .position = 1});
    }
};

struct Flap {
    Duration period = std::chrono::seconds(10);
    Share duty{0.5};
    void describe(Fields& fields) {
        fields("period", period, "From one onset to the next.", {.above = 0, .position = 1});
        fields("duty", duty, "The share of each period in which it is there.",
               {.above = 0, .below = 1});
    }
};

struct Recurring {
    Law<Duration> mtbf;
    Law<Duration> mttr;
    void describe(Fields& fields) {
        fields("mtbf", mtbf,
               "From a repair to the next failure; a plain time is the mean of an exponential law.",
               {.required = true});
        fields("mttr", mttr,
               "From a failure to its repair; a plain time is the mean of an exponential law.",
               {.required = true});
    }
};

std::vector<FaultPhase> ramp(const Ramp& shape) {
    std::vector<FaultPhase> phases;
    for (int step = 1; step <= 10; ++step) {
        phases.push_back({(step - 1) * shape.rise / 10, step / 10.0});
    }
    return phases;
}

std::vector<FaultPhase> flap(const Flap& shape, Duration end) {
    std::vector<FaultPhase> phases;
    const Duration on = from_seconds(in_seconds(shape.period) * shape.duty.value);
    for (Duration t{}; t < end && phases.size() < most_phases; t += shape.period) {
        phases.push_back({t, 1});
        phases.push_back({t + on, 0});
    }
    return phases;
}

std::vector<FaultPhase> recurring(const Recurring& shape, Duration end, Stream& stream) {
    std::vector<FaultPhase> phases;
    const auto draw = [&stream](const Law<Duration>& law) {
        Draws draws = stream.next();
        const Distribution& written = law.distribution();
        const Distribution drawn =
            written.is_constant() ? Distribution::exponential(written.mean()) : written;
        return std::max(Duration{1}, sample_duration(drawn, draws));
    };
    for (Duration t = draw(shape.mtbf); t < end && phases.size() < most_phases;) {
        phases.push_back({t, 1});
        t += draw(shape.mttr);
        phases.push_back({t, 0});
        t += draw(shape.mtbf);
    }
    return phases;
}

}  // namespace

void add_fault_shapes(Family& family) {
    family.add<Ramp>("ramp", "Grows from nothing to full strength.");
    family.add<Flap>("flap", "Comes and goes with a period.");
    family.add<Recurring>("random", "Comes and goes by chance: failures and repairs.");
}

std::vector<FaultPhase> phases_of(const Choice<FaultShapeFamily>& shape,
                                  std::optional<Duration> length, Duration end, Stream stream) {
    const Duration last = length ? std::min(*length, end) : end;
    std::vector<FaultPhase> phases{{Duration{0}, 1}};
    if (const auto* rising = shape.as<Ramp>()) phases = ramp(*rising);
    if (const auto* flapping = shape.as<Flap>()) phases = flap(*flapping, last);
    if (const auto* random = shape.as<Recurring>()) phases = recurring(*random, last, stream);
    if (!length) return phases;
    std::erase_if(phases, [&](const FaultPhase& phase) { return phase.after >= *length; });
    phases.push_back({*length, 0});
    return phases;
}

}  // namespace prodsim
