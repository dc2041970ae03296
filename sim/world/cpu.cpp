#include "sim/world/cpu.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string>
#include <utility>

namespace prodsim {

namespace {

double in_nanoseconds(Duration duration) { return static_cast<double>(duration.count()); }

constexpr std::int64_t whole_core = 1000;

std::int64_t thousandths(double cores) {
    return static_cast<std::int64_t>(cores * whole_core + 0.5);
}

/// In whole nanoseconds, as far as the clock goes.
Duration rounded(double nanoseconds) {
    if (nanoseconds >= static_cast<double>(longest_delay.count())) return longest_delay;
    return Duration{static_cast<std::int64_t>(nanoseconds + 0.5)};
}

}  // namespace

CpuMeters::CpuMeters(Meters& meters, std::string_view owner) {
    const auto named = [&](const char* name, const char* doc) {
        return MeterName{std::string(owner), name, doc};
    };
    meters.enlist(runnable, named("cpu.runnable", "On a core or wanting one."));
    meters.enlist(busy, named("cpu.busy", "Cores in use, in thousandths of a core."));
    meters.enlist(capacity, named("cpu.capacity", "Cores there are, in thousandths of a core."));
    meters.enlist(tasks, named("cpu.tasks", "Pieces of processor work begun."));
    meters.enlist(stays, runnable);
    meters.enlist(work, owner);
}

Cpu::Cpu(Engine& engine, CpuMeters& meters, double cores, std::int64_t slots, Action finished)
    : engine_(engine), meters_(meters), finished_(finished), cores_(cores), slots_(slots) {
    assert(cores > 0 && slots >= 1);
    meters_.capacity.add(thousandths(cores), engine_.now());
}

void Cpu::run(CpuTask& task, Duration demand) {
    task.since = engine_.now();
    task.demand = demand;
    meters_.tasks.add();
    meters_.runnable.add(1, engine_.now());
    ++meters_.work.unfinished;
    if (!has_room()) {
        task.in_line = true;
        task.next = nullptr;
        (line_tail_ == nullptr ? line_head_ : line_tail_->next) = &task;
        line_tail_ = &task;
        return;
    }
    begin(task);
}

void Cpu::begin(CpuTask& task) {
    task.in_line = false;
    if (!sharing_ && static_cast<double>(running_ + 1) > cores_) start_sharing();
    if (sharing_) {
        advance();
        join(task, in_nanoseconds(task.demand));
        changed();
    } else {
        begin_alone(task, in_nanoseconds(task.demand));
        // The usual case, and the demand need not be rounded again.
        time(task, speed_ == 1 ? task.demand : time_for(task.left));
    }
}

void Cpu::gone(const CpuTask& task) {
    meters_.runnable.add(-1, engine_.now());
    meters_.stays.add(engine_.now() - task.since);
    ++meters_.work.pieces;
    --meters_.work.unfinished;
}

void Cpu::take_from_line() {
    while (line_head_ != nullptr && has_room()) {
        CpuTask& task = *line_head_;
        line_head_ = task.next;
        if (line_head_ == nullptr) line_tail_ = nullptr;
        begin(task);
    }
}

void Cpu::leave_line(CpuTask& task) {
    CpuTask* before = nullptr;
    for (CpuTask* it = line_head_; it != &task; it = it->next) before = it;
    (before == nullptr ? line_head_ : before->next) = task.next;
    if (line_tail_ == &task) line_tail_ = before;
}

void Cpu::stop(CpuTask& task) {
    gone(task);
    if (task.in_line) {
        leave_line(task);
    } else if (sharing_) {
        advance();
        meters_.work.asked += in_nanoseconds(task.demand) - (heap_[task.place].due - attained_);
        leave_heap(task);
        take_from_line();
        if (sharing_) changed();
    } else {
        catch_up(task);
        meters_.work.asked += in_nanoseconds(task.demand) - task.left;
        engine_.cancel(task.end);
        leave_core(task);
        take_from_line();
    }
}

void Cpu::set_speed(double speed) {
    if (sharing_) {
        advance();
        speed_ = speed;
        share();
        changed();
        return;
    }
    for (CpuTask* task = alone_; task != nullptr; task = task->next) catch_up(*task);
    speed_ = speed;
    for (CpuTask* task = alone_; task != nullptr; task = task->next) {
        engine_.cancel(task->end);
        time(*task, time_for(task->left));
    }
}

void Cpu::set_cores(double cores) {
    if (!retired_) {
        meters_.capacity.add(thousandths(cores) - thousandths(cores_), engine_.now());
    }
    cores_ = cores;
    if (!sharing_ && static_cast<double>(running_) > cores_) start_sharing();
    if (!sharing_) return;
    advance();
    share();
    changed();
}

void Cpu::retire() {
    retired_ = true;
    meters_.capacity.add(-thousandths(cores_), engine_.now());
}

// ---- each on a core of its own
// ------------------------------------------------------------------

void Cpu::begin_alone(CpuTask& task, double left) {
    task.left = left;
    task.updated = engine_.now();
    task.previous = nullptr;
    task.next = alone_;
    if (alone_ != nullptr) alone_->previous = &task;
    alone_ = &task;
    ++running_;
    meters_.busy.add(whole_core, engine_.now());
}

// At speed 0 nothing ends.
void Cpu::time(CpuTask& task, Duration left) {
    if (speed_ > 0) task.end = engine_.after(left, action<&Cpu::end_alone>(*this, task));
}

Duration Cpu::time_for(double left) const { return rounded(std::max(0.0, left) / speed_); }

void Cpu::catch_up(CpuTask& task) {
    const double gain = speed_ * in_nanoseconds(engine_.now() - task.updated);
    task.left -= gain;
    task.updated = engine_.now();
    meters_.work.done += gain;
}

void Cpu::end_alone(CpuTask& task) {
    catch_up(task);
    task.end = {};
    leave_core(task);
    gone(task);
    meters_.work.asked += in_nanoseconds(task.demand);
    if (line_head_ != nullptr) take_from_line();
    finished_(reinterpret_cast<std::uint64_t>(&task));
}

void Cpu::leave_core(CpuTask& task) {
    (task.previous == nullptr ? alone_ : task.previous->next) = task.next;
    if (task.next != nullptr) task.next->previous = task.previous;
    --running_;
    meters_.busy.add(-whole_core, engine_.now());
}

// Those who run bring what is left of their work.
void Cpu::start_sharing() {
    sharing_ = true;
    attained_ = 0;
    updated_ = engine_.now();
    busy_ = whole_core * std::exchange(running_, 0);
    CpuTask* next = nullptr;
    for (CpuTask* task = std::exchange(alone_, nullptr); task != nullptr; task = next) {
        next = task->next;
        catch_up(*task);
        engine_.cancel(task->end);
        join(*task, std::max(0.0, task->left));
    }
}

// ---- sharing
// ------------------------------------------------------------------------------------

void Cpu::join(CpuTask& task, double left) {
    ++running_;
    heap_.push_back({});
    sift_up(heap_.size() - 1, {attained_ + left, orders_++, &task});
}

// The clock of attained service catches up with the simulated clock at the rate so far.
void Cpu::advance() {
    const Time now = engine_.now();
    if (now > updated_) {
        const double gain = rate_ * in_nanoseconds(now - updated_);
        attained_ += gain;
        meters_.work.done += gain * static_cast<double>(running_);
    }
    updated_ = now;
}

// After any change of cores or speed, or of how many share them.
void Cpu::share() {
    company_ = running_;
    const auto running = static_cast<double>(running_);
    const double used = std::min(running, cores_);
    rate_ = running <= cores_ ? speed_ : speed_ * cores_ / running;
    const std::int64_t busy = thousandths(used);
    if (busy != busy_) {
        meters_.busy.add(busy - busy_, engine_.now());
        busy_ = busy;
    }
}

// After any change; REQUIRES advance() at this instant. While tasks finish nothing is planned,
// because no time passes until all have.
void Cpu::changed() {
    if (finishing_) return;
    if (running_ == 0 || 2 * static_cast<double>(running_) <= cores_) {
        stop_sharing();
        return;
    }
    if (running_ != company_) share();
    if (rate_ <= 0) {
        engine_.cancel(next_end_);
        return;
    }
    const Time at = engine_.now() + rounded(std::max(0.0, heap_.front().due - attained_) / rate_);
    if (next_end_.is_set()) {
        if (at == next_end_at_) return;
        engine_.cancel(next_end_);
    }
    next_end_at_ = at;
    next_end_ = engine_.at(at, action<&Cpu::expire>(*this));
}

// Everyone whose end has come finishes, in order; what `finished` starts joins the same loop, so
// work without demand cannot grow the stack.
void Cpu::expire() {
    next_end_ = {};
    advance();
    attained_ = std::max(attained_, heap_.front().due);  // rounding to whole nanoseconds is over
    finishing_ = true;
    while (!heap_.empty() && heap_.front().due <= attained_) {
        CpuTask& task = *heap_.front().task;
        leave_heap(task);
        gone(task);
        meters_.work.asked += in_nanoseconds(task.demand);
        take_from_line();
        finished_(reinterpret_cast<std::uint64_t>(&task));
    }
    finishing_ = false;
    changed();
}

void Cpu::leave_heap(CpuTask& task) {
    const std::size_t place = task.place;
    const Sharer last = heap_.back();
    heap_.pop_back();
    --running_;
    if (place == heap_.size()) return;
    sift_down(place, last);
    sift_up(last.task->place, last);
}

// Whose work ends first is timed first, so that those who end together end in the order they came.
void Cpu::stop_sharing() {
    engine_.cancel(next_end_);
    share();
    sharing_ = false;
    meters_.busy.add(-busy_, engine_.now());
    running_ = 0;
    company_ = 0;
    std::sort(heap_.begin(), heap_.end(),
              [](const Sharer& a, const Sharer& b) { return a.before(b); });
    for (const Sharer& sharer : heap_) {
        begin_alone(*sharer.task, sharer.due - attained_);
        time(*sharer.task, time_for(sharer.task->left));
    }
    heap_.clear();
}

void Cpu::sift_up(std::size_t place, Sharer item) {
    while (place > 0) {
        const std::size_t parent = (place - 1) / 2;
        if (!item.before(heap_[parent])) break;
        set(place, heap_[parent]);
        place = parent;
    }
    set(place, item);
}

void Cpu::sift_down(std::size_t place, Sharer item) {
    const std::size_t size = heap_.size();
    for (std::size_t child = 2 * place + 1; child < size; child = 2 * place + 1) {
        if (child + 1 < size && heap_[child + 1].before(heap_[child])) ++child;
        if (!heap_[child].before(item)) break;
        set(place, heap_[child]);
        place = child;
    }
    set(place, item);
}

}  // namespace prodsim
