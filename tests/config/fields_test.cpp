// Descriptions: one description of a parameter struct, and all that comes from it.

#include "sim/config/fields.hpp"

#include "sim/config/echo.hpp"
#include "sim/config/edges.hpp"
#include "sim/config/json_reader.hpp"
#include "sim/config/json_writer.hpp"
#include "sim/config/reader.hpp"
#include "sim/config/reference.hpp"
#include "sim/config/schema.hpp"
#include "tests/catch.hpp"

#include <cmath>
#include <map>
#include <regex>
#include <string>

using namespace prodsim;
using namespace std::chrono_literals;

namespace {

// ---- A small world of descriptions
// ---------------------------------------------------------------

struct Policy {
    static constexpr std::string_view name = "policy";
};
struct Step {
    static constexpr std::string_view name = "step";
};

enum class Growth { fixed, exponential };
constexpr Word growths[] = {{"fixed", Growth::fixed, "Always the same pause."},
                            {"exponential", Growth::exponential, "Doubles each time."}};
constexpr std::span<const Word> words(Growth) { return growths; }

struct Retry {
    std::int64_t attempts = 3;
    Duration backoff = 100ms;
    Growth growth = Growth::exponential;
    Share jitter{0.5};

    void describe(Fields& fields) {
        fields("attempts", attempts, "Attempts in all, the first included.",
               {.minimum = 1, .maximum = 100, .position = 1});
        fields("backoff", backoff, "The first pause.",
               {.above = 0, .maximum = 1h, .source = "Some Product 1.2 base_interval"});
        fields("growth", growth, "How the pause grows.");
        fields("jitter", jitter, "The part of the pause that is random.");
    }
};

struct Timeout {
    Duration limit{};

    void describe(Fields& fields) {
        fields("limit", limit, "How long to wait.", {.above = 0, .required = true, .position = 1});
    }
};

struct Cpu {
    Law<Duration> work;

    void describe(Fields& fields) {
        fields("work", work, "Processor time.", {.required = true, .position = 1});
    }
};

struct CallStep {
    OperationName target;
    Share share{1};

    void describe(Fields& fields) {
        fields("target", target, "What is called.", {.required = true, .position = 1});
        fields("share", share, "The part of the requests that call.");
    }
};

struct Parallel {
    std::vector<Choice<Step>> steps;

    void describe(Fields& fields) {
        fields("steps", steps, "Done at the same time.", {.required = true, .position = 1});
    }
};

struct Queue {
    std::int64_t limit = 1000;
    std::int64_t high_water = 500;
    std::optional<Duration> patience;

    void describe(Fields& fields) {
        fields("limit", limit, "Places in the line.", {.minimum = 0, .position = 1});
        fields("high_water", high_water, "Where it counts as long.", {.minimum = 0});
        fields("patience", patience, "How long a request waits.",
               {.minimum = 1ms, .source = "Some Product: waits for ever"});
        fields.rule(high_water <= limit, "high_water", "must not be more than \"limit\"");
    }
};

struct Operation {
    std::vector<Choice<Step>> steps;

    void describe(Fields& fields) { fields("steps", steps, "Done one after the other."); }
};

struct Service {
    std::int64_t threads = 200;
    bool keeps_alive = true;
    double slow = 1;
    Queue queue;
    Named<Operation> operations;
    std::vector<Choice<Policy>> policy;
    Bytes heap{std::int64_t{64} << 20};
    Rate limit{100};
    BitRate link{1e9};
    Law<Bytes> size = "uniform(1KB, 4KB)";
    Law<double> fan_out = "1";
    ComponentName cache;
    std::string owner;
    std::vector<double> weights;

    void describe(Fields& fields) {
        fields("threads", threads, "Requests served at once.",
               {.minimum = 1, .maximum = 10000, .source = "Apache Tomcat 10 maxThreads"});
        fields("keeps_alive", keeps_alive, "Whether connections are used again.");
        fields("slow", slow, "How much longer everything takes.", {.above = 0});
        fields("queue", queue, "The waiting line.");
        fields("operations", operations, "What can be called.");
        fields("policy", policy, "What a call passes, outermost first.");
        fields("heap", heap, "Memory.", {.minimum = Bytes{1024}});
        fields("limit", limit, "Requests admitted.", {.above = 0});
        fields("link", link, "The speed of the network card.");
        fields("size", size, "The size of a reply.");
        fields("fan_out", fan_out, "Calls for each request.");
        fields("cache", cache, "Where replies are kept.", {.edge = "reads"});
        fields("owner", owner, "Who is called at night.");
        fields("weights", weights, "Shares of the traffic.", {.minimum = 0});
    }
};

Families families() {
    Families all;
    Family& policies = all.declare("policy", "What stands between a caller and a callee.");
    policies.add<Retry>("retry", "Tries again.");
    policies.add<Timeout>("timeout", "Gives up.");
    Family& steps = all.declare("step", "One thing an operation does.", Tag::key);
    steps.add<Cpu>("cpu", "Computes.");
    steps.add<CallStep>("call", "Calls and waits for the reply.");
    steps.add<Parallel>("parallel", "Does several things at once.");
    return all;
}

/// A struct read from a document, with all that was said about it.
template <class T>
struct Read {
    explicit Read(const std::string& text) {
        const Value document = read_json(sources, "a.json", text, problems);
        reading.open = [](const std::string& path) -> std::optional<std::string> {
            const std::map<std::string, std::string> files{
                {"good.csv", "latency,host\n4ms,a\n8ms,b\n\n"},
                {"bare.csv", "latency\r\n4\r\n8\r\n"},
                {"empty.csv", "latency\n"},
                {"bad.csv", "latency\n4ms\n5\n"}};
            const auto file = files.find(path);
            return file == files.end() ? std::nullopt : std::optional(file->second);
        };
        read(document, target, reading);
    }

    std::string said() const { return problems.render(sources); }

    Sources sources;
    Problems problems;
    const Families all = families();
    Reading reading{all, problems};
    T target;
};

struct OneLaw {
    Law<Duration> law;

    void describe(Fields& fields) { fields("law", law, "The law.", {.required = true}); }
};

Distribution law_of(const std::string& json) {
    const Read<OneLaw> read("{ \"law\": " + json + " }");
    INFO(read.said());
    REQUIRE(read.problems.empty());
    return read.target.law.distribution();
}

Distribution law(const std::string& text) { return law_of(in_quotes(text)); }

/// The one problem and its cure.
std::string wrong_law_of(const std::string& json) {
    const Read<OneLaw> read("{ \"law\": " + json + " }");
    REQUIRE(read.problems.size() == 1);
    const Problem& problem = read.problems.kept()[0];
    return problem.cure.empty() ? problem.message : problem.message + "; " + problem.cure;
}

std::string wrong_law(const std::string& text) { return wrong_law_of(in_quotes(text)); }

const std::string everything = R"~({
  "threads": 8, "keeps_alive": false, "slow": 2.5, "queue": { "limit": 9, "high_water": 3 },
  "operations": { "order": { "steps": [
      { "cpu": "lognormal(mean=4ms, cv=0.7)" },
      { "call": "orders-pg.write", "share": "10%" },
      { "parallel": [ "cpu(2ms)", { "type": "call", "target": "stock.read" } ] },
      { "cpu": { "type": "mixture", "parts": [ { "law": "exp(1ms)", "weight": 9 }, "100ms" ] } }
  ] } },
  "policy": [ "retry(4, backoff=50ms)", "timeout(1s)", { "type": "retry", "growth": "fixed" } ],
  "heap": "1.5GiB", "limit": "1.5k/s", "link": "10Gbps", "size": "quantiles(p50=1KB, p99=1MiB)",
  "fan_out": "uniform(1, 3)", "cache": "redis", "owner": "shop team", "weights": [ 1, 2.5 ],
  "x-note": { "anything": 1 }, "about": "free text"
})~";

}  // namespace

TEST_CASE("a description reads every type of field") {
    const Read<Service> read(everything);
    REQUIRE(read.said() == "");
    const Service& service = read.target;
    CHECK(service.threads == 8);
    CHECK_FALSE(service.keeps_alive);
    CHECK(service.slow == 2.5);
    CHECK(service.queue.limit == 9);
    CHECK(service.heap == Bytes{std::int64_t{1536} << 20});
    CHECK(service.limit == Rate{1500});
    CHECK(service.link == BitRate{1e10});
    // Straight lines from 0 to 1 KB, to 1 MiB and then flat: 0.5 * 500 + 0.49 * (1000 + 2^20) / 2
    // + 0.01 * 2^20
    CHECK(service.size.distribution().mean() ==
          Approx(0.5 * 500 + 0.49 * (1000 + 1048576) / 2 + 0.01 * 1048576));
    CHECK(service.fan_out.distribution().mean() == 2);
    CHECK(service.cache.name == "redis");
    CHECK(service.owner == "shop team");
    CHECK(service.weights == std::vector<double>{1, 2.5});

    const Operation* order = service.operations.find("order");
    REQUIRE(order);
    REQUIRE(order->steps.size() == 4);
    CHECK(order->steps[0].as<Cpu>()->work.distribution().mean() == Approx(0.004));
    CHECK(order->steps[1].as<CallStep>()->target == OperationName{"orders-pg", "write", {}});
    CHECK(order->steps[1].as<CallStep>()->share == Share{0.1});
    CHECK(order->steps[1].as<Cpu>() == nullptr);
    const Parallel* parallel = order->steps[2].as<Parallel>();
    REQUIRE(parallel);
    CHECK(parallel->steps[0].word() == "cpu");
    CHECK(parallel->steps[1].as<CallStep>()->target.text() == "stock.read");
    // 0.9 * 1 ms + 0.1 * 100 ms
    CHECK(order->steps[3].as<Cpu>()->work.distribution().mean() == Approx(0.0109));

    REQUIRE(service.policy.size() == 3);
    CHECK(service.policy[0].as<Retry>()->attempts == 4);
    CHECK(service.policy[0].as<Retry>()->backoff == 50ms);
    CHECK(service.policy[1].as<Timeout>()->limit == 1s);
    CHECK(service.policy[2].as<Retry>()->growth == Growth::fixed);
}

TEST_CASE("the echo holds every default and reads back as the same") {
    const Read<Service> first(everything);
    const Value echoed = echo(first.target);
    const Read<Service> second(pretty_json(echoed));
    CHECK(second.said() == "");
    CHECK(echo(second.target) == echoed);
    CHECK(
        compact_json(*echoed.find_path("policy.0")) ==
        R"({"type":"retry","attempts":4,"backoff":"50ms","growth":"exponential","jitter":"50%"})");
    CHECK(compact_json(*echoed.find_path("operations.order.steps.2")) ==
          R"({"parallel":[{"cpu":"2ms"},{"call":"stock.read","share":"100%"}]})");
    CHECK(echoed.find("size")->text() == "quantiles(min=0B, p50=1KB, p99=1MiB)");
    CHECK(pretty_json(echo(Queue())) == "{ \"limit\": 1000, \"high_water\": 500 }\n");
    // What was read is no assumption any more.
    CHECK(second.reading.assumptions.size() == 1);
    CHECK(second.reading.assumptions[0].path == "queue.patience");
}

TEST_CASE("what nobody wrote goes into the ledger with its source") {
    const Read<Service> read(R"~({ "threads": 5, "policy": [ "retry(2, jitter=0)" ] })~");
    REQUIRE(read.said() == "");
    std::string ledger;
    for (const Assumption& assumption : read.reading.assumptions) {
        ledger += assumption.path + " = " + assumption.value;
        ledger += assumption.source.empty() ? "\n" : " (" + assumption.source + ")\n";
    }
    CHECK(ledger ==
          "keeps_alive = true\n"
          "slow = 1\n"
          "queue.limit = 1000\n"
          "queue.high_water = 500\n"
          "queue.patience = none (Some Product: waits for ever)\n"
          "policy.0.backoff = 100ms (Some Product 1.2 base_interval)\n"
          "policy.0.growth = exponential\n"
          "heap = 64MiB\n"
          "limit = 100/s\n"
          "link = 1Gbit/s\n"
          "size = uniform(min=1KB, max=4KB)\n"
          "fan_out = 1\n");
    CHECK(read.reading.assumptions[0].doc == "Whether connections are used again.");
}

TEST_CASE("all mistakes are told at once, each with its place and cure") {
    const Read<Service> read(
        "{ \"thread\": 8,\n"
        "  \"threads\": 0,\n"
        "  \"limit\": 700,\n"
        "  \"queue\": { \"limit\": 5, \"high_water\": 6 },\n"
        "  \"policy\": [ \"retry(growth=exponentail)\",\n"
        "               \"retyr(3)\",\n"
        "               \"timeout\",\n"
        "               \"retry(3, 4)\" ],\n"
        "  \"cache\": \"\",\n"
        "  \"weights\": [ 1, -2 ] }");
    CHECK(read.said() ==
          "error: unknown key \"thread\"\n"
          " --> a.json:1:3\n"
          "  |\n"
          "1 | { \"thread\": 8,\n"
          "  |   ^^^^^^^^\n"
          "help: did you mean \"threads\"?\n"
          "\n"
          "error: \"threads\" must be at least 1, not 0\n"
          " --> a.json:2:14\n"
          "  |\n"
          "2 |   \"threads\": 0,\n"
          "  |              ^\n"
          "\n"
          "error: \"limit\" is 700 without a unit\n"
          " --> a.json:3:12\n"
          "  |\n"
          "3 |   \"limit\": 700,\n"
          "  |            ^^^\n"
          "help: write \"700/s\" or \"700/min\"\n"
          "\n"
          "error: \"high_water\" must not be more than \"limit\"\n"
          " --> a.json:4:40\n"
          "  |\n"
          "4 |   \"queue\": { \"limit\": 5, \"high_water\": 6 },\n"
          "  |                                        ^\n"
          "\n"
          "error: \"growth\" must be one of fixed, exponential, not \"exponentail\"\n"
          " --> a.json:5:29\n"
          "  |\n"
          "5 |   \"policy\": [ \"retry(growth=exponentail)\",\n"
          "  |                             ^^^^^^^^^^^\n"
          "help: did you mean \"exponential\"?\n"
          "\n"
          "error: there is no policy \"retyr\"\n"
          " --> a.json:6:17\n"
          "  |\n"
          "6 |                \"retyr(3)\",\n"
          "  |                 ^^^^^\n"
          "help: did you mean \"retry\"?\n"
          "\n"
          "error: \"timeout\" needs \"limit\"\n"
          " --> a.json:7:17\n"
          "  |\n"
          "7 |                \"timeout\",\n"
          "  |                 ^^^^^^^\n"
          "help: How long to wait.\n"
          "\n"
          "error: \"retry\" has no argument number 2\n"
          " --> a.json:8:26\n"
          "  |\n"
          "8 |                \"retry(3, 4)\" ],\n"
          "  |                          ^\n"
          "help: choose among attempts, backoff, growth, jitter\n"
          "\n"
          "error: \"cache\" must be the name of a component, not \"\"\n"
          " --> a.json:9:12\n"
          "  |\n"
          "9 |   \"cache\": \"\",\n"
          "  |            ^^\n"
          "\n"
          "error: item 2 of \"weights\" must be at least 0, not -2\n"
          "  --> a.json:10:19\n"
          "   |\n"
          "10 |   \"weights\": [ 1, -2 ] }\n"
          "   |                   ^^\n");
    CHECK(read.problems.kept()[0].path == "threads");
}

TEST_CASE("each type says what it wants") {
    const auto first = [](const std::string& text) {
        const Read<Service> read(text);
        REQUIRE(read.problems.size() == 1);
        return read.problems.kept()[0].message;
    };
    CHECK(first(R"({"threads": 2.5})") == R"("threads" must be a whole number, not 2.5)");
    CHECK(first(R"({"threads": "8"})") == R"("threads" must be a whole number, not "8")");
    CHECK(first(R"({"threads": 10001})") == R"("threads" must be at most 10000, not 10001)");
    CHECK(first(R"({"threads": 1e30})") == R"("threads" must be a whole number, not 1e+30)");
    CHECK(first(R"({"keeps_alive": 1})") == R"("keeps_alive" must be true or false, not 1)");
    CHECK(first(R"({"slow": null})") == R"("slow" must be a number, not null)");
    CHECK(first(R"({"slow": 0})") == R"("slow" must be more than 0, not 0)");
    CHECK(first(R"({"heap": "1KB"})") == R"("heap" must be at least 1KiB, not 1KB)");
    CHECK(first(R"({"heap": [1]})") == R"("heap" must be an amount of bytes, not a list)");
    CHECK(first(R"({"queue": {"patience": "1us"}})") ==
          R"("patience" must be at least 1ms, not 1us)");
    CHECK(first(R"({"policy": "retry"})") == R"("policy" must be a list, not "retry")");
    CHECK(first(R"({"policy": [7]})") == R"(item 1 of "policy" must be a policy, not 7)");
    CHECK(first(R"({"policy": [{}]})") == R"(item 1 of "policy" needs "type")");
    CHECK(first(R"~({"policy": ["retry(2, attempts=3)"]})~") == R"("attempts" is given twice)");
    CHECK(first(R"({"operations": []})") == R"("operations" must be an object, not a list)");
    CHECK(first(R"({"operations": {"a": {"steps": [{"cpuu": "1ms"}]}}})") ==
          R"(item 1 of "steps" is no step)");
    CHECK(first(R"({"operations": {"a": {"steps": [{"call": "b"}]}}})") ==
          R"("target" must be an operation, not "b")");
    CHECK(first(R"({"operations": {"a": 7}})") == R"("a" must be an object, not 7)");
    CHECK(first(R"({"owner": 7})") == R"("owner" must be a text, not 7)");
    CHECK(first("[]") == "the document must be an object, not a list");
}

TEST_CASE("a bare value stands for the first field, and null for an empty optional") {
    const Read<Service> read(R"({ "queue": 700 })");
    CHECK(read.said() == "");
    CHECK(read.target.queue.limit == 700);
    const Read<Service> none(R"({ "queue": { "patience": null } })");
    CHECK(none.said() == "");
    CHECK_FALSE(none.target.queue.patience);
}

namespace {

struct Settling {
    std::optional<Duration> warm_up = 5s;

    void describe(Fields& fields) {
        fields("warm_up", warm_up, "What is left out.", {.minimum = 0, .none = "auto"});
    }
};

}  // namespace

TEST_CASE("an optional may have a word for nothing, which reads back") {
    CHECK(Read<Settling>("{}").target.warm_up == 5s);
    CHECK(Read<Settling>(R"({ "warm_up": "7s" })").target.warm_up == 7s);
    Read<Settling> read(R"({ "warm_up": "auto" })");
    CHECK(read.said() == "");
    CHECK_FALSE(read.target.warm_up);
    CHECK(echo(read.target).find("warm_up")->text() == "auto");
    CHECK(Read<Settling>(R"({ "warm_up": "often" })").said() != "");
}

TEST_CASE("every law is made with the moments it was given") {
    CHECK(law("4ms").is_constant());
    CHECK(law("constant(4ms)").mean() == 0.004);
    CHECK(law_of("0").mean() == 0);
    CHECK(law("uniform(1ms, 3ms)").mean() == Approx(0.002));
    CHECK(law("exp(16ms)").mean() == Approx(0.016));
    CHECK(law("erlang(4, 8ms)").cv() == Approx(0.5));  // 1 / sqrt(k)
    CHECK(law("hyperexp(mean=4ms, cv=2)").cv() == Approx(2));
    // (3 * 1 + 1 * 5) / 4
    CHECK(
        law_of(
            R"({"type": "hyperexp", "branches": [{"weight": 3, "mean": "1ms"}, {"mean": "5ms"}]})")
            .mean() == Approx(0.002));
    CHECK(law("lognormal(4ms, 0.7)").mean() == Approx(0.004));
    CHECK(law_of(R"({"type": "lognormal", "mean": "4ms", "cv": 0.7})").cv() == Approx(0.7));
    // mean = p50 * exp(sigma^2 / 2), sigma = log(p99 / p50) / 2.3263478740408408
    const double sigma = std::log(10.0) / 2.3263478740408408;
    CHECK(law("lognormal(p50=1ms, p99=10ms)").mean() ==
          Approx(0.001 * std::exp(sigma * sigma / 2)));
    CHECK(law("gamma(4ms, 0.5)").cv() == Approx(0.5));
    CHECK(law("weibull(4ms, 1)").cv() == Approx(1));       // exponential
    CHECK(law("pareto(1ms, 2)").mean() == Approx(0.002));  // min alpha / (alpha - 1)
    CHECK(law("pareto(mean=2ms, alpha=3)").mean() == Approx(0.002));
    // alpha = 2: 2 low high / (low + high)
    CHECK(law("bounded_pareto(1ms, 3ms, 2)").mean() == Approx(0.0015));
    CHECK(law("quantiles(p50=1ms, p90=2ms, p99=5ms)").mean() ==
          Approx(0.5 * 0.0005 + 0.4 * 0.0015 + 0.09 * 0.0035 + 0.01 * 0.005));
    CHECK(law("quantiles(min=1ms, max=3ms)").mean() == Approx(0.002));
    CHECK(law_of(R"({"type": "discrete", "values": ["1ms", {"value": "4ms", "weight": 2}]})")
              .mean() == Approx(0.003));
    CHECK(law("mixture([1ms, 'exp(3ms)'])").mean() == Approx(0.002));
    CHECK(law("mixture([1ms, exp(3ms)])").mean() == Approx(0.002));
    CHECK(law("samples(good.csv)").mean() == Approx(0.006));
    CHECK(law("samples(bare.csv, unit=ms)").mean() == Approx(0.006));
}

TEST_CASE("every argument of a law is checked") {
    CHECK(wrong_law_of("4") == R"("law" is 4 without a unit; write "4ms" or "4s")");
    CHECK(wrong_law("exp(0s)") == R"("mean" must be more than 0s, not 0s)");
    CHECK(wrong_law("exp(-1s)") == R"("mean" is "-1s", but a duration cannot be negative)");
    CHECK(wrong_law("exp(nan)") == R"("mean" must be a duration, not "nan"; )"
                                   R"(the units of a duration are ns, us, ms, s, min, h, d)");
    CHECK(wrong_law("exp()") == R"("exp" needs "mean"; The mean.)");
    CHECK(wrong_law("expo(1s)") == R"(there is no duration law "expo"; did you mean "exp"?)");
    CHECK(wrong_law("uniform(2s, 1s)") == R"("max" must be at least "min")");
    CHECK(wrong_law("erlang(0, 1s)") == R"("k" must be at least 1, not 0)");
    CHECK(wrong_law("erlang(1.5, 1s)") == R"("k" must be a whole number, not 1.5)");
    CHECK(wrong_law("hyperexp(1s, 0.5)") == R"("cv" must be at least 1, not 0.5)");
    CHECK(wrong_law("hyperexp(1s)") == R"("hyperexp" needs either "mean" and "cv", or "branches")");
    CHECK(wrong_law("lognormal(1s)") ==
          R"("lognormal" needs either "mean" and "cv", or "p50" and "p99")");
    CHECK(wrong_law("lognormal(p50=2s, p99=1s)") == R"("p99" must be at least "p50")");
    CHECK(wrong_law("lognormal(1s, nan)") == R"("cv" must be a number, not "nan")");
    CHECK(wrong_law("gamma(1s, 101)") == R"("cv" must be at most 100, not 101)");
    CHECK(wrong_law("weibull(1s, 0.01)") == R"("shape" must be at least 0.02, not 0.01)");
    CHECK(wrong_law("pareto(1s, 2, mean=1s)") == R"("pareto" needs either "min" or "mean")");
    CHECK(wrong_law("pareto(mean=1s, alpha=1)") ==
          R"("alpha" must be more than 1 for the mean to exist)");
    CHECK(wrong_law("bounded_pareto(1s, 1s, 2)") == R"("max" must be more than "min")");
    CHECK(wrong_law("quantiles(p50=2s, p90=1s)") ==
          R"("quantiles" has quantiles that fall: a higher one cannot be less)");
    CHECK(wrong_law("quantiles()") == R"("quantiles" needs at least one quantile)");
    CHECK(wrong_law("mixture([])") == R"("parts" must have at least one item)");
    CHECK(wrong_law_of(R"({"type": "discrete", "values": []})") ==
          R"("values" must have at least one item)");
    CHECK(wrong_law("samples(none.csv)") == R"(cannot read the file "none.csv")");
    CHECK(wrong_law("samples(empty.csv)") == R"(there is no observation in "empty.csv")");
    CHECK(wrong_law("samples(bad.csv)") ==
          R"("bad.csv" line 3: this observation is 5 without a unit; write "5ms" or "5s")");
}

TEST_CASE("references are edges, in the order of the description") {
    Read<Service> read(everything);
    std::string edges;
    for (const Edge& edge : edges_of(read.target, "shop")) {
        const auto position = read.sources.position(edge.place);
        edges += edge.path + " " + edge.kind + " " + edge.component + "/" + edge.operation + " " +
                 std::to_string(position.line) + ":" + std::to_string(position.column) + "\n";
    }
    CHECK(edges ==
          "shop.operations.order.steps.1.target calls orders-pg/write 5:17\n"
          "shop.operations.order.steps.2.steps.1.target calls stock/read 6:63\n"
          "shop.cache reads redis/ 11:40\n");
}

TEST_CASE("the schema says type, unit, limit, words, doc and default of each field") {
    const Families all = families();
    const Value schema = schema_of<Service>(all, "service");
    CHECK(compact_json(*schema.find_path("properties.threads")) ==
          R"({"type":"integer","minimum":1,"maximum":10000,)"
          R"("description":"Requests served at once. Default: Apache Tomcat 10 maxThreads.",)"
          R"("default":200})");
    CHECK(schema.find_path("additionalProperties")->truth() == false);
    CHECK(schema.find_path("patternProperties")->find("^x-"));
    CHECK(schema.find_path("properties.policy.items.$ref")->text() == "#/definitions/policy");
    CHECK(schema.find_path("definitions.policy.anyOf.0.pattern")->text() ==
          R"(^\s*(retry|timeout)\s*(\(.*\))?\s*$)");
    const Value* retry = schema.find_path("definitions.policy.anyOf.1");
    CHECK(compact_json(*retry->find_path("properties.type")) == R"({"const":"retry"})");
    CHECK(compact_json(*retry->find_path("properties.growth")) ==
          R"({"oneOf":[{"const":"fixed","description":"Always the same pause."},)"
          R"({"const":"exponential","description":"Doubles each time."}],)"
          R"("description":"How the pause grows.","default":"exponential"})");
    CHECK(compact_json(*schema.find_path("definitions.policy.anyOf.2.required")) ==
          R"(["type","limit"])");
    // {"cpu": ...} beside {"type": "cpu", ...}
    CHECK(compact_json(*schema.find_path("definitions.step.anyOf.2.required")) == R"(["cpu"])");
    const std::regex durations(
        schema.find_path("definitions.duration_law.anyOf.0.anyOf.0.pattern")->text());
    CHECK(std::regex_match("250ms", durations));
}

TEST_CASE("the reference has a row for every field, and explain finds every word") {
    Reference reference = reference_of(families());
    reference.push_back(
        {"document", "The whole.", {record_reference<Service>("service", "Serves.")}});
    const std::string page = markdown_page(reference);
    CHECK_THAT(page,
               StartsWith("## policy\n\nWhat stands between a caller and a callee.\n\n"
                          "### retry\n\nTries again.\n\n"
                          "| field | type | default | limits | meaning | source of the default |\n"
                          "| --- | --- | --- | --- | --- | --- |\n"
                          "| `attempts` | whole number | `3` | at least 1, at most 100 | "
                          "Attempts in all, the first included. |  |\n"));
    CHECK_THAT(page, ContainsSubstring("| `queue.patience` | duration | none | at least 1ms | How "
                                       "long a request waits. | Some Product: waits for ever |\n"));
    CHECK_THAT(page, ContainsSubstring("| `operations.*.steps` | list of step | none |"));
    CHECK_THAT(page, ContainsSubstring("| `limit` | duration | required | more than 0s |"));
    CHECK_THAT(page, ContainsSubstring("| `branches[].mean` | duration | required |"));

    CHECK(explain("growth", reference) ==
          "retry.growth: How the pause grows.\n"
          "  one of fixed, exponential; default exponential\n"
          "  fixed: Always the same pause.\n"
          "  exponential: Doubles each time.\n");
    CHECK(explain("fixed", reference) == "fixed (retry.growth): Always the same pause.\n");
    CHECK(explain("service.threads", reference) ==
          "service.threads: Requests served at once.\n"
          "  whole number, at least 1, at most 10000; default 200 (Apache Tomcat 10 maxThreads)\n");
    CHECK(explain("policy", reference)->starts_with("policy: What stands between"));
    CHECK(explain("timeout", reference) ==
          "timeout (policy): Gives up.\n"
          "\n"
          "timeout.limit: How long to wait.\n"
          "  duration, more than 0s; required\n");
    CHECK_FALSE(explain("nothing", reference));
    for (const std::string& word : explainable_words(reference)) {
        INFO(word);
        CHECK(explain(word, reference));
    }
}
