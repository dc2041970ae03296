// The cache, driven by callers whose every instant is known, with a backend as its origin.

#include "sim/core/elementary.hpp"
#include "tests/models/stage.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>
#include <vector>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

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

TEST_CASE("H01: hit ratios of LRU, FIFO, RANDOM and LFU are exact") {
    const std::vector<double> p{0.5, 0.25, 0.15, 0.1};
    REQUIRE(lru_hit_ratio(p, 2) == within(1e-6, 0.628301));
    REQUIRE(fifo_hit_ratio(p, 2) == within(1e-6, 0.610687));
    for (const std::size_t capacity : {1u, 2u, 3u}) {
        for (const std::string eviction : {"lru", "fifo", "random", "lfu"}) {
            Stage stage(R"({"type": "cache", "keys": 4, "cpu": 0, "popularity":
                            {"type": "weights", "weights": [0.5, 0.25, 0.15, 0.1]}, "capacity": )" +
                        std::to_string(capacity) + R"(, "eviction": ")" + eviction + R"("})");
            const Estimate ratio = hit_ratio(stage, 1000, 50, 6000, no_pause);
            const double exact = eviction == "lru" ? lru_hit_ratio(p, capacity)
                                 : eviction == "lfu"
                                     ? std::accumulate(p.begin(), p.begin() + capacity, 0.0)
                                     : fifo_hit_ratio(p, capacity);
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

TEST_CASE("each load of an object that never comes again asks for something else") {
    Stage stage(R"({"type": "cache", "cpu": 0, "hit_ratio": "0%", "origin": "backend.op"})");
    std::set<std::uint64_t> subjects;
    constexpr std::size_t calls = 1000;
    for (std::size_t i = 0; i < calls; ++i) stage.call("get");
    for (const Visit& visit : stage.backend().visits()) subjects.insert(visit.request.subject);
    REQUIRE(subjects.size() == calls);
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
