#include "sim/run/lint.hpp"

#include "sim/config/units.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace prodsim {

namespace {

// What these policies do is known to them alone; here their words stand for the numbers in them.
bool is_timeout(const Value& policy) { return policy.find("type")->text() == "timeout"; }
bool is_pool(const Value& policy) { return policy.find("type")->text() == "pool"; }

/// The attempts that a policy makes at worst; 1 unless it tries again.
double attempts_of(const Value& policy) {
    const Value* attempts = policy.find("attempts");
    return attempts != nullptr && attempts->is_number() ? attempts->number() : 1;
}

/// The policies around the calls of one component to another, outermost first.
class Edges {
public:
    explicit Edges(const Scenario& scenario, const ServiceGraph& graph)
        : scenario_(scenario), graph_(graph) {}

    /// The limits on the time of a call, outermost first.
    std::vector<Duration> limits(std::size_t from, std::size_t to) const {
        std::vector<Duration> limits;
        for (const Value& policy : policies(from, to)) {
            if (is_timeout(policy)) limits.push_back(time(*policy.find("limit")));
        }
        return limits;
    }

    std::optional<Duration> shortest_limit(std::size_t from, std::size_t to) const {
        const std::vector<Duration> limits = this->limits(from, to);
        if (limits.empty()) return std::nullopt;
        return *std::min_element(limits.begin(), limits.end());
    }

    /// Whether calls open connections that agree on keys.
    bool opens_keyed(std::size_t from, std::size_t to) const {
        for (const Value& policy : policies(from, to)) {
            const Value* transport = policy.find("transport");
            if (transport == nullptr || transport->is_null()) continue;
            const Value* inside = transport->find("protocol");
            const std::string& protocol = (inside == nullptr ? transport : inside)->text();
            if (protocol != "none" && protocol != "tcp") return true;
        }
        return false;
    }

    double attempts(std::size_t from, std::size_t to) const {
        double product = 1;
        for (const Value& policy : policies(from, to)) product *= attempts_of(policy);
        return product;
    }

    /// Calls under way that the pool of one caller allows towards one instance of the callee, or
    /// towards all of them where it does not stand behind a balancer.
    struct Pool {
        double calls;
        bool per_endpoint;
    };
    std::optional<Pool> pool(std::size_t from, std::size_t to) const {
        bool behind_balancer = false;
        for (const Value& policy : policies(from, to)) {
            if (is_pool(policy)) {
                const double size = policy.find("size")->number();
                return Pool{size * policy.find("streams")->number(), behind_balancer};
            }
            behind_balancer |=
                scenario_.catalogue().kind_of(policy.find("type")->text()) == PolicyKind::balancing;
        }
        return std::nullopt;
    }

    bool has(std::string_view type, std::size_t from, std::size_t to) const {
        const std::vector<Value>& list = policies(from, to);
        return std::any_of(list.begin(), list.end(), [type](const Value& policy) {
            return policy.find("type")->text() == type;
        });
    }

private:
    const std::vector<Value>& policies(std::size_t from, std::size_t to) const {
        static const std::vector<Value> none;
        const Value* caller =
            member(member(&scenario_.effective(), "components"), graph_.components[from].name);
        const Value* calls = member(caller, "calls");
        const Value* holder = calls != nullptr ? member(calls, graph_.components[to].name) : caller;
        const Value* list = member(holder, "policy");
        return list != nullptr && list->is_array() ? list->items() : none;
    }

    static const Value* member(const Value* object, std::string_view key) {
        return object == nullptr ? nullptr : object->find(key);
    }

    static Duration time(const Value& echoed) {
        const double ns = parse_quantity(echoed.text(), Dimension::duration).value;
        return Duration(static_cast<std::int64_t>(ns));
    }

    const Scenario& scenario_;
    const ServiceGraph& graph_;
};

class Lint {
public:
    Lint(const Scenario& scenario, const ServiceGraph& graph)
        : parameters_(scenario.parameters()), graph_(graph), policies_(scenario, graph) {}

    std::vector<Finding> findings() && {
        for (const auto& journey : graph_.journeys) {
            follow_timeouts(journey.component, journey.arcs);
        }
        for (const auto& vertex : graph_.vertices) follow_timeouts(vertex.component, vertex.arcs);
        attempts();
        pools();
        certificates();
        return std::move(findings_);
    }

private:
    using Arcs = std::vector<ServiceGraph::Arc>;

    const std::string& name(std::size_t component) const {
        return graph_.components[component].name;
    }

    void add(Severity severity, const char* rule, std::vector<std::string> components,
             std::string sentence) {
        findings_.push_back({severity, rule, std::move(components), std::move(sentence)});
    }

    // ---- timeouts ----

    void follow_timeouts(std::size_t caller, const Arcs& arcs) {
        for (const ServiceGraph::Arc& arc : arcs) {
            const ServiceGraph::Vertex& callee = graph_.vertices[arc.to];
            within_chain(caller, callee.component);
            const auto patience = policies_.shortest_limit(caller, callee.component);
            if (!patience || !arc.calls.needed) continue;
            for (const ServiceGraph::Arc& inner : callee.arcs) {
                if (inner.calls.needed) {
                    across(caller, callee.component, graph_.vertices[inner.to].component,
                           *patience);
                }
            }
        }
    }

    // A timeout at least as long as one around it never ends a call: the outer one is first.
    void within_chain(std::size_t from, std::size_t to) {
        if (!chains_.insert({from, to}).second) return;
        const std::vector<Duration> limits = policies_.limits(from, to);
        for (std::size_t inner = 1; inner < limits.size(); ++inner) {
            const Duration outer =
                *std::min_element(limits.begin(), limits.begin() + to_signed(inner));
            if (limits[inner] < outer) continue;
            add(Severity::warning, "timeout_inversion", {name(from), name(to)},
                "the timeout of " + to_text(limits[inner]) + " around the calls of " + name(from) +
                    " to " + name(to) + " never ends one, because a timeout of " + to_text(outer) +
                    " stands around it");
        }
    }

    static std::ptrdiff_t to_signed(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

    void across(std::size_t outer, std::size_t middle, std::size_t inner, Duration patience) {
        const auto limit = policies_.shortest_limit(middle, inner);
        if (!limit || !triples_.insert({{outer, middle}, inner}).second) return;
        const std::vector<std::string> names{name(outer), name(middle), name(inner)};
        const double tries = policies_.attempts(middle, inner);
        if (*limit >= patience) {
            add(Severity::warning, "timeout_inversion", names,
                name(middle) + " waits up to " + to_text(*limit) + " for " + name(inner) +
                    ", but " + name(outer) + " gives up on " + name(middle) + " after " +
                    to_text(patience));
        } else if (tries * in_seconds(*limit) > in_seconds(patience)) {
            add(Severity::note, "attempts_too_long", names,
                to_text(tries) + " attempts of " + to_text(*limit) + " by " + name(middle) +
                    " at " + name(inner) + " do not fit into the " + to_text(patience) + " that " +
                    name(outer) + " waits for " + name(middle));
        }
    }

    // ---- attempts ----

    /// The worst way to an operation: all the attempts along it multiplied.
    struct Worst {
        double product = 0;                                  // 0: not reached
        std::vector<std::pair<std::size_t, double>> layers;  // component, its attempts
        bool tried_again = false;                            // by the last layer of all
    };

    void attempts() {
        std::vector<Worst> worst(graph_.vertices.size());
        for (const auto& journey : graph_.journeys) {
            spread(worst, journey.component, {1, {}, false}, journey.arcs);
        }
        std::set<std::size_t> told;
        for (std::size_t i = 0; i < worst.size(); ++i) {
            const std::size_t component = graph_.vertices[i].component;
            if (worst[i].layers.size() < 2 || !worst[i].tried_again) continue;
            if (told.insert(component).second) tell(i, worst[i]);
        }
    }

    // Ways that lead through an operation twice are left out. The best product of an operation only
    // grows, so few operations are visited more than once.
    void spread(std::vector<Worst>& worst, std::size_t caller, const Worst& here,
                const Arcs& arcs) {
        for (const ServiceGraph::Arc& arc : arcs) {
            const std::size_t callee = graph_.vertices[arc.to].component;
            const double tries = policies_.attempts(caller, callee);
            if (on_way_.count(arc.to) > 0 || here.product * tries <= worst[arc.to].product) {
                continue;
            }
            Worst there = here;
            there.product *= tries;
            there.tried_again = tries > 1;
            if (tries > 1) there.layers.emplace_back(caller, tries);
            worst[arc.to] = there;
            on_way_.insert(arc.to);
            spread(worst, callee, there, graph_.vertices[arc.to].arcs);
            on_way_.erase(arc.to);
        }
    }

    void tell(std::size_t vertex, const Worst& worst) {
        std::vector<std::string> parts;
        for (const auto& [component, tries] : worst.layers) {
            parts.push_back(to_text(tries) + " by " + name(component));
        }
        add(Severity::warning, "attempts_multiply", {name(graph_.vertices[vertex].component)},
            "one call may become " + to_text(worst.product) + " attempts at " +
                graph_.name_of(vertex) + ": " + listed(parts));
    }

    // ---- pools ----

    void pools() {
        const std::vector<std::set<std::size_t>> callers = callers_of_all();
        for (std::size_t to = 0; to < graph_.components.size(); ++to) {
            const Workload& callee = graph_.components[to].work;
            if (!callee.inside || callee.instances == 0) continue;
            double allowed = 0;  // by all pools towards all instances
            std::vector<std::string> names;
            for (const std::size_t from : callers[to]) {
                const auto pool = policies_.pool(from, to);
                if (!pool) continue;
                const auto instances = static_cast<double>(graph_.components[from].work.instances);
                const auto endpoints = static_cast<double>(callee.instances);
                allowed += instances * pool->calls * (pool->per_endpoint ? endpoints : 1);
                names.push_back(name(from));
            }
            const double limit =
                static_cast<double>(*callee.inside) * static_cast<double>(callee.instances);
            if (allowed <= limit) continue;
            add(Severity::warning, "pools_too_large", {name(to)},
                "the pools of " + listed(names) + " allow " + to_text(allowed) +
                    " calls at once, but " + name(to) + " takes " + to_text(limit));
        }
    }

    // ---- certificates ----

    void certificates() {
        const std::vector<std::set<std::size_t>> callers = callers_of_all();
        std::set<std::size_t> told;
        for (const FaultParameters& fault : parameters_.faults) {
            for (std::size_t to = 0; fault.expired && to < graph_.components.size(); ++to) {
                if (!is_hit(fault.target, to) || callers[to].empty() || !told.insert(to).second) {
                    continue;
                }
                const bool looked_at =
                    std::any_of(callers[to].begin(), callers[to].end(),
                                [&](std::size_t from) { return policies_.opens_keyed(from, to); });
                if (looked_at) continue;
                add(Severity::warning, "certificate_unseen", {name(to)},
                    "nobody looks at the certificate of " + name(to) +
                        ": no \"pool\" or \"connect\" towards it opens TLS connections");
            }
        }
    }

    bool is_hit(const FaultTarget& target, std::size_t component) const {
        const FateGroup* group = parameters_.groups.find(target.group);
        return (target.component.empty() || target.component == name(component)) &&
               (group == nullptr || group->names(name(component)));
    }

    std::vector<std::set<std::size_t>> callers_of_all() const {
        std::vector<std::set<std::size_t>> callers(graph_.components.size());
        const auto note = [&](std::size_t from, const Arcs& arcs) {
            for (const ServiceGraph::Arc& arc : arcs) {
                callers[graph_.vertices[arc.to].component].insert(from);
            }
        };
        for (const auto& vertex : graph_.vertices) note(vertex.component, vertex.arcs);
        for (const auto& journey : graph_.journeys) note(journey.component, journey.arcs);
        return callers;
    }

    const ScenarioParameters& parameters_;
    const ServiceGraph& graph_;
    Edges policies_;
    std::vector<Finding> findings_;
    std::set<std::pair<std::size_t, std::size_t>> chains_;
    std::set<std::pair<std::pair<std::size_t, std::size_t>, std::size_t>> triples_;
    std::set<std::size_t> on_way_;
};

}  // namespace

Forgiven forgiven_calls(const Scenario& scenario, const ServiceGraph& graph) {
    const Edges policies(scenario, graph);
    Forgiven forgiven;
    const auto look = [&](std::size_t from, const std::vector<ServiceGraph::Arc>& arcs) {
        for (const ServiceGraph::Arc& arc : arcs) {
            const std::size_t to = graph.vertices[arc.to].component;
            if (policies.has("fallback", from, to)) forgiven.insert({from, to});
        }
    };
    for (const auto& vertex : graph.vertices) look(vertex.component, vertex.arcs);
    for (const auto& journey : graph.journeys) look(journey.component, journey.arcs);
    return forgiven;
}

std::vector<Finding> lint_policies(const Scenario& scenario, const ServiceGraph& graph) {
    return Lint(scenario, graph).findings();
}

std::string listed(const std::vector<std::string>& words) {
    constexpr std::size_t most = 10;
    std::vector<std::string> shown = words;
    if (words.size() > most) {
        shown.resize(most - 1);
        shown.push_back(std::to_string(words.size() - (most - 1)) + " more");
    }
    std::string list;
    for (std::size_t i = 0; i < shown.size(); ++i) {
        if (i > 0) list += i + 1 == shown.size() ? " and " : ", ";
        list += shown[i];
    }
    return list;
}

}  // namespace prodsim
