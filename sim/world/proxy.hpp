#pragma once

// An instance through which calls pass: it holds a connection for each, takes its own time, and
// hands the call on. A load balancer and a gateway differ only in where they send it.
//
//     call ─▶ connection ─▶ own latency ─▶ forward ─▶ (child) ─▶ reply
//               └─ none left ▶ rejected       └─ answer ▶ reply
//
// When the caller gives up so does the proxy, at once. A proxy that hangs lets nothing through in
// either direction, and goes on with it afterwards.

#include "sim/config/law.hpp"
#include "sim/core/pool.hpp"
#include "sim/world/inside.hpp"
#include "sim/world/instance.hpp"
#include "sim/world/station.hpp"
#include "sim/world/world.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace prodsim {

struct ProxyMeters {
    ProxyMeters(Meters& meters, std::string_view owner);

    StationMeters connections;
    Histogram& latency;
    Counter& failed;
    Counter& abandoned;
};

class Proxy : public Instance {
public:
    void on_reply(Call& child, Reply reply) final;

protected:
    /// A call on its way through.
    struct Flight : Waiter {
        Call* call = nullptr;
        Call* child = nullptr;
        Timer next;  // the end of the node's own latency, then of the patience with the child
        Reply reply;
        bool answered = false;
        Neighbours<Flight> others;
    };

    Proxy(World& world, const std::string& name, ZoneId zone, std::uint16_t number,
          ProxyMeters& meters, std::int64_t connections, const Law<Duration>& latency);

    /// It has come through the node's own latency: send it on, or answer it.
    virtual void forward(Flight& flight) = 0;

    /// The call that is made for this one, to be sent by whoever asks.
    Call& open(Flight& flight);

    void answer(Flight& flight, Reply reply);

private:
    void accept(Call& call) final;
    void give_up(Call& call) final;
    void condition_changed(const Condition& before) final;
    void crash() final;
    void arrived(Flight& flight);
    void go_on(Flight& flight);
    void finish(Flight& flight);
    void stop(Flight& flight);
    void forget(Flight& flight);

    ProxyMeters& meters_;
    std::int64_t most_connections_;
    const Law<Duration>& latency_;
    Stream latencies_;
    Station connections_;
    ReasonId full_;
    Pool<Flight>& flights_ = world_.pools.of<Flight>();
    List<Flight, &Flight::others> inside_;
    Stalled<Flight> stalled_;
};

}  // namespace prodsim
