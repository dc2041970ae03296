#include "sim/world/cpu.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string>
#include <utility>

namespace prodsim {

namespace {

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

CpuMeters::CpuMeters(Meters& meters, std::string_view owner)
    : runnable(meters.level(owner, "cpu.runnable", "On a core or wanting one.")),
      busy(meters.level(owner, "cpu.busy", "Cores in use, in thousandths of a core.")),
      capacity(meters.level(owner, "cpu.capacity", "Cores there are, in thousandths of a core.")),
      tasks(meters.counter(owner, "cpu.tasks", "Pieces of processor work begun.")),
      stays(meters.stays(runnable)),
      work(meters.work(owner)) {}

Cpu::Cpu(Engine& engine, CpuMeters& meters, double cores, std::int64_t slots, Action finished)
    : engine_(engine), meters_(meters), finished_(finished), cores_(cores), slots_(slots) {
    assert(cores > 0 && slots >= 1);
    meters_.capacity.add(thousandths(cores), engine_.now());
}

void Cpu::run(CpuTask& task, Duration demand) {
    task.since = engine_.now();
    task.demand = static_cast<double>(demand.count());
    task.place = none;
    meters_.tasks.add();
    meters_.runnable.add(1, engine_.now());
    ++meters_.work.unfinished;
    if (!has_room()) {
        task.next = nullptr;
        (line_tail_ == nullptr ? line_head_ : line_tail_->next) = &task;
        line_tail_ = &task;
        return;
    }
    begin(task);
    if (sharing_) changed();
}

void Cpu::begin(CpuTask& task) {
    if (!sharing_ && static_cast<double>(running_.size() + 1) > cores_) start_sharing();
    if (sharing_) {
        advance();
        join(task, task.demand);
    } else {
        begin_alone(task, task.demand);
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
        if (sharing_) changed();
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
    if (task.place == none) {
        leave_line(task);
        return;
    }
    if (!sharing_) {
        catch_up(task);
        meters_.work.asked += task.demand - task.left;
        engine_.cancel(task.end);
        leave_core(task);
        take_from_line();
        return;
    }
    advance();
    const std::size_t place = task.place;
    meters_.work.asked += task.demand - (running_[place].due - attained_);
    const Running last = running_.back();
    running_.pop_back();
    if (place < running_.size()) {
        sift_down(place, last);
        sift_up(last.task->place, last);
    }
    task.place = none;
    take_from_line();
    changed();
}

void Cpu::set_speed(double speed) {
    if (sharing_) {
        advance();
        speed_ = speed;
        share();
        changed();
        return;
    }
    for (const Running& item : running_) catch_up(*item.task);
    speed_ = speed;
    for (const Running& item : running_) {
        engine_.cancel(item.task->end);
        time(*item.task);
    }
}

void Cpu::set_cores(double cores) {
    meters_.capacity.add(thousandths(cores) - thousandths(cores_), engine_.now());
    cores_ = cores;
    if (!sharing_ && static_cast<double>(running_.size()) > cores_) start_sharing();
    if (!sharing_) return;
    advance();
    share();
    changed();
}

// ---- each on a core of its own
// ------------------------------------------------------------------

void Cpu::begin_alone(CpuTask& task, double left) {
    task.left = left;
    task.updated = engine_.now();
    task.place = static_cast<std::uint32_t>(running_.size());
    running_.push_back({0, 0, &task});
    meters_.busy.add(whole_core, engine_.now());
    time(task);
}

void Cpu::time(CpuTask& task) {
    if (speed_ > 0) {
        task.end = engine_.after(rounded(std::max(0.0, task.left) / speed_),
                                 action<&Cpu::end_alone>(*this, task));
    }
}

void Cpu::catch_up(CpuTask& task) {
    const double gain = speed_ * static_cast<double>((engine_.now() - task.updated).count());
    task.left -= gain;
    task.updated = engine_.now();
    meters_.work.done += gain;
}

void Cpu::end_alone(CpuTask& task) {
    catch_up(task);
    task.end = {};
    leave_core(task);
    gone(task);
    meters_.work.asked += task.demand;
    if (line_head_ != nullptr) take_from_line();
    finished_(reinterpret_cast<std::uint64_t>(&task));
}

void Cpu::leave_core(CpuTask& task) {
    const Running last = running_.back();
    running_.pop_back();
    if (last.task != &task) set(task.place, last);
    task.place = none;
    meters_.busy.add(-whole_core, engine_.now());
}

// Those who run bring what is left of their work.
void Cpu::start_sharing() {
    std::swap(running_, before_);
    sharing_ = true;
    attained_ = 0;
    updated_ = engine_.now();
    busy_ = whole_core * static_cast<std::int64_t>(before_.size());
    for (const Running& item : before_) {
        CpuTask& task = *item.task;
        catch_up(task);
        engine_.cancel(task.end);
        join(task, std::max(0.0, task.left));
    }
    before_.clear();
}

// ---- sharing
// ------------------------------------------------------------------------------------

void Cpu::join(CpuTask& task, double left) {
    running_.push_back({});
    sift_up(running_.size() - 1, {attained_ + left, orders_++, &task});
}

// The clock of attained service catches up with the simulated clock at the rate so far.
void Cpu::advance() {
    const Time now = engine_.now();
    if (now > updated_) {
        const double gain = rate_ * static_cast<double>((now - updated_).count());
        attained_ += gain;
        meters_.work.done += gain * static_cast<double>(running_.size());
    }
    updated_ = now;
}

// After any change of cores or speed, or of how many share them.
void Cpu::share() {
    company_ = running_.size();
    const auto running = static_cast<double>(company_);
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
    if (2 * static_cast<double>(running_.size()) <= cores_ || running_.empty()) {
        stop_sharing();
        return;
    }
    if (running_.size() != company_) share();
    if (rate_ <= 0) {
        engine_.cancel(next_end_);
        return;
    }
    const Time at =
        engine_.now() + rounded(std::max(0.0, running_.front().due - attained_) / rate_);
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
    attained_ = std::max(attained_, running_.front().due);  // rounding to whole ns is over
    finishing_ = true;
    while (!running_.empty() && running_.front().due <= attained_) {
        CpuTask& task = pop_earliest();
        gone(task);
        meters_.work.asked += task.demand;
        take_from_line();
        finished_(reinterpret_cast<std::uint64_t>(&task));
    }
    finishing_ = false;
    changed();
}

void Cpu::stop_sharing() {
    engine_.cancel(next_end_);
    share();
    sharing_ = false;
    meters_.busy.add(-busy_, engine_.now());
    company_ = 0;
    std::swap(running_, before_);
    std::sort(before_.begin(), before_.end(),
              [](const Running& a, const Running& b) { return a.before(b); });
    for (const Running& item : before_) begin_alone(*item.task, item.due - attained_);
    before_.clear();
}

CpuTask& Cpu::pop_earliest() {
    CpuTask& task = *running_.front().task;
    const Running last = running_.back();
    running_.pop_back();
    if (!running_.empty()) sift_down(0, last);
    task.place = none;
    return task;
}

void Cpu::sift_up(std::size_t place, Running item) {
    while (place > 0) {
        const std::size_t parent = (place - 1) / 2;
        if (!item.before(running_[parent])) break;
        set(place, running_[parent]);
        place = parent;
    }
    set(place, item);
}

void Cpu::sift_down(std::size_t place, Running item) {
    const std::size_t size = running_.size();
    for (std::size_t child = 2 * place + 1; child < size; child = 2 * place + 1) {
        if (child + 1 < size && running_[child + 1].before(running_[child])) ++child;
        if (!running_[child].before(item)) break;
        set(place, running_[child]);
        place = child;
    }
    set(place, item);
}

}  // namespace prodsim
