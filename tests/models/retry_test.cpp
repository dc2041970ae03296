// The retry: its attempts, its pauses and its budgets.

#include "tests/catch.hpp"
#include "tests/models/bench.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

using namespace prodsim;
using namespace prodsim::testing;

namespace {

/// The pauses between the attempts of each call, by subject, when attempts take no time.
std::map<std::uint64_t, Instants> pauses_by_call(const Backend& backend) {
    std::map<std::uint64_t, Instants> instants;
    for (const Visit& visit : backend.visits()) instants[visit.request.subject].push_back(visit.at);
    for (auto& [subject, at] : instants) {
        std::adjacent_difference(at.begin(), at.end(), at.begin());
        at.erase(at.begin());
    }
    return instants;
}

/// A backend that fails this share of the attempts, each attempt independently.
std::function<Act(const Request&)> failing(double share) {
    return [share, stream = Stream(7, 0, "failures")](const Request& request) {
        return stream.draws(request.demand_key()).chance(share) ? fails(Outcome::error) : replies();
    };
}

/// How many retries the budget still pays for, found out by spending it.
std::uint64_t retries_left(Bench& bench, Client& client) {
    bench.backend.plays({fails(Outcome::error)});
    const std::uint64_t refused = bench.count("retry.budget_refused");
    const auto retries = [&] { return bench.count("retry.attempts") - bench.count("retry.calls"); };
    const std::uint64_t before = retries();
    while (bench.count("retry.budget_refused") == refused) {
        client.call();
        bench.run(bench.world.now().time_since_epoch() + 1h);
    }
    return retries() - before;
}

}  // namespace

TEST_CASE("a retry makes another attempt after its pause and answers with the first success") {
    Bench bench({add_retry});
    bench.backend.plays({fails(Outcome::error), fails(Outcome::refused, 5ms), replies(10ms)});
    Client& client = bench.client({"retry(3, backoff=fixed, base=100ms)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 100ms, 205ms});
    REQUIRE(client.answer().outcome == Outcome::ok);
    REQUIRE(client.answer().at == 215ms);
    REQUIRE(client.answer().route == 1);
    REQUIRE(bench.balanced());
}

TEST_CASE("a retry that has used up its attempts passes on the last failure and its reason") {
    Bench bench({add_retry});
    bench.backend.plays({fails(Outcome::refused), fails(Outcome::reset)});
    Client& client = bench.client({"retry(2, backoff=none)"});
    client.call();
    REQUIRE(client.answer().outcome == Outcome::reset);
    REQUIRE(client.answer().component == "backend");
    REQUIRE(bench.count("retry.calls") == 1);
    REQUIRE(bench.count("retry.attempts") == 2);
    REQUIRE(bench.count("retry.exhausted") == 1);
}

TEST_CASE("an open breaker and a deadline that has passed are not tried again") {
    for (const Outcome outcome : {Outcome::rejected_breaker, Outcome::deadline_exceeded}) {
        Bench bench({add_retry});
        bench.backend.plays({fails(outcome)});
        bench.client({"retry(3, backoff=none)"}).call();
        REQUIRE(bench.backend.count() == 1);
    }
}

TEST_CASE("a retry tries again only after the failures that it lists") {
    Bench bench({add_retry});
    Client& client = bench.client({"retry(3, on=[refused, reset], backoff=none)"});
    bench.backend.plays({fails(Outcome::refused), fails(Outcome::error), replies()});
    client.call();
    REQUIRE(client.answer().outcome == Outcome::error);
    REQUIRE(bench.backend.count() == 2);
    REQUIRE_THAT(bench.problems_of({"retry(3, on=[ok])"}), ContainsSubstring("must be one of"));
}

TEST_CASE("a backoff that is a time is told how to write pauses of one length") {
    Bench bench({add_retry});
    REQUIRE_THAT(bench.problems_of({"retry(3, backoff=100ms)"}),
                 ContainsSubstring("for pauses of one length write backoff=fixed, base=100ms"));
    REQUIRE_THAT(bench.problems_of({"retry(3, backoff=fixd)"}),
                 ContainsSubstring("did you mean \"fixed\"?"));
    REQUIRE(bench.problems_of({"retry(3, backoff=fixed, base=100ms)"}).empty());
}

TEST_CASE("attempts and successes of independent failures follow the geometric series") {
    struct Row {
        double failing;
        int attempts;
    };
    for (const auto [p, most] : {Row{0.1, 3}, Row{0.5, 3}, Row{0.9, 3}, Row{1.0, 4}}) {
        constexpr double calls = 20000;
        Bench bench({add_retry});
        bench.backend.plays(failing(p));
        bench.backend.forget_visits();
        Client& client = bench.client({"retry(" + std::to_string(most) + ", backoff=none)"});
        for (int i = 0; i < calls; ++i) client.call();

        // P(more than k attempts) = p^k, so E A = sum p^k and E A^2 = sum (2 k + 1) p^k.
        double mean = 0, square = 0, reach = 1;
        for (int k = 0; k < most; ++k, reach *= p) {
            mean += reach;
            square += (2 * k + 1) * reach;
        }
        const double spread = std::sqrt(std::max(0.0, square - mean * mean) / calls);
        const double attempts = static_cast<double>(bench.count("retry.attempts")) / calls;
        const double success = static_cast<double>(client.count(Outcome::ok)) / calls;
        REQUIRE(attempts == within(4 * spread + 1e-12, mean));
        REQUIRE(success == within(4 * standard_error(reach, calls), 1 - reach));
    }
}

TEST_CASE("retries in layers multiply when everything fails") {
    // Google SRE book, chapter 22 (4 at 3 layers) and Amazon Builders' Library (3 at 5 layers).
    struct Row {
        int attempts;
        std::size_t layers;
        std::size_t product;
    };
    for (const auto [attempts, layers, product] :
         {Row{4, 3, 64}, Row{3, 3, 27}, Row{3, 5, 243}, Row{2, 10, 1024}}) {
        Bench bench({add_retry});
        bench.backend.plays({fails(Outcome::error)});
        const std::string retry = "retry(" + std::to_string(attempts) + ", backoff=none)";
        bench.client(std::vector<std::string>(layers, retry)).call();
        REQUIRE(bench.backend.count() == product);
    }
}

TEST_CASE("the attempts of two layers fail independently: three times three are nine tries") {
    constexpr double calls = 20000;
    constexpr double p = 0.9;
    Bench bench({add_retry, add_hedge});
    bench.backend.plays(failing(p));
    bench.backend.forget_visits();
    Client& client =
        bench.client({"retry(3, backoff=none)", "hedge(1h, attempts=3, non_fatal=[error])"});
    for (int i = 0; i < calls; ++i) client.call();
    const double lost = std::pow(p, 9);
    REQUIRE(static_cast<double>(client.count(Outcome::error)) / calls ==
            within(4 * standard_error(lost, calls), lost));
}

TEST_CASE("pauses grow exponentially up to the longest") {
    struct Row {
        const char* max;
        Instants at;
    };
    // AWS SDK standard retry mode without its jitter: delays 1, 2, 4, 8 and, capped, 1, 2, 3, 3.
    for (const auto& [max, at] :
         {Row{"20s", {0s, 1s, 3s, 7s, 15s}}, Row{"3s", {0s, 1s, 3s, 6s, 9s}}}) {
        Bench bench({add_retry});
        bench.backend.plays({fails(Outcome::error)});
        bench.client({"retry(5, backoff=exponential, max=" + std::string(max) + ")"}).call();
        bench.run();
        REQUIRE(bench.backend.visited_at() == at);
    }
}

TEST_CASE("jitter spreads each pause evenly over its window") {
    struct Row {
        const char* backoff;
        double low, high;  // of the nominal pause
    };
    // AWS Architecture Blog 2015 for the first two; gRPC A6 for the last.
    for (const auto& [backoff, low, high] : {Row{"full_jitter", 0, 1}, Row{"equal_jitter", 0.5, 1},
                                             Row{"symmetric_jitter", 0.8, 1.2}}) {
        constexpr std::uint64_t calls = 2000;
        Bench bench({add_retry});
        bench.backend.plays({fails(Outcome::error)});
        Client& client = bench.client(
            {"retry(7, backoff=" + std::string(backoff) + ", base=100ms, multiplier=2, max=1s)"});
        for (std::uint64_t i = 0; i < calls; ++i) client.call();
        bench.run();

        const auto pauses = pauses_by_call(bench.backend);
        REQUIRE(pauses.size() == calls);
        const std::array nominal{0.1, 0.2, 0.4, 0.8, 1.0, 1.0};
        for (std::size_t n = 0; n < nominal.size(); ++n) {
            double sum = 0, least = 1e9, most = 0;
            for (const auto& [subject, of_call] : pauses) {
                const double pause = in_seconds(of_call.at(n)) / nominal[n];
                sum += pause;
                least = std::min(least, pause);
                most = std::max(most, pause);
            }
            REQUIRE(least >= low - 1e-8);
            REQUIRE(most <= high + 1e-8);
            // A uniform law: sd = width / sqrt 12; the extremes of 2000 reach the last 1 %.
            const double width = high - low;
            REQUIRE(sum / calls == within(4 * width / std::sqrt(12.0 * calls), (low + high) / 2));
            REQUIRE(least < low + 0.01 * width);
            REQUIRE(most > high - 0.01 * width);
        }
    }
}

TEST_CASE("decorrelated pauses stay between the base, three times the last one and the longest") {
    Bench bench({add_retry});
    bench.backend.plays({fails(Outcome::error)});
    Client& client = bench.client({"retry(6, backoff=decorrelated, base=100ms, max=1s)"});
    for (int i = 0; i < 500; ++i) client.call();
    bench.run();
    double first = 0;
    for (const auto& [subject, pauses] : pauses_by_call(bench.backend)) {
        Duration last = 100ms;
        first += in_seconds(pauses.front()) / 500;
        for (const Duration pause : pauses) {
            REQUIRE(pause >= 100ms);
            REQUIRE(pause <= std::min<Duration>(3 * last + 3ns, 1s));
            last = pause;
        }
    }
    REQUIRE(first == within(4 * 0.2 / std::sqrt(12.0 * 500), 0.2));
}

TEST_CASE("a retry waits as long as the callee asks, and then its backoff begins anew") {
    Bench bench({add_retry});
    bench.backend.plays({fails(Outcome::error), with_retry_after(fails(Outcome::rejected_rate), 5s),
                         fails(Outcome::error), replies()});
    bench.client({"retry(4, backoff=exponential, base=100ms)"}).call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 100ms, 5100ms, 5200ms});
}

TEST_CASE("a retry that ignores what the callee asks for pauses as always") {
    Bench bench({add_retry});
    bench.backend.plays({with_retry_after(fails(Outcome::rejected_rate), 5s), replies()});
    bench.client({"retry(backoff=fixed, base=100ms, retry_after=false)"}).call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 100ms});
}

TEST_CASE("no retry is made that could not start before the deadline") {
    struct Row {
        Duration deadline;
        std::size_t attempts;
    };
    for (const auto [deadline, attempts] : {Row{99ms, 1}, Row{100ms, 1}, Row{101ms, 2}}) {
        Bench bench({add_retry});
        bench.backend.plays({fails(Outcome::error)});
        Client& client = bench.client({"retry(3, backoff=fixed, base=100ms)"});
        Request request;
        request.deadline = Time{deadline};
        client.call(request);
        bench.run();
        REQUIRE(bench.backend.count() == attempts);
        REQUIRE(client.answer().outcome == Outcome::error);
        REQUIRE(client.answer().at == (attempts - 1) * 100ms);
        REQUIRE(bench.count("retry.too_late") == 1);
    }
}

TEST_CASE("attempts ask for the same and cost differently, the first as if there were no retry") {
    Bench bench({add_retry});
    bench.backend.plays({fails(Outcome::error)});
    Request request;
    request.subject = 42;
    bench.client({}).call(request);
    bench.client({"retry(3, backoff=none)"}).call(request);
    const auto& visits = bench.backend.visits();
    REQUIRE(visits.size() == 4);
    for (const Visit& visit : visits) REQUIRE(visit.request.subject == 42);
    REQUIRE(visits[1].request.demand_key() == visits[0].request.demand_key());
    REQUIRE(visits[2].request.demand_key() != visits[1].request.demand_key());
    REQUIRE(visits[3].request.demand_key() != visits[1].request.demand_key());
    REQUIRE(visits[3].request.demand_key() != visits[2].request.demand_key());
}

TEST_CASE("every attempt is balanced anew unless the call came pinned to an endpoint") {
    Bench bench({add_retry});
    bench.backend.add_instance(0);
    bench.backend.plays({fails(Outcome::error)});
    Client& client = bench.client({"retry(3, backoff=none)", "balance(round_robin)"});
    client.call();
    const auto& visits = bench.backend.visits();
    REQUIRE(visits[0].endpoint != visits[1].endpoint);
    REQUIRE(visits[1].endpoint != visits[2].endpoint);
    Request pinned;
    pinned.route = 2;
    client.call(pinned);
    for (std::size_t i = 3; i < 6; ++i) REQUIRE(visits[i].endpoint == 2);
}

TEST_CASE("retry, when the caller gives up: the attempt has ended and none is made in its place") {
    Bench bench({add_retry});
    bench.backend.plays({cancellable(fails(Outcome::error, 10ms))});
    Client& client = bench.client({"retry(3, backoff=fixed, base=100ms)"});
    SECTION("during an attempt") {
        client.call();
        client.give_up_at(115ms);
        bench.run();
        REQUIRE(bench.backend.visited_at() == Instants{0ms, 110ms});
        REQUIRE(bench.backend.visits()[1].abandoned == Duration{115ms});
    }
    SECTION("during a pause") {
        client.call();
        client.give_up_at(50ms);
        bench.run();
        REQUIRE(bench.backend.count() == 1);
        REQUIRE(!bench.backend.visits()[0].abandoned);
    }
    SECTION("while the attempt is being sent") {
        bench.backend.plays([&](const Request&) {
            client.give_up();
            return fails(Outcome::error);
        });
        client.call_at(1ms);
        bench.run();
        REQUIRE(bench.backend.count() == 1);
    }
    REQUIRE(client.answers().empty());
    REQUIRE(bench.balanced());
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("a million attempts that are refused at once need no stack") {
    Bench bench({add_retry});
    bench.backend.plays({fails(Outcome::refused)});
    bench.backend.forget_visits();
    Client& client = bench.client({"retry(1000000, backoff=none)"});
    client.call();
    REQUIRE(client.answer().outcome == Outcome::refused);
    REQUIRE(bench.backend.count() == 1'000'000);
    REQUIRE(bench.world.calls.live() == 0);
}

// ---- Retry budgets ------------------------------------------------------------------------------

TEST_CASE("the token bucket of the AWS SDKs gives back only what the last retry cost") {
    // smithy-kotlin, standardRetryIntegrationTestCases: the quota after each step.
    const std::string policy = "retry(3, backoff=exponential, budget=tokens(500))";
    SECTION("eventually succeeds: 495, 490, 495") {
        Bench bench({add_retry});
        Client& client = bench.client({policy});
        bench.backend.plays({fails(Outcome::error), fails(Outcome::error), replies()});
        client.call();
        bench.run();
        REQUIRE(client.answer().outcome == Outcome::ok);
        REQUIRE(bench.backend.visited_at() == Instants{0s, 1s, 3s});
        REQUIRE(retries_left(bench, client) == 495 / 5);
    }
    SECTION("fails at every attempt: 495, 490, 490") {
        Bench bench({add_retry});
        Client& client = bench.client({policy});
        bench.backend.plays({fails(Outcome::error)});
        client.call();
        bench.run();
        REQUIRE(bench.count("retry.exhausted") == 1);
        REQUIRE(retries_left(bench, client) == 490 / 5);
    }
    SECTION("the quota lasts for one retry: 0, 0") {
        Bench bench({add_retry});
        Client& client = bench.client({"retry(3, backoff=exponential, budget=tokens(5))"});
        bench.backend.plays({fails(Outcome::error), fails(Outcome::reset)});
        client.call();
        bench.run();
        REQUIRE(client.answer().outcome == Outcome::reset);
        REQUIRE(bench.backend.visited_at() == Instants{0s, 1s});
        REQUIRE(bench.count("retry.budget_refused") == 1);
    }
    SECTION("there is no quota") {
        Bench bench({add_retry});
        bench.backend.plays({fails(Outcome::error)});
        bench.client({"retry(3, budget=tokens(0))"}).call();
        bench.run();
        REQUIRE(bench.backend.count() == 1);
        REQUIRE(bench.count("retry.budget_refused") == 1);
    }
}

TEST_CASE("a success at the first try earns a token, and a retry after a timeout costs twice") {
    Bench bench({add_retry});
    Client& client = bench.client({"retry(2, backoff=none, budget=tokens(10))"});
    bench.backend.plays({fails(Outcome::timeout)});
    client.call();
    REQUIRE(bench.backend.count() == 2);
    bench.backend.plays({replies()});
    for (int i = 0; i < 4; ++i) client.call();
    REQUIRE(retries_left(bench, client) == 0);
    bench.backend.plays({replies()});
    client.call();
    REQUIRE(retries_left(bench, client) == 1);
}

TEST_CASE("gRPC's throttling allows retries only above half of the tokens") {
    // grpc/grpc retry_throttle_test.cc, ServerRetryThrottleData.Basic: max 4, ratio 1.6, events
    // FSFFFFFSSFFSFSF; the letters of one call stand together, its retry was allowed in between.
    Bench bench({add_retry});
    Client& client = bench.client({"retry(3, backoff=none, budget=throttling(4, 1.6))"});
    for (const std::string call :
         {"FS", "FF", "F", "F", "F", "S", "S", "FF", "S", "F", "S", "FS"}) {
        std::vector<Act> acts;
        for (const char letter : call) {
            acts.push_back(letter == 'F' ? fails(Outcome::error) : replies());
        }
        acts.push_back(fails(Outcome::unreachable));  // one attempt too many would show
        const std::size_t before = bench.backend.count();
        bench.backend.plays(std::move(acts));
        client.call();
        REQUIRE(bench.backend.count() - before == call.size());
    }
    REQUIRE(client.count(Outcome::unreachable) == 0);
}

TEST_CASE("Envoy's budget compares the retries with a share of what is under way, or a few") {
    // envoy retry_state_impl_test.cc, BudgetVerifyMinimumConcurrency: 20 %, at least 3.
    struct Row {
        std::uint64_t active;  // the attempt that has just failed included
        std::uint64_t allowed;
    };
    for (const auto [active, allowed] : {Row{1, 3}, Row{19, 3}, Row{20, 4}}) {
        Bench bench({add_retry});
        const std::uint64_t hanging = active - 1;
        bench.backend.plays([hanging](const Request& request) {
            return request.subject <= hanging ? hangs() : fails(Outcome::error);
        });
        Client& client =
            bench.client({"retry(2, backoff=fixed, base=1h, budget=concurrent(20%, 3))"});
        for (std::uint64_t i = 0; i < hanging + allowed; ++i) client.call();
        REQUIRE(bench.count("retry.budget_refused") == 0);
        client.call();
        REQUIRE(bench.count("retry.budget_refused") == 1);
    }
}

TEST_CASE("Envoy's budget takes a retry back when it has ended or its caller gave up") {
    Bench bench({add_retry});
    bench.backend.plays({fails(Outcome::error)});
    Client& client = bench.client({"retry(2, backoff=fixed, base=1s, budget=concurrent(0%, 1))"});
    const std::size_t first = client.call();
    client.call();
    REQUIRE(bench.count("retry.budget_refused") == 1);
    client.give_up(first);
    client.call();
    REQUIRE(bench.count("retry.budget_refused") == 1);
    bench.run(1s);
    client.call();
    REQUIRE(bench.count("retry.budget_refused") == 1);
}

TEST_CASE("Finagle's budget is a ratio of the calls and a reserve, both for ten seconds") {
    Bench bench({add_retry});
    bench.backend.plays({fails(Outcome::error)});
    Client& client = bench.client({"retry(2, backoff=none, budget=ratio(20%, 10/s))"});
    const auto burst = [&] {
        const std::uint64_t before = bench.backend.count();
        for (int i = 0; i < 1000; ++i) client.call();
        return bench.backend.count() - before - 1000;
    };
    // 20 % of the calls, and 10 a second for ten seconds.
    REQUIRE(burst() == 200 + 100);
    bench.run(8999ms);
    REQUIRE(burst() == 200);
    bench.run(25s);
    REQUIRE(burst() == 200 + 100);
}

TEST_CASE("a budget of a tenth bounds the amplification to 1.1, without it three attempts are 3") {
    // Google SRE book, chapter 21.
    struct Row {
        const char* policy;
        double amplification;
    };
    for (const auto& [policy, amplification] :
         {Row{"retry(3, backoff=none)", 3.0},
          Row{"retry(3, backoff=none, budget=ratio(10%, 0/s))", 1.1}}) {
        Bench bench({add_retry});
        bench.backend.plays({fails(Outcome::error)});
        bench.backend.forget_visits();
        Client& client = bench.client({policy});
        for (int i = 0; i < 10000; ++i) client.call_at(i * 10ms);
        bench.run();
        const auto attempts = static_cast<double>(bench.count("retry.attempts"));
        REQUIRE(attempts / 10000 == within(0.01 * amplification, amplification));
    }
}
