#pragma once

#include "sim/core/action.hpp"
#include "sim/core/event_list.hpp"
#include "sim/core/time.hpp"

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace prodsim {

/// A scheduled action that can still be cancelled. A timer that has fired, or was cancelled, is
/// harmless to cancel again.
struct Timer {
    std::uint32_t slot = ~std::uint32_t{0};
    std::uint32_t generation = 0;

    bool is_set() const { return slot != ~std::uint32_t{0}; }
};

/// The clock and the list of what happens next. It jumps from event to event; events at the same
/// instant happen in the order in which they were scheduled. It knows no model.
///
/// Cancelling takes constant time: the action is dropped and its key is skipped when it surfaces;
/// when dropped keys outnumber the live ones they are swept.
class Engine {
public:
    Time now() const { return now_; }

    /// REQUIRES: 0 <= delay.
    Timer after(Duration delay, Action what) {
        assert(delay.count() >= 0);
        return at(now_ + delay, what);
    }

    /// REQUIRES: now() <= time.
    Timer at(Time time, Action what) {
        assert(time >= now_);
        if (free_ == no_slot) grow();
        const std::uint32_t slot = free_;
        Entry& entry = entries_[slot];
        free_ = entry.next_free;
        entry.what = what;
        list_.push({time.time_since_epoch().count(), slot, entry.generation});
        return {slot, entry.generation};
    }

    /// Forgets what the timer would have done; the timer is unset afterwards.
    void cancel(Timer& timer) {
        if (is_pending(timer)) {
            release(timer.slot);
            if (++stale_ > least_sweep && stale_ * 2 > list_.size()) sweep();
        }
        timer = {};
    }

    bool is_pending(Timer timer) const {
        return timer.is_set() && entries_[timer.slot].generation == timer.generation;
    }

    /// Runs every event up to and including `until`; the clock then stands at `until`.
    void run_until(Time until);

    /// Runs at most `most` further events, none later than `until`: for interruptible runs.
    /// Returns false when nothing is left up to `until` (the clock then stands there).
    bool run_some(Time until, std::size_t most);

    /// Scheduled actions that were neither run nor cancelled.
    std::size_t pending() const { return list_.size() - stale_; }

    std::uint64_t events() const { return events_; }

    /// A hash of the instants of all events so far: equal fingerprints mean equal runs.
    std::uint64_t fingerprint() const { return fingerprint_; }

private:
    static constexpr std::uint32_t no_slot = ~std::uint32_t{0};

    struct Entry {
        Action what;
        std::uint32_t generation = 0;
        std::uint32_t next_free = no_slot;
    };

    void release(std::uint32_t slot) {
        Entry& entry = entries_[slot];
        ++entry.generation;
        entry.next_free = free_;
        free_ = slot;
    }
    void grow();
    void sweep();

    static constexpr std::size_t least_sweep = 1024;

    Time now_ = start_of_run;
    EventList list_;
    std::vector<Entry> entries_;
    std::uint32_t free_ = no_slot;  // the entries without an action, last released first
    std::size_t stale_ = 0;
    std::uint64_t events_ = 0;
    std::uint64_t fingerprint_ = 0x9e3779b97f4a7c15u;
};

}  // namespace prodsim
