#pragma once

// An instance that works on each call for a time known at its arrival, all at once, and then
// answers: somebody else's system, of which only the outside is known. It does not know that a
// caller gave up, and carries the call out. While it hangs, what is done waits to be answered.

#include "sim/core/pool.hpp"
#include "sim/world/inside.hpp"
#include "sim/world/instance.hpp"
#include "sim/world/station.hpp"
#include "sim/world/world.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace prodsim {

struct AttendantMeters {
    /// `whom` is what calls are inside of: "the provider".
    AttendantMeters(Meters& meters, std::string_view owner, std::string_view whom);

    StationMeters calls;
    Histogram& latency;
    Counter& served;
    Counter& errors;
    Counter& unknown;
};

class Attendant : public Instance {
public:
    void on_reply(Call&, Reply) final {}  // it calls nobody

protected:
    Attendant(World& world, const std::string& name, ZoneId zone, std::uint16_t number,
              AttendantMeters& meters, std::int64_t most_calls);

    /// False if as many calls as it takes are inside: the call is still to be answered.
    bool attend(Call& call, Duration time);

    /// The share of calls like this one that end with an error of its own.
    virtual double error_rate(const Call& call) const = 0;

    /// A fault took or gave back capacity.
    virtual void capacity_changed() = 0;

private:
    struct Job : Waiter {
        Call* call = nullptr;
        Timer end;
        Neighbours<Job> others;
    };

    void give_up(Call&) final {}  // it does not know
    void condition_changed(const Condition& before) final;
    void crash() final;
    void end(Job& job);
    void finish(Job& job);
    void forget(Job& job);

    AttendantMeters& meters_;
    Stream errors_;
    Station calls_;
    ReasonId error_;
    Pool<Job>& jobs_ = world_.pools.of<Job>();
    List<Job, &Job::others> inside_;
    Stalled<Job> stalled_;  // done, but it hangs
};

}  // namespace prodsim
