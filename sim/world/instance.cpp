#include "sim/world/instance.hpp"

#include "sim/world/world.hpp"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

namespace prodsim {

namespace {

// Notes of calls that never got past the door.
constexpr std::uint64_t vanished = ~std::uint64_t{0};
constexpr std::uint64_t frozen = ~std::uint64_t{1};

}  // namespace

Condition Condition::with(const Condition& other) const {
    return {std::max(mode, other.mode), slow * other.slow,
            1 - (1 - error_rate) * (1 - other.error_rate), std::min(capacity, other.capacity),
            expired || other.expired};
}

Instance::Instance(World& world, std::string_view component, ZoneId zone, std::uint16_t number)
    : world_(world),
      number_(number),
      zone_(zone),
      refused_(world.reason(component, "process down")),
      reset_(world.reason(component, "crash")),
      fault_(world.reason(component, "errors")),
      retired_(world.reason(component, "instance gone")),
      expired_(world.reason(component, "certificate expired")),
      inside_(world.traces.label(component, TimeKind::inside)),
      silence_(world.traces.label(component, TimeKind::silence)),
      errors_(world.stream(std::string(component) + "/errors")) {}

void Instance::on_call(Call& call) {
    call.callee_note = 0;
    const auto special = static_cast<std::uint8_t>(call.traits & (Trait::greeting | Trait::traced));
    if ((unusual_ | special) != 0) [[unlikely]] {
        if (!lets_in(call)) return;
    }
    accept(call);
}

bool Instance::lets_in(Call& call) {
    if (call.has(Trait::greeting)) {
        greet(call);
        return false;
    }
    if (condition_.mode != Condition::Mode::up || closed_) {
        if (closed_ || !takes_anyway(call)) turn_away(call);
        return false;
    }
    if (condition_.error_rate > 0 &&
        errors_.draws(call.demand_key()).chance(condition_.error_rate)) {
        world_.calls.reply(call, {fault_outcome_, fault_});
        return false;
    }
    world_.traces.spend(call, inside_);
    return true;
}

void Instance::look_at_door() {
    const bool usual =
        condition_.mode == Condition::Mode::up && condition_.error_rate == 0 && !closed_;
    unusual_ = usual ? 0 : 1;
}

void Instance::turn_away(Call& call) {
    switch (condition_.mode) {
        case Condition::Mode::hanging:
            freeze(call);
            return;
        case Condition::Mode::black_holed:
            hold(call);
            return;
        case Condition::Mode::refusing:
            world_.calls.reply(call, {Outcome::refused, refused_});
            return;
        case Condition::Mode::up:
            world_.calls.reply(call, {Outcome::reset, retired_});
            return;
    }
}

// The system opens connections also for a process that hangs: only that has to agree on keys.
void Instance::greet(Call& call) {
    const bool knocks = call.operation == Request::knock;
    const bool is_open = condition_.mode <= Condition::Mode::hanging && !closed_;
    if (knocks && is_open) {
        world_.calls.reply(call, {});
    } else if (condition_.mode != Condition::Mode::up || closed_) {
        turn_away(call);
    } else if (condition_.expired) {
        world_.calls.reply(call, {Outcome::refused, expired_});
    } else if (call.operation == Request::hello) {
        world_.calls.reply(call, {});
    } else {
        world_.traces.spend(call, inside_);
        accept(call);
    }
}

void Instance::hold(Call& call) {
    world_.traces.spend(call, silence_);
    call.callee_note = vanished;
    ++held_;
    if (call.is_abandoned()) {
        --held_;
        world_.calls.reply(call, {Outcome::cancelled, reset_});
    }
}

void Instance::on_abandon(Call& call) {
    if (call.callee_note == vanished) {
        --held_;
        world_.calls.reply(call, {Outcome::cancelled, reset_});
    } else if (call.callee_note == frozen) {
        frozen_.erase(std::find(frozen_.begin(), frozen_.end(), &call));
        world_.calls.reply(call, {Outcome::cancelled, reset_});
    } else {
        give_up(call);
    }
}

void Instance::lose(Call& call) {
    if (condition_.mode == Condition::Mode::black_holed) {
        hold(call);
    } else {
        world_.calls.reply(call, {Outcome::reset, reset_});
    }
}

void Instance::freeze(Call& call) {
    world_.traces.spend(call, silence_);
    call.callee_note = frozen;
    frozen_.push_back(&call);
}

// In the order in which they came. The end of one call may make a caller give up on another, which
// takes that one out of the list: so each is taken out before it ends.
template <class What>
void Instance::for_each_frozen(What what) {
    std::reverse(frozen_.begin(), frozen_.end());
    while (!frozen_.empty()) {
        Call& call = *frozen_.back();
        frozen_.pop_back();
        what(call);
    }
}

void Instance::set_condition(const Condition& faults) {
    faults_ = faults;
    apply(faults_.with(defects_));
}

void Instance::set_defects(const Condition& defects) {
    defects_ = defects;
    apply(faults_.with(defects_));
}

void Instance::apply(const Condition& condition) {
    if (condition == condition_) return;
    const Condition before = std::exchange(condition_, condition);
    look_at_door();
    if (condition.mode > before.mode && condition.mode >= Condition::Mode::refusing) {
        crash();
        for_each_frozen([this](Call& call) { lose(call); });
    }
    condition_changed(before);
    if (condition.mode == Condition::Mode::up) {
        for_each_frozen([this](Call& call) { on_call(call); });
    }
}

}  // namespace prodsim
