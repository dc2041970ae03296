#include "sim/world/proxy.hpp"

namespace prodsim {

ProxyMeters::ProxyMeters(Meters& meters, std::string_view owner)
    : connections(meters, owner, "connections", "a connection"),
      latency(meters.histogram(owner, "latency", "From a call's arrival to its reply.")),
      failed(meters.counter(owner, "failed", "Calls that came back with a failure.")),
      abandoned(meters.counter(owner, "abandoned", "Calls whose caller gave up.")) {}

Proxy::Proxy(World& world, const std::string& name, ZoneId zone, std::uint16_t number,
             ProxyMeters& meters, std::int64_t connections, const Law<Duration>& latency)
    : Instance(world, name, zone, number),
      meters_(meters),
      most_connections_(connections),
      latency_(latency),
      latencies_(world.stream(name + "/latency")),
      connections_(world.engine, meters.connections, {.servers = connections, .line = 0}, {}, {}),
      full_(world.reason(name, "connections in use")) {}

void Proxy::accept(Call& call) {
    Flight& flight = flights_.acquire();
    if (connections_.enter(flight) == Station::Entry::refused) {
        flights_.release(flight);
        world_.calls.reply(call, {Outcome::rejected_overload, full_});
        return;
    }
    flight.call = &call;
    call.callee_note = reinterpret_cast<std::uint64_t>(&flight);
    inside_.push_back(flight);
    Draws draws = latencies_.draws(call.demand_key());
    const double seconds = latency_.distribution().sample(draws) * condition().slow;
    if (seconds == 0) {
        forward(flight);
    } else {
        flight.next =
            world_.engine.after(from_seconds(seconds), action<&Proxy::arrived>(*this, flight));
    }
}

void Proxy::arrived(Flight& flight) {
    flight.next = {};
    go_on(flight);
}

void Proxy::go_on(Flight& flight) {
    if (condition().mode == Condition::Mode::hanging) {
        stalled_.add(flight);
    } else if (flight.answered) {
        finish(flight);
    } else {
        forward(flight);
    }
}

Call& Proxy::open(Flight& flight) {
    Call& child = world_.calls.open(*this, *flight.call, world_.now());
    child.route = 0;  // the caller's connection leads here, not to the target
    child.caller_note = reinterpret_cast<std::uint64_t>(&flight);
    flight.child = &child;
    return child;
}

void Proxy::on_reply(Call& child, Reply reply) {
    auto& flight = child.caller_frame<Flight>();
    flight.child = nullptr;
    answer(flight, reply);
}

void Proxy::answer(Flight& flight, Reply reply) {
    world_.engine.cancel(flight.next);
    flight.reply = reply;
    flight.answered = true;
    go_on(flight);
}

void Proxy::finish(Flight& flight) {
    Call& call = *flight.call;
    const Reply reply = flight.reply;
    meters_.latency.record(world_.now() - call.started);
    if (!reply.good()) meters_.failed.add();
    forget(flight);
    world_.calls.reply(call, reply);
}

void Proxy::give_up(Call& call) {
    auto& flight = call.callee_frame<Flight>();
    meters_.abandoned.add();
    stop(flight);
    forget(flight);
    world_.calls.reply(call, {Outcome::cancelled, 0});
}

void Proxy::stop(Flight& flight) {
    world_.engine.cancel(flight.next);
    if (flight.child != nullptr) world_.calls.abandon(*flight.child);
    stalled_.remove(flight);
}

void Proxy::condition_changed(const Condition& before) {
    const Condition& now = condition();
    if (now.capacity != before.capacity) {
        const auto left = static_cast<double>(most_connections_) * now.capacity;
        connections_.resize(static_cast<std::int64_t>(left));
    }
    if (now.mode != Condition::Mode::up) return;
    stalled_.release([this](Flight& flight) { go_on(flight); });
}

void Proxy::crash() {
    stalled_.clear();
    while (!inside_.empty()) {
        Flight& flight = *inside_.first();
        stop(flight);
        doom(*flight.call);
        forget(flight);
    }
}

void Proxy::forget(Flight& flight) {
    connections_.leave(flight);
    inside_.remove(flight);
    flights_.release(flight);
}

}  // namespace prodsim
