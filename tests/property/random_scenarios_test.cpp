// Thousands of calls through architectures that nobody would build: whatever chance writes that the
// loader accepts must run without a crash, keep every audit, and run again to the same fingerprint.
// A scenario that does not is shrunk, part by part, and printed: the text is a file that shows it.
//
// Each scenario runs in a process of its own, so that a crash or an endless run is one more way to
// fail, and can be shrunk like the others.

#include "sim/config/json_writer.hpp"
#include "sim/core/random.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "tests/catch.hpp"
#include "tests/effort.hpp"
#include "tests/everything.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

using namespace prodsim;

namespace {

// ---- what chance writes -------------------------------------------------------------------------

/// Writes scenarios: a graph of services that call only what is further down, with steps, policies,
/// places and faults of every kind.
class Author {
public:
    explicit Author(std::uint64_t seed) : draws_(mix(seed)) {}

    Value scenario() {
        Value whole = Value::object({{"version", 1}});
        whole.put("run", Value::object({{"duration", one_of({"2s", "3s", "5s"})},
                                        {"warm_up", one_of({"0s", "500ms", "1s"})},
                                        {"seed", static_cast<std::int64_t>(below(1000))},
                                        {"replications", 1}}));
        if (chance(0.5)) add_places(whole);
        Value components = Value::object();
        services_ = 2 + below(7);
        for (std::size_t i = 1 + below(2); i > 0; --i) {
            components.put("users" + std::to_string(i), clients(i));
        }
        for (std::size_t i = 0; i < services_; ++i) components.put(name(i), component(i));
        whole.put("components", components);
        Value faults = Value::array();
        for (std::size_t i = below(4); i > 0; --i) faults.append(fault());
        whole.put("faults", faults);
        return whole;
    }

private:
    std::size_t below(std::size_t n) { return draws_.below(n); }
    bool chance(double p) { return draws_.chance(p); }

    std::string one_of(std::initializer_list<const char*> words) {
        return words.begin()[below(words.size())];
    }
    std::string number(std::size_t low, std::size_t high) {
        return std::to_string(low + below(high - low + 1));
    }

    static std::string name(std::size_t index) { return "s" + std::to_string(index); }

    void add_places(Value& whole) {
        whole.put("places",
                  Value::object({{"north", Value::object({{"zones", Value::array({"n1", "n2"})}})},
                                 {"south", Value::object({{"zones", Value::array({"s1"})}})}}));
        placed_ = true;
        Value network =
            Value::object({{"within_zone", one_of({"0s", "100us"})},
                           {"between_zones", one_of({"1ms", "exp(2ms)"})},
                           {"between_regions", one_of({"20ms", "uniform(5ms, 30ms)"})}});
        if (chance(0.3)) {
            network.put("paths", Value::array({Value::object({{"from", one_of({"n1", "north"})},
                                                              {"to", "s1"},
                                                              {"latency", "10ms"},
                                                              {"loss", one_of({"0%", "5%", "40%"})},
                                                              {"both_ways", chance(0.5)}})}));
        }
        whole.put("network", network);
    }

    // Each has the operations "get" and "set", whatever it is: one graph of names.
    Value component(std::size_t index) {
        const bool last = index + 1 >= services_;
        if (last && chance(0.4)) return third_party();
        if (last && chance(0.4)) return database();
        if (!last && chance(0.15)) return balancer(index);
        if (!last && chance(0.1)) return dns(index);
        if (!last && chance(0.1)) return cdn(index);
        if (!last && chance(0.1)) return firewall(index);
        if (chance(0.12)) return cache(index);
        return service(index);
    }

    // ---- components

    Value clients(std::size_t number_of) {
        Value made = Value::object({{"type", "clients"}});
        const bool closed = chance(0.3);
        if (closed) {
            made.put("users", static_cast<std::int64_t>(1 + below(30)));
            // Never 0: a population whose journeys take no time would never let time go on.
            made.put("think", one_of({"1ms", "exp(200ms)", "100ms"}));
        } else {
            made.put("arrivals",
                     one_of({"poisson(40/s)", "paced(30/s)", "renewal(erlang(2, 25ms))",
                             "batches(5/s, size=uniform(1, 9))",
                             "bursty(low=5/s, high=90/s, mean_low=1s, mean_high=500ms)"}));
            if (chance(0.3)) {
                made.put(
                    "shape",
                    Value::array({one_of({"step(3, at=1s, for=500ms)", "ramp(2, at=500ms, over=1s)",
                                          "sine(2s)", "flash_crowd(4, at=1s, rise=200ms)"})}));
            }
        }
        const bool learns = chance(0.6);
        if (learns) {
            made.put("per", closed && chance(0.5) ? "user" : "device_pool");
            if (made.find("per")->text() == "device_pool") made.put("devices", 3);
        }
        if (placed_ && chance(0.4)) made.put("zones", Value::array({one_of({"n1", "s1"})}));
        Value journeys = Value::object();
        for (std::size_t i = 1 + below(3); i > 0; --i) {
            Value journey = Value::object({{"weight", static_cast<std::int64_t>(1 + below(3))},
                                           {"priority", static_cast<std::int64_t>(below(8))},
                                           {"steps", steps(0, 0)}});
            journeys.put("j" + std::to_string(number_of) + std::to_string(i), journey);
        }
        made.put("journeys", journeys);
        made.put("calls", calls(0, learns ? every_policy : stateless_policies));
        return made;
    }

    Value service(std::size_t index) {
        Value made = Value::object({{"type", "service"}});
        made.put("instances", static_cast<std::int64_t>(1 + below(3)));
        made.put("cores", one_of_numbers({0.5, 1, 2}));
        if (chance(0.3)) {
            made.put("concurrency", "event_loop");
            made.put("connections", static_cast<std::int64_t>(1 + below(50)));
        } else {
            made.put("threads", static_cast<std::int64_t>(1 + below(8)));
            made.put("queue", static_cast<std::int64_t>(below(20)));
        }
        if (chance(0.3)) made.put("queue_timeout", one_of({"5ms", "50ms"}));
        made.put("discipline", one_of({"fifo", "lifo", "priority"}));
        made.put("cancellation", one_of({"none", "queued", "running"}));
        if (chance(0.2)) made.put("least_budget", one_of({"1ms", "20ms"}));
        if (placed_ && chance(0.4)) made.put("zones", Value::array({"n2", "s1"}));
        Value operations = Value::object();
        for (const char* operation : {"get", "set"}) {
            operations.put(operation, Value::object({{"steps", steps(index + 1, 0)}}));
        }
        made.put("operations", operations);
        made.put("calls", calls(index + 1, every_policy));
        return made;
    }

    Value third_party() {
        return Value::object(
            {{"type", "third_party"},
             {"latency", one_of({"exp(20ms)", "0s", "lognormal(30ms, 1)"})},
             {"error_rate", one_of({"0%", "10%"})},
             {"quota", one_of({"0/s", "50/s"})},
             {"operations", Value::object({{"get", Value::object({{"quota", "0/s"}})},
                                           {"set", Value::object({{"quota", "20/s"}})}})}});
    }

    Value database() {
        return Value::object(
            {{"type", "sql_database"},
             {"connections", static_cast<std::int64_t>(1 + below(20))},
             {"cancellation", one_of({"none", "running"})},
             {"operations",
              Value::object({{"get", Value::object({{"cpu", "exp(2ms)"},
                                                    {"pages", "uniform(0, 9)"},
                                                    {"buffer_hit", one_of({"50%", "100%"})}})},
                             {"set", Value::object({{"cpu", "1ms"}, {"commit", true}})}})}});
    }

    Value balancer(std::size_t index) {
        return Value::object({{"type", "load_balancer"},
                              {"target", name(index + 1)},
                              {"instances", static_cast<std::int64_t>(1 + below(2))},
                              {"latency", one_of({"0s", "100us"})},
                              {"connections", static_cast<std::int64_t>(1 + below(100))},
                              {"policy", policies(every_policy)}});
    }

    Value dns(std::size_t index) {
        Value records = Value::array();
        records.append(name(index + 1));
        if (index + 2 < services_ && chance(0.7)) records.append(name(index + 2));
        Value made = Value::object({{"type", "dns"},
                                    {"records", records},
                                    {"routing", one_of({"failover", "weighted"})},
                                    {"ttl", one_of({"50ms", "300ms"})},
                                    {"latency", one_of({"0s", "exp(5ms)"})},
                                    {"instances", static_cast<std::int64_t>(1 + below(3))},
                                    {"resolvers", static_cast<std::int64_t>(1 + below(4))},
                                    {"start", one_of({"warm", "cold"})},
                                    {"timeout", "40ms"},
                                    {"negative_ttl", one_of({"0s", "100ms"})},
                                    {"failure_ttl", one_of({"0s", "50ms"})},
                                    {"serve_stale", one_of({"0s", "500ms"})},
                                    {"ignoring", one_of({"0%", "50%"})},
                                    {"policy", policies(every_policy)}});
        if (chance(0.6)) {
            made.put("health", Value::object({{"operation", one_of({"get", "set"})},
                                              {"interval", "40ms"},
                                              {"timeout", "30ms"},
                                              {"threshold", 2}}));
        }
        return made;
    }

    Value cdn(std::size_t index) {
        Value made = Value::object({{"type", "cdn"},
                                    {"origin", name(index + 1)},
                                    {"keys", 50},
                                    {"ttl", one_of({"20ms", "300ms"})},
                                    {"instances", static_cast<std::int64_t>(1 + below(3))},
                                    {"latency", one_of({"0s", "1ms"})},
                                    {"collapse", chance(0.7)},
                                    {"error_ttl", one_of({"0s", "100ms"})},
                                    {"stale_if_error", one_of({"0s", "1s"})},
                                    {"stale_while_revalidate", one_of({"0s", "1s"})},
                                    {"policy", policies(every_policy)}});
        if (chance(0.5)) made.put("capacity", static_cast<std::int64_t>(1 + below(30)));
        if (chance(0.5)) made.put("cacheable", Value::array({"get"}));
        return made;
    }

    Value firewall(std::size_t index) {
        Value made = Value::object({{"type", "firewall"},
                                    {"target", name(index + 1)},
                                    {"instances", static_cast<std::int64_t>(1 + below(3))},
                                    {"cores", static_cast<std::int64_t>(1 + below(2))},
                                    {"cpu", one_of({"0s", "exp(3ms)"})},
                                    {"connections", static_cast<std::int64_t>(1 + below(30))},
                                    {"false_positives", one_of({"0%", "10%"})},
                                    {"fails", one_of({"open", "closed"})},
                                    {"policy", policies(every_policy)}});
        if (chance(0.5)) {
            made.put("limit", Value::object({{"rate", "20/s"},
                                             {"burst", 5},
                                             {"algorithm", one_of({"token_bucket", "sliding_log"})},
                                             {"clients", static_cast<std::int64_t>(below(3))}}));
        }
        return made;
    }

    Value cache(std::size_t index) {
        Value made = Value::object({{"type", "cache"},
                                    {"keys", 50},
                                    {"ttl", one_of({"0s", "200ms"})},
                                    {"single_flight", chance(0.5)},
                                    {"fill_late", chance(0.5)},
                                    {"connections", static_cast<std::int64_t>(1 + below(30))}});
        if (chance(0.5)) made.put("capacity", static_cast<std::int64_t>(1 + below(30)));
        if (index + 1 < services_ && chance(0.8)) {
            made.put("origin", name(index + 1) + ".get");
            made.put("policy", policies(every_policy));
            if (chance(0.4)) made.put("stale_if_error", "1s");
            if (chance(0.4)) made.put("stale_while_revalidate", "1s");
        }
        return made;
    }

    Value one_of_numbers(std::initializer_list<double> numbers) {
        return numbers.begin()[below(numbers.size())];
    }

    // ---- steps

    /// What may be called from `first` on.
    std::string callee(std::size_t first) {
        const std::size_t target = first + below(services_ - first);
        return name(target) + (chance(0.7) ? ".get" : ".set");
    }

    Value steps(std::size_t first, std::size_t depth) {
        Value list = Value::array();
        for (std::size_t i = 1 + below(3); i > 0; --i) list.append(step(first, depth));
        return list;
    }

    Value step(std::size_t first, std::size_t depth) {
        const bool calls = first < services_;
        const std::size_t kind = below(depth < 2 ? 12 : 7);
        if (kind < 2 || (!calls && kind < 7)) {
            return Value::object({{"cpu", one_of({"exp(3ms)", "2ms", "lognormal(2ms, 2)", "0s"})}});
        }
        if (kind == 2) return Value::object({{"wait", one_of({"exp(10ms)", "5ms", "0s"})}});
        if (kind < 6) return call(first);
        if (kind == 6) {
            return Value::object({{"publish", callee(first)}, {"probability", "50%"}});
        }
        switch (kind) {
            case 7:
                return choice(first, depth);
            case 8:
                return Value::object({{"repeat", steps(first, depth + 1)},
                                      {"times", one_of({"2", "uniform(0, 3)"})}});
            case 9:
                return Value::object(
                    {{"try", steps(first, depth + 1)}, {"otherwise", steps(first, depth + 1)}});
            default:
                return fork(first, depth);
        }
    }

    Value call(std::size_t first) {
        Value made = Value::object({{"call", callee(first)}});
        if (chance(0.3)) made.put("probability", "60%");
        if (chance(0.2)) made.put("count", one_of({"2", "uniform(0, 3)"}));
        if (chance(0.3)) made.put("write", true);
        return made;
    }

    Value choice(std::size_t first, std::size_t depth) {
        return Value::object(
            {{"choose",
              Value::array({Value::object({{"weight", 3}, {"steps", steps(first, depth + 1)}}),
                            Value::object({{"weight", 1}, {"steps", steps(first, depth + 1)}}),
                            Value::object({{"weight", 1}, {"steps", Value::array()}})})}});
    }

    Value fork(std::size_t first, std::size_t depth) {
        Value made = Value::object(
            {{"parallel", Value::array({Value::object({{"steps", steps(first, depth + 1)}}),
                                        Value::object({{"steps", steps(first, depth + 1)}})})},
             {"on_failure", one_of({"wait", "cancel", "ignore"})},
             {"leftover", one_of({"cancel", "run_on"})}});
        const std::string how = one_of({"all", "first", "quorum", "copies"});
        if (how == "quorum") {
            made.put("at_least", static_cast<std::int64_t>(1 + below(2)));
        } else if (how == "copies") {
            made.put("copies", 2);
        } else {
            made.put("join", how);
        }
        return made;
    }

    // ---- policies

    Value calls(std::size_t first, std::size_t kinds) {
        Value made = Value::object();
        for (std::size_t i = first; i < services_; ++i) {
            if (chance(0.6)) made.put(name(i), Value::object({{"policy", policies(kinds)}}));
        }
        return made;
    }

    Value policies(std::size_t kinds) {
        Value list = Value::array();
        bool balanced = false;
        for (std::size_t i = below(4); i > 0; --i) {
            const bool balances = !balanced && chance(0.3);
            balanced |= balances;
            list.append(balances ? balance() : policy(kinds));
        }
        return list;
    }

    std::string balance() {
        return "balance(" +
               one_of({"random", "round_robin", "least_request", "power_of_choices, choices=2",
                       "join_idle_queue", "weighted, weights=[1, 3]", "ring_hash, keys=5",
                       "maglev, weights=[2, 1], table_size=101"}) +
               ")";
    }

    // Those that remember nothing come first.
    static constexpr std::size_t stateless_policies = 6;
    static constexpr std::size_t every_policy = 12;

    std::string policy(std::size_t kinds) {
        switch (below(kinds)) {
            case 0:
                return "timeout(" + one_of({"5ms", "30ms", "200ms"}) + ")";
            case 1:
            case 2:
                return retry("");
            case 3:
                return one_of({"hedge(10ms)", "hedge(20ms, attempts=3, writes=true)", "hedge(0s)"});
            case 4:
                return "deadline(" + one_of({"20ms", "300ms"}) + ")";
            case 5:
                return "fallback(" + one_of({"0s", "1ms"}) + ")";
            case 6:
                return retry(one_of({", budget=ratio(20%)", ", budget=concurrent(20%)",
                                     ", budget=tokens(50)", ", budget=throttling(10)"}));
            case 7:
                return "hedge(after_percentile=90%, least_seen=20)";
            case 8:
                return one_of({"breaker(calls, minimum_calls=10, open_for=200ms)",
                               "breaker(time, minimum_calls=5, open_for=100ms)",
                               "breaker(consecutive, open_for=300ms, automatic=true)"});
            case 9:
                return one_of({"bulkhead(3)", "bulkhead(2, wait=20ms, queue=4)"});
            case 10:
                return one_of({"rate_limit(30/s)", "rate_limit(20/s, wait=50ms)",
                               "rate_limit(20/s, algorithm=fixed_window)",
                               "rate_limit(20/s, algorithm=sliding_log)", "throttle(2)"});
            default:
                return one_of(
                    {"pool(3, wait=30ms)", "pool(2, streams=2, wait=0s)",
                     "pool(4, connect=2ms, idle=100ms, lifetime=500ms, queue=3, wait=1s)"});
        }
    }

    std::string retry(const std::string& budget) {
        return "retry(" + number(2, 3) + ", base=" + one_of({"0s", "5ms"}) + ", backoff=" +
               one_of({"none", "fixed", "exponential", "full_jitter", "equal_jitter",
                       "decorrelated", "symmetric_jitter"}) +
               budget + ")";
    }

    // ---- faults

    Value fault() {
        Value made = Value::object();
        made.put("at", one_of({"0s", "500ms", "1s", "1999ms"}));
        if (chance(0.8)) made.put("for", one_of({"1ms", "300ms", "1s", "10s"}));
        Value target = Value::object();
        const bool to_component = !placed_ || chance(0.6);
        if (to_component) {
            target.put("component", name(below(services_)));
        } else {
            target.put("zone", one_of({"n1", "n2", "s1", "north"}));
        }
        if (chance(0.2)) target.put("share", "50%");
        if (chance(0.2)) target.put("instances", 1);
        if (!to_component && chance(0.3)) target.put("to", one_of({"south", "n2"}));
        made.put("target", target);
        if (chance(0.3)) {
            made.put("shape", one_of({"ramp(200ms)", "flap(100ms, duty=30%)",
                                      "random(mtbf=exp(300ms), mttr=exp(100ms))"}));
        }
        for (std::size_t i = 1 + below(2); i > 0; --i) add_effect(made);
        return made;
    }

    void add_effect(Value& made) {
        switch (below(11)) {
            case 0:
                made.put("crash", true);
                return;
            case 1:
                made.put("black_hole", true);
                return;
            case 2:
                made.put("hang", true);
                return;
            case 3:
                made.put("slow", one_of_numbers({1.5, 3, 50}));
                return;
            case 4:
                made.put("errors", one_of({"20%", "100%"}));
                return;
            case 5:
                made.put("capacity_loss", one_of({"50%", "99%"}));
                return;
            case 6:
                made.put("partition", true);
                made.put("reject", chance(0.5));
                made.put("one_way", chance(0.5));
                return;
            case 7:
                made.put("latency", one_of({"1ms", "100ms"}));
                return;
            case 8:
                made.put("loss", one_of({"5%", "60%"}));
                return;
            case 9:
                made.put("flush", true);
                return;
            default:
                made.put("load", one_of_numbers({0, 0.5, 3}));
                return;
        }
    }

    Draws draws_;
    std::size_t services_ = 0;
    bool placed_ = false;
};

// ---- what must hold -----------------------------------------------------------------------------

RunPlan whole_plan(const Scenario& scenario) {
    return plans_of(scenario, FaultSelection::all()).front();
}

/// What is wrong with a scenario; nothing if all is well. "not understood" is the author's mistake.
std::string complaint_about(const std::string& text) {
    std::unique_ptr<const Scenario> scenario;
    try {
        scenario = Scenario::parse(text, "random", testing::everything());
    } catch (const InvalidInput& refusal) {
        return std::string("not understood: ") + refusal.what();
    }
    RunWatch watch;
    const Replication first = simulate(*scenario, whole_plan(*scenario), watch);
    for (const Audit& audit : first.audits) {
        if (!audit.holds) return audit.law + " of " + audit.subject + ": " + audit.detail;
    }
    const Replication second = simulate(*scenario, whole_plan(*scenario), watch);
    if (first.fingerprint != second.fingerprint || first.events != second.events) {
        return "a second run differs from the first";
    }
    return {};
}

constexpr rlim_t longest_run_s = 30;  // of processor time

std::string all_of(int pipe_end) {
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t got; (got = read(pipe_end, part.data(), part.size())) > 0;) {
        text.append(part.data(), static_cast<std::size_t>(got));
    }
    return text;
}

/// The same, from a process that may die of it; its last words are then the complaint.
std::string verdict_on(const Value& scenario) {
    std::array<int, 2> pipe_ends{};
    if (pipe(pipe_ends.data()) != 0) return "there is no pipe";
    const pid_t process = fork();
    if (process == 0) {
        for (const int fatal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS}) std::signal(fatal, SIG_DFL);
        const rlimit limit{longest_run_s, longest_run_s};
        setrlimit(RLIMIT_CPU, &limit);
        dup2(pipe_ends[1], STDERR_FILENO);
        const std::string complaint = complaint_about(compact_json(scenario));
        const auto written = write(pipe_ends[1], complaint.data(), complaint.size());
        _exit(written == static_cast<ssize_t>(complaint.size()) ? 0 : 1);
    }
    close(pipe_ends[1]);
    std::string verdict = all_of(pipe_ends[0]);
    close(pipe_ends[0]);
    int status = 0;
    waitpid(process, &status, 0);
    if (status == 0) return verdict;
    if (!WIFSIGNALED(status)) return "ended badly";
    return "died of signal " + std::to_string(WTERMSIG(status)) + ' ' + verdict;
}

// ---- how a failure becomes small ----------------------------------------------------------------

/// Where a part of a document is: which child of which child.
using Path = std::vector<std::size_t>;

std::size_t children(const Value& value) {
    if (value.is_array()) return value.items().size();
    return value.is_object() ? value.members().size() : 0;
}

Value& child(Value& value, std::size_t index) {
    if (value.is_array()) return value.items()[index];
    return *value.find(value.members()[index].key);
}

void list_paths(Value& value, Path& here, std::vector<Path>& all) {
    for (std::size_t i = children(value); i-- > 0;) {
        here.push_back(i);
        all.push_back(here);
        list_paths(child(value, i), here, all);
        here.pop_back();
    }
}

/// Every part, the whole before its parts.
std::vector<Path> paths_of(Value& value) {
    Path here;
    std::vector<Path> all;
    list_paths(value, here, all);
    return all;
}

Value without(Value whole, const Path& path) {
    Value* parent = &whole;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) parent = &child(*parent, path[i]);
    if (parent->is_array()) {
        parent->items().erase(parent->items().begin() + static_cast<std::ptrdiff_t>(path.back()));
    } else {
        const std::string key = parent->members()[path.back()].key;
        parent->remove(key);
    }
    return whole;
}

/// The kind of a verdict: which law is broken, or by which words it died.
std::string kind_of(const std::string& verdict) {
    if (verdict.find("died") == 0) return verdict;
    return verdict.substr(0, verdict.find(':'));
}

/// The scenario without every part that the failure does not need.
Value shrunk(Value scenario, const std::string& kind) {
    for (bool smaller = true; smaller;) {
        smaller = false;
        std::vector<Path> paths = paths_of(scenario);
        for (std::size_t at = 0; at < paths.size();) {
            Value candidate = without(scenario, paths[at]);
            if (kind_of(verdict_on(candidate)) == kind) {
                scenario = std::move(candidate);
                paths = paths_of(scenario);
                smaller = true;
            } else {
                ++at;
            }
        }
    }
    return scenario;
}

constexpr std::uint64_t scenarios = testing::trials(2000, 300);

}  // namespace

TEST_CASE("whatever chance builds keeps its books, drains, and runs twice to the same end") {
    for (std::uint64_t seed = 1; seed <= scenarios; ++seed) {
        const Value scenario = Author(seed).scenario();
        const std::string verdict = verdict_on(scenario);
        CAPTURE(seed);
        if (verdict.empty()) {
            SUCCEED();
        } else if (kind_of(verdict) == "not understood") {
            FAIL_CHECK(verdict);
        } else {
            const Value small = shrunk(scenario, kind_of(verdict));
            FAIL_CHECK(verdict_on(small) << '\n' << pretty_json(small));
        }
    }
}
