#pragma once

// Scenarios that nobody would build, written by chance: the same seed writes the same.

#include "sim/config/value.hpp"
#include "tests/property/policy_author.hpp"

#include <cstdint>
#include <string>

namespace prodsim::testing {

/// Writes scenarios: a graph of components that call only what is further down, with steps,
/// policies, places and faults of every kind.
class Author : private PolicyAuthor {
public:
    explicit Author(std::uint64_t seed) : PolicyAuthor(seed) {}

    Value scenario() {
        Value whole = Value::object({{"version", 1}});
        whole.put("run", Value::object({{"duration", one_of({"2s", "3s", "5s"})},
                                        {"warm_up", one_of({"0s", "500ms", "1s"})},
                                        {"seed", count(0, 999)},
                                        {"replications", 1}}));
        if (chance(0.5)) add_places(whole);
        Value components = Value::object();
        services_ = 2 + below(7);
        for (std::size_t i = 1 + below(2); i > 0; --i) {
            components.put("users" + std::to_string(i), clients(i));
        }
        has_primary_ = chance(0.3);
        if (has_primary_) beside_.put("primary", database(true));
        for (std::size_t i = 0; i < services_; ++i) components.put(name(i), component(i));
        if (chance(0.2)) components.put("cron", schedule());
        add_operations(components);
        whole.put("components", components);
        Value faults = Value::array();
        for (std::size_t i = below(4); i > 0; --i) faults.append(fault());
        whole.put("faults", faults);
        return whole;
    }

private:
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
        if (index + 1 < services_) return inner(index);
        switch (below(has_primary_ ? 8 : 7)) {
            case 0:
                return third_party();
            case 1:
                return database(chance(0.5));
            case 2:
                return document_store();
            case 3:
                return object_store();
            case 4:
                return cache(index);
            case 7:
                return replicas();
            default:
                return service(index);
        }
    }

    Value inner(std::size_t index) {
        switch (below(16)) {
            case 0:
            case 1:
                return balancer(index);
            case 2:
                return dns(index);
            case 3:
                return cdn(index);
            case 4:
                return firewall(index);
            case 5:
                return cache(index);
            case 6:
            case 7:
                return gateway(index);
            case 8:
                return broker(index);
            case 9:
                return services_with_tokens(index);
            default:
                return service(index);
        }
    }

    // ---- components

    Value clients(std::size_t number_of) {
        Value made = Value::object({{"type", "clients"}});
        const bool closed = chance(0.3);
        if (closed) {
            made.put("users", count(1, 30));
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
        if (chance(0.3)) made.put("patience", one_of({"20ms", "exp(200ms)", "1s"}));
        if (chance(0.3)) {
            made.put("reclick", Value::object({{"after", one_of({"10ms", "exp(100ms)"})},
                                               {"probability", "70%"},
                                               {"pause", one_of({"0s", "50ms"})}}));
        }
        if (!closed && chance(0.3)) {
            made.put("session",
                     Value::object({{"stay", "50%"}, {"think", one_of({"0s", "20ms"})}}));
        }
        const bool learns = chance(0.6);
        if (learns) {
            made.put("per", closed && chance(0.5) ? "user" : "device_pool");
            if (made.find("per")->text() == "device_pool") made.put("devices", 3);
        }
        if (placed_ && chance(0.4)) made.put("zones", Value::array({one_of({"n1", "s1"})}));
        Value journeys = Value::object();
        for (std::size_t i = 1 + below(3); i > 0; --i) {
            Value journey = Value::object(
                {{"weight", count(1, 3)}, {"priority", count(0, 7)}, {"steps", steps(0, 0)}});
            journeys.put("j" + std::to_string(number_of) + std::to_string(i), journey);
        }
        made.put("journeys", journeys);
        made.put("calls", calls(0, learns ? every_policy : stateless_policies));
        return made;
    }

    Value service(std::size_t index) {
        Value made = Value::object({{"type", "service"}});
        made.put("instances", count(1, 3));
        made.put("cores", one_of_numbers({0.5, 1, 2}));
        if (chance(0.3)) {
            made.put("concurrency", "event_loop");
            made.put("connections", count(1, 50));
        } else {
            made.put("threads", count(1, 8));
            made.put("queue", count(0, 19));
        }
        if (chance(0.3)) made.put("queue_timeout", one_of({"5ms", "50ms"}));
        made.put("discipline", one_of({"fifo", "lifo", "priority"}));
        made.put("cancellation", one_of({"none", "queued", "running"}));
        if (chance(0.3)) made.put("tls", Value::object({{"full", "3ms"}}));
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

    Value database(bool commits) {
        return Value::object(
            {{"type", "sql_database"},
             {"connections", count(1, 20)},
             {"cancellation", one_of({"none", "running"})},
             {"operations",
              Value::object({{"get", Value::object({{"cpu", "exp(2ms)"},
                                                    {"pages", "uniform(0, 9)"},
                                                    {"buffer_hit", one_of({"50%", "100%"})}})},
                             {"set", Value::object({{"cpu", "1ms"}, {"commit", commits}})}})}});
    }

    Value replicas() {
        Value made = database(false);
        made.put("type", "sql_replicas");
        made.put("of", "primary");
        made.put("instances", count(1, 3));
        made.put("synchronous", one_of({"none", "block", "fall_back"}));
        made.put("delay", one_of({"0s", "exp(20ms)"}));
        made.put("apply_time", one_of({"0s", "1ms"}));
        if (chance(0.5)) made.put("stale_after", "10ms");
        return made;
    }

    Value document_store() {
        return Value::object(
            {{"type", "document_store"},
             {"nodes", count(3, 5)},
             {"keys", 50},
             {"partitions", count(1, 4)},
             {"partition_writes", one_of({"0/s", "5/s"})},
             {"burst", "1s"},
             {"read_timeout", one_of({"5ms", "1s"})},
             {"write_timeout", one_of({"5ms", "1s"})},
             {"operations", Value::object({{"get", Value::object({{"quorum", count(1, 3)}})},
                                           {"set", Value::object({{"write", true},
                                                                  {"cpu", one_of({"0s", "1ms"})},
                                                                  {"quorum", count(1, 3)}})}})}});
    }

    Value object_store() {
        return Value::object(
            {{"type", "object_store"},
             {"reads", one_of({"10/s", "5000/s"})},
             {"writes", one_of({"10/s", "5000/s"})},
             {"split_after", one_of({"exp(500ms)", "1h"})},
             {"error_rate", one_of({"0%", "5%"})},
             {"operations", Value::object({{"get", Value::object({{"prefix", "a/"}})},
                                           {"set", Value::object({{"write", true},
                                                                  {"transfer", "exp(5ms)"}})}})}});
    }

    Value gateway(std::size_t index) {
        const auto backend = [&](std::size_t to) {
            return Value::object({{"to", name(to)}, {"weight", count(0, 3)}});
        };
        Value backends = Value::array({backend(index + 1)});
        if (index + 2 < services_ && chance(0.7)) backends.append(backend(index + 2));
        const Value header = Value::object({{"name", "canary"}, {"share", "30%"}});
        return Value::object(
            {{"type", "gateway"},
             {"instances", count(1, 2)},
             {"latency", one_of({"0s", "100us"})},
             {"connections", count(1, 100)},
             {"precedence", one_of({"specific", "first"})},
             {"operations",
              Value::object(
                  {{"get", Value::object({{"path", "/a/b"}, {"headers", Value::array({header})}})},
                   {"set", Value::object({{"path", "/a"}, {"method", "POST"}})}})},
             {"routes",
              Value::object(
                  {{"all", Value::object({{"backends", backends},
                                          {"timeout", one_of({"0s", "20ms", "15s"})},
                                          {"policy", policies(every_policy)}})},
                   {"canary",
                    Value::object({{"path", "/a/b"},
                                   {"headers", Value::array({Value::object({{"name", "canary"}})})},
                                   {"backends", Value::array({backend(index + 1)})}})}})}});
    }

    Value broker(std::size_t index) {
        Value mail = Value::object({{"topic", one_of({"get", "set"})},
                                    {"call", callee(index + 1)},
                                    {"assignment", one_of({"shared", "exclusive"})},
                                    {"consumers", count(1, 5)},
                                    {"prefetch", count(1, 3)},
                                    {"visibility_timeout", one_of({"20ms", "1s"})},
                                    {"retention", one_of({"200ms", "1h"})},
                                    {"poison", one_of({"0%", "10%"})},
                                    {"journey", "mail" + std::to_string(index)},
                                    {"policy", policies(every_policy)}});
        if (chance(0.5)) mail.put("redelivery", "exp(50ms)");
        mail.put("max_receives", count(1, 5));
        if (chance(0.4)) mail.put("consumer_timeout", "30ms");
        if (chance(0.4)) {
            mail.put("limit", count(1, 9));
            mail.put("overflow", one_of({"reject", "drop_oldest"}));
        }
        if (mail.find("topic")->text() == "get" && chance(0.4)) mail.put("dead_letters", "set");
        return Value::object({{"type", "broker"},
                              {"publish_time", one_of({"0s", "exp(2ms)"})},
                              {"storage", one_of({"disk", "memory"})},
                              {"topics", Value::object({{"get", Value::object({{"partitions", 3}})},
                                                        {"set", Value::object()}})},
                              {"subscriptions", Value::object({{"mail", mail}})}});
    }

    /// Tokens can only be checked, so a service stands before them.
    Value services_with_tokens(std::size_t index) {
        const std::string tokens = "tokens" + std::to_string(index);
        Value made = Value::object({{"type", "tokens"},
                                    {"users", count(1, 20)},
                                    {"lifetime", one_of({"100ms", "1h"})},
                                    {"session", one_of({"300ms", "30d"})},
                                    {"renew_early", one_of({"0s", "50ms"})},
                                    {"login", callee(index + 1)},
                                    {"calls", calls(index + 1, every_policy)}});
        if (chance(0.5)) {
            made.put("validation", "remote");
            made.put("introspect", callee(index + 1));
        }
        if (chance(0.5)) made.put("refresh", callee(index + 1));
        if (chance(0.5)) {
            made.put("keys", callee(index + 1));
            made.put("keys_ttl", "200ms");
            made.put("stale_keys", one_of({"0s", "1s"}));
        }
        beside_.put(tokens, made);
        Value guarded = service(index);
        for (const char* operation : {"get", "set"}) {
            Value& body = *guarded.find("operations")->find(operation);
            Value steps = Value::array({Value::object({{"call", tokens + ".check"}})});
            for (const Value& step : body.find("steps")->items()) steps.append(step);
            body.put("steps", steps);
        }
        return guarded;
    }

    Value schedule() {
        Value job = Value::object({{"every", one_of({"100ms", "700ms"})},
                                   {"jitter", one_of({"0s", "exp(20ms)"})},

                                   {"steps", steps(0, 0)}});
        if (chance(0.5)) {
            job.put("copies", count(1, 4));
        } else {
            job.put("overlap", one_of({"forbid", "replace"}));
        }
        return Value::object({{"type", "schedule"},
                              {"jobs", Value::object({{"job", job}})},
                              {"calls", calls(0, every_policy)}});
    }

    /// What changes the others while they run.
    void add_operations(Value& components) {
        for (const auto& member : beside_.members()) components.put(member.key, member.value);
        if (chance(0.3)) {
            components.put(
                "page",
                Value::object(
                    {{"type", "alert"},
                     {"journey", "j11"},
                     {"objective", "99%"},
                     {"evaluation", "50ms"},
                     {"delivery", "10ms"},
                     {"rules", Value::array({Value::object(
                                   {{"over", "1s"}, {"and_over", "200ms"}, {"burn", 2}})})}}));
        }
        for (std::size_t i = 0; i < services_; ++i) {
            if (components.find(name(i))->find("type")->text() != "service") continue;
            if (chance(0.1)) components.put("hpa" + std::to_string(i), autoscaler(i));
            if (chance(0.1)) {
                components.put("release" + std::to_string(i),
                               rollout(i, components.find("page") != nullptr));
            }
        }
    }

    Value autoscaler(std::size_t index) {
        return Value::object({{"type", "autoscaler"},
                              {"target", name(index)},
                              {"utilisation", one_of({"30%", "80%"})},
                              {"maximum", 9},
                              {"sync", "300ms"},
                              {"resolution", "200ms"},
                              {"ready_after", one_of({"0s", "exp(200ms)"})},
                              {"down", Value::object({{"stabilisation", "1s"}})}});
    }

    Value rollout(std::size_t index, bool with_alert) {
        Value made = Value::object({{"type", "rollout"},
                                    {"target", name(index)},
                                    {"at", one_of({"0s", "700ms"})},
                                    {"max_surge", one_of({"25%", "0", "2"})},
                                    {"max_unavailable", one_of({"25%", "1"})},
                                    {"ready_after", one_of({"0s", "exp(100ms)"})},
                                    {"errors", one_of({"0%", "30%"})},
                                    {"slow", one_of_numbers({0.5, 1, 4})}});
        if (chance(0.3)) made.put("undo_at", "1s");
        if (with_alert && chance(0.5)) made.put("undo_on", "page");
        return made;
    }

    Value balancer(std::size_t index) {
        return Value::object({{"type", "load_balancer"},
                              {"target", name(index + 1)},
                              {"instances", count(1, 2)},
                              {"latency", one_of({"0s", "100us"})},
                              {"connections", count(1, 100)},
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
                                    {"instances", count(1, 3)},
                                    {"resolvers", count(1, 4)},
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
                                    {"instances", count(1, 3)},
                                    {"latency", one_of({"0s", "1ms"})},
                                    {"collapse", chance(0.7)},
                                    {"error_ttl", one_of({"0s", "100ms"})},
                                    {"stale_if_error", one_of({"0s", "1s"})},
                                    {"stale_while_revalidate", one_of({"0s", "1s"})},
                                    {"policy", policies(every_policy)}});
        if (chance(0.5)) made.put("capacity", count(1, 30));
        if (chance(0.5)) made.put("cacheable", Value::array({"get"}));
        return made;
    }

    Value firewall(std::size_t index) {
        Value made = Value::object({{"type", "firewall"},
                                    {"target", name(index + 1)},
                                    {"instances", count(1, 3)},
                                    {"cores", count(1, 2)},
                                    {"cpu", one_of({"0s", "exp(3ms)"})},
                                    {"connections", count(1, 30)},
                                    {"false_positives", one_of({"0%", "10%"})},
                                    {"fails", one_of({"open", "closed"})},
                                    {"policy", policies(every_policy)}});
        if (chance(0.5)) {
            made.put("limit", Value::object({{"rate", "20/s"},
                                             {"burst", 5},
                                             {"algorithm", one_of({"token_bucket", "sliding_log"})},
                                             {"clients", count(0, 2)}}));
        }
        return made;
    }

    Value cache(std::size_t index) {
        Value made = Value::object({{"type", "cache"},
                                    {"keys", 50},
                                    {"ttl", one_of({"0s", "200ms"})},
                                    {"single_flight", chance(0.5)},
                                    {"fill_late", chance(0.5)},
                                    {"connections", count(1, 30)}});
        if (chance(0.5)) made.put("capacity", count(1, 30));
        if (index + 1 < services_ && chance(0.8)) {
            made.put("origin", name(index + 1) + ".get");
            made.put("policy", policies(every_policy));
            if (chance(0.4)) made.put("stale_if_error", "1s");
            if (chance(0.4)) made.put("stale_while_revalidate", "1s");
        }
        return made;
    }

    // ---- steps

    /// What may be called from `first` on.
    std::string callee(std::size_t first) {
        if (has_primary_ && chance(0.1)) return "primary.set";
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
            made.put("at_least", count(1, 2));
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
        if (has_primary_ && chance(0.3)) {
            made.put("primary", Value::object({{"policy", policies(kinds)}}));
        }
        return made;
    }

    // ---- faults

    Value fault() {
        Value made = Value::object();
        made.put("at", one_of({"0s", "500ms", "1s", "1999ms"}));
        if (chance(0.8)) made.put("for", one_of({"1ms", "300ms", "1s", "10s"}));
        Value target = Value::object();
        const bool to_component = !placed_ || chance(0.6);
        if (to_component) {
            const std::size_t hit = below(services_ + beside_.members().size());
            target.put("component",
                       hit < services_ ? name(hit) : beside_.members()[hit - services_].key);
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
        switch (below(12)) {
            case 11:
                made.put("expired", true);
                return;
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

    std::size_t services_ = 0;
    bool placed_ = false;
    bool has_primary_ = false;
    Value beside_ = Value::object();  // components that others brought along
};

}  // namespace prodsim::testing
