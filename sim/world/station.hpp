#pragma once

#include "sim/config/fields.hpp"
#include "sim/core/action.hpp"
#include "sim/core/engine.hpp"
#include "sim/core/time.hpp"
#include "sim/stats/meters.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace prodsim {

/// Which of those who wait goes next.
enum class Discipline : std::uint8_t { fifo, lifo, priority };
std::span<const Word> words(Discipline);

/// Whoever waits in a line; a base of the thing that waits, which the line never owns.
struct Waiter {
    Waiter* previous = nullptr;
    Waiter* next = nullptr;
    Time since{};
    Timer patience;
    std::uint8_t priority = 0;
    bool waiting = false;
};

/// What a station counts, shared by the instances of one component. What every visit touches
/// stands first.
struct StationMeters {
    /// REQUIRES: no other block has this owner and part.
    StationMeters(Meters& meters, std::string_view owner, std::string_view part,
                  std::string_view doc);
    StationMeters(const StationMeters&) = delete;
    StationMeters& operator=(const StationMeters&) = delete;

    Level present;      // waiting or in service
    Histogram wait;     // time in the line of those who got a server, 0 included
    StayBook stays;     // the summed stays, counted at the exits: the other side of Little's law
    Counter arrivals;   // asked for a server
    Counter rejected;   // the line was full
    Counter expired;    // waited too long
    Counter withdrawn;  // the caller left the line
    Level waiting;      // in the line
};

/// A number of servers (threads, connections, permits, disks) and a line for those who find none
/// free, with a discipline, a length limit and a limit on the wait. It knows nothing of service
/// times: whoever enters must leave. `served` is called with every waiter that gets a server
/// later, `expired` with every waiter whose patience ran out.
///
///     enter ──free──▶ in service ──leave──▶ gone
///       │ busy            ▲
///       ├──room──▶ waiting┤──patience ends──▶ expired
///       └──full──▶ refused└──withdraw──▶ gone
class Station {
public:
    static constexpr std::int64_t unlimited = std::int64_t{1} << 40;

    struct Limits {
        std::int64_t servers = 1;
        std::int64_t line = unlimited;    // how many may wait; 0: nobody
        Duration patience = Duration{0};  // 0: for ever
        Discipline discipline = Discipline::fifo;
    };

    enum class Entry : std::uint8_t { served, waits, refused };

    Station(Engine& engine, StationMeters& meters, Limits limits, Action served, Action expired);
    Station(const Station&) = delete;
    Station& operator=(const Station&) = delete;

    Entry enter(Waiter& waiter) { return enter(waiter, limits_.patience); }

    /// With a patience of its own; 0: for ever.
    Entry enter(Waiter& waiter, Duration patience) {
        meters_.arrivals.add();
        if (busy_ < servers_ && length_ == 0) {  // nobody overtakes those who wait
            ++busy_;
            waiter.since = engine_.now();
            meters_.present.add(1, engine_.now());
            meters_.wait.record(Duration{0});
            return Entry::served;
        }
        return join(waiter, patience);
    }

    /// The waiter, which was in service, gives its server back.
    void leave(Waiter& waiter) {
        gone(waiter);
        --busy_;
        if (length_ != 0) serve_waiting();
    }

    /// The waiter, which was waiting, steps out of the line.
    void withdraw(Waiter& waiter);

    /// Takes or adds servers. Those in service stay in service: a smaller station first drains.
    void resize(std::int64_t servers);

    std::int64_t servers() const { return servers_; }
    std::int64_t busy() const { return busy_; }
    std::int64_t waiting() const { return length_; }

    /// The one who would be served next; null when nobody waits.
    Waiter* front() const;

private:
    struct Queue {
        Waiter* head = nullptr;
        Waiter* tail = nullptr;
    };

    Entry join(Waiter& waiter, Duration patience);
    void serve_waiting();
    void unlink(Waiter& waiter);
    void expire(Waiter& waiter);
    void gone(const Waiter& waiter);
    Queue& queue_of(const Waiter& waiter);

    // The last ones are what every visit needs.
    std::vector<Queue> by_priority_;  // only when the discipline asks for it
    Action served_;
    Action expired_;
    Limits limits_;
    Queue line_;
    bool serving_ = false;
    Engine& engine_;
    StationMeters& meters_;
    std::int64_t servers_;
    std::int64_t busy_ = 0;
    std::int64_t length_ = 0;
};

inline void Station::gone(const Waiter& waiter) {
    meters_.present.add(-1, engine_.now());
    meters_.stays.add(engine_.now() - waiter.since);
}

}  // namespace prodsim
