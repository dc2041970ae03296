#pragma once

// What instances have in common behind their door: all the work inside in a list, so that a crash
// finds it in an order that does not depend on addresses; what could go on but for a hanging
// process; and processors that feel the faults.

#include "sim/world/cpu.hpp"
#include "sim/world/instance.hpp"

#include <algorithm>
#include <vector>

namespace prodsim {

/// The place of an item in a list of its kind.
template <class T>
struct Neighbours {
    T* before = nullptr;
    T* after = nullptr;
};

/// Items that know their neighbours: linking, and unlinking from anywhere, take constant time and
/// no memory. An item that is in several lists has a member for each.
template <class T, Neighbours<T> T::*place>
class List {
public:
    bool empty() const { return first_ == nullptr; }
    T* first() const { return first_; }
    static T* after(const T& item) { return (item.*place).after; }

    /// REQUIRES: the item is in no list by this member.
    void push_back(T& item) {
        (item.*place).before = last_;
        (last_ == nullptr ? first_ : (last_->*place).after) = &item;
        last_ = &item;
    }

    /// REQUIRES: the item is in no list by this member.
    void push_front(T& item) {
        (item.*place).after = first_;
        (first_ == nullptr ? last_ : (first_->*place).before) = &item;
        first_ = &item;
    }

    /// REQUIRES: the item is in this list.
    void remove(T& item) {
        Neighbours<T>& here = item.*place;
        (here.before == nullptr ? first_ : (here.before->*place).after) = here.after;
        (here.after == nullptr ? last_ : (here.after->*place).before) = here.before;
        here = {};
    }

private:
    T* first_ = nullptr;
    T* last_ = nullptr;
};

/// Work that is ready to go on while its instance hangs, in the order in which it became ready.
template <class T>
class Stalled {
public:
    void add(T& item) { items_.push_back(&item); }
    void clear() { items_.clear(); }

    bool holds(const T& item) const { return find(item) != items_.end(); }

    /// Nothing happens if it is not here.
    void remove(const T& item) {
        const auto found = find(item);
        if (found != items_.end()) items_.erase(found);
    }

    /// Lets all go on. The first may be the end of others, which are taken out before their turn.
    template <class GoOn>
    void release(GoOn go_on) {
        std::reverse(items_.begin(), items_.end());
        while (!items_.empty()) {
            T& item = *items_.back();
            items_.pop_back();
            go_on(item);
        }
    }

private:
    auto find(const T& item) const { return std::find(items_.begin(), items_.end(), &item); }

    std::vector<T*> items_;
};

/// What processors are while nothing is wrong with their instance.
struct Healthy {
    double cores = 1;
    double speed = 1;
};

/// Lets processors feel what faults do to their instance.
inline void weaken(Cpu& cpu, Healthy healthy, const Condition& condition) {
    const bool hangs = condition.mode == Condition::Mode::hanging;
    const double speed = hangs ? 0 : healthy.speed / condition.slow;
    if (speed != cpu.speed()) cpu.set_speed(speed);
    const double cores = std::max(1e-9, healthy.cores * condition.capacity);
    if (cores != cpu.cores()) cpu.set_cores(cores);
}

}  // namespace prodsim
