#include "sim/world/attendant.hpp"

namespace prodsim {

AttendantMeters::AttendantMeters(Meters& meters, std::string_view owner, std::string_view whom)
    : calls(meters, owner, "calls", whom),
      latency(meters.histogram(owner, "latency", "From a call's arrival to its reply.")),
      served(meters.counter(owner, "served", "Calls that it carried out.")),
      errors(meters.counter(owner, "errors", "Calls that it answered with an error.")),
      unknown(
          meters.counter(owner, "unknown", "Calls carried out although their caller had gone.")) {}

Attendant::Attendant(World& world, const std::string& name, ZoneId zone, std::uint16_t number,
                     AttendantMeters& meters, std::int64_t most_calls)
    : Instance(world, name, zone, number),
      meters_(meters),
      errors_(world.stream(name + "/errors of its own")),
      calls_(world.engine, meters.calls, {.servers = most_calls, .line = 0}, {}, {}),
      error_(world.reason(name, "own error")) {}

bool Attendant::attend(Call& call, Duration time) {
    Job& job = jobs_.acquire();
    if (calls_.enter(job) == Station::Entry::refused) {
        jobs_.release(job);
        return false;
    }
    job.call = &call;
    call.callee_note = reinterpret_cast<std::uint64_t>(&job);
    inside_.push_back(job);
    job.end = world_.engine.after(time, action<&Attendant::end>(*this, job));
    return true;
}

void Attendant::end(Job& job) {
    job.end = {};
    if (condition().mode == Condition::Mode::hanging) {
        stalled_.add(job);
    } else {
        finish(job);
    }
}

void Attendant::finish(Job& job) {
    Call& call = *job.call;
    forget(job);
    meters_.latency.record(world_.now() - call.started);
    if (errors_.draws(call.demand_key()).chance(error_rate(call))) {
        meters_.errors.add();
        world_.calls.reply(call, {Outcome::error, error_});
        return;
    }
    meters_.served.add();
    if (call.has(Trait::orphan)) meters_.unknown.add();
    world_.calls.reply(call, {});
}

void Attendant::condition_changed(const Condition& before) {
    if (condition().capacity != before.capacity) capacity_changed();
    if (condition().mode != Condition::Mode::up) return;
    stalled_.release([this](Job& job) { finish(job); });
}

void Attendant::crash() {
    stalled_.clear();
    while (!inside_.empty()) {
        Job& job = *inside_.first();
        world_.engine.cancel(job.end);
        doom(*job.call);
        forget(job);
    }
}

void Attendant::forget(Job& job) {
    calls_.leave(job);
    inside_.remove(job);
    jobs_.release(job);
}

}  // namespace prodsim
