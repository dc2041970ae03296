#pragma once

// The models as a C++ programmer in a hurry writes them: events are closures on the heap of the
// standard library, requests are shared pointers, chance is the Mersenne Twister.

#include "tests/benchmark/measure.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <vector>

namespace prodsim::benchmark {

class NaiveSimulation {
public:
    explicit NaiveSimulation(std::uint64_t seed) : generator_(seed) {}

    double now() const { return now_; }
    double exponential(double mean) {
        return std::exponential_distribution<double>(1 / mean)(generator_);
    }
    std::size_t below(std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(generator_);
    }
    void after(double delay, std::function<void()> what) {
        events_.push({now_ + delay, sequence_++, std::move(what)});
    }

    /// Keeps arriving, and runs until this many latencies are known. Answers their mean.
    double run(double rate, std::size_t requests, const std::function<void()>& arrival) {
        latencies_.reserve(requests);
        arrive(rate, arrival);
        while (latencies_.size() < requests) {
            const Event event = events_.top();
            events_.pop();
            now_ = event.time;
            event.what();
        }
        double sum = 0;
        for (const double latency : latencies_) sum += latency;
        return sum / static_cast<double>(requests);
    }
    void answered(double latency) { latencies_.push_back(latency); }

private:
    struct Event {
        double time;
        std::uint64_t sequence;
        std::function<void()> what;

        bool operator>(const Event& other) const {
            return time != other.time ? time > other.time : sequence > other.sequence;
        }
    };

    void arrive(double rate, const std::function<void()>& arrival) {
        after(exponential(1 / rate), [this, rate, &arrival] {
            arrive(rate, arrival);
            arrival();
        });
    }

    std::mt19937_64 generator_;
    double now_ = 0;
    std::uint64_t sequence_ = 0;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::vector<double> latencies_;
};

/// Workers and a line of closures that want one.
class NaiveStation {
public:
    explicit NaiveStation(int workers) : free_(workers) {}

    void enter(std::function<void()> served) {
        if (free_ > 0) {
            --free_;
            served();
        } else {
            line_.push_back(std::move(served));
        }
    }

    void leave() {
        if (line_.empty()) {
            ++free_;
            return;
        }
        const std::function<void()> served = std::move(line_.front());
        line_.pop_front();
        served();
    }

private:
    int free_;
    std::deque<std::function<void()>> line_;
};

struct NaiveRequest {
    double arrived;
    std::size_t app = 0;
    bool answered = false;
};

inline double naive_one_station(std::uint64_t seed, std::size_t requests, int workers,
                                double arrivals_per_s) {
    NaiveSimulation simulation(seed);
    NaiveStation station(workers);
    return simulation.run(arrivals_per_s, requests, [&] {
        auto request = std::make_shared<NaiveRequest>(NaiveRequest{simulation.now()});
        station.enter([&, request] {
            simulation.after(simulation.exponential(1), [&, request] {
                simulation.answered(simulation.now() - request->arrived);
                station.leave();
            });
        });
    });
}

inline double naive_three_tier(std::uint64_t seed, std::size_t requests) {
    NaiveSimulation simulation(seed);
    std::vector<NaiveStation> apps(10, NaiveStation(1));
    NaiveStation db(20);
    return simulation.run(1000, requests, [&] {
        auto request = std::make_shared<NaiveRequest>(NaiveRequest{simulation.now()});
        request->app = simulation.below(apps.size());
        apps[request->app].enter([&, request] {
            simulation.after(simulation.exponential(0.008), [&, request] {
                apps[request->app].leave();
                db.enter([&, request] {
                    simulation.after(simulation.exponential(0.016), [&, request] {
                        simulation.answered(simulation.now() - request->arrived);
                        db.leave();
                    });
                });
            });
        });
    });
}

inline double naive_life_cycle(std::uint64_t seed, std::size_t requests) {
    NaiveSimulation simulation(seed);
    std::vector<NaiveStation> apps(10, NaiveStation(4));
    std::array<int, 10> under_way{};
    NaiveStation db(20);
    const auto choose = [&] {
        const std::size_t one = simulation.below(10);
        std::size_t other = simulation.below(9);
        if (other >= one) ++other;
        return under_way[other] < under_way[one] ? other : one;
    };
    return simulation.run(1000, requests, [&] {
        auto request = std::make_shared<NaiveRequest>(NaiveRequest{simulation.now()});
        request->app = choose();
        ++under_way[request->app];
        simulation.after(1, [&, request] {
            if (!request->answered) simulation.answered(simulation.now() - request->arrived);
        });
        const auto go_home = [&, request] {
            simulation.after(0.0005, [&, request] {
                --under_way[request->app];
                request->answered = true;
                simulation.answered(simulation.now() - request->arrived);
            });
        };
        const auto compute_again = [&, request, go_home] {
            simulation.after(simulation.exponential(0.002), [&, request, go_home] {
                apps[request->app].leave();
                go_home();
            });
        };
        const auto query = [&, compute_again] {
            db.enter([&, compute_again] {
                simulation.after(simulation.exponential(0.016), [&, compute_again] {
                    db.leave();
                    simulation.after(0.00025, compute_again);
                });
            });
        };
        simulation.after(0.0005, [&, request, query] {
            apps[request->app].enter([&, query] {
                simulation.after(simulation.exponential(0.004),
                                 [&, query] { simulation.after(0.00025, query); });
            });
        });
    });
}

}  // namespace prodsim::benchmark
