#pragma once

#include "sim/core/random.hpp"
#include "sim/world/call.hpp"
#include "sim/world/network.hpp"
#include "sim/world/traces.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace prodsim {

class World;

/// What faults do to an instance at present: parameters only, never state. Overlapping faults
/// compose: the slowest factors multiply, the worst mode wins.
struct Condition {
    enum class Mode : std::uint8_t {
        up,
        hanging,      // accepts, never answers while it lasts; goes on afterwards
        refusing,     // the process is gone: connections are refused within a round trip
        black_holed,  // the machine is gone: silence
    };
    Mode mode = Mode::up;
    double slow = 1;        // factor on every piece of work
    double error_rate = 0;  // share of calls answered with an error at once
    double capacity = 1;    // share of cores (and what else the component calls capacity) left
    bool expired = false;   // its certificate: new TLS connections fail, others live on

    bool operator==(const Condition&) const = default;

    /// This and another fault together.
    Condition with(const Condition& other) const;
};

/// One running copy of a component: the door through which calls come in. The door applies the
/// faults that every kind of instance shares; what is behind it is the component's.
class Instance : public Node {
public:
    Instance(World& world, std::string_view component, ZoneId zone, std::uint16_t number);

    void on_call(Call& call) final;
    void on_abandon(Call& call) final;

    ZoneId zone() const { return zone_; }

    /// Unique among all instances that the component ever had, from 1.
    std::uint16_t number() const { return number_; }

    /// What faults do to it and what is wrong with itself, together.
    const Condition& condition() const { return condition_; }

    /// What faults do to it from now on.
    void set_condition(const Condition& faults);

    /// What is wrong with this very copy, whatever else happens: a release that fails.
    void set_defects(const Condition& defects);

    /// It leaves service: connections that still lead here are refused, calls inside finish.
    void close() {
        closed_ = true;
        look_at_door();
        leave_service();
    }
    bool is_closed() const { return closed_; }

    /// Calls that came in and vanished: their callers wait for ever or for their timeouts.
    std::size_t held() const { return held_; }

protected:
    virtual void accept(Call& call) = 0;

    /// The caller of a call that I accepted gave up.
    virtual void give_up(Call& call) = 0;

    /// Faults came or went; `condition()` is the new one.
    virtual void condition_changed(const Condition& before) = 0;

    /// It has been closed: what it adds to the capacity of the fleet is gone.
    virtual void leave_service() {}

    /// The process died: forget every job, and hand the calls inside to `doom`.
    virtual void crash() = 0;

    /// May take a call although the instance does not answer, as a device does that fails open.
    virtual bool takes_anyway(Call&) { return false; }

    /// How it ends a call that a fault has struck with an error.
    void ends_faulty_calls_with(Outcome outcome) { fault_outcome_ = outcome; }

    /// This call was inside when the process died: it ends with a reset, or in silence.
    void doom(Call& call) { freeze(call); }

    World& world_;

private:
    void apply(const Condition& condition);
    void look_at_door();
    bool lets_in(Call& call);
    void turn_away(Call& call);
    void greet(Call& call);
    void hold(Call& call);
    void freeze(Call& call);
    void lose(Call& call);
    template <class What>
    void for_each_frozen(What what);

    // The first ones are what every call needs.
    std::uint8_t unusual_ = 0;  // 1: not every call goes straight in
    bool closed_ = false;
    Outcome fault_outcome_ = Outcome::error;
    std::uint16_t number_;
    ZoneId zone_;
    Condition condition_;
    std::vector<Call*> frozen_;  // came in while hanging, or were inside when the process died
    Condition faults_;
    Condition defects_;
    std::size_t held_ = 0;
    ReasonId refused_;
    ReasonId reset_;
    ReasonId fault_;
    ReasonId retired_;
    ReasonId expired_;
    TimeLabelId inside_;
    TimeLabelId silence_;
    Stream errors_;
};

}  // namespace prodsim
