#pragma once

#include "sim/config/fields.hpp"
#include "sim/core/engine.hpp"
#include "sim/core/random.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim {

struct ArrivalsFamily {
    static constexpr std::string_view name = "arrivals";
};
struct ShapeFamily {
    static constexpr std::string_view name = "shape";
};

/// Fills the families of arrival processes and of load shapes.
void add_arrivals(Families& families);

/// When things come. A process without a clock of its own says how much *work of arriving* lies
/// between two arrivals (for Poisson an exponential of mean 1, for paced exactly 1), and the rate,
/// which may change with the time, the state of the process and faults, says how fast it is done.
/// So every process can be shaped, and a change of the rate in mid-interval is exact.
///
/// Simplification: a shape that changes continuously is taken as constant over steps of a second,
/// or of a hundredth of its own length where that is shorter, at its value in the middle.
class Arrivals {
public:
    /// How the rate of a process changes on its own; one file-local class for each kind.
    class Process {
    public:
        virtual ~Process() = default;
        /// Arrivals come one by one: `batch` need not be asked.
        bool single = true;
        /// Arrivals per second while nothing else changes the load.
        virtual double rate(Time now) const = 0;
        /// When the rate may be different from what it is now.
        virtual Time changes(Time now) const = 0;
        /// The work of arriving until the next ones, one after the other.
        virtual void work(Stream& stream, std::span<double> next) = 0;
        /// How many come at once.
        virtual std::uint32_t batch(Draws) { return 1; }
        /// `changes` has come.
        virtual void change(Time, Draws) {}
    };

    /// A factor on the rate.
    class Shape {
    public:
        virtual ~Shape() = default;
        /// The factor from now until `changes(now)`.
        virtual double factor(Time now) const = 0;
        virtual Time changes(Time now) const = 0;
    };

    struct Streams {
        Stream work;     // between arrivals
        Stream changes;  // of the state of the process, and sizes of batches
    };

    /// `arrive` is called with the number of arrivals at this instant.
    Arrivals(Engine& engine, const Choice<ArrivalsFamily>& process,
             const std::vector<Choice<ShapeFamily>>& shapes, const Streams& streams, Action arrive);
    Arrivals(const Arrivals&) = delete;
    Arrivals& operator=(const Arrivals&) = delete;

    void start();

    /// Nothing comes any more, whatever happens to the load.
    void stop();

    /// A factor on everything, from now on.
    void set_load(double factor);

private:
    void plan();
    void consume();
    void turn();
    void arrive();
    double next_work();
    void set_pace();

    Engine& engine_;
    std::unique_ptr<Process> process_;
    std::vector<std::unique_ptr<Shape>> shapes_;
    Stream stream_;
    Stream changes_;
    Action arrive_;
    bool constant_ = false;
    bool stopped_ = false;
    double load_ = 1;
    double rate_ = 0;
    double pace_ = 0;  // nanoseconds for each unit of work, while the rate is constant
    double left_ = 0;  // work of arriving until the next one
    Time since_{};     // `left_` is as of then
    std::array<double, 32> work_{};  // drawn ahead: one at a time would wait for its logarithm
    std::size_t used_ = 32;          // of `work_`
    Timer next_;
};

/// The mean number of arrivals per second, shapes left aside: for predictions before a run.
double mean_rate(const Choice<ArrivalsFamily>& process);

/// What shapes together make of a load, for predictions before a run.
class LoadShape {
public:
    explicit LoadShape(const std::vector<Choice<ShapeFamily>>& shapes);

    double factor(Time now) const;

private:
    std::vector<std::unique_ptr<Arrivals::Shape>> shapes_;
};

}  // namespace prodsim
