// The load balancer, the database, the cache and the third party, each driven by callers whose
// every instant is known, and built from JSON as users build them.

#include "sim/config/json_reader.hpp"
#include "sim/core/elementary.hpp"
#include "sim/stats/meters.hpp"
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

namespace prodsim {

void add_load_balancer(Catalogue& catalogue);
void add_sql_database(Catalogue& catalogue);
void add_cache(Catalogue& catalogue);
void add_third_party(Catalogue& catalogue);

}  // namespace prodsim

using namespace prodsim;
using namespace prodsim::testing;

namespace {

Catalogue everything() {
    Catalogue catalogue;
    add_balance(catalogue);
    add_timeout(catalogue);
    add_load_balancer(catalogue);
    add_sql_database(catalogue);
    add_cache(catalogue);
    add_third_party(catalogue);
    return catalogue;
}

/// A world with the component "it", written as in a scenario, and a backend of one instance.
class Stage {
public:
    explicit Stage(const std::string& json, int endpoints = 1) : Stage(json, endpoints, 1) {}

    Stage(const std::string& json, int endpoints, std::uint64_t seed)
        : catalogue_(everything()), world(catalogue_, seed, 0, Network{}) {
        Sources sources;
        Problems problems;
        read_choice(json, sources, problems);
        problems.raise(sources);
        backend_ = &static_cast<Backend&>(world.add(std::make_unique<Backend>(world)));
        for (int i = 0; i < endpoints; ++i) backend_->add_instance(0);
        world.add(catalogue_.make_component(world, "it", component_.chosen()));
        world.start();
        client_ = std::make_unique<Client>(world, CallParameters{}, 1, it());
    }

    /// What the loader would say of this component.
    static std::string problems_of(const std::string& json) {
        Stage stage;
        Sources sources;
        Problems problems;
        stage.read_choice(json, sources, problems);
        return problems.render(sources);
    }

    Backend& backend() { return *backend_; }
    Client& client() { return *client_; }
    Callee& it() { return static_cast<Callee&>(*world.find("it")); }

    std::size_t call(const std::string& operation, std::uint64_t subject) {
        return client_->call(request(operation, subject));
    }
    std::size_t call(const std::string& operation = "op") { return call(operation, ++subjects_); }

    Request request(const std::string& operation, std::uint64_t subject) {
        return {.subject = subject, .operation = it().operation(operation).value()};
    }

    void run(Duration until = 24h) { world.engine.run_until(Time{until}); }
    void give_up(std::size_t number) { client_->give_up(number); }

    void set(const Condition& condition, std::size_t instance = 0) {
        it().instances()[instance]->set_condition(condition);
    }
    void hang() { set({.mode = Condition::Mode::hanging}); }
    void crash() { set({.mode = Condition::Mode::refusing}); }
    void recover() { set({}); }

    std::uint64_t count(std::string_view meter) const {
        for (const auto& [name, named] : world.meters.counters()) {
            if (name.owner == "it" && name.name == meter) return named->total();
        }
        FAIL("there is no such counter: " << meter);
        return 0;
    }

    std::int64_t level(std::string_view meter) const {
        for (const auto& [name, named] : world.meters.levels()) {
            if (name.owner == "it" && name.name == meter) return named->value();
        }
        FAIL("there is no such level: " << meter);
        return 0;
    }

    /// When the answers came, in their order.
    std::vector<Duration> answered_at() const {
        std::vector<Duration> instants;
        for (const Answer& answer : client_->answers()) instants.push_back(answer.at);
        return instants;
    }

    /// Every call was answered, was wasted or lives, and where nobody is left the stays add up to
    /// the integral of the level, to the nanosecond (Little's law).
    bool balanced() const {
        const Calls& calls = world.calls;
        if (calls.opened() != calls.answered() + calls.wasted() + calls.live()) return false;
        for (const auto& [level, stays] : world.meters.stay_books()) {
            if (level->value() != 0) continue;
            if (level->integral(world.now()) != stays->sum()) return false;
        }
        return true;
    }

private:
    Stage() : catalogue_(everything()), world(catalogue_, 1, 0, Network{}) {}

    void read_choice(const std::string& json, Sources& sources, Problems& problems) {
        const Value value = read_json(sources, "component", json, problems);
        Reading reading{catalogue_.families, problems};
        read(value, component_, reading);
    }

    Catalogue catalogue_;
    Choice<ComponentFamily> component_;

public:
    World world;

private:
    Backend* backend_ = nullptr;
    std::unique_ptr<Client> client_;
    std::uint64_t subjects_ = 0;
};

/// Keeps whole replies, and may do something about each.
class Listener final : public Node {
public:
    explicit Listener(World& world) : world_(world) {}

    Call& call(const Request& request, Instance& instance) {
        Call& made = world_.calls.open(*this, request, world_.now());
        under_way.insert(&made);
        world_.calls.send(made, instance);
        return made;
    }

    void on_call(Call&) override {}
    void on_abandon(Call&) override {}
    void on_reply(Call& call, Reply reply) override {
        under_way.erase(&call);
        replies.push_back(reply);
        if (gives_up_another && !under_way.empty()) {
            Call& other = **under_way.begin();
            under_way.erase(&other);
            world_.calls.abandon(other);
        }
    }

    std::set<Call*> under_way;
    std::vector<Reply> replies;
    bool gives_up_another = false;

private:
    World& world_;
};

/// A mean over batches of a long run, so that neighbours may depend on each other.
struct Estimate {
    double mean = 0;
    double standard_error = 0;
};

Estimate estimate(const std::vector<double>& batches) {
    const auto n = static_cast<double>(batches.size());
    double sum = 0;
    for (const double batch : batches) sum += batch;
    const double mean = sum / n;
    double squares = 0;
    for (const double batch : batches) squares += (batch - mean) * (batch - mean);
    return {mean, std::sqrt(squares / (n - 1) / n)};
}

/// The hit ratio of gets that come one after another, in batches. `pause` is between two of them.
template <class Pause>
Estimate hit_ratio(Stage& stage, std::uint64_t warm_up, std::size_t batches, std::uint64_t size,
                   Pause pause) {
    std::uint64_t subject = 0;
    const auto ask = [&](std::uint64_t times) {
        for (std::uint64_t i = 0; i < times; ++i) {
            stage.world.engine.run_until(stage.world.now() + pause());
            stage.call("get", ++subject);
        }
    };
    ask(warm_up);
    std::vector<double> ratios;
    for (std::size_t i = 0; i < batches; ++i) {
        const std::uint64_t before = stage.count("hits");
        ask(size);
        ratios.push_back(static_cast<double>(stage.count("hits") - before) /
                         static_cast<double>(size));
    }
    return estimate(ratios);
}

constexpr auto no_pause = [] { return 0s; };

/// King 1971: the stack of the last `capacity` distinct objects is (i, j, ...) with probability
/// p_i * p_j / (1 - p_i) * ...
double lru_hit_ratio(const std::vector<double>& p, std::size_t capacity, double likely = 1,
                     double held = 0, std::set<std::size_t> used = {}) {
    if (used.size() == capacity) return likely * held;
    double sum = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
        if (used.count(i) != 0) continue;
        std::set<std::size_t> more = used;
        more.insert(i);
        sum += lru_hit_ratio(p, capacity, likely * p[i] / (1 - held), held + p[i], more);
    }
    return sum;
}

/// Gelenbe 1973: under FIFO, and under RANDOM, a set is held in proportion to the product of its p.
double fifo_hit_ratio(const std::vector<double>& p, std::size_t capacity) {
    double all = 0;
    double hits = 0;
    for (unsigned set = 0; set < 1u << p.size(); ++set) {
        double product = 1;
        double held = 0;
        std::size_t size = 0;
        for (std::size_t i = 0; i < p.size(); ++i) {
            if ((set >> i & 1) == 0) continue;
            ++size;
            product *= p[i];
            held += p[i];
        }
        if (size != capacity) continue;
        all += product;
        hits += product * held;
    }
    return hits / all;
}

}  // namespace

// ---- load balancer ------------------------------------------------------------------------------

TEST_CASE("a load balancer without a policy lets the instances take turns") {
    Stage stage(R"({"type": "load_balancer", "target": "backend"})", 3);
    for (int i = 0; i < 9; ++i) stage.call();
    REQUIRE(stage.client().count(Outcome::ok) == 9);
    std::vector<std::uint16_t> turns;
    for (const Visit& visit : stage.backend().visits()) turns.push_back(visit.endpoint);
    for (std::size_t i = 3; i < turns.size(); ++i) REQUIRE(turns[i] == turns[i - 3]);
    REQUIRE(std::set<std::uint16_t>(turns.begin(), turns.begin() + 3).size() == 3);
}

TEST_CASE("a load balancer that is given a balancing policy uses that one") {
    Stage stage(R"({"type": "load_balancer", "target": "backend",
                    "policy": [{"type": "balance", "algorithm": "weighted",
                                "weights": [0, 1, 0]}]})",
                3);
    for (int i = 0; i < 9; ++i) stage.call();
    for (const Visit& visit : stage.backend().visits()) REQUIRE(visit.endpoint == 2);
}

TEST_CASE("a load balancer passes requests on as they are, and replies too") {
    Stage stage(R"({"type": "load_balancer", "target": "backend", "latency": "2ms"})");
    stage.backend().plays({fails(Outcome::error, 10ms)});
    Request request = stage.request("op", 42);
    request.deadline = Time{1s};
    request.tries = 7;
    request.priority = 3;
    stage.client().call(request);
    stage.run();
    const Request& seen = stage.backend().visits().front().request;
    REQUIRE(seen.subject == 42);
    REQUIRE(seen.deadline == Time{1s});
    REQUIRE(seen.tries == 7);
    REQUIRE(seen.priority == 3);
    REQUIRE(stage.client().answer().at == 12ms);
    REQUIRE(stage.client().answer().outcome == Outcome::error);
    REQUIRE(stage.client().answer().component == "backend");
    REQUIRE(stage.count("failed") == 1);
}

TEST_CASE("a load balancer does around its calls what its policy says") {
    Stage stage(R"({"type": "load_balancer", "target": "backend",
                    "policy": [{"type": "timeout", "limit": "1s"}]})");
    stage.backend().plays({hangs()});
    stage.call();
    stage.run();
    REQUIRE(stage.client().answer().at == 1s);
    REQUIRE(stage.client().answer().outcome == Outcome::timeout);
    REQUIRE(stage.client().answer().component == "it -> backend");
}

TEST_CASE("a node of a load balancer rejects calls beyond its connections, and only those") {
    Stage stage(R"({"type": "load_balancer", "target": "backend", "connections": 2})");
    stage.backend().plays({replies(1s)});
    for (int i = 0; i < 3; ++i) stage.call();
    REQUIRE(stage.client().answer().outcome == Outcome::rejected_overload);
    REQUIRE(stage.client().answer().mechanism == "connections in use");
    stage.run(2s);
    stage.call();
    stage.run(4s);
    REQUIRE(stage.client().count(Outcome::ok) == 3);
}

TEST_CASE("when the caller gives up, a load balancer gives up on its own call at once") {
    Stage stage(R"({"type": "load_balancer", "target": "backend", "connections": 1})");
    stage.backend().plays({cancellable(replies(1s)), replies(0s)});
    const std::size_t number = stage.call();
    stage.run(100ms);
    stage.give_up(number);
    REQUIRE(stage.backend().visits().front().abandoned == 100ms);
    stage.call();  // the connection is free again
    REQUIRE(stage.client().answer().outcome == Outcome::ok);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("when the caller gives up before a load balancer has passed it on, nobody hears of it") {
    Stage stage(R"({"type": "load_balancer", "target": "backend", "latency": "2ms"})");
    const std::size_t number = stage.call();
    stage.run(1ms);
    stage.give_up(number);
    stage.run();
    REQUIRE(stage.backend().count() == 0);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("a node of a load balancer that hangs passes nothing on until it goes on") {
    Stage stage(R"({"type": "load_balancer", "target": "backend"})");
    stage.backend().plays({replies(10ms)});
    stage.call();
    stage.run(5ms);
    stage.hang();
    stage.call();
    const std::size_t impatient = stage.call();
    stage.run(50ms);
    REQUIRE(stage.client().answers().empty());
    stage.give_up(impatient);
    stage.run(100ms);
    stage.recover();
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>{100ms, 110ms});
    REQUIRE(stage.balanced());
}

TEST_CASE("a node of a load balancer that dies resets its calls and lets go of those it made") {
    Stage stage(R"({"type": "load_balancer", "target": "backend"})");
    stage.backend().plays({cancellable(replies(10ms))});
    for (int i = 0; i < 3; ++i) stage.call();
    stage.run(5ms);
    stage.crash();
    REQUIRE(stage.client().count(Outcome::reset) == 3);
    stage.call();
    REQUIRE(stage.client().count(Outcome::refused) == 1);
    stage.recover();
    stage.call();
    stage.run();
    REQUIRE(stage.client().count(Outcome::ok) == 1);
    REQUIRE(stage.level("connections.present") == 0);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a load balancer has the operations of its target, and smaller it takes less") {
    Stage stage(R"({"type": "load_balancer", "target": "backend", "connections": 4})");
    REQUIRE(stage.it().operation("whatever the backend can do") == 0);
    stage.backend().plays({replies(10ms)});
    stage.set({.capacity = 0.5});
    for (int i = 0; i < 4; ++i) stage.call();
    REQUIRE(stage.client().count(Outcome::rejected_overload) == 2);
}

// ---- SQL database -------------------------------------------------------------------------------

TEST_CASE("a database refuses statements beyond its connections") {
    Stage stage(R"({"type": "sql_database", "cores": 2, "connections": 2,
                    "operations": {"op": {"cpu": "10ms"}}})");
    for (int i = 0; i < 3; ++i) stage.call();
    REQUIRE(stage.client().answer().outcome == Outcome::refused);
    REQUIRE(stage.client().answer().mechanism == "too many connections");
    stage.run();
    REQUIRE(stage.client().count(Outcome::ok) == 2);
    REQUIRE(stage.answered_at().back() == 10ms);
}

TEST_CASE("when the caller gives up, a statement runs on and holds its session") {
    Stage stage(R"({"type": "sql_database", "cores": 1, "connections": 1,
                    "operations": {"op": "10ms"}})");
    const std::size_t number = stage.call();
    stage.run(1ms);
    stage.give_up(number);
    stage.call();
    REQUIRE(stage.client().answer().outcome == Outcome::refused);
    stage.run(10ms);
    REQUIRE(stage.count("wasted") == 1);
    REQUIRE(stage.count("cpu.wasted") == 10'000'000);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("when the caller gives up and sends a cancel request, the statement ends at once") {
    Stage stage(R"({"type": "sql_database", "cores": 1, "connections": 1, "cancellation": "running",
                    "operations": {"op": "10ms"}})");
    const std::size_t number = stage.call();
    stage.run(1ms);
    stage.give_up(number);
    REQUIRE(stage.world.calls.live() == 0);
    stage.call();
    stage.run();
    REQUIRE(stage.client().answer().at == 11ms);
    REQUIRE(stage.count("wasted") == 0);
}

TEST_CASE("a cancel request takes a statement out of the line for the storage, not out of it") {
    Stage stage(R"({"type": "sql_database", "cancellation": "running", "io_depth": 1,
                    "io_time": "10ms", "iops": 0, "prefetch": 4,
                    "operations": {"op": {"cpu": 0, "pages": 4, "buffer_hit": 0}}})");
    const std::size_t number = stage.call();
    stage.run(5ms);
    REQUIRE(stage.level("io.present") == 4);
    stage.give_up(number);
    REQUIRE(stage.level("io.present") == 1);
    stage.call();
    stage.run();
    REQUIRE(stage.client().answer().at == 50ms);  // 5 ms more for nobody, then four reads in a row
    REQUIRE(stage.level("io.present") == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a cancel request does not stop a commit") {
    Stage stage(R"({"type": "sql_database", "cancellation": "running", "flush_time": "1ms",
                    "operations": {"op": {"cpu": 0, "commit": true}}})");
    const std::size_t number = stage.call();
    stage.run(500us);
    stage.give_up(number);
    stage.run();
    REQUIRE(stage.count("commits") == 1);
    REQUIRE(stage.count("wasted") == 1);
}

TEST_CASE("statements share the cores, which may be slower than those they were measured on") {
    Stage stage(R"({"type": "sql_database", "cores": 2, "speed": 0.5,
                    "operations": {"op": "10ms"}})");
    for (int i = 0; i < 4; ++i) stage.call();  // 4 x 10 ms on 2 cores at half speed
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>(4, 40ms));
}

TEST_CASE("commits that arrive during a flush are made durable by the next, all together") {
    Stage stage(R"({"type": "sql_database", "flush_time": "1ms",
                    "operations": {"op": {"cpu": 0, "commit": true}}})");
    for (int i = 0; i < 10; ++i) stage.call();  // the first flushes alone, nine wait for the second
    stage.run(1200us);
    stage.call();  // during the second flush
    stage.run(5ms);
    stage.call();  // nothing is under way
    stage.run();
    std::vector<Duration> expected(12, 2ms);
    expected[0] = 1ms;
    expected[10] = 3ms;
    expected[11] = 6ms;
    REQUIRE(stage.answered_at() == expected);
    REQUIRE(stage.count("commits") == 12);
    REQUIRE(stage.count("flushes") == 4);
}

TEST_CASE("a commit waits for its standby after the flush, and others are flushed meanwhile") {
    Stage stage(R"({"type": "sql_database", "flush_time": "1ms", "synchronous_standby": "5ms",
                    "operations": {"op": {"cpu": 0, "commit": true}, "read": 0}})");
    stage.call();
    stage.call();
    stage.call("read");
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>{0ms, 6ms, 7ms});
}

TEST_CASE("the reads of a statement follow each other, or fan out as far as it looks ahead") {
    const auto last_answer = [](const std::string& storage) {
        Stage stage(R"({"type": "sql_database", "io_time": "1ms", )" + storage +
                    R"(, "operations": {"op": {"cpu": 0, "pages": 8, "buffer_hit": 0}}})");
        stage.call();
        stage.run();
        REQUIRE(stage.count("io.arrivals") == 8);
        return stage.client().answer().at;
    };
    REQUIRE(last_answer(R"("io_depth": 4, "iops": 0, "prefetch": 1)") == 8ms);
    REQUIRE(last_answer(R"("io_depth": 4, "iops": 0, "prefetch": 8)") == 2ms);
    REQUIRE(last_answer(R"("io_depth": 4, "iops": 0, "prefetch": 2)") == 4ms);
    // One begins every 2 ms, the eighth at 14 ms.
    REQUIRE(last_answer(R"("io_depth": 8, "iops": "500/s", "prefetch": 8)") == 15ms);
}

TEST_CASE("the misses of a statement are binomial in its pages") {
    Stage stage(R"({"type": "sql_database", "io_depth": 1000, "io_time": 0, "iops": 0,
                    "operations": {"op": {"cpu": 0, "pages": 50, "buffer_hit": "90%"}}})");
    constexpr int statements = 20000;
    double squares = 0;
    std::uint64_t before = 0;
    for (int i = 0; i < statements; ++i) {
        stage.call();
        stage.run(stage.world.now().time_since_epoch() + 1ms);
        const auto now = stage.count("io.arrivals");
        const auto misses = static_cast<double>(now - before);
        squares += misses * misses;
        before = now;
    }
    // n p = 5, n p q = 4.5; the variance of a sample variance is about 2 sigma^4 / n.
    const double mean = static_cast<double>(before) / statements;
    REQUIRE(mean == within(4 * std::sqrt(4.5 / statements), 5));
    REQUIRE(squares / statements - mean * mean ==
            within(4 * 4.5 * std::sqrt(2.0 / statements), 4.5));
}

TEST_CASE("another attempt touches the same pages and finds others of them in the buffer") {
    Stage stage(R"({"type": "sql_database", "iops": 0, "io_time": 0,
                    "operations": {"op": {"cpu": 0, "buffer_hit": 0, "pages":
                                          {"type": "uniform", "min": 1, "max": 1000}}}})");
    Request request = stage.request("op", 5);
    stage.client().call(request);
    stage.run(1s);
    const std::uint64_t first = stage.count("io.arrivals");
    request.set_attempt(1, 2);
    stage.client().call(request);
    stage.run(2s);
    REQUIRE(stage.count("io.arrivals") == 2 * first);
}

TEST_CASE("a database that hangs answers nobody, and goes on afterwards") {
    Stage stage(R"({"type": "sql_database", "cores": 4, "flush_time": "1ms", "io_time": "1ms",
                    "iops": 0,
                    "operations": {"op": "10ms", "write": {"cpu": 0, "commit": true},
                                   "read": {"cpu": 0, "pages": 2, "buffer_hit": 0}}})");
    stage.call();
    stage.run(5ms - 500us);
    stage.call("write");
    stage.call("read");
    stage.run(5ms);
    stage.hang();
    stage.run(105ms);
    REQUIRE(stage.client().answers().empty());
    stage.recover();
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>{105ms, 106ms, 110ms});
}

TEST_CASE("a database that dies loses its sessions and everything under way") {
    Stage stage(R"({"type": "sql_database", "connections": 4, "flush_time": "10ms",
                    "io_time": "10ms", "synchronous_standby": "10ms",
                    "operations": {"op": "10ms", "write": {"cpu": 0, "commit": true},
                                   "read": {"cpu": 0, "pages": 2, "buffer_hit": 0}}})");
    stage.call();
    stage.call("write");
    stage.call("write");
    stage.call("read");
    stage.run(5ms);
    stage.crash();
    REQUIRE(stage.client().count(Outcome::reset) == 4);
    stage.call();
    REQUIRE(stage.client().count(Outcome::refused) == 1);
    stage.run(20ms);
    stage.recover();
    for (int i = 0; i < 4; ++i) stage.call("write");
    stage.run();
    REQUIRE(stage.client().count(Outcome::ok) == 4);
    REQUIRE(stage.level("sessions.present") == 0);
    REQUIRE(stage.level("cpu.runnable") == 0);
    REQUIRE(stage.level("io.present") == 0);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a slow database takes longer for processor, storage and log alike") {
    Stage stage(R"({"type": "sql_database", "flush_time": "1ms", "io_time": "1ms", "iops": 0,
                    "operations": {"op": {"cpu": "1ms", "pages": 1, "buffer_hit": 0,
                                          "commit": true}}})");
    stage.set({.slow = 10});
    stage.call();
    stage.run();
    REQUIRE(stage.client().answer().at == 30ms);
}

// ---- cache --------------------------------------------------------------------------------------

TEST_CASE("H01: hit ratios of LRU, FIFO and RANDOM are exact") {
    const std::vector<double> p{0.5, 0.25, 0.15, 0.1};
    REQUIRE(lru_hit_ratio(p, 2) == within(1e-6, 0.628301));
    REQUIRE(fifo_hit_ratio(p, 2) == within(1e-6, 0.610687));
    for (const std::size_t capacity : {1u, 2u, 3u}) {
        for (const std::string eviction : {"lru", "fifo", "random"}) {
            Stage stage(R"({"type": "cache", "keys": 4, "cpu": 0, "popularity":
                            {"type": "weights", "weights": [0.5, 0.25, 0.15, 0.1]}, "capacity": )" +
                        std::to_string(capacity) + R"(, "eviction": ")" + eviction + R"("})");
            const Estimate ratio = hit_ratio(stage, 1000, 50, 6000, no_pause);
            const double exact =
                eviction == "lru" ? lru_hit_ratio(p, capacity) : fifo_hit_ratio(p, capacity);
            CAPTURE(capacity, eviction);
            REQUIRE(ratio.standard_error < 0.003 / 2);
            REQUIRE(ratio.mean == within(4 * ratio.standard_error, exact));
            REQUIRE(stage.level("entries") == static_cast<std::int64_t>(capacity));
        }
    }
}

TEST_CASE("popularity by Zipf is exact") {
    // A cache of one object hits when two requests in a row are for the same: sum of p^2.
    for (const double exponent : {0.0, 0.7, 1.0, 1.0000001, 1.6, 4.0}) {
        constexpr int n = 100;
        double sum = 0;
        double squares = 0;
        for (int k = 1; k <= n; ++k) {
            const double p = std::pow(k, -exponent);
            sum += p;
            squares += p * p;
        }
        Stage stage(R"({"type": "cache", "keys": 100, "cpu": 0, "capacity": 1, "popularity":
                        {"type": "zipf", "exponent": )" +
                    std::to_string(exponent) + "}}");
        const Estimate ratio = hit_ratio(stage, 10, 50, 6000, no_pause);
        CAPTURE(exponent);
        REQUIRE(ratio.mean == within(4 * ratio.standard_error, squares / (sum * sum)));
    }
}

TEST_CASE("a cache larger than everything misses each object once, and forgets with a flush") {
    Stage stage(R"({"type": "cache", "keys": 1000, "cpu": 0, "popularity": {"type": "uniform"}})");
    for (int i = 0; i < 20000; ++i) stage.call("get");
    REQUIRE(stage.count("misses") == 1000);
    REQUIRE(stage.level("entries") == 1000);
    REQUIRE(stage.it().flush());
    REQUIRE(stage.level("entries") == 0);
    for (int i = 0; i < 20000; ++i) stage.call("get");
    REQUIRE(stage.count("misses") == 2000);
}

TEST_CASE("D03: an object that lives for T is a hit with probability lambda T / (1 + lambda T)") {
    struct Row {
        double rate;
        int ttl;
    };
    for (const Row row : {Row{0.05, 60}, Row{10, 1}, Row{0.01, 60}, Row{1, 300}}) {
        Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "ttl": ")" + std::to_string(row.ttl) +
                    R"(s"})");
        Stream gaps(7, 0, "gaps");
        const Estimate ratio = hit_ratio(stage, 100, 50, 2000, [&] {
            return from_seconds(-elementary::log(gaps.next().uniform()) / row.rate);
        });
        const double load = row.rate * row.ttl;
        CAPTURE(row.rate, row.ttl);
        REQUIRE(ratio.standard_error < 0.01 / 4);
        REQUIRE(ratio.mean == within(4 * ratio.standard_error, load / (1 + load)));
    }
}

TEST_CASE("a time to live is fixed by the load, and jitter spreads it evenly") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "ttl": "10s", "ttl_jitter": "20%",
                    "stale_while_revalidate": 0})");
    // Asked every 100 ms; the life of each load is uniform on 8 to 12 s, seen to 100 ms.
    double longest = 0;
    double shortest = 100;
    double sum = 0;
    double last = 0;
    int lives = 0;
    std::uint64_t misses = 0;
    for (int i = 0; lives < 1000; ++i) {
        stage.run(i * 100ms);
        stage.call("get");
        if (stage.count("misses") == misses) continue;
        misses = stage.count("misses");
        const double now = in_seconds(stage.world.now());
        if (misses > 1) {
            const double life = now - last;
            longest = std::max(longest, life);
            shortest = std::min(shortest, life);
            sum += life;
            ++lives;
        }
        last = now;
    }
    REQUIRE(shortest == within(0.1, 8.05));
    REQUIRE(longest == within(0.1, 12.05));
    REQUIRE(sum / lives == within(4 * 4 / std::sqrt(12.0 * lives), 10.05));
}

TEST_CASE("H05: an emptied cache sends everything to its origin") {
    // The working set is so large that it stays cold for the time of the measurement.
    for (const std::string hits : {"90%", "95%", "99%"}) {
        Stage stage(R"({"type": "cache", "cpu": 0, "working_set": 1000000, "origin": "backend.op",
                        "hit_ratio": ")" +
                    hits + R"("})");
        stage.backend().forget_visits();
        const double ratio = std::stod(hits) / 100;
        constexpr int before = 100000;
        for (int i = 0; i < before; ++i) stage.call("get");
        const auto loads = static_cast<double>(stage.count("loads"));
        REQUIRE(loads == within(4 * std::sqrt(before * ratio * (1 - ratio)), before * (1 - ratio)));
        stage.it().flush();
        constexpr int after = 10000;
        for (int i = 0; i < after; ++i) stage.call("get");
        REQUIRE(static_cast<double>(stage.count("loads")) - loads > 0.97 * after);
    }
}

TEST_CASE("a dictated hit ratio comes back as the working set is loaded again") {
    constexpr double w = 1000;
    Stage stage(R"({"type": "cache", "cpu": 0, "working_set": 1000, "hit_ratio": "80%"})");
    stage.it().flush();
    // An object is still absent after n calls with probability (1 - h / w)^n.
    double expected = 0;
    constexpr int calls = 5000;
    for (int i = 0; i < calls; ++i) {
        expected += 0.8 * (1 - std::pow(1 - 0.8 / w, i));
        stage.call("get");
    }
    // Hits are less random than independent ones with the same chances.
    REQUIRE(static_cast<double>(stage.count("hits")) ==
            within(4 * std::sqrt(calls * 0.25), expected));
    REQUIRE(stage.level("entries") <= 1000);
}

TEST_CASE("a miss calls the origin, keeps what it brings, and the next is a hit") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": "1ms", "origin": "backend.op"})");
    stage.backend().plays({replies(10ms)});
    stage.call("get");
    stage.run(100ms);
    stage.call("get");
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>{11ms, 101ms});
    REQUIRE(stage.count("loads") == 1);
    REQUIRE(stage.count("hits") == 1);
}

TEST_CASE("every attempt asks for the same object") {
    Stage stage(R"({"type": "cache", "keys": 1000000, "cpu": 0})");
    Request request = stage.request("get", 9);
    stage.client().call(request);
    request.set_attempt(1, 2);
    stage.client().call(request);
    REQUIRE(stage.count("hits") == 1);
}

TEST_CASE("a set keeps an object and a delete takes it out") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op"})");
    stage.call("set");
    stage.call("get");
    REQUIRE(stage.count("hits") == 1);
    stage.call("delete");
    stage.call("delete");
    stage.call("get");
    REQUIRE(stage.count("loads") == 1);
    REQUIRE_FALSE(stage.it().operation("increment"));
}

TEST_CASE("without single flight everybody who misses goes to the origin") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op"})");
    stage.backend().plays({replies(10ms)});
    for (int i = 0; i < 5; ++i) stage.call("get");
    REQUIRE(stage.backend().count() == 5);
    stage.run();
    REQUIRE(stage.client().count(Outcome::ok) == 5);
}

TEST_CASE("in single flight a hundred thousand wait for one load and are all answered") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "connections": 100000,
                    "origin": "backend.op", "single_flight": true})");
    stage.backend().plays({replies(10ms)});
    for (int i = 0; i < 100000; ++i) stage.call("get");
    stage.run();
    REQUIRE(stage.backend().count() == 1);
    REQUIRE(stage.count("coalesced") == 99999);
    REQUIRE(stage.client().count(Outcome::ok) == 100000);
    REQUIRE(stage.answered_at().back() == 10ms);
    REQUIRE(stage.level("connections.present") == 0);
}

TEST_CASE("whoever is answered by a load may give up on others who wait for it") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op",
                    "single_flight": true, "fill_late": false})");
    stage.backend().plays({replies(10ms)});
    Listener listener(stage.world);
    listener.gives_up_another = true;
    for (int i = 0; i < 1000; ++i) {
        listener.call(stage.request("get", static_cast<std::uint64_t>(i)),
                      *stage.it().members().front());
    }
    stage.run();
    REQUIRE(listener.replies.size() == 500);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}

TEST_CASE("a load whose callers gave up is kept all the same") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op"})");
    stage.backend().plays({cancellable(replies(10ms))});
    const std::size_t number = stage.call("get");
    stage.run(5ms);
    stage.give_up(number);
    REQUIRE(stage.level("connections.present") == 0);
    stage.run(20ms);
    REQUIRE(stage.count("loads.late") == 1);
    stage.call("get");
    REQUIRE(stage.count("hits") == 1);
    REQUIRE_FALSE(stage.backend().visits().front().abandoned);
}

TEST_CASE("without late fills a load ends with the last who waits for it") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op",
                    "single_flight": true, "fill_late": false})");
    stage.backend().plays({cancellable(replies(10ms))});
    const std::size_t first = stage.call("get");
    const std::size_t second = stage.call("get");
    stage.run(5ms);
    stage.give_up(first);
    REQUIRE_FALSE(stage.backend().visits().front().abandoned);
    stage.give_up(second);
    REQUIRE(stage.backend().visits().front().abandoned == 5ms);
    REQUIRE(stage.count("loads.dropped") == 1);
    stage.call("get");  // nothing is under way that it could join
    stage.run();
    REQUIRE(stage.client().answer().at == 15ms);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("when the caller gives up, a command at the processor is carried out all the same") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": "1ms", "origin": "backend.op"})");
    const std::size_t number = stage.call("get");
    stage.give_up(number);
    stage.run();
    REQUIRE(stage.count("wasted") == 1);
    REQUIRE(stage.count("loads") == 1);
    REQUIRE(stage.world.calls.live() == 0);
}

TEST_CASE("when the origin fails, a cache fails, and says who it was") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op"})");
    stage.backend().plays({fails(Outcome::error), replies()});
    stage.call("get");
    REQUIRE(stage.client().answer().outcome == Outcome::dependency_failed);
    REQUIRE(stage.client().answer().component == "backend");
    stage.call("get");  // a failure is not kept
    REQUIRE(stage.client().count(Outcome::ok) == 1);
}

TEST_CASE("when the origin fails, an object that has just expired still answers") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op", "ttl": "10s",
                    "stale_if_error": "5s"})");
    stage.backend().plays({replies(), fails(Outcome::error)});
    stage.call("get");
    stage.run(9999ms);
    stage.call("get");
    stage.run(10s);
    stage.call("get");
    stage.run(15s);
    stage.call("get");
    const std::vector<Answer>& answers = stage.client().answers();
    REQUIRE(answers[1].outcome == Outcome::ok);
    REQUIRE(answers[2].outcome == Outcome::stale);
    REQUIRE(answers[3].outcome == Outcome::dependency_failed);
    REQUIRE(stage.count("loads") == 3);
}

TEST_CASE("an object that has just expired answers while one load brings it back") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op", "ttl": "10s",
                    "stale_while_revalidate": "5s"})");
    stage.backend().plays({replies(), replies(100ms)});
    stage.call("get");
    stage.run(12s);
    stage.call("get");
    stage.call("get");
    REQUIRE(stage.client().count(Outcome::stale) == 2);
    REQUIRE(stage.count("loads") == 2);
    stage.run(13s);
    stage.call("get");
    REQUIRE(stage.client().count(Outcome::ok) == 2);
    REQUIRE(stage.count("loads") == 2);
}

TEST_CASE("the policies of a cache are around its loads") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op",
                    "policy": [{"type": "timeout", "limit": "1s"}]})");
    stage.backend().plays({hangs()});
    stage.call("get");
    stage.run();
    REQUIRE(stage.client().answer().at == 1s);
    REQUIRE(stage.client().answer().component == "it -> backend");
}

TEST_CASE("commands take turns on the one core of a cache") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": "1ms"})");
    for (int i = 0; i < 3; ++i) stage.call("get");
    stage.run();
    REQUIRE(stage.answered_at() == std::vector<Duration>{1ms, 2ms, 3ms});
}

TEST_CASE("a cache refuses calls beyond its connections, those that wait for a load included") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op",
                    "connections": 2})");
    stage.backend().plays({replies(10ms)});
    for (int i = 0; i < 3; ++i) stage.call("get");
    REQUIRE(stage.client().answer().outcome == Outcome::refused);
    REQUIRE(stage.client().answer().mechanism == "too many clients");
}

TEST_CASE("a cache that dies is empty afterwards and lets go of its loads") {
    Stage stage(R"({"type": "cache", "keys": 2, "cpu": "1ms", "origin": "backend.op",
                    "popularity": {"type": "uniform"}, "single_flight": true})");
    stage.backend().plays({replies(), replies(), cancellable(replies(10ms))});
    for (int i = 0; i < 100; ++i) stage.call("get");
    stage.run(1s);
    REQUIRE(stage.level("entries") == 2);
    stage.it().flush();
    for (int i = 0; i < 20; ++i) stage.call("get");
    stage.run(1s + 5ms);  // some wait for loads, some for the processor
    stage.crash();
    REQUIRE(stage.client().count(Outcome::reset) == 20);
    REQUIRE(stage.level("connections.present") == 0);
    REQUIRE(stage.level("cpu.runnable") == 0);
    REQUIRE(stage.world.calls.live() == 0);
    stage.recover();
    const std::uint64_t misses = stage.count("misses");
    for (int i = 0; i < 20; ++i) stage.call("get");
    stage.run();
    REQUIRE(stage.count("misses") > misses);
    REQUIRE(stage.client().count(Outcome::ok) == 120);
    REQUIRE(stage.balanced());
}

TEST_CASE("a cache that hangs answers when it goes on, with what came meanwhile") {
    Stage stage(R"({"type": "cache", "keys": 1, "cpu": 0, "origin": "backend.op",
                    "single_flight": true})");
    stage.backend().plays({replies(10ms)});
    stage.call("get");
    const std::size_t impatient = stage.call("get");
    stage.run(5ms);
    stage.hang();
    stage.run(50ms);
    stage.give_up(impatient);
    stage.run(100ms);
    stage.recover();
    REQUIRE(stage.client().answer().at == 100ms);
    REQUIRE(stage.balanced());
}

TEST_CASE("each object has its home among the instances, whichever is called") {
    Stage stage(R"({"type": "cache", "instances": 4, "keys": 1000, "cpu": 0,
                    "popularity": {"type": "uniform"}})");
    for (int i = 0; i < 20000; ++i) stage.call("get");
    REQUIRE(stage.count("misses") == 1000);
    REQUIRE(stage.level("entries") == 1000);
    // An instance that dies takes its quarter with it; the others keep theirs.
    stage.set({.mode = Condition::Mode::refusing}, 2);
    const auto left = static_cast<double>(stage.level("entries"));
    REQUIRE(left == within(4 * std::sqrt(1000 * 0.25 * 0.75), 750));
}

TEST_CASE("a cache says what is wrong with its description") {
    REQUIRE_THAT(Stage::problems_of(R"({"type": "cache"})"),
                 ContainsSubstring("either \"hit_ratio\" or \"keys\""));
    REQUIRE_THAT(Stage::problems_of(R"({"type": "cache", "hit_ratio": "90%", "ttl": "1s"})"),
                 ContainsSubstring("dictates"));
    REQUIRE_THAT(Stage::problems_of(R"({"type": "cache", "keys": 3, "popularity":
                                        {"type": "weights", "weights": [1, 2]}})"),
                 ContainsSubstring("one weight for each"));
    REQUIRE(Stage::problems_of(R"({"type": "cache", "keys": 3, "popularity":
                                   {"type": "zipf", "exponent": 0.8}})")
                .empty());
}

// ---- third party --------------------------------------------------------------------------------

TEST_CASE("a third party lets a burst pass, then the rate, and says when to come again") {
    Stage stage(R"({"type": "third_party", "latency": "1ms", "error_rate": 0,
                    "quota": {"rate": "10/s", "burst": 2}, "operations": {"op": {"quota": 0}}})");
    Listener listener(stage.world);
    Instance& provider = *stage.it().members().front();
    for (int i = 0; i < 3; ++i) listener.call(stage.request("op", 1), provider);
    REQUIRE(listener.replies.size() == 1);
    REQUIRE(listener.replies.front().outcome == Outcome::rejected_rate);
    REQUIRE(static_cast<double>(listener.replies.front().retry_after_us) == within(1, 100'000));
    stage.run(99ms);
    stage.call();
    stage.run(101ms);
    stage.call();
    stage.call();
    stage.run();
    REQUIRE(stage.client().count(Outcome::ok) == 1);
    REQUIRE(stage.client().count(Outcome::rejected_rate) == 2);
    REQUIRE(stage.count("limited") == 3);
}

TEST_CASE("a third party counts each operation and the account") {
    Stage stage(R"({"type": "third_party", "latency": 0, "error_rate": 0, "quota": "10/s",
                    "operations": {"charge": {"quota": "4/s"}, "refund": {"quota": "8/s"}}})");
    for (int i = 0; i < 6; ++i) stage.call("charge");  // 4 pass
    for (int i = 0; i < 9; ++i) stage.call("refund");  // 8 would, but the account has 6 left
    stage.run(1ms);
    REQUIRE(stage.client().count(Outcome::ok) == 10);
    REQUIRE(stage.client().count(Outcome::rejected_rate) == 5);
    REQUIRE(stage.client().answers().front().mechanism == "quota");
}

TEST_CASE("over a long time a third party serves its quota, however much is asked") {
    Stage stage(R"({"type": "third_party", "latency": "1ms", "error_rate": 0,
                    "operations": {"op": {}}})");
    for (int i = 0; i < 10000; ++i) {  // 100/s for 100 s against 25/s and a burst of 25
        stage.run(i * 10ms);
        stage.call();
    }
    stage.run();
    REQUIRE(static_cast<double>(stage.client().count(Outcome::ok)) == within(1, 25 + 25 * 99.99));
}

TEST_CASE("a third party serves only so many at once") {
    Stage stage(R"({"type": "third_party", "latency": "1s", "error_rate": 0, "concurrency": 2,
                    "operations": {"op": {}}})");
    for (int i = 0; i < 3; ++i) stage.call();
    REQUIRE(stage.client().answer().outcome == Outcome::rejected_rate);
    REQUIRE(stage.client().answer().mechanism == "concurrency limit");
}

TEST_CASE("a third party errs as often as it is said to, after its usual time") {
    Stage stage(R"({"type": "third_party", "latency": "10ms", "error_rate": "5%", "quota": 0,
                    "operations": {"op": {"quota": 0}, "sure": {"quota": 0, "error_rate": 0}}})");
    constexpr int calls = 20000;
    for (int i = 0; i < calls; ++i) stage.call();
    for (int i = 0; i < 100; ++i) stage.call("sure");
    stage.run();
    REQUIRE(static_cast<double>(stage.client().count(Outcome::error)) ==
            within(4 * std::sqrt(calls * 0.05 * 0.95), calls * 0.05));
    REQUIRE(stage.client().answers().front().at == 10ms);
    REQUIRE(stage.count("served") + stage.count("errors") == calls + 100);
}

TEST_CASE("the latency of a third party has the quantiles that it is given") {
    Stage stage(R"({"type": "third_party", "quota": 0, "operations": {"op": {"quota": 0}}})");
    constexpr int calls = 20000;
    for (int i = 0; i < calls; ++i) stage.call();
    stage.run();
    double fast = 0;
    double slow = 0;
    for (const Answer& answer : stage.client().answers()) {
        fast += answer.latency <= 450ms ? 1 : 0;
        slow += answer.latency > 2500ms ? 1 : 0;
    }
    REQUIRE(fast == within(4 * std::sqrt(calls * 0.25), calls * 0.5));
    REQUIRE(slow == within(4 * std::sqrt(calls * 0.01 * 0.99), calls * 0.01));
}

TEST_CASE("when the caller gives up, a third party has done it all the same, and nobody knows") {
    Stage stage(R"({"type": "third_party", "latency": "1s", "error_rate": 0,
                    "operations": {"op": {}}})");
    const std::size_t number = stage.call();
    stage.run(500ms);
    stage.give_up(number);
    REQUIRE(stage.world.calls.live() == 1);
    stage.run();
    REQUIRE(stage.count("served") == 1);
    REQUIRE(stage.count("unknown") == 1);
    REQUIRE(stage.balanced());
}

TEST_CASE("a third party can hang, slow down, grant less and vanish") {
    Stage stage(R"({"type": "third_party", "latency": "1s", "error_rate": 0, "quota": "4/s",
                    "operations": {"op": {"quota": 0}}})");
    stage.call();
    stage.run(500ms);
    stage.hang();
    stage.run(10s);
    REQUIRE(stage.client().answers().empty());
    stage.recover();
    REQUIRE(stage.client().answer().at == 10s);
    stage.set({.slow = 10});
    stage.call();
    stage.run(30s);
    REQUIRE(stage.answered_at().back() == 20s);
    stage.set({.capacity = 0.25});
    for (int i = 0; i < 5; ++i) stage.call();  // the burst of 4 is still there
    stage.run(31s - 1ms);
    stage.call();  // at 1/s the next token comes after a second
    REQUIRE(stage.client().count(Outcome::rejected_rate) == 2);
    stage.crash();
    REQUIRE(stage.client().count(Outcome::reset) == 4);
    REQUIRE(stage.world.calls.live() == 0);
    REQUIRE(stage.balanced());
}
