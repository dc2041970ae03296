// When the caller gives up, each kind of node does something of its own, and verdicts depend on it.
// Here are those whose own tests do not say it: balancers, links and servers. Retry, hedge and
// timeout are in resilience_test.cpp, the breaker in circuit_breaker_test.cpp, bulkheads and pools
// in pool_and_limits_test.cpp.
#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// The way from the client to the backend and back takes this long, each.
void set_way(Bench& bench, Duration latency) {
    bench.world.network.set_path(0, 0, {Distribution::constant(in_seconds(latency)), 0});
}

/// A service of one thread and one core.
std::string server(const std::string& cancellation, const std::string& step) {
    return R"({"type": "service", "threads": 1, "cancellation": ")" + cancellation +
           R"(", "operations": {"op": {"steps": [)" + step + "]}}}";
}

bool all_is_over(const Bench& bench) { return bench.balanced() && bench.world.calls.live() == 0; }

}  // namespace

// ---- Balancer -----------------------------------------------------------------------------------

TEST_CASE("balancer, when the caller gives up: the endpoint counts as free although it works on") {
    for (const std::string algorithm : {"least_request", "power_of_choices", "join_idle_queue"}) {
        INFO(algorithm);
        Bench bench({});
        bench.backend.add_instance(0);
        bench.backend.plays({replies(10s)});
        Client& client = bench.client({"balance(" + algorithm + ")"});
        client.call();
        client.call();  // to the other one
        client.give_up_at(1s, 0);
        client.call_at(2s);  // in the view of the balancer the first endpoint is idle
        bench.run(2s);
        const auto& visits = bench.backend.visits();
        REQUIRE(visits[1].endpoint != visits[0].endpoint);
        REQUIRE(visits[2].endpoint == visits[0].endpoint);
        REQUIRE(visits[0].abandoned == Duration{1s});
        REQUIRE_FALSE(visits[0].ended);  // in truth it has two
        bench.run();
        REQUIRE(all_is_over(bench));
    }
}

TEST_CASE("balancer without a view of loads, when the caller gives up: the endpoint hears of it") {
    for (const std::string algorithm : {"random", "round_robin", "weighted"}) {
        Bench bench({});
        bench.backend.plays({cancellable(replies(10s))});
        Client& client = bench.client({"balance(" + algorithm + ")"});
        client.call();
        client.give_up_at(1s);
        bench.run();
        REQUIRE(bench.backend.visits()[0].ended == Duration{1s});
        REQUIRE(all_is_over(bench));
    }
}

// ---- Link ---------------------------------------------------------------------------------------

TEST_CASE("link, when the caller gives up: the news travels as long as any message") {
    Bench bench({});
    set_way(bench, 10ms);
    bench.backend.plays({cancellable(replies(1s))});
    Client& client = bench.client({});
    client.call();
    client.give_up_at(15ms);
    bench.run();
    const Visit& visit = bench.backend.visits()[0];
    REQUIRE(visit.at == 10ms);
    REQUIRE(visit.abandoned == Duration{25ms});
    REQUIRE(visit.ended == Duration{25ms});
    REQUIRE(all_is_over(bench));
}

TEST_CASE("link, when the caller gives up on a message that travels: the news does not overtake") {
    Bench bench({});
    set_way(bench, 10ms);
    bench.backend.plays({cancellable(replies(1s))});
    Client& client = bench.client({});
    client.call();
    client.give_up_at(1us);
    bench.run();
    const Visit& visit = bench.backend.visits()[0];
    REQUIRE(visit.at == 10ms);
    REQUIRE(visit.abandoned == Duration{10ms + 1us});
    REQUIRE(all_is_over(bench));
}

TEST_CASE("link, when the caller gives up on a reply that travels: nobody needs to hear of it") {
    Bench bench({});
    set_way(bench, 10ms);
    bench.backend.plays({replies(1s)});
    Client& client = bench.client({});
    client.call();
    client.give_up_at(1015ms);
    bench.run();
    REQUIRE(bench.backend.visits()[0].ended == Duration{1010ms});
    REQUIRE_FALSE(bench.backend.visits()[0].abandoned);
    REQUIRE(client.answers().empty());
    REQUIRE(all_is_over(bench));
}

TEST_CASE("link, when the caller gives up on a reply that is faster than the news: it comes home") {
    Bench bench({});
    set_way(bench, 10ms);
    bench.backend.plays({replies(1s)});
    Client& client = bench.client({});
    client.call();
    client.give_up_at(1005ms);
    bench.run();
    REQUIRE(bench.backend.visits()[0].ended == Duration{1010ms});
    REQUIRE_FALSE(bench.backend.visits()[0].abandoned);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("link, when the caller gives up behind a cut: the callee never hears and works on") {
    Bench bench({});
    set_way(bench, 10ms);
    PathCondition& way = bench.world.network.watch_edge("client", "backend");
    bench.backend.plays({cancellable(replies(1s))});
    Client& client = bench.client({});
    client.call();
    bench.at(12ms, [&] { way.cut = PathCondition::Cut::drops; });
    client.give_up_at(15ms);
    bench.run();
    REQUIRE_FALSE(bench.backend.visits()[0].abandoned);
    REQUIRE(bench.backend.visits()[0].ended == Duration{1010ms});
    REQUIRE(all_is_over(bench));
}

TEST_CASE("link to a server with cancellation none: the news arrives and changes nothing") {
    Bench bench({add_service});
    set_way(bench, 10ms);
    Client& client = bench.client({}, bench.component("it", server("none", R"({"cpu": "50ms"})")));
    client.call();
    client.give_up_at(15ms);
    bench.run(59ms);
    REQUIRE(bench.level("it", "threads.present") == 1);
    bench.run();
    REQUIRE(bench.count("it", "served") == 1);
    REQUIRE(bench.count("it", "wasted") == 1);
    REQUIRE(all_is_over(bench));
}

// ---- Server -------------------------------------------------------------------------------------

TEST_CASE("server with cancellation none, when the caller gives up: it works on, thread and all") {
    Bench bench({add_service});
    Client& client = bench.client({}, bench.component("it", server("none", R"({"cpu": "10ms"})")));
    client.call();
    client.call();
    client.call();
    client.give_up_at(1ms, 0);  // in service
    client.give_up_at(2ms, 1);  // in the line, and stays there
    bench.run();
    REQUIRE(client.answer().at == 30ms);
    REQUIRE(bench.count("it", "wasted") == 2);
    REQUIRE(bench.count("it", "cpu.wasted") == 20'000'000);  // ns
    REQUIRE(all_is_over(bench));
}

TEST_CASE("server with cancellation none: what it asks of others for nobody is marked as such") {
    Bench bench({add_service});
    Callee& it = bench.component("it", server("none", R"({"cpu": "10ms"}, {"call": "backend.x"})"));
    Client& client = bench.client({}, it);
    client.call();
    client.call();
    client.call();
    client.give_up_at(1ms, 0);  // in service
    client.give_up_at(2ms, 1);  // in the line
    bench.run();
    const auto& visits = bench.backend.visits();
    REQUIRE(visits.size() == 3);
    REQUIRE(visits[0].request.has(Trait::orphan));
    REQUIRE(visits[1].request.has(Trait::orphan));
    REQUIRE_FALSE(visits[2].request.has(Trait::orphan));
}

TEST_CASE("server with cancellation queued, when the caller gives up: only the line is shorter") {
    Bench bench({add_service});
    Callee& it = bench.component("it", server("queued", R"({"cpu": "10ms"})"));
    Client& client = bench.client({}, it);
    client.call();
    client.call();
    client.call();
    client.give_up_at(1ms, 0);  // in service: it works on
    client.give_up_at(2ms, 1);  // in the line, and leaves it
    bench.run(2ms);
    REQUIRE(bench.level("it", "threads.waiting") == 1);
    bench.run();
    REQUIRE(client.answer().at == 20ms);
    REQUIRE(bench.count("it", "threads.withdrawn") == 1);
    REQUIRE(bench.count("it", "wasted") == 1);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("server with cancellation running, when the caller gives up: it stops at once") {
    Bench bench({add_service});
    Callee& it = bench.component("it", server("running", R"({"cpu": "10ms"})"));
    Client& client = bench.client({}, it);
    client.call();
    client.call();
    client.call();
    client.give_up_at(2ms, 1);  // in the line
    client.give_up_at(3ms, 0);  // in service: the third has its thread and its core
    bench.run();
    REQUIRE(client.answer().at == 13ms);
    REQUIRE(bench.count("it", "wasted") == 0);
    REQUIRE(all_is_over(bench));
}

TEST_CASE("server with cancellation running, when the caller gives up: so does it on its calls") {
    Bench bench({add_service});
    bench.backend.plays({hangs()});
    Callee& it = bench.component("it", server("running", R"({"call": "backend.x"})"));
    Client& client = bench.client({}, it);
    client.call();
    client.give_up_at(1s);
    bench.run();
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{1s});
    REQUIRE(all_is_over(bench));
}

TEST_CASE("the connection limit of an event loop counts zombies, where it makes them") {
    for (const auto& [cancellation, outcome] :
         {std::pair{"none", Outcome::rejected_overload},
          std::pair{"queued", Outcome::rejected_overload}, std::pair{"running", Outcome::ok}}) {
        Bench bench({add_service});
        bench.backend.plays({cancellable(replies(10s))});
        Callee& it = bench.component(
            "it", R"({"type": "service", "concurrency": "event_loop", "connections": 2,
                      "operations": {"op": {"steps": [{"call": "backend.x"}]}},
                      "cancellation": ")" +
                      std::string(cancellation) + "\"}");
        Client& client = bench.client({}, it);
        client.call();
        client.call();
        client.give_up_at(1s, 0);
        client.give_up_at(1s, 1);
        client.call_at(2s);   // the zombies hold both connections, if there are any
        client.call_at(13s);  // their work is done
        bench.run();
        REQUIRE(client.answers().front().outcome == outcome);
        REQUIRE(client.answers().back().outcome == Outcome::ok);
        REQUIRE(all_is_over(bench));
    }
}

TEST_CASE("the connection limit of a database counts zombies that their pool has forgotten") {
    // A statement takes a second of the one core and its caller 10 ms. Each caller that gives up
    // closes its connection, so the pool of one has long opened the next: at the database they add
    // up, and the fourth is turned away.
    Bench bench({add_sql_database, add_pool, add_timeout});
    Callee& it = bench.component("it", R"({"type": "sql_database", "cores": 1, "connections": 3,
                                           "operations": {"op": "1s"}})");
    Client& client = bench.client({"timeout(10ms)", "pool(1)"}, it);
    for (const Duration at : {0ms, 20ms, 40ms, 60ms}) client.call_at(at);
    bench.run(100ms);
    REQUIRE(client.count(Outcome::timeout) == 3);
    REQUIRE(client.count(Outcome::refused) == 1);
    REQUIRE(client.answers().back().mechanism == "too many connections");
    REQUIRE(bench.count("client -> it", "pool.closed.abandoned") == 3);
    REQUIRE(bench.level("client -> it", "pool.connections") == 0);
    REQUIRE(bench.level("it", "sessions.present") == 3);
    bench.run();
    REQUIRE(bench.count("it", "wasted") == 3);
    REQUIRE(all_is_over(bench));
}
