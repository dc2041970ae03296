#include "sim/world/cpu.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string>

namespace prodsim {

namespace {

std::int64_t thousandths(double cores) { return static_cast<std::int64_t>(cores * 1000 + 0.5); }

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
    changed();
}

void Cpu::begin(CpuTask& task) {
    advance();
    task.due = attained_ + task.demand;
    task.order = orders_++;
    heap_.push_back({});
    sift_up(heap_.size() - 1, {task.due, task.order, &task});
}

// The clock of attained service catches up with the simulated clock at the rate so far.
void Cpu::advance() {
    const Time now = engine_.now();
    if (heap_.empty()) {
        attained_ = 0;  // nobody remembers it: keep it small, and so exact
    } else if (now > updated_) {
        const double gain = rate_ * static_cast<double>((now - updated_).count());
        attained_ += gain;
        meters_.work.done += gain * static_cast<double>(heap_.size());
    }
    updated_ = now;
}

// After any change of cores or speed, or of how many share them.
void Cpu::share() {
    company_ = heap_.size();
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
    if (heap_.size() != company_) share();
    if (heap_.empty() || rate_ <= 0) {
        engine_.cancel(next_end_);
        return;
    }
    const double left = std::max(0.0, heap_.front().due - attained_) / rate_;
    const Duration delay = left >= static_cast<double>(longest_delay.count())
                               ? longest_delay
                               : Duration{static_cast<std::int64_t>(left + 0.5)};
    const Time at = engine_.now() + delay;
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
        CpuTask& task = pop_earliest();
        gone(task);
        meters_.work.asked += task.demand;
        take_from_line();
        finished_(reinterpret_cast<std::uint64_t>(&task));
    }
    finishing_ = false;
    changed();
}

void Cpu::take_from_line() {
    while (line_head_ != nullptr && has_room()) {
        CpuTask& task = *line_head_;
        line_head_ = task.next;
        if (line_head_ == nullptr) line_tail_ = nullptr;
        begin(task);
    }
}

void Cpu::gone(const CpuTask& task) {
    meters_.runnable.add(-1, engine_.now());
    meters_.stays.add(engine_.now() - task.since);
    ++meters_.work.pieces;
    --meters_.work.unfinished;
}

void Cpu::stop(CpuTask& task) {
    gone(task);
    if (task.place == none) {
        CpuTask* before = nullptr;
        for (CpuTask* it = line_head_; it != &task; it = it->next) before = it;
        (before == nullptr ? line_head_ : before->next) = task.next;
        if (line_tail_ == &task) line_tail_ = before;
        return;
    }
    advance();
    meters_.work.asked += task.demand - (task.due - attained_);
    const std::size_t place = task.place;
    const Running last = heap_.back();
    heap_.pop_back();
    if (place < heap_.size()) {
        sift_down(place, last);
        sift_up(last.task->place, last);
    }
    task.place = none;
    take_from_line();
    changed();
}

void Cpu::set_speed(double speed) {
    advance();
    speed_ = speed;
    share();
    changed();
}

void Cpu::set_cores(double cores) {
    advance();
    meters_.capacity.add(thousandths(cores) - thousandths(cores_), engine_.now());
    cores_ = cores;
    share();
    changed();
}

CpuTask& Cpu::pop_earliest() {
    CpuTask& task = *heap_.front().task;
    const Running last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down(0, last);
    task.place = none;
    return task;
}

void Cpu::sift_up(std::size_t place, Running item) {
    while (place > 0) {
        const std::size_t parent = (place - 1) / 2;
        if (!item.before(heap_[parent])) break;
        set(place, heap_[parent]);
        place = parent;
    }
    set(place, item);
}

void Cpu::sift_down(std::size_t place, Running item) {
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
