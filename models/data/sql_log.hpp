#pragma once

// The part of a database's log that a replica has not applied: commits in their order, each with
// the time at which it comes to the replica. Pure arithmetic.

#include "sim/core/time.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>

namespace prodsim {

class ReplicaLog {
public:
    struct Commit {
        Time committed;
        Time here;
    };

    /// It takes so long, but overtakes nobody. Says when it is here.
    Time add(Time committed, Duration delay) {
        arrival_ = std::max(arrival_, committed + delay);
        commits_.push_back({committed, arrival_});
        return arrival_;
    }

    bool empty() const { return commits_.empty(); }
    std::size_t size() const { return commits_.size(); }
    const Commit& next() const { return commits_.front(); }
    const Commit& last() const { return commits_.back(); }

    /// The next one is.
    void applied() {
        last_applied_ = commits_.front().committed;
        commits_.pop_front();
    }

    void drop_last() { commits_.pop_back(); }

    /// Those committed until then that had not come by `lost`.
    std::uint64_t missing(Time until, Time lost) const {
        return count([=](const Commit& c) { return c.committed <= until && c.here > lost; });
    }

    /// Those that had come by then.
    std::uint64_t received(Time by) const {
        return count([=](const Commit& c) { return c.here <= by; });
    }

    /// When the last of all that had come by then was committed.
    Time last_received(Time by) const {
        Time last = last_applied_;
        for (const Commit& commit : commits_) {
            if (commit.here <= by) last = commit.committed;
        }
        return last;
    }

private:
    template <class Which>
    std::uint64_t count(Which which) const {
        return static_cast<std::uint64_t>(std::count_if(commits_.begin(), commits_.end(), which));
    }

    std::deque<Commit> commits_;
    Time arrival_{};       // of the last of them
    Time last_applied_{};  // when that was committed
};

}  // namespace prodsim
