// The models (a) to (d) on the core of ns-3, in the fastest of its idioms: events are member
// functions with a pointer, times are integers, requests are pooled, and pending events stand in
// the PriorityQueueScheduler, which beats the map that ns-3 takes when nobody asks.
//
//     ns3_models a|b|c|d REQUESTS SEED

#include "tests/benchmark/peers/peer.hpp"

#include <ns3/object-factory.h>
#include <ns3/simulator.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace prodsim::benchmark {
namespace {

using ns3::Simulator;

ns3::Time seconds(double value) { return ns3::NanoSeconds(static_cast<std::int64_t>(value * 1e9)); }

struct Request {
    std::int64_t arrived_ns = 0;
    std::size_t app = 0;
    bool given_up = false;
    ns3::EventId timer{};
};

/// Workers, and a line of those who want one.
class Station {
public:
    explicit Station(int workers) : free_(workers) {}

    /// Whether a worker is free at once.
    bool enter(Request* request) {
        if (free_ > 0) {
            --free_;
            return true;
        }
        line_.push_back(request);
        return false;
    }

    /// Who takes the place of the one who leaves; nobody where no one waits.
    Request* leave() {
        if (line_.empty()) {
            ++free_;
            return nullptr;
        }
        Request* next = line_.front();
        line_.pop_front();
        return next;
    }

private:
    int free_;
    std::deque<Request*> line_;
};

/// Arrivals, and the requests that have ended.
class Model {
public:
    Model(PeerTask task, double rate) : chance_(task.seed), latencies_(task.requests), rate_(rate) {
        arrive_later();
    }
    virtual ~Model() = default;
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    const PeerLatencies& latencies() const { return latencies_; }

protected:
    virtual void start(Request* request) = 0;

    void record(const Request* request) {
        const std::int64_t latency = Simulator::Now().GetNanoSeconds() - request->arrived_ns;
        latencies_.add(static_cast<double>(latency) * 1e-9);
        if (latencies_.are_enough()) Simulator::Stop();
    }
    void forget(Request* request) { idle_.push_back(request); }
    void end(Request* request) {
        record(request);
        forget(request);
    }

    ns3::Time exponential(double mean_s) { return seconds(chance_.exponential(mean_s)); }

    PeerChance chance_;

private:
    void arrive_later() { Simulator::Schedule(exponential(1 / rate_), &Model::arrive, this); }

    void arrive() {
        arrive_later();
        if (idle_.empty()) idle_.push_back(&pool_.emplace_back());
        Request* request = idle_.back();
        idle_.pop_back();
        request->arrived_ns = Simulator::Now().GetNanoSeconds();
        start(request);
    }

    PeerLatencies latencies_;
    double rate_;
    std::deque<Request> pool_;
    std::vector<Request*> idle_;
};

class OneStation : public Model {
public:
    OneStation(PeerTask task, int workers) : Model(task, 0.8 * workers), station_(workers) {}

private:
    void start(Request* request) override {
        if (station_.enter(request)) serve(request);
    }
    void serve(Request* request) {
        Simulator::Schedule(exponential(1), &OneStation::served, this, request);
    }
    void served(Request* request) {
        end(request);
        if (Request* next = station_.leave()) serve(next);
    }

    Station station_;
};

class ThreeTier : public Model {
public:
    explicit ThreeTier(PeerTask task) : Model(task, 1000) {}

private:
    void start(Request* request) override {
        request->app = chance_.below(apps_.size());
        if (apps_[request->app].enter(request)) compute(request);
    }
    void compute(Request* request) {
        Simulator::Schedule(exponential(0.008), &ThreeTier::computed, this, request);
    }
    void computed(Request* request) {
        if (Request* next = apps_[request->app].leave()) compute(next);
        if (db_.enter(request)) query(request);
    }
    void query(Request* request) {
        Simulator::Schedule(exponential(0.016), &ThreeTier::queried, this, request);
    }
    void queried(Request* request) {
        if (Request* next = db_.leave()) query(next);
        end(request);
    }

    std::vector<Station> apps_ = std::vector<Station>(10, Station(1));
    Station db_{20};
};

class LifeCycle : public Model {
public:
    explicit LifeCycle(PeerTask task) : Model(task, 1000) {}

private:
    void start(Request* request) override {
        request->app = chance_.less_loaded(under_way_);
        request->given_up = false;
        ++under_way_[request->app];
        request->timer = Simulator::Schedule(seconds(1), &LifeCycle::time_out, this, request);
        Simulator::Schedule(seconds(0.0005), &LifeCycle::at_app, this, request);
    }
    /// The client gives up; the servers notice nothing.
    void time_out(Request* request) {
        request->given_up = true;
        record(request);
    }
    void at_app(Request* request) {
        if (apps_[request->app].enter(request)) compute(request);
    }
    void compute(Request* request) {
        Simulator::Schedule(exponential(0.004), &LifeCycle::computed, this, request);
    }
    void computed(Request* request) {
        Simulator::Schedule(seconds(0.00025), &LifeCycle::at_db, this, request);
    }
    void at_db(Request* request) {
        if (db_.enter(request)) query(request);
    }
    void query(Request* request) {
        Simulator::Schedule(exponential(0.016), &LifeCycle::queried, this, request);
    }
    void queried(Request* request) {
        if (Request* next = db_.leave()) query(next);
        Simulator::Schedule(seconds(0.00025), &LifeCycle::back_at_app, this, request);
    }
    void back_at_app(Request* request) {
        Simulator::Schedule(exponential(0.002), &LifeCycle::computed_again, this, request);
    }
    void computed_again(Request* request) {
        if (Request* next = apps_[request->app].leave()) compute(next);
        Simulator::Schedule(seconds(0.0005), &LifeCycle::at_client, this, request);
    }
    void at_client(Request* request) {
        --under_way_[request->app];
        request->timer.Cancel();
        if (!request->given_up) record(request);
        forget(request);
    }

    std::array<int, 10> under_way_{};
    std::vector<Station> apps_ = std::vector<Station>(10, Station(4));
    Station db_{20};
};

std::unique_ptr<Model> model_of(PeerTask task) {
    if (task.model == 'a') return std::make_unique<OneStation>(task, 1);
    if (task.model == 'b') return std::make_unique<OneStation>(task, 16);
    if (task.model == 'c') return std::make_unique<ThreeTier>(task);
    return std::make_unique<LifeCycle>(task);
}

}  // namespace
}  // namespace prodsim::benchmark

int main(int count, char** arguments) {
    using namespace prodsim::benchmark;
    const PeerTask task = peer_task(count, arguments);
    ns3::Simulator::SetScheduler(ns3::ObjectFactory("ns3::PriorityQueueScheduler"));
    const std::unique_ptr<Model> model = model_of(task);
    model->latencies().print(cpu_ns_of([] { ns3::Simulator::Run(); }));
    ns3::Simulator::Destroy();
}
