// The models (a) to (d) in SimGrid, in the fastest idiom that we know: workers are actors that live
// for ever and take requests from lines of ours. An actor for each request costs ten times as much.
// Hops take the same time for all, so one actor carries them in the order in which they came, and
// another one watches the oldest time-out.
//
//     simgrid_models a|b|c|d REQUESTS SEED [SimGrid's own options]

#include "tests/benchmark/peers/peer.hpp"

#include <simgrid/s4u.hpp>
#include <xbt/log.h>

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

namespace prodsim::benchmark {
namespace {

namespace s4u = simgrid::s4u;

double now() { return s4u::Engine::get_clock(); }

struct Request {
    double arrived;
    std::size_t app;
    bool answered;
};

/// Those who wait for an actor. Actors ask the engine only when there is nobody to be served.
template <class Item>
class Line {
public:
    void push(Item item) {
        items_.push_back(item);
        if (idle_ == 0) return;
        --idle_;
        wake_->release();
    }
    Item pop() {
        while (items_.empty()) {
            ++idle_;
            wake_->acquire();
        }
        Item item = items_.front();
        items_.pop_front();
        return item;
    }

private:
    std::deque<Item> items_;
    int idle_ = 0;
    s4u::SemaphorePtr wake_ = s4u::Semaphore::create(0);
};

struct Simulation {
    explicit Simulation(PeerTask task) : chance(task.seed), latencies(task.requests) {}

    s4u::Host* host = s4u::create_full_zone("world")->create_host("host", 1e9);
    PeerChance chance;
    PeerLatencies latencies;

    void serve(double mean_s) { s4u::this_actor::sleep_for(chance.exponential(mean_s)); }

    /// Actors that live as long as the source of requests.
    void live(int count, const std::function<void()>& life) const {
        for (int i = 0; i < count; ++i) s4u::Actor::create("actor", host, life)->daemonize();
    }

    void run(double rate, std::function<void(Request)> start) {
        s4u::Actor::create("source", host, [this, rate, start = std::move(start)] {
            while (!latencies.are_enough()) {
                serve(1 / rate);
                start({now(), 0, false});
            }
        });
        latencies.print(cpu_ns_of([] { s4u::Engine::get_instance()->run(); }));
    }
};

void one_station(Simulation& simulation, int workers) {
    Line<Request> line;
    simulation.live(workers, [&] {
        for (;;) {
            const Request request = line.pop();
            simulation.serve(1);
            simulation.latencies.add(now() - request.arrived);
        }
    });
    simulation.run(0.8 * workers, [&](Request request) { line.push(request); });
}

void three_tier(Simulation& simulation) {
    std::array<Line<Request>, 10> apps;
    Line<Request> db;
    for (Line<Request>& app : apps) {
        simulation.live(1, [&] {
            for (;;) {
                const Request request = app.pop();
                simulation.serve(0.008);
                db.push(request);
            }
        });
    }
    simulation.live(20, [&] {
        for (;;) {
            const Request request = db.pop();
            simulation.serve(0.016);
            simulation.latencies.add(now() - request.arrived);
        }
    });
    simulation.run(1000, [&](Request request) { apps[simulation.chance.below(10)].push(request); });
}

using Shared = std::shared_ptr<Request>;

/// Carries each request for the same time: the first that enters is the first that arrives.
class Wire {
public:
    Wire(const Simulation& simulation, double delay, std::function<void(const Shared&)> arrive)
        : delay_(delay) {
        simulation.live(1, [this, arrive = std::move(arrive)] {
            for (;;) {
                const auto [due, request] = line_.pop();
                if (due > now()) s4u::this_actor::sleep_until(due);
                arrive(request);
            }
        });
    }
    void send(const Shared& request) { line_.push({now() + delay_, request}); }

private:
    double delay_;
    Line<std::pair<double, Shared>> line_;
};

void life_cycle(Simulation& simulation) {
    std::array<Line<Shared>, 10> apps;
    std::array<int, 10> under_way{};
    const s4u::SemaphorePtr db = s4u::Semaphore::create(20);
    Wire there(simulation, 0.0005,
               [&](const Shared& request) { apps[request->app].push(request); });
    const auto answer = [&](const Shared& request) {
        if (std::exchange(request->answered, true)) return;
        --under_way[request->app];
        simulation.latencies.add(now() - request->arrived);
    };
    Wire back(simulation, 0.0005, answer);
    Wire time_out(simulation, 1, answer);
    for (Line<Shared>& app : apps) {
        simulation.live(4, [&] {
            for (;;) {
                const Shared request = app.pop();
                simulation.serve(0.004);
                s4u::this_actor::sleep_for(0.00025);
                db->acquire();
                simulation.serve(0.016);
                db->release();
                s4u::this_actor::sleep_for(0.00025);
                simulation.serve(0.002);
                back.send(request);
            }
        });
    }
    simulation.run(1000, [&](Request request) {
        request.app = simulation.chance.less_loaded(under_way);
        ++under_way[request.app];
        const auto shared = std::make_shared<Request>(request);
        time_out.send(shared);
        there.send(shared);
    });
}

}  // namespace
}  // namespace prodsim::benchmark

int main(int count, char** arguments) {
    using namespace prodsim::benchmark;
    xbt_log_control_set("root.thres:error");
    simgrid::s4u::Engine engine(&count, arguments);
    simgrid::s4u::Engine::set_config("surf/precision:1e-9");
    simgrid::s4u::Engine::set_config("contexts/stack-size:64");
    const PeerTask task = peer_task(count, arguments);
    // Measured: a fifth faster with one worker, and slower with more.
    if (task.model == 'a') simgrid::s4u::Engine::set_config("cpu/optim:TI");
    Simulation simulation(task);
    if (task.model == 'a') one_station(simulation, 1);
    if (task.model == 'b') one_station(simulation, 16);
    if (task.model == 'c') three_tier(simulation);
    if (task.model == 'd') life_cycle(simulation);
}
