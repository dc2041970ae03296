// The document store: quorums as order statistics, staleness, quotas, and nodes that go away.

#include "sim/stats/histogram.hpp"
#include "sim/world/world.hpp"
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace prodsim {

void add_document_store(Catalogue& catalogue);

}  // namespace prodsim

using namespace prodsim;
using namespace prodsim::testing;

namespace {

constexpr std::string_view no_quota = R"("partition_reads": 0, "partition_writes": 0, )";
constexpr std::string_view no_legs =
    R"("legs": {"write": 0, "acknowledge": 0, "read": 0, "answer": 0}, )";

/// The store "docs" with one key, and a client that speaks to its first node.
class Store final : private Node {
public:
    explicit Store(std::string_view parameters, std::string_view operations)
        : bench({add_document_store}),
          component_(bench.component("docs", R"({"type": "document_store", "keys": 1, )" +
                                                 std::string(parameters) + R"("operations": {)" +
                                                 std::string(operations) + "}}")) {}

    void call(const std::string& operation) {
        Request request;
        request.subject = ++subjects_;
        request.operation = component_.operation(operation).value();
        Call& made = bench.world.calls.open(*this, request, bench.world.now());
        bench.world.calls.send(made, *component_.instances().front());
    }

    /// One after another, each at the instant at which the last was answered.
    void repeat(const std::vector<std::string>& operations, int times) {
        script_ = operations;
        left_ = static_cast<std::size_t>(times) * operations.size();
        next();
        bench.run();
    }

    void set(const Condition& condition, std::size_t node) {
        component_.instances()[node]->set_condition(condition);
    }
    void kill(std::size_t node) { set({.mode = Condition::Mode::refusing}, node); }

    std::uint64_t count(const std::string& meter) { return bench.count("docs", meter); }

    Bench bench;
    std::vector<Outcome> outcomes;
    std::vector<Duration> latencies;

private:
    void next() {
        if (left_ == 0) return;
        const std::size_t step = (script_.size() - left_ % script_.size()) % script_.size();
        --left_;
        call(script_[step]);
    }

    void on_reply(Call& call, Reply reply) override {
        outcomes.push_back(reply.outcome);
        latencies.push_back(bench.world.now() - call.started);
        next();
    }
    void on_call(Call&) override {}
    void on_abandon(Call&) override {}

    Callee& component_;
    std::vector<std::string> script_;
    std::size_t left_ = 0;
    std::uint64_t subjects_ = 0;
};

double mean_ms(const std::vector<Duration>& latencies) {
    double sum = 0;
    for (const Duration latency : latencies) sum += in_seconds(latency) * 1e3;
    return sum / static_cast<double>(latencies.size());
}

double quantile_ms(std::vector<Duration> latencies, double p) {
    std::sort(latencies.begin(), latencies.end());
    const double place = p * static_cast<double>(latencies.size());
    return in_seconds(latencies[static_cast<std::size_t>(place)]) * 1e3;
}

}  // namespace

// Of three exponential delays with mean m the k-th smallest has mean m (1/3 + ... + 1/(4 - k)): the
// spacings of exponential order statistics are exponential (Renyi 1953).
TEST_CASE("the latency of a quorum is the order statistic of its replicas") {
    for (int quorum = 1; quorum <= 3; ++quorum) {
        Store store(std::string(no_quota) + R"j("legs": {"read": "exp(6ms)", "answer": 0}, )j",
                    R"("get": {"cpu": 0, "quorum": )" + std::to_string(quorum) + "}");
        constexpr int calls = 20000;
        store.repeat({"get"}, calls);
        double mean = 0;
        double variance = 0;
        for (int i = 0; i < quorum; ++i) {
            mean += 6.0 / (3 - i);
            variance += 36.0 / ((3 - i) * (3 - i));
        }
        INFO("quorum " << quorum);
        REQUIRE(mean_ms(store.latencies) == within(4 * std::sqrt(variance / calls), mean));
    }
}

// Bailis et al. 2012, "Probabilistically Bounded Staleness for Practical Partial Quorums", VLDB
// 5(8), table 4, LinkedIn on solid-state disks: all four legs are 91.22 % Pareto (xm 0.235 ms,
// alpha 10) and 8.78 % exponential (rate 1.66 / ms). Tolerances are those of their 50 000 samples
// and ours.
TEST_CASE("latency and staleness of partial quorums are those of the PBS paper") {
    const std::string leg =
        R"j({"type": "mixture", "parts": [{"weight": 91.22, "law": "pareto(min=0.235ms, alpha=10)"},
                                         {"weight": 8.78, "law": "exp(0.602409ms)"}]})j";
    struct Row {
        int read, write;
        double read_ms, write_ms, consistent;
    };
    for (const Row& row : {Row{1, 1, 0.66, 0.66, 0.9738}, Row{1, 2, 0.66, 1.63, 0.9784},
                           Row{2, 1, 1.63, 0.65, 0.9994}, Row{2, 2, 1.62, 1.64, 1},
                           Row{3, 1, 4.14, 0.65, 1}, Row{1, 3, 0.65, 4.09, 1}}) {
        Store store(std::string(no_quota) + R"("legs": {"write": )" + leg + R"(, "acknowledge": )" +
                        leg + R"(, "read": )" + leg + R"(, "answer": )" + leg + "}, ",
                    R"("get": {"cpu": 0, "quorum": )" + std::to_string(row.read) +
                        R"(}, "put": {"write": true, "cpu": 0, "quorum": )" +
                        std::to_string(row.write) + "}");
        constexpr int rounds = 100000;
        store.repeat({"put", "get"}, rounds);
        std::vector<Duration> reads;
        std::vector<Duration> writes;
        for (std::size_t i = 0; i < store.latencies.size(); ++i) {
            (i % 2 == 0 ? writes : reads).push_back(store.latencies[i]);
        }
        INFO("R" << row.read << " W" << row.write);
        REQUIRE(quantile_ms(reads, 0.999) == within(0.04 * row.read_ms, row.read_ms));
        REQUIRE(quantile_ms(writes, 0.999) == within(0.04 * row.write_ms, row.write_ms));
        const double consistent = 1 - static_cast<double>(store.count("stale")) / rounds;
        REQUIRE(consistent == within(0.003, row.consistent));
        if (row.read + row.write > 3) REQUIRE(store.count("stale") == 0);
    }
}

TEST_CASE("a hot partition is throttled at its quota, after its burst") {
    // 1500/s against 1000/s with a burst of 1000: over 10 s the quota grants 1000 + 10 x 1000.
    Store store(std::string(no_legs) + R"("burst": "1s", )", R"("put": {"write": true, "cpu": 0})");
    for (int i = 0; i < 15000; ++i) {
        store.bench.run(i * Duration(10s) / 15000);
        store.call("put");
    }
    store.bench.run();
    REQUIRE(static_cast<double>(store.count("served")) == within(2, 11000));
    REQUIRE(store.count("throttled") + store.count("served") == 15000);
    REQUIRE(std::count(store.outcomes.begin(), store.outcomes.end(), Outcome::rejected_rate) ==
            static_cast<std::ptrdiff_t>(store.count("throttled")));
}

TEST_CASE("a majority goes on without one of three nodes, and says at once that it is none") {
    Store store(std::string(no_legs), R"("get": {})");
    store.kill(1);
    store.repeat({"get"}, 1);
    REQUIRE(store.outcomes.back() == Outcome::ok);
    store.kill(2);
    store.repeat({"get"}, 1);
    REQUIRE(store.outcomes.back() == Outcome::error);
    REQUIRE(store.latencies.back() == 0s);
    REQUIRE(store.count("unavailable") == 1);
}

TEST_CASE("a replica that hangs is waited for as long as the timeout where all are needed") {
    Store store(std::string(no_legs), R"("all": {"quorum": 3, "cpu": 0}, "one": {"quorum": 1},
                                         "save": {"quorum": 3, "write": true})");
    store.set({.mode = Condition::Mode::hanging}, 2);
    store.repeat({"all"}, 1);
    store.repeat({"save"}, 1);
    store.repeat({"one"}, 1);
    REQUIRE(store.outcomes == std::vector{Outcome::error, Outcome::error, Outcome::ok});
    REQUIRE(store.latencies == std::vector<Duration>{5s, 2s, 100us});
    store.set({}, 2);  // it does what it was asked to
    store.bench.run();
    REQUIRE(store.bench.balanced());
}

TEST_CASE("what a node missed while it was away makes reads of it stale, until the next write") {
    Store store(
        std::string(no_legs) + R"("replicas": 2, "nodes": 2, )",
        R"("all": {"quorum": 2}, "one": {"quorum": 1}, "save": {"quorum": 1, "write": true})");
    store.kill(1);
    store.repeat({"save"}, 1);
    store.set({}, 1);
    store.kill(0);
    store.set({}, 0);
    store.repeat({"all"}, 1);
    REQUIRE(store.outcomes.back() == Outcome::ok);
    store.set({.slow = 100}, 0);  // so the one that missed it answers first
    store.repeat({"one"}, 1);
    REQUIRE(store.outcomes.back() == Outcome::stale);
    store.repeat({"save"}, 1);
    store.repeat({"one"}, 1);
    REQUIRE(store.outcomes.back() == Outcome::ok);
}

TEST_CASE("a coordinator that dies takes its calls with it") {
    Store store(std::string(no_legs), R"("get": {"cpu": "1s"})");
    store.call("get");
    store.bench.run(500ms);
    store.kill(0);
    store.bench.run();
    REQUIRE(store.outcomes == std::vector{Outcome::reset});
    REQUIRE(store.bench.balanced());
    REQUIRE(store.bench.level("docs", "inside") == 0);
}

TEST_CASE("a coordinator that hangs answers when it goes on") {
    Store store(std::string(no_legs), R"("get": {"quorum": 1, "cpu": "1s"})");
    store.call("get");
    store.bench.run(500ms);
    store.set({.mode = Condition::Mode::hanging}, 0);
    store.bench.run(4s);
    REQUIRE(store.outcomes.empty());
    store.set({}, 0);
    store.bench.run();
    REQUIRE(store.latencies == std::vector<Duration>{4s});
}

TEST_CASE("a call that came while a coordinator hung is inside from then on that it goes on") {
    Store store(std::string(no_legs), R"("get": {"quorum": 1, "cpu": "1s"})");
    store.set({.mode = Condition::Mode::hanging}, 0);
    store.call("get");
    store.bench.run(3s);
    store.set({}, 0);
    store.bench.run();
    REQUIRE(store.latencies == std::vector<Duration>{4s});
    for (const auto& [meter, stays] : store.bench.world.meters.stay_books()) {
        REQUIRE(meter->integral(store.bench.world.now()) == stays->sum());
    }
}

TEST_CASE("replicas work for callers that gave up") {
    Bench bench({add_document_store, add_timeout});
    Callee& docs = bench.component("docs", R"({"type": "document_store", "operations":
        {"get": {"cpu": "1s"}}, "legs": {"read": 0, "answer": 0}})");
    bench.client({"timeout(100ms)"}, docs).call();
    bench.run();
    REQUIRE(bench.count("docs", "wasted") == 1);
    REQUIRE(bench.balanced());
}
