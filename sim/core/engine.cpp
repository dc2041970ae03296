#include "sim/core/engine.hpp"

#include <algorithm>
#include <bit>

namespace prodsim {

bool Engine::run_some(Time until, std::size_t most) {
    const std::int64_t last = until.time_since_epoch().count();
    while (!list_.empty() && list_.next_time() <= last) {
        if (most-- == 0) return true;
        const EventKey key = list_.pop();
        const Entry& entry = entries_[key.slot];
        if (entry.generation != key.generation) {
            --stale_;
            continue;
        }
        const Action what = entry.what;
        release(key.slot);
        now_ = Time{Duration{key.time}};
        ++events_;
        fingerprint_ = (std::rotl(fingerprint_, 5) ^ static_cast<std::uint64_t>(key.time)) *
                       0x9fb21c651e98df25u;
        what();
    }
    now_ = std::max(now_, until);
    return false;
}

void Engine::run_until(Time until) {
    while (run_some(until, ~std::size_t{0})) {}
}

void Engine::grow() {
    const std::size_t old = entries_.size();
    entries_.resize(old == 0 ? 64 : 2 * old);
    for (std::size_t slot = entries_.size(); slot-- > old;) {
        entries_[slot].next_free = free_;
        free_ = static_cast<std::uint32_t>(slot);
    }
}

void Engine::sweep() {
    list_.sweep(
        [this](const EventKey& key) { return entries_[key.slot].generation == key.generation; });
    stale_ = 0;
}

}  // namespace prodsim
