#pragma once

#include <cstdint>

namespace prodsim {

/// What an event list orders: when an event is due, and which slot of the slab holds it. The
/// generation tells a live event from a cancelled one whose slot is in use again.
struct EventKey {
    std::int64_t time = 0;  // nanoseconds since the start of the run, never negative
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;

    friend bool operator==(const EventKey&, const EventKey&) = default;
};

}  // namespace prodsim
