// Nodes that look at the path and the headers of each request and send it where a route leads: an
// API gateway, an ingress, a reverse proxy. A route has backends with weights, a timeout and
// policies of its own; what is shared by all routes is the node.
//
//     call ─▶ node ──connection──▶ latency ──▶ route ──▶ backend ──▶ policies ──▶ reply
//               │                                │         │           └─ too late ▶ timeout (504)
//               │                                │         └─ all of weight 0 ▶ error (500)
//               └─ all in use ▶ rejected_overload└─ none ▶ error (404)
//
// Which route is taken depends on what requests look like. So each operation of a gateway says its
// method, its path and its headers, some of them only in a share of the requests; a backend is
// asked for the operation of the same name. Headers belong to a request, all its attempts have
// them; the backend is drawn again for each attempt.
//
// When the caller gives up, the node gives up on its own call at once.
//
// Simplifications: one host name; neither regular expressions nor query parameters; matching costs
// no processor; a change of routes reaches all nodes with the release that makes it, never late.

#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/proxy.hpp"
#include "sim/world/taking_turns.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

enum class PathMatch : std::uint8_t { exact, prefix, text_prefix };

std::span<const Word> words(PathMatch) {
    static constexpr std::array all{
        Word{"exact", PathMatch::exact, "The whole path."},
        Word{"prefix", PathMatch::prefix,
             "Its first elements: /pay matches /pay and /pay/1, not /payments."},
        Word{"text_prefix", PathMatch::text_prefix,
             "Its first letters: /pay matches /payments, too (Envoy's `prefix`)."},
    };
    return all;
}

enum class Precedence : std::uint8_t { specific, first };

std::span<const Word> words(Precedence) {
    static constexpr std::array all{
        Word{"specific", Precedence::specific,
             "An exact path, then the longest one, then a method, then the most headers."},
        Word{"first", Precedence::first, "The first in the list (Envoy)."},
    };
    return all;
}

/// A header of requests.
struct Header {
    std::string name;
    std::string value;
    Share share{1};

    void describe(Fields& fields) {
        fields("name", name, "What it is called.", {.required = true, .position = 1});
        fields("value", value, "What it says.");
        fields("share", share, "The share of the requests that have it.",
               {.minimum = 0, .maximum = 1});
    }
};

/// What the requests of one operation look like.
struct Looks {
    std::string path;
    std::string method = "GET";
    std::vector<Header> headers;

    void describe(Fields& fields) {
        fields("path", path, "Their path.", {.required = true, .position = 1});
        fields("method", method, "Their method.");
        fields("headers", headers, "Their headers.");
        fields.rule(path.starts_with("/"), "path", "must begin with \"/\"");
        fields.rule(headers.size() <= 8, "headers", "are too many: at most 8");
    }
};

struct HeaderMatch {
    std::string name;
    std::optional<std::string> value;

    void describe(Fields& fields) {
        fields("name", name, "What it is called.", {.required = true, .position = 1});
        fields("value", value, "What it must say; anything if not given.");
    }
};

struct Backend {
    ComponentName to;
    double weight = 1;

    void describe(Fields& fields) {
        fields("to", to, "Who the requests are for; asked for the operation of the same name.",
               {.required = true, .position = 1});
        fields("weight", weight, "How often it is chosen, relative to the others.",
               {.minimum = 0, .source = "Kubernetes Gateway API 1.2 BackendRef.weight: 1"});
    }
};

struct Route {
    std::string path = "/";
    PathMatch match = PathMatch::prefix;
    std::optional<std::string> method;
    std::vector<HeaderMatch> headers;
    std::vector<Backend> backends;
    Duration timeout = std::chrono::seconds(15);
    Policies policy;

    void describe(Fields& fields) {
        fields("path", path, "What the path is compared with.",
               {.source = "Kubernetes Gateway API 1.2 HTTPRouteMatch: PathPrefix /"});
        fields("match", match, "How the path is compared.",
               {.source = "Kubernetes Gateway API 1.2 HTTPRouteMatch: PathPrefix /"});
        fields("method", method, "Only requests of this method.");
        fields("headers", headers, "Only requests that have all of these headers.");
        fields("backends", backends, "Where requests go, by weight.", {.required = true});
        fields("timeout", timeout, "The longest that a request may take from here; 0 is no limit.",
               {.minimum = 0,
                .source = "Envoy 1.31 RouteAction.timeout: 15 s; Kubernetes Gateway "
                          "API 1.2 has none unless asked for"});
        fields("policy", policy,
               "What a node does around each call of this route, outermost first; where none of "
               "it balances, the instances of a backend take turns.",
               {.source = "Envoy 1.31 Cluster.lb_policy: ROUND_ROBIN"});
        fields.rule(path.starts_with("/"), "path", "must begin with \"/\"");
    }

    double weight() const {
        return std::accumulate(backends.begin(), backends.end(), 0.0,
                               [](double sum, const Backend& b) { return sum + b.weight; });
    }

    bool takes(const Looks& looks) const {
        return takes_path(looks.path) && (!method || *method == looks.method);
    }

    /// More specific is greater, as the Gateway API has it. ("/pay/" is no longer than "/pay".)
    auto rank() const {
        return std::tuple{match == PathMatch::exact, trimmed().size(), method.has_value(),
                          headers.size()};
    }

private:
    std::string_view trimmed() const {
        const std::string_view all = path;
        return all.ends_with('/') ? all.substr(0, all.size() - 1) : all;
    }

    bool takes_path(std::string_view asked) const {
        if (match == PathMatch::exact) return asked == path;
        if (match == PathMatch::text_prefix) return asked.starts_with(path);
        const std::string_view start = trimmed();
        if (!asked.starts_with(start)) return false;
        return asked.size() == start.size() || asked[start.size()] == '/';
    }
};

/// The routes of the requests of one operation, worked out once for every choice of their headers.
class Guide {
public:
    static constexpr std::size_t nowhere = ~std::size_t{0};

    /// `order` holds the numbers of the routes as they are tried.
    Guide(const Looks& looks, const Named<Route>& routes, const std::vector<std::size_t>& order)
        : looks_(&looks), by_headers_(std::size_t{1} << looks.headers.size(), nowhere) {
        for (std::size_t headers = 0; headers < by_headers_.size(); ++headers) {
            const auto taken = std::find_if(order.begin(), order.end(), [&](std::size_t route) {
                return routes[route].value.takes(looks) &&
                       has_all(headers, routes[route].value.headers);
            });
            if (taken != order.end()) by_headers_[headers] = *taken;
        }
    }

    std::size_t route_of(Draws draws) const {
        std::size_t headers = 0;
        for (std::size_t i = 0; i < looks_->headers.size(); ++i) {
            if (draws.chance(looks_->headers[i].share.value)) headers |= std::size_t{1} << i;
        }
        return by_headers_[headers];
    }

    /// The share of the requests that take this route.
    double share_of(std::size_t route) const {
        double share = 0;
        for (std::size_t headers = 0; headers < by_headers_.size(); ++headers) {
            if (by_headers_[headers] == route) share += chance_of(headers);
        }
        return share;
    }

private:
    bool has_all(std::size_t headers, const std::vector<HeaderMatch>& wanted) const {
        return std::all_of(wanted.begin(), wanted.end(), [&](const HeaderMatch& match) {
            for (std::size_t i = 0; i < looks_->headers.size(); ++i) {
                const Header& header = looks_->headers[i];
                if (header.name != match.name || (headers >> i & 1) == 0) continue;
                return !match.value || *match.value == header.value;
            }
            return false;
        });
    }

    double chance_of(std::size_t headers) const {
        double chance = 1;
        for (std::size_t i = 0; i < looks_->headers.size(); ++i) {
            const double share = looks_->headers[i].share.value;
            chance *= (headers >> i & 1) != 0 ? share : 1 - share;
        }
        return chance;
    }

    const Looks* looks_;
    std::vector<std::size_t> by_headers_;  // a bit for each header that is there
};

class Gateway final : public Callee {
public:
    struct Parameters {
        std::int64_t instances = 1;
        std::vector<ZoneName> zones;
        Named<Looks> operations;
        Named<Route> routes;
        Precedence precedence = Precedence::specific;
        Law<Duration> latency = "0s";
        std::int64_t connections = 16384;

        void describe(Fields& fields) {
            fields("instances", instances, "How many nodes share the calls.",
                   {.minimum = 0, .maximum = 60000});
            fields("zones", zones, "The zones they are spread over in turn; all zones if empty.");
            fields("operations", operations, "What requests look like, by kind.",
                   {.required = true});
            fields("routes", routes, "Where requests go, by the name of the route.",
                   {.required = true});
            fields("precedence", precedence, "Which of several routes that match is taken.",
                   {.source = "Kubernetes Gateway API 1.2 HTTPRouteRule"});
            fields("latency", latency, "What a node adds to each call on its way in.");
            fields("connections", connections, "Calls under way through one node, of all routes.",
                   {.minimum = 1,
                    .source = "ingress-nginx 1 ConfigMap max-worker-connections, of one worker"});
        }
    };

    Gateway(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          meters_(world.meters, this->name(), parameters.routes) {
        std::vector<std::size_t> order(parameters.routes.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        if (parameters.precedence == Precedence::specific) {
            std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
                return parameters.routes[a].value.rank() > parameters.routes[b].value.rank();
            });
        }
        for (const auto& item : parameters.operations) {
            guides_.emplace_back(item.value, parameters.routes, order);
        }
        for (const auto& item : parameters.routes) {
            calling_.push_back(taking_turns(world.catalogue, item.value.policy));
        }
    }

    std::pair<std::string, std::string> objection() const override {
        for (std::size_t i = 0; i < guides_.size(); ++i) {
            const std::string& wanted = parameters_.operations[i].name;
            for (std::size_t r = 0; r < parameters_.routes.size(); ++r) {
                if (guides_[i].share_of(r) == 0) continue;
                for (const Backend& backend : parameters_.routes[r].value.backends) {
                    if (world_.find(backend.to.name) == nullptr) continue;
                    if (operation_behind(world_, backend.to, wanted)) continue;
                    return {"route \"" + parameters_.routes[r].name + "\" sends \"" + wanted +
                                "\" to \"" + backend.to.name + "\", which has no such operation",
                            "name a backend that has it"};
                }
            }
        }
        return {};
    }

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        for (std::size_t i = 0; i < parameters_.operations.size(); ++i) {
            if (parameters_.operations[i].name == wanted) return static_cast<std::uint16_t>(i);
        }
        return std::nullopt;
    }

    void start() override {
        add_instances(parameters_.instances, zones_of(world_, parameters_.zones));
    }

    Workload workload() const override {
        Workload work{.instances = parameters_.instances, .inside = parameters_.connections};
        const double latency = parameters_.latency.distribution().mean();
        for (std::size_t i = 0; i < guides_.size(); ++i) {
            OperationDemand operation{parameters_.operations[i].name, {.wait_s = latency}};
            for (std::size_t r = 0; r < parameters_.routes.size(); ++r) {
                add_calls(operation, guides_[i].share_of(r), parameters_.routes[r].value);
            }
            work.operations.push_back(std::move(operation));
        }
        return work;
    }

private:
    static void add_calls(OperationDemand& operation, double share, const Route& route) {
        const double sum = route.weight();
        for (const Backend& backend : route.backends) {
            if (share == 0 || backend.weight == 0) continue;
            operation.demand.calls.push_back({.target = {backend.to.name, operation.name, {}},
                                              .count = share * backend.weight / sum});
        }
    }

    struct GatewayMeters : ProxyMeters {
        GatewayMeters(Meters& meters, std::string_view owner, const Named<Route>& all)
            : ProxyMeters(meters, owner),
              lost(meters.counter(owner, "no_route", "Calls that no route was for.")) {
            for (const auto& item : all) {
                routes.push_back(
                    &meters.counter(owner, "routes." + item.name, "Calls that took this route."));
            }
        }

        Counter& lost;
        std::vector<Counter*> routes;
    };

    /// Where one node sends the requests of a route.
    struct Way {
        std::unique_ptr<Chain> chain;
        double weight;
        std::vector<std::uint16_t> operations;  // of the backend, by ours
    };

    class Forwarder final : public Proxy {
    public:
        Forwarder(Gateway& gateway, ZoneId zone, std::uint16_t number)
            : Proxy(gateway.world_, gateway.name(), zone, number, gateway.meters_,
                    gateway.parameters_.connections, gateway.parameters_.latency),
              gateway_(gateway),
              meters_(gateway.meters_),
              headers_(world_.stream(gateway.name() + "/headers")),
              weights_(world_.stream(gateway.name() + "/weights")),
              late_(world_.reason(gateway.name(), "route timeout")),
              lost_(world_.reason(gateway.name(), "no route")),
              empty_(world_.reason(gateway.name(), "route without a backend")) {
            for (std::size_t r = 0; r < gateway.calling_.size(); ++r) {
                ways_.push_back(gateway.ways_of(r, {gateway.name(), number, zone}));
            }
        }

    private:
        void forward(Flight& flight) override {
            const Call& call = *flight.call;
            const std::size_t route =
                gateway_.guides_[call.operation].route_of(headers_.draws(call.subject));
            if (route == Guide::nowhere) {
                meters_.lost.add();
                answer(flight, {Outcome::error, lost_});
                return;
            }
            meters_.routes[route]->add();
            const Way* way = chosen(ways_[route], weights_.draws(call.demand_key()));
            if (way == nullptr) {
                answer(flight, {Outcome::error, empty_});
                return;
            }
            send(flight, *way, gateway_.parameters_.routes[route].value.timeout);
        }

        static const Way* chosen(const std::vector<Way>& ways, Draws draws) {
            double sum = 0;
            for (const Way& way : ways) sum += way.weight;
            double point = draws.uniform() * sum;
            const Way* last = nullptr;
            for (const Way& way : ways) {
                if (way.weight == 0) continue;
                last = &way;
                point -= way.weight;
                if (point < 0) break;
            }
            return last;
        }

        void send(Flight& flight, const Way& way, Duration patience) {
            if (patience.count() > 0) {
                flight.next =
                    world_.engine.after(patience, action<&Forwarder::lose_patience>(*this, flight));
            }
            Call& child = open(flight);
            child.operation = way.operations[flight.call->operation];
            world_.calls.send(child, way.chain->head());
        }

        void lose_patience(Flight& flight) {
            flight.next = {};
            Call& child = *std::exchange(flight.child, nullptr);
            world_.calls.abandon(child);
            answer(flight, {Outcome::timeout, late_});
        }

        Gateway& gateway_;
        GatewayMeters& meters_;
        Stream headers_;
        Stream weights_;
        std::vector<std::vector<Way>> ways_;  // by route
        ReasonId late_;
        ReasonId lost_;
        ReasonId empty_;
    };

    std::vector<Way> ways_of(std::size_t route, const Caller& caller) const {
        std::vector<Way> ways;
        for (const Backend& backend : parameters_.routes[route].value.backends) {
            Way way{std::make_unique<Chain>(world_, calling_[route], caller,
                                            callee_named(world_, backend.to)),
                    backend.weight,
                    {}};
            for (const auto& item : parameters_.operations) {
                // A request that never takes this route may ask for what the backend has not.
                way.operations.push_back(
                    operation_behind(world_, backend.to, item.name).value_or(0));
            }
            ways.push_back(std::move(way));
        }
        return ways;
    }

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Forwarder>(*this, zone, number);
    }

    const Parameters& parameters_;
    GatewayMeters meters_;
    std::vector<Guide> guides_;            // by operation
    std::vector<CallParameters> calling_;  // by route
};

}  // namespace

void add_gateway(Catalogue& catalogue) {
    catalogue.component<Gateway>("gateway",
                                 "Sends each request where its path and its headers lead.");
}

}  // namespace prodsim
