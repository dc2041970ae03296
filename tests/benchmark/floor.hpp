#pragma once

// The floors: the models of the benchmark written by hand, each as one loop that knows nothing but
// its own model. They use the parts of the simulator that cost time in every run (event list, pool,
// keyed chance, histogram) and nothing of what makes it general. `List` is EventList or PlainHeap.

#include "sim/core/distribution.hpp"
#include "sim/core/event_key.hpp"
#include "sim/core/pool.hpp"
#include "sim/core/random.hpp"
#include "sim/stats/histogram.hpp"
#include "tests/benchmark/thousand_services.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace prodsim::benchmark {

/// An event of a floor: what happens, and a pointer or a number to say to whom.
template <class Kind>
struct FloorEvent {
    std::int64_t time;
    Kind kind;
    std::uint64_t whom;

    template <class T>
    T& as() const {
        return *reinterpret_cast<T*>(whom);
    }
};

/// The clock and the list of a floor. The words of a key carry the whole event: pointers have 48
/// bits, and the upper byte is the kind.
template <class List, class Kind>
class FloorClock {
public:
    std::int64_t now() const { return now_; }

    void after(std::int64_t delay, Kind kind, std::uint64_t whom = 0) {
        const std::uint64_t word = whom | static_cast<std::uint64_t>(kind) << 56;
        list_.push({now_ + delay, static_cast<std::uint32_t>(word),
                    static_cast<std::uint32_t>(word >> 32)});
    }

    template <class T>
    void after(std::int64_t delay, Kind kind, T& whom) {
        after(delay, kind, reinterpret_cast<std::uint64_t>(&whom));
    }

    FloorEvent<Kind> next() {
        const EventKey key = list_.pop();
        now_ = key.time;
        const std::uint64_t word = std::uint64_t{key.generation} << 32 | key.slot;
        return {key.time, static_cast<Kind>(word >> 56), word & 0x00ff'ffff'ffff'ffff};
    }

private:
    List list_;
    std::int64_t now_ = 0;
};

/// A use of chance in a floor: an exponential law and its stream.
class FloorLaw {
public:
    FloorLaw(std::uint64_t seed, std::string_view use, double mean_s)
        : stream_(seed, 0, use), mean_ns_(mean_s * 1e9) {}

    std::int64_t next() { return in_ns(stream_.next()); }
    std::int64_t of(std::uint64_t key) const { return in_ns(stream_.draws(key)); }

private:
    std::int64_t in_ns(Draws draws) const {
        return static_cast<std::int64_t>(-elementary::log(1 - draws.uniform()) * mean_ns_ + 0.5);
    }

    Stream stream_;
    double mean_ns_;
};

/// What a floor measures: the latencies of all but the first tenth of its requests.
class FloorBooks {
public:
    explicit FloorBooks(std::uint64_t requests) : left_(requests), measured_(requests * 9 / 10) {}

    bool are_open() const { return left_ > 0; }

    void record(std::int64_t latency) {
        if (left_-- == measured_) latency_.reset();
        latency_.record(Duration{latency});
    }

    const Histogram& latency() const { return latency_; }

private:
    std::uint64_t left_;
    std::uint64_t measured_;
    Histogram latency_;
};

/// Workers and a line of `T`, linked by its member `behind`.
template <class T>
struct FloorStation {
    std::uint32_t free;
    T* head = nullptr;
    T* tail = nullptr;

    /// Calls `serve` at once if a worker is free, otherwise when the line has moved up.
    template <class Serve>
    void enter(T& who, Serve serve) {
        if (free > 0) {
            --free;
            serve(who);
        } else {
            who.behind = nullptr;
            (head == nullptr ? head : tail->behind) = &who;
            tail = &who;
        }
    }

    /// A worker has become free: it serves the next in the line.
    template <class Serve>
    void leave(Serve serve) {
        T* next = head;
        if (next == nullptr) {
            ++free;
        } else {
            head = next->behind;
            serve(*next);
        }
    }
};

// ---- (a) and (b): one station -------------------------------------------------------------------

template <class List>
Histogram one_station_floor(std::uint64_t seed, std::uint64_t requests, std::uint32_t workers,
                            double arrivals_per_s, double service_s) {
    enum class Kind : std::uint8_t { arrival, end };
    struct Request {
        std::int64_t arrived;
        std::uint64_t number;
        Request* behind;
    };
    FloorClock<List, Kind> clock;
    FloorLaw gap(seed, "arrivals", 1 / arrivals_per_s);
    const FloorLaw service(seed, "service", service_s);
    Pool<Request> pool;
    FloorStation<Request> station{workers};
    FloorBooks books(requests);
    std::uint64_t arrived = 0;
    const auto serve = [&](Request& request) {
        clock.after(service.of(request.number), Kind::end, request);
    };
    clock.after(gap.next(), Kind::arrival);
    while (books.are_open()) {
        const auto event = clock.next();
        if (event.kind == Kind::arrival) {
            clock.after(gap.next(), Kind::arrival);
            station.enter(pool.acquire(clock.now(), arrived++, nullptr), serve);
        } else {
            Request& request = event.template as<Request>();
            books.record(clock.now() - request.arrived);
            pool.release(request);
            station.leave(serve);
        }
    }
    return books.latency();
}

// ---- (c): ten applications, then the database ---------------------------------------------------

template <class List>
Histogram three_tier_floor(std::uint64_t seed, std::uint64_t requests) {
    enum class Kind : std::uint8_t { arrival, app_end, db_end };
    struct Request {
        std::int64_t arrived;
        std::uint64_t number;
        std::uint64_t app;
        Request* behind;
    };
    FloorClock<List, Kind> clock;
    FloorLaw gap(seed, "arrivals", 0.001);
    const FloorLaw app_time(seed, "app", 0.008);
    const FloorLaw db_time(seed, "db", 0.016);
    const Stream balance(seed, 0, "balance");
    Pool<Request> pool;
    std::array<FloorStation<Request>, 10> apps;
    apps.fill({1});
    FloorStation<Request> db{20};
    FloorBooks books(requests);
    std::uint64_t arrived = 0;
    const auto compute = [&](Request& request) {
        clock.after(app_time.of(request.number), Kind::app_end, request);
    };
    const auto query = [&](Request& request) {
        clock.after(db_time.of(request.number), Kind::db_end, request);
    };
    clock.after(gap.next(), Kind::arrival);
    while (books.are_open()) {
        const auto event = clock.next();
        if (event.kind == Kind::arrival) {
            clock.after(gap.next(), Kind::arrival);
            const std::uint64_t app = balance.draws(arrived).below(apps.size());
            apps[app].enter(pool.acquire(clock.now(), arrived++, app, nullptr), compute);
            continue;
        }
        Request& request = event.template as<Request>();
        if (event.kind == Kind::app_end) {
            apps[request.app].leave(compute);
            db.enter(request, query);
        } else {
            books.record(clock.now() - request.arrived);
            pool.release(request);
            db.leave(query);
        }
    }
    return books.latency();
}

// ---- (d): the whole life of a request -----------------------------------------------------------

/// Nine events a request: its arrival, its timeout (which hardly ever ends one but must be held
/// ready), the hop in, the first computing, the hop to the database, the query, the hop back, the
/// second computing, the hop home.
template <class List>
class LifeCycleFloor {
public:
    LifeCycleFloor(std::uint64_t seed, std::uint64_t requests)
        : gap_(seed, "arrivals", 0.001),
          first_(seed, "first", 0.004),
          query_(seed, "query", 0.016),
          second_(seed, "second", 0.002),
          balance_(seed, 0, "balance"),
          books_(requests) {
        apps_.fill({{4}, 0});
    }

    Histogram run() {
        clock_.after(gap_.next(), Kind::arrival);
        while (books_.are_open()) {
            const auto event = clock_.next();
            switch (event.kind) {
                case Kind::arrival:
                    arrive();
                    break;
                case Kind::timeout:
                    time_out(event.whom);
                    break;
                case Kind::at_app:
                    enter_app(event.template as<Request>());
                    break;
                case Kind::computed:
                    leave_for_db(event.template as<Request>());
                    break;
                case Kind::at_db:
                    enter_db(event.template as<Request>());
                    break;
                case Kind::queried:
                    leave_db(event.template as<Request>());
                    break;
                case Kind::back_at_app:
                    compute_again(event.template as<Request>());
                    break;
                case Kind::answered:
                    leave_app(event.template as<Request>());
                    break;
                case Kind::home:
                    finish(event.template as<Request>());
                    break;
            }
        }
        return books_.latency();
    }

private:
    enum class Kind : std::uint8_t {
        arrival,
        timeout,
        at_app,
        computed,
        at_db,
        queried,
        back_at_app,
        answered,
        home,
    };

    struct Request {
        std::int64_t arrived;
        std::uint64_t number;
        std::uint64_t app;
        std::int64_t since = 0;
        Request* behind = nullptr;
    };

    struct App {
        FloorStation<Request> threads;
        std::int64_t under_way;
    };

    static constexpr std::int64_t limit = 1'000'000'000;
    static constexpr std::int64_t hop = 500'000;
    static constexpr std::int64_t db_hop = 250'000;
    static constexpr std::size_t remembered = 1 << 14;  // more than arrive within the limit

    void arrive() {
        clock_.after(gap_.next(), Kind::arrival);
        Request& request = pool_.acquire(clock_.now(), arrived_, choose(arrived_));
        ++apps_[request.app].under_way;
        answered_[arrived_ % remembered] = false;
        clock_.after(limit, Kind::timeout, arrived_++);
        clock_.after(hop, Kind::at_app, request);
    }

    std::uint64_t choose(std::uint64_t number) const {
        Draws draws = balance_.draws(number);
        const std::uint64_t one = draws.below(apps_.size());
        std::uint64_t other = draws.below(apps_.size() - 1);
        other += other >= one ? 1 : 0;
        return apps_[other].under_way < apps_[one].under_way ? other : one;
    }

    void time_out(std::uint64_t number) {
        if (!std::exchange(answered_[number % remembered], char{true})) books_.record(limit);
    }

    void enter_app(Request& request) {
        request.since = clock_.now();
        apps_[request.app].threads.enter(request, [this](Request& next) { compute(next); });
    }

    void compute(Request& request) {
        app_wait_.record(Duration{clock_.now() - request.since});
        clock_.after(first_.of(request.number), Kind::computed, request);
    }

    void leave_for_db(Request& request) { clock_.after(db_hop, Kind::at_db, request); }

    void enter_db(Request& request) {
        request.since = clock_.now();
        db_.enter(request, [this](Request& next) { query(next); });
    }

    void query(Request& request) {
        db_wait_.record(Duration{clock_.now() - request.since});
        request.since = clock_.now();
        clock_.after(query_.of(request.number), Kind::queried, request);
    }

    void leave_db(Request& request) {
        db_time_.record(Duration{clock_.now() - request.since});
        db_.leave([this](Request& next) { query(next); });
        clock_.after(db_hop, Kind::back_at_app, request);
    }

    void compute_again(Request& request) {
        clock_.after(second_.of(request.number), Kind::answered, request);
    }

    void leave_app(Request& request) {
        apps_[request.app].threads.leave([this](Request& next) { compute(next); });
        clock_.after(hop, Kind::home, request);
    }

    void finish(Request& request) {
        --apps_[request.app].under_way;
        if (!std::exchange(answered_[request.number % remembered], char{true})) {
            books_.record(clock_.now() - request.arrived);
        }
        pool_.release(request);
    }

    FloorClock<List, Kind> clock_;
    FloorLaw gap_;
    FloorLaw first_;
    FloorLaw query_;
    FloorLaw second_;
    Stream balance_;
    Pool<Request> pool_;
    std::array<App, 10> apps_;
    FloorStation<Request> db_{20};
    std::vector<char> answered_ = std::vector<char>(remembered);
    std::uint64_t arrived_ = 0;
    FloorBooks books_;
    Histogram app_wait_;
    Histogram db_wait_;
    Histogram db_time_;
};

// ---- (e): a thousand services -------------------------------------------------------------------

template <class List>
Histogram thousand_services_floor(std::uint64_t seed, std::uint64_t requests) {
    namespace graph = thousand_services;
    enum class Kind : std::uint8_t { arrival, end };
    struct Request {
        std::uint64_t number;
        std::array<std::int64_t, graph::depth> arrived{};
        std::array<std::uint32_t, graph::depth> services{};
        std::uint32_t tier = 0;
        Request* behind = nullptr;
    };
    struct Service {
        FloorStation<Request> workers{graph::workers};
        Histogram latency;
    };
    FloorClock<List, Kind> clock;
    FloorLaw gap(seed, "arrivals", 1 / graph::arrivals);
    const FloorLaw service_time(seed, "service", graph::service_s);
    const Stream entries(seed, 0, "entries");
    Pool<Request> pool;
    std::vector<Service> services(graph::services);
    FloorBooks books(requests);
    std::uint64_t arrived = 0;
    const auto serve = [&](Request& request) {
        clock.after(service_time.of(request.number * graph::depth + request.tier), Kind::end,
                    request);
    };
    const auto enter = [&](Request& request, std::uint32_t number) {
        request.services[request.tier] = number;
        request.arrived[request.tier] = clock.now();
        services[number].workers.enter(request, serve);
    };
    clock.after(gap.next(), Kind::arrival);
    while (books.are_open()) {
        const auto event = clock.next();
        if (event.kind == Kind::arrival) {
            clock.after(gap.next(), Kind::arrival);
            Request& request = pool.acquire(arrived++);
            enter(request,
                  static_cast<std::uint32_t>(entries.draws(request.number).below(graph::services)));
            continue;
        }
        Request& request = event.template as<Request>();
        const std::uint32_t number = request.services[request.tier];
        services[number].workers.leave(serve);
        if (request.tier + 1 < graph::depth) {
            const std::uint32_t callee = graph::callee_of(request.tier, number);
            ++request.tier;
            enter(request, callee);
            continue;
        }
        for (std::uint32_t tier = graph::depth; tier-- > 0;) {
            services[request.services[tier]].latency.record(
                Duration{clock.now() - request.arrived[tier]});
        }
        books.record(clock.now() - request.arrived[0]);
        pool.release(request);
    }
    return books.latency();
}

}  // namespace prodsim::benchmark
