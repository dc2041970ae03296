// The policies that decide when an attempt has taken long enough and whether another one is made:
// retry, hedge, timeout, deadline, fallback and throttle.

#include "sim/core/distribution.hpp"
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

using Instants = std::vector<Duration>;

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

/// A backend whose attempts take exponential times, each attempt independently.
std::function<Act(const Request&)> exponential(Duration mean) {
    return [law = Distribution::exponential(in_seconds(mean)),
            stream = Stream(7, 0, "latency")](const Request& request) {
        Draws draws = stream.draws(request.demand_key());
        return replies(sample_duration(law, draws));
    };
}

double standard_error(double share, double count) { return std::sqrt(share * (1 - share) / count); }

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

// ---- Retry --------------------------------------------------------------------------------------

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

// ---- Hedge --------------------------------------------------------------------------------------

TEST_CASE("a hedge sends another attempt after its delay, the first good answer wins") {
    Bench bench({add_hedge});
    bench.backend.plays({replies(100ms), replies(20ms)});
    Client& client = bench.client({"hedge(50ms)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 50ms});
    REQUIRE(client.answer().at == 70ms);
    const Visit& loser = bench.backend.visits().front();
    REQUIRE(loser.abandoned == Duration{70ms});
    REQUIRE(loser.ended == Duration{100ms});  // abandoning is not cancelling
    REQUIRE(bench.count("hedge.won") == 1);
    REQUIRE(bench.world.calls.wasted() == 1);
    REQUIRE(bench.balanced());
}

TEST_CASE("a hedge that is not needed is not sent") {
    Bench bench({add_hedge});
    bench.backend.plays({replies(50ms)});
    Client& client = bench.client({"hedge(51ms)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.count() == 1);
    REQUIRE(bench.count("hedge.attempts") == 1);
}

TEST_CASE("hedges follow one another while the server never answers") {
    // gRPC A6, hedging policy: maxAttempts 4, hedgingDelay 0.5 s.
    Bench bench({add_hedge});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"hedge(500ms, attempts=4)"});
    client.call();
    for (const int number : {0, 1, 2, 3}) {
        bench.run(number * 500ms + 1ms);
        REQUIRE(bench.backend.waited_for() == static_cast<std::size_t>(number) + 1);
    }
    bench.run(10s);
    REQUIRE(bench.backend.count() == 4);
    client.give_up();
}

TEST_CASE("a hedge at the 95th percentile of exponential latency") {
    // With T > t as long as both attempts last: P = e^-t up to d, then e^-(2t - d); d = log 20.
    constexpr double calls = 100000;
    const double d = std::log(20.0);
    Bench bench({add_hedge});
    bench.backend.plays(exponential(1s));
    bench.backend.forget_visits();
    Client& client = bench.client({"hedge(2995732274ns)"});
    for (int i = 0; i < calls; ++i) client.call();
    bench.run();

    double sum = 0, squares = 0;
    std::array<double, 3> beyond{};
    const std::array share{0.05, 0.01, 0.001};
    for (const Answer& answer : client.answers()) {
        const double latency = in_seconds(answer.latency);
        sum += latency;
        squares += latency * latency;
        for (std::size_t i = 0; i < share.size(); ++i) {
            const double quantile = (d - std::log(share[i])) / 2;  // 2.99573, 3.80045, 4.95174
            beyond[i] += latency > quantile ? 1 : 0;
        }
    }
    const double mean = sum / calls;
    const double spread = std::sqrt((squares / calls - mean * mean) / calls);
    REQUIRE(mean == within(4 * spread, 0.975));
    for (std::size_t i = 0; i < share.size(); ++i) {
        REQUIRE(beyond[i] / calls == within(4 * standard_error(share[i], calls), share[i]));
    }
    const auto attempts = static_cast<double>(bench.count("hedge.attempts"));
    REQUIRE(attempts / calls - 1 == within(4 * standard_error(0.05, calls), 0.05));
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("a hedge learns the percentile from its own latencies, losers included") {
    constexpr int calls = 20000;
    Bench bench({add_hedge});
    bench.backend.plays(exponential(100ms));
    bench.backend.forget_visits();
    Client& client = bench.client({"hedge(after_percentile=95%)"});
    for (int i = 0; i < calls; ++i) client.call_at(i * 100ms);
    bench.run();
    const auto attempts = static_cast<double>(bench.count("hedge.attempts"));
    // A new one exceeds the 950th of 1000 with probability 51/1001 (exchangeability). The
    // percentile is as uncertain as 1000 draws and renewed 20 times; the hedges add the error of
    // their own draw.
    const double error = std::sqrt(0.05 * 0.95 / calls * 2);
    REQUIRE(attempts / calls - 1 == within(4 * error, 51.0 / 1001));
}

TEST_CASE("until enough latencies are seen a hedge uses its delay, or none is sent") {
    Bench bench({add_hedge});
    bench.backend.plays({replies(10ms), replies(20ms), replies(30ms), replies(1s)});
    SECTION("the percentile takes over") {
        Client& client = bench.client({"hedge(100ms, after_percentile=50%, least_seen=3)"});
        for (const int i : {0, 1, 2, 3}) client.call_at(i * 10s);
        bench.run();
        REQUIRE(bench.backend.visited_at() == Instants{0s, 10s, 20s, 30s, 30s + 20ms});
    }
    SECTION("without a delay there is no hedge") {
        Client& client = bench.client({"hedge(after_percentile=50%, least_seen=10)"});
        for (const int i : {0, 1, 2, 3}) client.call_at(i * 10s);
        bench.run();
        REQUIRE(bench.backend.count() == 4);
    }
    REQUIRE_THAT(bench.problems_of({"hedge"}), ContainsSubstring("after_percentile"));
}

TEST_CASE("a failure that is not fatal sends the next attempt at once, and the delay starts anew") {
    Bench bench({add_hedge});
    bench.backend.plays({fails(Outcome::refused, 10ms), replies(200ms)});
    Client& client = bench.client({"hedge(50ms, attempts=3)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 10ms, 60ms});
    REQUIRE(client.answer().at == 210ms);
}

TEST_CASE("a fatal failure ends the race, the others are given up") {
    Bench bench({add_hedge});
    bench.backend.plays({hangs(), fails(Outcome::error, 10ms)});
    Client& client = bench.client({"hedge(50ms, attempts=3)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::error);
    REQUIRE(client.answer().at == 60ms);
    REQUIRE(bench.backend.count() == 2);
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{60ms});
}

TEST_CASE("when every hedged attempt has failed the last failure is the answer") {
    Bench bench({add_hedge});
    bench.backend.plays({fails(Outcome::refused, 200ms), fails(Outcome::reset, 10ms)});
    Client& client = bench.client({"hedge(50ms)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::refused);
    REQUIRE(client.answer().at == 200ms);
}

TEST_CASE("a hedge is sent when the callee asks for it, if that is before the deadline") {
    Bench bench({add_hedge});
    bench.backend.plays({with_retry_after(fails(Outcome::rejected_overload, 10ms), 1s), replies()});
    Client& client = bench.client({"hedge(50ms)"});
    Request request;
    SECTION("in time") {
        client.call(request);
        bench.run();
        REQUIRE(bench.backend.visited_at() == Instants{0ms, 1010ms});
        REQUIRE(client.answer().outcome == Outcome::ok);
    }
    SECTION("too late") {
        request.deadline = Time{1010ms};
        client.call(request);
        bench.run();
        REQUIRE(client.answer().outcome == Outcome::rejected_overload);
        REQUIRE(client.answer().at == 10ms);
    }
}

TEST_CASE("calls that change state are hedged only when that is asked for") {
    for (const bool asked : {false, true}) {
        Bench bench({add_hedge});
        bench.backend.plays({hangs()});
        Client& client = bench.client({asked ? "hedge(50ms, writes=true)" : "hedge(50ms)"});
        Request request;
        request.traits = Trait::write;
        client.call(request);
        bench.run();
        REQUIRE(bench.backend.count() == (asked ? 2u : 1u));
        client.give_up();
    }
}

TEST_CASE("hedge, when the caller gives up: the attempts have ended and none is made instead") {
    Bench bench({add_hedge});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"hedge(50ms, attempts=4)"});
    SECTION("between two attempts") {
        client.call();
        client.give_up_at(70ms);
        bench.run();
        REQUIRE(bench.backend.visited_at() == Instants{0ms, 50ms});
        for (const Visit& visit : bench.backend.visits()) {
            REQUIRE(visit.abandoned == Duration{70ms});
        }
    }
    SECTION("while an attempt is being sent") {
        bench.backend.plays([&](const Request&) {
            client.give_up();
            return fails(Outcome::refused);
        });
        client.call_at(1ms);
        bench.run();
        REQUIRE(bench.backend.count() == 1);
    }
    SECTION("because a loser was given up") {
        bench.backend.plays({hangs(), replies(10ms)});
        bench.backend.when_abandoned([&] {
            if (client.waits_for(0)) client.give_up();
        });
        client.call();
        bench.run();
        REQUIRE(bench.backend.count() == 2);
    }
    REQUIRE(client.answers().empty());
    REQUIRE(bench.balanced());
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("hedged attempts that are refused at once end the call at once") {
    Bench bench({add_hedge});
    bench.backend.plays({fails(Outcome::refused)});
    Client& client = bench.client({"hedge(50ms, attempts=5)"});
    client.call();
    REQUIRE(client.answer().at == 0ms);
    REQUIRE(bench.backend.count() == 5);
    bench.run();
    REQUIRE(bench.backend.count() == 5);
}

// ---- Timeout and deadline -----------------------------------------------------------------------

TEST_CASE("a timeout says so at its instant, and the callee works on") {
    Bench bench({add_timeout});
    bench.backend.plays({replies(150ms)});
    Client& client = bench.client({"timeout(100ms)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::timeout);
    REQUIRE(client.answer().at == 100ms);
    REQUIRE(client.answer().component == "client -> backend");
    REQUIRE(client.answer().mechanism == "timeout");
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{100ms});
    REQUIRE(bench.backend.visits()[0].ended == Duration{150ms});
    REQUIRE(bench.world.calls.wasted() == 1);
    REQUIRE(bench.count("timeout.expired") == 1);
}

TEST_CASE("timeout, when the caller gives up: it tells its child, and never expires") {
    Bench bench({add_timeout});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"timeout(100ms)"});
    client.call();
    client.give_up_at(60ms);
    bench.run();
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{60ms});
    REQUIRE(bench.count("timeout.expired") == 0);
    REQUIRE(client.answers().empty());
    REQUIRE(bench.world.calls.live() == 0);
}

TEST_CASE("a timeout around each attempt makes zombies: the work of the abandoned ones is done") {
    Bench bench({add_retry, add_timeout});
    bench.backend.plays({replies(150ms)});
    Client& client = bench.client({"retry(3, backoff=none)", "timeout(100ms)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 100ms, 200ms});
    REQUIRE(client.answer().outcome == Outcome::timeout);
    REQUIRE(client.answer().at == 300ms);
    REQUIRE(bench.world.calls.wasted() == 3);
    REQUIRE(bench.balanced());
}

TEST_CASE("a deadline gives up at its instant and travels to the callee") {
    Bench bench({add_deadline});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"deadline(100ms)"});
    client.call_at(5ms);
    bench.run();
    REQUIRE(bench.backend.visits()[0].request.deadline == Time{105ms});
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{105ms});
    REQUIRE(client.answer().outcome == Outcome::deadline_exceeded);
    REQUIRE(client.answer().at == 105ms);
    REQUIRE(bench.count("deadline.exceeded") == 1);
}

TEST_CASE("an earlier deadline stands, and a call whose deadline has passed is not sent") {
    Bench bench({add_deadline});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"deadline(100ms)"});
    Request request;
    request.deadline = Time{60ms};
    client.call(request);
    bench.run(60ms);
    REQUIRE(bench.backend.visits()[0].request.deadline == Time{60ms});
    REQUIRE(client.answer().at == 60ms);
    client.call(request);
    REQUIRE(bench.backend.count() == 1);
    REQUIRE(client.count(Outcome::deadline_exceeded) == 2);
    REQUIRE(bench.count("deadline.unsent") == 1);
}

TEST_CASE("the deadline bounds the attempts of a retry behind it") {
    Bench bench({add_deadline, add_retry});
    bench.backend.plays({fails(Outcome::error, 10ms)});
    Client& client = bench.client({"deadline(250ms)", "retry(9, backoff=fixed, base=100ms)"});
    client.call();
    bench.run();
    REQUIRE(bench.backend.visited_at() == Instants{0ms, 110ms, 220ms});
    REQUIRE(client.answer().outcome == Outcome::error);
    REQUIRE(client.answer().at == 230ms);
}

TEST_CASE("deadline, when the caller gives up: it tells its child, and never expires") {
    Bench bench({add_deadline});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"deadline(100ms)"});
    SECTION("before its instant") {
        client.call();
        client.give_up_at(60ms);
        bench.run();
        REQUIRE(bench.backend.visits()[0].abandoned == Duration{60ms});
        REQUIRE(bench.count("deadline.exceeded") == 0);
    }
    SECTION("because it gave up itself") {
        bench.backend.when_abandoned([&] {
            if (client.waits_for(0)) client.give_up();
        });
        client.call();
        bench.run();
        REQUIRE(bench.count("deadline.exceeded") == 1);
    }
    REQUIRE(client.answers().empty());
    REQUIRE(bench.world.calls.live() == 0);
}

// ---- Fallback -----------------------------------------------------------------------------------

TEST_CASE("a fallback answers with something lesser, which takes its own time") {
    Bench bench({add_fallback});
    bench.backend.plays({fails(Outcome::error, 10ms), replies(10ms)});
    Client& client = bench.client({"fallback(5ms)"});
    client.call();
    bench.run();
    REQUIRE(client.answer().outcome == Outcome::degraded);
    REQUIRE(client.answer().at == 15ms);
    REQUIRE(client.answer().mechanism.empty());
    client.call();
    bench.run();
    REQUIRE(client.answers()[1].outcome == Outcome::ok);
    REQUIRE(bench.count("fallback.taken") == 1);
}

TEST_CASE("a fallback stands in only for the failures that it lists") {
    Bench bench({add_fallback});
    bench.backend.plays({fails(Outcome::rejected_breaker), fails(Outcome::error)});
    Client& client = bench.client({"fallback(on=[rejected_breaker])"});
    client.call();
    client.call();
    REQUIRE(client.answers()[0].outcome == Outcome::degraded);
    REQUIRE(client.answers()[1].outcome == Outcome::error);
}

TEST_CASE("fallback, when the caller gives up: so does it, on the call or on its own work") {
    Bench bench({add_fallback});
    bench.backend.plays({cancellable(fails(Outcome::error, 10ms))});
    Client& client = bench.client({"fallback(5ms)"});
    client.call();
    SECTION("on the call") {
        client.give_up_at(7ms);
        bench.run();
        REQUIRE(bench.backend.visits()[0].abandoned == Duration{7ms});
        REQUIRE(bench.count("fallback.taken") == 0);
    }
    SECTION("on its own work") {
        client.give_up_at(12ms);
        bench.run();
        REQUIRE(bench.count("fallback.taken") == 1);
    }
    REQUIRE(client.answers().empty());
    REQUIRE(bench.world.calls.live() == 0);
}

// ---- Throttle -----------------------------------------------------------------------------------

TEST_CASE("a throttle turns calls away with the probability of the SRE book") {
    // Equation 21-1 with K = 2. The draw of a request is known, so the threshold can be bracketed.
    struct Row {
        int requests;
        int accepts;
        double chance;
    };
    for (const auto [requests, accepts, chance] :
         {Row{1000, 400, 0.1998}, Row{1000, 500, 0.0}, Row{1000, 0, 0.999001},
          Row{100, 10, 0.792079}}) {
        for (const double offset : {-1e-5, 1e-5}) {
            if (chance + offset < 0) continue;
            Bench bench({add_throttle});
            Client& client = bench.client({"throttle"});
            for (int i = 0; i < requests; ++i) {
                bench.backend.plays({i < accepts ? replies() : fails(Outcome::rejected_overload)});
                client.call();
            }
            const Stream stream = bench.world.stream("client -> backend/throttle");
            Request probe;
            while (std::abs(stream.draws(++probe.subject).uniform() - chance - offset) > 9e-6) {}
            const std::uint64_t before = bench.count("throttle.rejected");
            client.call(probe);
            REQUIRE(bench.count("throttle.rejected") - before == (offset < 0 ? 1u : 0u));
        }
    }
}

TEST_CASE("a throttle forgets what lies outside its window, and says who turned the call away") {
    Bench bench({add_throttle});
    bench.backend.plays({fails(Outcome::rejected_overload)});
    Client& client = bench.client({"throttle(window=2min)"});
    for (int i = 0; i < 1000; ++i) client.call();
    REQUIRE(client.count(Outcome::rejected_rate) > 900);
    REQUIRE(client.answers().back().mechanism == "throttle");
    bench.run(2min);
    const std::size_t before = bench.backend.count();
    client.call();
    REQUIRE(bench.backend.count() == before + 1);
}

TEST_CASE("throttle, when the caller gives up: it tells its child, and the call was not accepted") {
    Bench bench({add_throttle});
    bench.backend.plays({hangs()});
    Client& client = bench.client({"throttle"});
    client.call();
    client.give_up_at(10ms);
    bench.run();
    REQUIRE(bench.backend.visits()[0].abandoned == Duration{10ms});
    REQUIRE(bench.world.calls.live() == 0);
}

// ---- All of them together -----------------------------------------------------------------------

TEST_CASE("nothing is lost between all policies, whatever fails and whoever gives up") {
    const std::vector<std::string> policies{
        "fallback(on=[timeout], after=1ms)",
        "throttle",
        "deadline(300ms)",
        "retry(3, backoff=full_jitter, base=20ms, budget=tokens(50))",
        "hedge(30ms, attempts=3)",
        "timeout(80ms)"};
    Bench bench({add_fallback, add_throttle, add_deadline, add_retry, add_hedge, add_timeout});
    bench.backend.add_instance(0);
    bench.backend.plays([stream = Stream(3, 0, "mix")](const Request& request) {
        Draws draws = stream.draws(request.demand_key());
        const double kind = draws.uniform();
        const Duration after =
            draws.chance(0.3) ? Duration{0} : from_seconds(draws.uniform() * 0.1);
        Act act = kind < 0.4 ? replies(after) : fails(Outcome::error, after);
        if (kind > 0.6) act = fails(Outcome::refused, after);
        if (kind > 0.8) act = hangs();
        act.stops |= draws.chance(0.5);
        return act;
    });
    Client& client = bench.client(policies);
    Draws draws = Stream(4, 0, "test").draws(0);
    constexpr std::size_t calls = 5000;
    std::size_t given_up = 0;
    for (std::size_t i = 0; i < calls; ++i) {
        client.call_at(i * 2ms);
        if (!draws.chance(0.3)) continue;
        bench.at(i * 2ms + from_seconds(draws.uniform() * 0.2), [&, i] {
            if (!client.waits_for(i)) return;
            client.give_up(i);
            ++given_up;
        });
    }
    for (int i = 0; i < 100; ++i) {
        bench.run(i * 150ms);
        REQUIRE(bench.balanced());
    }
    bench.run();
    REQUIRE(given_up > 0);
    REQUIRE(client.answers().size() + given_up == calls);
    REQUIRE(bench.world.calls.live() == 0);
    REQUIRE(bench.balanced());
}
