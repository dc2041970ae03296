#pragma once

#include "sim/core/action.hpp"
#include "sim/core/engine.hpp"
#include "sim/core/time.hpp"
#include "sim/stats/meters.hpp"

#include <cstdint>
#include <vector>

namespace prodsim {

/// A piece of work that needs a processor; a base of whatever runs, which the Cpu never owns. Its
/// members are the Cpu's, and mean nothing before `run`.
struct CpuTask {
    Duration demand;  // at speed 1
    double left;      // of the demand in nanoseconds, as of `updated`, on its own core
    Time since;       // it came then
    Time updated;
    CpuTask* previous;    // among those with a core of their own
    CpuTask* next;        // among them, or in the line
    Timer end;            // while it has a core of its own
    std::uint32_t place;  // in the heap of those who share
    bool in_line;
};

/// What a Cpu counts, shared by the instances of one component.
struct CpuMeters {
    /// REQUIRES: no other block has this owner.
    CpuMeters(Meters& meters, std::string_view owner);
    CpuMeters(const CpuMeters&) = delete;
    CpuMeters& operator=(const CpuMeters&) = delete;

    Level runnable;  // on a core or wanting one
    Level busy;      // cores in use, in thousandths of a core
    StayBook stays;  // of `runnable`
    WorkBook work;
    Counter tasks;
    Level capacity;  // the cores there are, in thousandths of a core
};

/// Cores at a speed, shared by at most `slots` tasks at once; the others wait their turn. Without
/// a limit on the slots this is processor sharing; with as many slots as cores, first come first
/// served; with one slot, an event loop.
///
/// As long as there are no more tasks than cores each has a core of its own, and its end is on the
/// event list. When one more comes they share: all progress at the same rate, speed x cores /
/// running, so a clock of attained service orders their ends and only the next end is on the event
/// list. They share until half of the cores are free, so that a load near the border does not pay
/// for the change at every arrival. A change of speed, cores or company moves the rate, never the
/// work done.
class Cpu {
public:
    static constexpr std::int64_t unlimited = std::int64_t{1} << 40;

    /// REQUIRES: cores > 0, slots >= 1.
    Cpu(Engine& engine, CpuMeters& meters, double cores, std::int64_t slots, Action finished);
    Cpu(const Cpu&) = delete;
    Cpu& operator=(const Cpu&) = delete;

    /// Runs `demand` of processor time at speed 1; `finished` is called with the task at its end.
    void run(CpuTask& task, Duration demand);

    /// Stops a task that has not finished; what it got so far is lost.
    void stop(CpuTask& task);

    void set_speed(double speed);
    void set_cores(double cores);

    /// Its instance has left service: its cores are no part of the fleet's capacity any more, but
    /// finish what they have.
    void retire();

    double cores() const { return cores_; }
    double speed() const { return speed_; }
    std::int64_t running() const { return running_; }

private:
    bool has_room() const { return running_ < slots_; }
    void begin(CpuTask& task);
    void gone(const CpuTask& task);
    void take_from_line();
    void leave_line(CpuTask& task);

    // Each on a core of its own.
    void begin_alone(CpuTask& task, double left);
    void time(CpuTask& task, Duration left);
    Duration time_for(double left) const;
    void catch_up(CpuTask& task);
    void end_alone(CpuTask& task);
    void leave_core(CpuTask& task);
    void start_sharing();

    // Sharing.
    void join(CpuTask& task, double left);
    void advance();
    void share();
    void changed();
    void expire();
    void stop_sharing();
    void leave_heap(CpuTask& task);

    struct Sharer {
        double due;           // on the clock of attained service
        std::uint64_t order;  // of arrival, for those with the same end
        CpuTask* task;
        bool before(const Sharer& other) const {
            return due < other.due || (due == other.due && order < other.order);
        }
    };
    void sift_up(std::size_t place, Sharer item);
    void sift_down(std::size_t place, Sharer item);
    void set(std::size_t place, const Sharer& item) {
        heap_[place] = item;
        item.task->place = static_cast<std::uint32_t>(place);
    }

    Engine& engine_;
    CpuMeters& meters_;
    Action finished_;
    double cores_;
    double speed_ = 1;
    std::int64_t slots_;
    std::int64_t running_ = 0;
    bool sharing_ = false;
    bool finishing_ = false;
    bool retired_ = false;
    CpuTask* alone_ = nullptr;  // those with a core of their own, last come first
    CpuTask* line_head_ = nullptr;
    CpuTask* line_tail_ = nullptr;

    // While they share.
    std::vector<Sharer> heap_;
    double rate_ = 1;
    double attained_ = 0;
    Time updated_{};
    std::uint64_t orders_ = 0;
    std::int64_t busy_ = 0;
    std::int64_t company_ = 0;  // who share at the present rate
    Timer next_end_;
    Time next_end_at_{};
};

}  // namespace prodsim
