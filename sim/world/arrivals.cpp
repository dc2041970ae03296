#include "sim/world/arrivals.hpp"

#include "sim/core/elementary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

namespace prodsim {

namespace {

constexpr Duration second = std::chrono::seconds(1);

Duration step_of(Duration length) {
    return std::clamp(length / 100, Duration(std::chrono::milliseconds(1)), second);
}

/// sin(2 pi x), by its Taylor series on a quarter turn: off by less than 1e-12.
double sine_of_turns(double turns) {
    turns -= std::floor(turns + 0.5);
    if (turns > 0.25) turns = 0.5 - turns;
    if (turns < -0.25) turns = -0.5 - turns;
    const double x = turns * 6.283185307179586;
    double term = x;
    double sum = x;
    for (int n = 1; n < 9; ++n) {
        term *= -x * x / ((2 * n) * (2 * n + 1));
        sum += term;
    }
    return sum;
}

// ---- processes
// -------------------------------------------------------------------------------------

struct Poisson {
    Rate rate{1};
    void describe(Fields& fields) {
        fields("rate", rate, "Arrivals per second on average.",
               {.minimum = 0, .required = true, .position = 1});
    }
};

struct Paced {
    Rate rate{1};
    void describe(Fields& fields) {
        fields("rate", rate, "Arrivals per second, evenly spaced.",
               {.minimum = 0, .required = true, .position = 1});
    }
};

struct Renewal {
    Law<Duration> gap;
    void describe(Fields& fields) {
        fields("gap", gap, "The time between arrivals, drawn afresh each time.",
               {.required = true, .position = 1});
    }
};

struct Batches {
    Rate rate{1};
    Law<double> size = "1";
    void describe(Fields& fields) {
        fields("rate", rate, "Batches per second, as a Poisson process.",
               {.minimum = 0, .required = true, .position = 1});
        fields("size", size, "How many arrive at once; rounded to a whole number.",
               {.required = true});
    }
};

struct Bursty {
    Rate low{0};
    Rate high{1};
    Duration mean_low = second;
    Duration mean_high = second;
    void describe(Fields& fields) {
        fields("low", low, "Arrivals per second in the quiet state.",
               {.minimum = 0, .required = true});
        fields("high", high, "Arrivals per second in the busy state.",
               {.minimum = 0, .required = true});
        fields("mean_low", mean_low, "How long the quiet state lasts; exponential.",
               {.above = 0, .required = true});
        fields("mean_high", mean_high, "How long the busy state lasts; exponential.",
               {.above = 0, .required = true});
    }
};

struct TracePoint {
    Duration at{};
    Rate rate{};
    void describe(Fields& fields) {
        fields("at", at, "From when this rate holds.", {.minimum = 0, .required = true});
        fields("rate", rate, "Arrivals per second from then on.", {.minimum = 0, .required = true});
    }
};

struct Trace {
    std::vector<TracePoint> points;
    void describe(Fields& fields) {
        fields("points", points, "The rate over time; the last one holds to the end.",
               {.required = true, .position = 1});
    }
};

struct Occasion {
    Duration at{};
    std::int64_t count = 1;
    void describe(Fields& fields) {
        fields("at", at, "When they arrive.", {.minimum = 0, .required = true, .position = 1});
        fields("count", count, "How many arrive at this instant.",
               {.minimum = 1, .maximum = 4000000000});
    }
};

struct Schedule {
    std::vector<Occasion> occasions;
    void describe(Fields& fields) {
        fields("occasions", occasions, "The instants, in their order.",
               {.required = true, .position = 1});
        const auto earlier = [](const Occasion& a, const Occasion& b) { return a.at < b.at; };
        fields.rule(std::is_sorted(occasions.begin(), occasions.end(), earlier), "occasions",
                    "must be in the order of time");
    }
};

void exponential_work(Stream& stream, std::span<double> next) {
    for (double& work : next) work = -elementary::log(1 - stream.next().uniform());
}

class SteadyProcess : public Arrivals::Process {
public:
    explicit SteadyProcess(double rate) : rate_(rate) {}
    double rate(Time) const override { return rate_; }
    Time changes(Time) const override { return never; }
    void work(Stream& stream, std::span<double> next) override { exponential_work(stream, next); }

private:
    double rate_;
};

class PacedProcess final : public SteadyProcess {
public:
    using SteadyProcess::SteadyProcess;
    void work(Stream&, std::span<double> next) override {
        std::fill(next.begin(), next.end(), 1.0);
    }
};

class RenewalProcess final : public SteadyProcess {
public:
    explicit RenewalProcess(const Distribution& gap)
        : SteadyProcess(1 / gap.mean()), work_(gap.scaled(1 / gap.mean())) {}
    void work(Stream& stream, std::span<double> next) override {
        for (double& work : next) {
            Draws draws = stream.next();
            work = work_.sample(draws);
        }
    }

private:
    Distribution work_;
};

class BatchProcess final : public SteadyProcess {
public:
    BatchProcess(double rate, const Distribution& size) : SteadyProcess(rate), size_(size) {
        single = false;
    }
    std::uint32_t batch(Draws draws) override {
        return static_cast<std::uint32_t>(size_.sample(draws) + 0.5);
    }

private:
    Distribution size_;
};

class BurstyProcess final : public Arrivals::Process {
public:
    explicit BurstyProcess(const Bursty& bursty) : bursty_(bursty), changes_(start_of_run) {}
    double rate(Time) const override {
        return busy_ ? bursty_.high.per_second : bursty_.low.per_second;
    }
    Time changes(Time) const override { return changes_; }
    void work(Stream& stream, std::span<double> next) override { exponential_work(stream, next); }

    // The first change, at the start of the run, draws the state from its long-run shares.
    void change(Time now, Draws draws) override {
        const double low = in_seconds(bursty_.mean_low);
        const double high = in_seconds(bursty_.mean_high);
        busy_ = now == start_of_run ? draws.chance(high / (low + high)) : !busy_;
        const Distribution stay = Distribution::exponential(busy_ ? high : low);
        changes_ = now + std::max(Duration{1}, sample_duration(stay, draws));
    }

private:
    Bursty bursty_;
    bool busy_ = false;
    Time changes_;
};

class TraceProcess final : public Arrivals::Process {
public:
    explicit TraceProcess(const Trace& trace) : points_(trace.points) {}
    double rate(Time now) const override {
        const auto after = next(now);
        return after == points_.begin() ? 0 : std::prev(after)->rate.per_second;
    }
    Time changes(Time now) const override {
        const auto after = next(now);
        return after == points_.end() ? never : start_of_run + after->at;
    }
    void work(Stream& stream, std::span<double> next) override { exponential_work(stream, next); }

private:
    std::vector<TracePoint>::const_iterator next(Time now) const {
        return std::upper_bound(points_.begin(), points_.end(), now - start_of_run,
                                [](Duration at, const TracePoint& point) { return at < point.at; });
    }
    std::vector<TracePoint> points_;
};

/// The work between two occasions is the time between them, done at rate 1; after the last one
/// there is no end of it.
class ScheduleProcess final : public SteadyProcess {
public:
    explicit ScheduleProcess(const Schedule& schedule)
        : SteadyProcess(1), occasions_(schedule.occasions) {
        single = false;
    }
    void work(Stream&, std::span<double> next) override {
        for (double& work : next) {
            work = planned_ < occasions_.size() ? in_seconds(gap_before(planned_))
                                                : std::numeric_limits<double>::infinity();
            ++planned_;
        }
    }
    std::uint32_t batch(Draws) override {
        return static_cast<std::uint32_t>(occasions_[come_++].count);
    }

private:
    Duration gap_before(std::size_t number) const {
        return occasions_[number].at - (number == 0 ? Duration{0} : occasions_[number - 1].at);
    }

    std::vector<Occasion> occasions_;
    std::size_t planned_ = 0;
    std::size_t come_ = 0;
};

std::unique_ptr<Arrivals::Process> make_process(const Choice<ArrivalsFamily>& chosen) {
    if (const auto* paced = chosen.as<Paced>()) {
        return std::make_unique<PacedProcess>(paced->rate.per_second);
    }
    if (const auto* renewal = chosen.as<Renewal>()) {
        return std::make_unique<RenewalProcess>(renewal->gap.distribution());
    }
    if (const auto* batches = chosen.as<Batches>()) {
        return std::make_unique<BatchProcess>(batches->rate.per_second,
                                              batches->size.distribution());
    }
    if (const auto* bursty = chosen.as<Bursty>()) return std::make_unique<BurstyProcess>(*bursty);
    if (const auto* trace = chosen.as<Trace>()) return std::make_unique<TraceProcess>(*trace);
    if (const auto* schedule = chosen.as<Schedule>()) {
        return std::make_unique<ScheduleProcess>(*schedule);
    }
    return std::make_unique<SteadyProcess>(chosen.as<Poisson>()->rate.per_second);
}

// ---- shapes
// ----------------------------------------------------------------------------------------

struct Step {
    Duration at{};
    double factor = 1;
    std::optional<Duration> length;
    void describe(Fields& fields) {
        fields("at", at, "When it begins.", {.minimum = 0, .required = true});
        fields("factor", factor, "The load is multiplied by this.",
               {.minimum = 0, .required = true, .position = 1});
        fields("for", length, "How long it lasts; to the end if not said.", {.above = 0});
    }
};

struct Ramp {
    Duration at{};
    Duration length{};
    double factor = 1;
    void describe(Fields& fields) {
        fields("at", at, "When it begins.", {.minimum = 0, .required = true});
        fields("over", length, "How long the load takes to reach the factor; it then stays there.",
               {.above = 0, .required = true});
        fields("factor", factor, "What the load is multiplied by in the end.",
               {.minimum = 0, .required = true, .position = 1});
    }
};

struct FlashCrowd {
    Duration at{};
    double factor = 1;
    Duration rise = std::chrono::seconds(30);
    Duration decay = std::chrono::minutes(5);
    void describe(Fields& fields) {
        fields("at", at, "When it begins.", {.minimum = 0, .required = true});
        fields("factor", factor, "What the load is multiplied by at the peak.",
               {.minimum = 1, .required = true, .position = 1});
        fields("rise", rise, "From the beginning to the peak, in a straight line.", {.above = 0});
        fields("decay", decay, "Time constant of the exponential decay after the peak.",
               {.above = 0});
    }
};

struct Sine {
    Duration period = std::chrono::hours(24);
    double amplitude = 0.5;
    Duration peak{};
    void describe(Fields& fields) {
        fields("period", period, "From one peak to the next.", {.above = 0, .position = 1});
        fields("amplitude", amplitude, "How far the load swings around its mean, as a share of it.",
               {.minimum = 0, .maximum = 1});
        fields("peak", peak, "When the first peak is.", {.minimum = 0});
    }
};

class StepShape final : public Arrivals::Shape {
public:
    explicit StepShape(const Step& step)
        : begin_(start_of_run + step.at),
          end_(step.length ? begin_ + *step.length : never),
          factor_(step.factor) {}
    double factor(Time now) const override { return now < begin_ || now >= end_ ? 1 : factor_; }
    Time changes(Time now) const override {
        return now < begin_ ? begin_ : now < end_ ? end_ : never;
    }

private:
    Time begin_;
    Time end_;
    double factor_;
};

/// A factor that changes all the time within a stretch, and is constant before and after.
class CurvedShape : public Arrivals::Shape {
public:
    CurvedShape(Time begin, Time end, Duration step) : begin_(begin), end_(end), step_(step) {}
    double factor(Time now) const override {
        if (now < begin_ || now >= end_) return at(now);
        return at(now + (changes(now) - now) / 2);
    }
    Time changes(Time now) const override {
        if (now < begin_) return begin_;
        if (now >= end_) return never;
        return std::min(end_, begin_ + ((now - begin_) / step_ + 1) * step_);
    }

protected:
    virtual double at(Time now) const = 0;

    Time begin_;
    Time end_;
    Duration step_;
};

class RampShape final : public CurvedShape {
public:
    explicit RampShape(const Ramp& ramp)
        : CurvedShape(start_of_run + ramp.at, start_of_run + ramp.at + ramp.length,
                      step_of(ramp.length)),
          ramp_(ramp) {}

private:
    double at(Time now) const override {
        if (now <= begin_) return 1;
        if (now >= end_) return ramp_.factor;
        return 1 + (ramp_.factor - 1) * (in_seconds(now - begin_) / in_seconds(ramp_.length));
    }
    Ramp ramp_;
};

class FlashCrowdShape final : public CurvedShape {
public:
    // After forty time constants the crowd is less than 10^-17 of what it was.
    explicit FlashCrowdShape(const FlashCrowd& crowd)
        : CurvedShape(start_of_run + crowd.at,
                      start_of_run + crowd.at + crowd.rise + 40 * crowd.decay,
                      step_of(std::min(crowd.rise, crowd.decay))),
          crowd_(crowd) {}

private:
    double at(Time now) const override {
        if (now <= begin_ || now >= end_) return 1;
        const double since = in_seconds(now - begin_);
        const double rise = in_seconds(crowd_.rise);
        const double height = crowd_.factor - 1;
        if (since < rise) return 1 + height * since / rise;
        return 1 + height * elementary::exp(-(since - rise) / in_seconds(crowd_.decay));
    }
    FlashCrowd crowd_;
};

class SineShape final : public CurvedShape {
public:
    explicit SineShape(const Sine& sine)
        : CurvedShape(start_of_run, never, step_of(sine.period)), sine_(sine) {}

private:
    double at(Time now) const override {
        const double turns = in_seconds(now - start_of_run - sine_.peak) / in_seconds(sine_.period);
        return 1 + sine_.amplitude * sine_of_turns(turns + 0.25);
    }
    Sine sine_;
};

std::unique_ptr<Arrivals::Shape> make_shape(const Choice<ShapeFamily>& chosen) {
    if (const auto* ramp = chosen.as<Ramp>()) return std::make_unique<RampShape>(*ramp);
    if (const auto* crowd = chosen.as<FlashCrowd>()) {
        return std::make_unique<FlashCrowdShape>(*crowd);
    }
    if (const auto* sine = chosen.as<Sine>()) return std::make_unique<SineShape>(*sine);
    return std::make_unique<StepShape>(*chosen.as<Step>());
}

}  // namespace

void add_arrivals(Families& families) {
    Family& processes = families.declare(std::string(ArrivalsFamily::name),
                                         "When requests, sessions or messages arrive.");
    processes.add<Poisson>("poisson",
                           "Independent of one another: many users who do not know "
                           "each other.");
    processes.add<Paced>("paced", "Evenly spaced, as a load generator sends them.");
    processes.add<Renewal>("renewal", "With gaps of any law.");
    processes.add<Batches>("batches", "Several at once.");
    processes.add<Bursty>("bursty", "Poisson at a rate that switches between two states (MMPP).");
    processes.add<Trace>("trace", "Poisson at a rate that follows a list of points.");
    processes.add<Schedule>("schedule",
                            "At given instants, which a shape or a change of load would move.");
    Family& shapes =
        families.declare(std::string(ShapeFamily::name), "How the load changes over time.");
    shapes.add<Step>("step", "Multiplies the load from one instant on, for ever or for a while.");
    shapes.add<Ramp>("ramp", "Changes the load in a straight line.");
    shapes.add<FlashCrowd>("flash_crowd", "Rises quickly and decays slowly.");
    shapes.add<Sine>("sine", "Swings around the mean, as day and night do.");
}

// ---- the clock
// -------------------------------------------------------------------------------------

Arrivals::Arrivals(Engine& engine, const Choice<ArrivalsFamily>& process,
                   const std::vector<Choice<ShapeFamily>>& shapes, const Streams& streams,
                   Action arrive)
    : engine_(engine),
      process_(make_process(process)),
      stream_(streams.work),
      changes_(streams.changes),
      arrive_(arrive) {
    for (const auto& shape : shapes) shapes_.push_back(make_shape(shape));
    constant_ = shapes_.empty() && process_->changes(start_of_run) == never;
}

void Arrivals::start() {
    left_ = next_work();
    if (process_->changes(start_of_run) == start_of_run) {
        process_->change(start_of_run, changes_.next());
    }
    rate_ = process_->rate(start_of_run);
    set_pace();
    plan();
}

void Arrivals::set_pace() { pace_ = 1e9 / rate_; }

// One constant stretch at a time: either the next arrival lies in it, or its end is the next event.
void Arrivals::plan() {
    const Time now = engine_.now();
    since_ = now;
    if (constant_) {
        const double wait = left_ * pace_ + 0.5;
        next_ = {};
        if (wait < static_cast<double>(longest_delay.count())) {
            next_ = engine_.after(Duration{static_cast<std::int64_t>(wait)},
                                  action<&Arrivals::arrive>(*this));
        }
        return;
    }
    rate_ = load_ * process_->rate(now);
    Time end = process_->changes(now);
    for (const auto& shape : shapes_) {
        rate_ *= shape->factor(now);
        end = std::min(end, shape->changes(now));
    }
    const Duration wait = rate_ > 0 ? from_seconds(left_ / rate_) : longest_delay;
    if (wait < longest_delay && now + wait <= end) {
        next_ = engine_.after(wait, action<&Arrivals::arrive>(*this));
    } else if (end != never) {
        next_ = engine_.at(end, action<&Arrivals::turn>(*this));
    } else {
        next_ = {};
    }
}

double Arrivals::next_work() {
    if (used_ == work_.size()) {
        process_->work(stream_, work_);
        used_ = 0;
    }
    return work_[used_++];
}

void Arrivals::consume() {
    left_ = std::max(0.0, left_ - rate_ * in_seconds(engine_.now() - since_));
}

void Arrivals::turn() {
    consume();
    if (process_->changes(since_) == engine_.now()) {
        process_->change(engine_.now(), changes_.next());
    }
    plan();
}

void Arrivals::stop() {
    stopped_ = true;
    engine_.cancel(next_);
}

void Arrivals::set_load(double factor) {
    if (stopped_) return;
    consume();
    load_ = factor;
    if (constant_) rate_ = load_ * process_->rate(engine_.now());
    set_pace();
    engine_.cancel(next_);
    plan();
}

void Arrivals::arrive() {
    left_ = next_work();
    plan();
    arrive_(process_->single ? 1 : process_->batch(changes_.next()));
}

LoadShape::LoadShape(const std::vector<Choice<ShapeFamily>>& shapes) {
    for (const auto& shape : shapes) shapes_.push_back(make_shape(shape));
}

double LoadShape::factor(Time now) const {
    double factor = 1;
    for (const auto& shape : shapes_) factor *= shape->factor(now);
    return factor;
}

double mean_rate(const Choice<ArrivalsFamily>& chosen) {
    if (const auto* paced = chosen.as<Paced>()) return paced->rate.per_second;
    if (const auto* renewal = chosen.as<Renewal>()) return 1 / renewal->gap.distribution().mean();
    if (const auto* batches = chosen.as<Batches>()) {
        return batches->rate.per_second * batches->size.distribution().mean();
    }
    if (const auto* bursty = chosen.as<Bursty>()) {
        const double low = in_seconds(bursty->mean_low);
        const double high = in_seconds(bursty->mean_high);
        return (bursty->low.per_second * low + bursty->high.per_second * high) / (low + high);
    }
    if (const auto* trace = chosen.as<Trace>()) {
        return trace->points.empty() ? 0 : trace->points.front().rate.per_second;
    }
    if (chosen.as<Schedule>() != nullptr) return 0;  // in the long run
    return chosen.as<Poisson>()->rate.per_second;
}

}  // namespace prodsim
