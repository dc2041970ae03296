#include "sim/run/topology.hpp"

#include "sim/config/units.hpp"
#include "sim/run/cut_sets.hpp"
#include "sim/run/graphs.hpp"
#include "sim/run/lint.hpp"
#include "sim/run/service_graph.hpp"
#include "sim/run/shared_fate.hpp"

#include <Eigen/Dense>
#include <Eigen/SparseLU>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace prodsim {

namespace {

using Arcs = std::vector<ServiceGraph::Arc>;
using graphs::Group;
using graphs::Link;

bool every_arc(const ServiceGraph::Arc&) { return true; }
bool taken(const ServiceGraph::Arc& arc) { return arc.calls.count > 0; }

/// "11.2", "0.00123", "1234": three digits, or all before the point.
std::string few_digits(double number) {
    if (number == 0 || !std::isfinite(number)) return to_text(number);
    const int digits = 2 - static_cast<int>(std::floor(std::log10(std::abs(number))));
    const double scale = std::pow(10, std::max(0, digits));
    return to_text(std::round(number * scale) / scale);
}

std::string percent(double share) {
    const double number = 100 * share;
    return to_text(number < 10 ? std::round(10 * number) / 10 : std::round(number)) + " %";
}

// ---- graphs -------------------------------------------------------------------------------------

/// Whether calls among these operations bring about as many or more, on average, for ever. With the
/// mean counts B that is so unless I - B is a nonsingular M-matrix, which it is if and only if
/// (I - B) x = 1 has a solution above 0 (Berman and Plemmons 1994, chapter 6, theorem 2.3).
template <class Follows>
bool multiplies(const ServiceGraph& graph, const Group& group, Follows follows) {
    const auto size = static_cast<Eigen::Index>(group.size());
    Eigen::MatrixXd matrix = Eigen::MatrixXd::Identity(size, size);
    for (Eigen::Index row = 0; row < size; ++row) {
        for (const auto& arc : graph.vertices[group[static_cast<std::size_t>(row)]].arcs) {
            const auto found = std::lower_bound(group.begin(), group.end(), arc.to);
            if (found == group.end() || *found != arc.to || !follows(arc)) continue;
            matrix(row, found - group.begin()) -= arc.calls.count;
        }
    }
    // Beyond this many calls for one the matrix is singular as far as rounding can tell.
    constexpr double unbounded = 1e12;
    const Eigen::VectorXd calls = matrix.partialPivLu().solve(Eigen::VectorXd::Ones(size));
    return !(calls.allFinite() && calls.minCoeff() > 0 && calls.maxCoeff() < unbounded);
}

template <class Follows>
std::set<Link> operation_links(const ServiceGraph& graph, Follows follows) {
    std::set<Link> links;
    for (std::size_t i = 0; i < graph.vertices.size(); ++i) {
        for (const auto& arc : graph.vertices[i].arcs) {
            if (follows(arc)) links.insert({i, arc.to});
        }
    }
    return links;
}

/// The shortest way from the first of the group back to it: "a.x -> b.y -> a.x", and its first arc.
template <class Follows>
std::pair<std::string, const ServiceGraph::Arc*> round_trip(const ServiceGraph& graph,
                                                            std::size_t start, Follows follows) {
    std::vector<Link> queue{{start, 0}};  // operation, and the index of whence
    std::vector<const ServiceGraph::Arc*> arcs{nullptr};
    std::set<std::size_t> seen;
    for (std::size_t i = 0; i < queue.size(); ++i) {
        for (const auto& arc : graph.vertices[queue[i].first].arcs) {
            if (!follows(arc) || !seen.insert(arc.to).second) continue;
            queue.emplace_back(arc.to, i);
            arcs.push_back(&arc);
            if (arc.to != start) continue;
            std::string way = graph.name_of(start);
            const ServiceGraph::Arc* first = &arc;
            for (std::size_t at = i; at != 0; at = queue[at].second) {
                way.insert(0, graph.name_of(queue[at].first) + " -> ");
                first = arcs[at];
            }
            return {graph.name_of(start) + " -> " + way, first};
        }
    }
    return {graph.name_of(start), nullptr};
}

// ---- the traffic equations ----------------------------------------------------------------------

/// Rates of all operations from rates at which load comes in from outside: r = e + P^T r, where
/// P(i, j) is how many calls of j an execution of i makes (Jackson 1957).
class Traffic {
public:
    /// REQUIRES: no group of operations that `reached` holds multiplies.
    Traffic(const ServiceGraph& graph, const std::vector<bool>& reached) : graph_(graph) {
        const auto size = static_cast<Eigen::Index>(graph.vertices.size());
        if (size == 0) return;  // Eigen divides by the size
        std::vector<Eigen::Triplet<double>> entries;
        for (std::size_t i = 0; i < graph.vertices.size(); ++i) {
            entries.emplace_back(static_cast<int>(i), static_cast<int>(i), 1);
            if (!reached[i]) continue;
            for (const auto& arc : graph.vertices[i].arcs) {
                entries.emplace_back(static_cast<int>(arc.to), static_cast<int>(i),
                                     -arc.calls.count);
            }
        }
        Eigen::SparseMatrix<double> matrix(size, size);
        matrix.setFromTriplets(entries.begin(), entries.end());
        solver_.compute(matrix);
    }

    std::vector<double> rates(const Arcs& arcs, double per_s) const {
        const auto size = static_cast<Eigen::Index>(graph_.vertices.size());
        if (size == 0) return {};
        Eigen::VectorXd outside = Eigen::VectorXd::Zero(size);
        for (const auto& arc : arcs) {
            outside[static_cast<Eigen::Index>(arc.to)] += per_s * arc.calls.count;
        }
        const Eigen::VectorXd solution = solver_.solve(outside);
        return {solution.begin(), solution.end()};
    }

private:
    const ServiceGraph& graph_;
    Eigen::SparseLU<Eigen::SparseMatrix<double>> solver_;
};

/// What the operations of a component use of one of its resources at these rates.
double needed_of(const ServiceGraph& graph, std::size_t component, const Resource& resource,
                 const std::vector<double>& rates) {
    const Workload& work = graph.components[component].work;
    double sum = 0;
    for (std::size_t i = 0; i < rates.size(); ++i) {
        if (graph.vertices[i].component != component) continue;
        for (std::size_t k = 0; k < work.operations.size(); ++k) {
            if (work.operations[k].name != graph.vertices[i].operation) continue;
            sum += rates[i] * resource.per_call[k];
        }
    }
    return sum;
}

/// What the components need while nothing fails.
class Prediction {
public:
    /// Of a run of this length.
    Prediction(const ServiceGraph& graph, Duration length) : graph_(graph), length_(length) {}

    void predict(Topology& topology) {
        std::vector<bool> seen(graph_.vertices.size(), false);
        for (const auto& journey : graph_.journeys) {
            const std::vector<bool> more = reached(graph_, journey.arcs, taken);
            for (std::size_t i = 0; i < seen.size(); ++i) seen[i] = seen[i] || more[i];
        }
        rates_.assign(graph_.vertices.size(), 0);
        bounds_.assign(graph_.vertices.size(), false);
        known_.assign(graph_.vertices.size(), true);
        by_source_.clear();
        if (tell_of_multiplication(topology, seen)) {
            known_.assign(graph_.vertices.size(), false);
        } else {
            const Traffic traffic(graph_, seen);
            for (std::size_t i = 0; i < graph_.journeys.size(); ++i) {
                add_journey(traffic, graph_.journeys[i], topology.journeys[i]);
            }
            list_loads(topology);
            list_uses(topology);
        }
        list_calls(topology);
    }

private:
    bool tell_of_multiplication(Topology& topology, const std::vector<bool>& seen) const {
        for (const Group& group :
             graphs::cyclic_groups(graph_.vertices.size(), operation_links(graph_, taken))) {
            if (!seen[group.front()] || !multiplies(graph_, group, taken)) continue;
            std::vector<std::string> names;
            for (const std::size_t i : group) names.push_back(graph_.name_of(i));
            topology.findings.push_back(
                {Severity::error, "calls_multiply", names,
                 round_trip(graph_, group.front(), taken).first +
                     ": each brings about at least one more, so the load grows without end"});
            return true;
        }
        return false;
    }

    void add_journey(const Traffic& traffic, const ServiceGraph::Journey& journey,
                     JourneyTopology& told) {
        const LoadSource& source = graph_.components[journey.component].work.source;
        told.at_most = source.users > 0;
        told.per_s = source.users > 0 ? closed_bound(traffic, journey)
                                      : std::optional(journey.share * source.per_s);
        if (!told.per_s) forget_what_follows(journey);
        if (!told.per_s || *told.per_s == 0) return;
        const std::vector<double> more = traffic.rates(journey.arcs, *told.per_s);
        for (std::size_t i = 0; i < more.size(); ++i) rates_[i] += more[i];
        std::vector<double>& own = by_source_[journey.component];
        own.resize(more.size());
        for (std::size_t i = 0; i < more.size(); ++i) own[i] += more[i];
        mark_bounds(journey.arcs, told.at_most);
    }

    /// What limits a closed population: its thinking, and the busiest resource on its way
    /// (asymptotic bounds, Denning and Buzen 1978). Only its own load is taken into account.
    std::optional<double> closed_bound(const Traffic& traffic,
                                       const ServiceGraph::Journey& journey) const {
        const LoadSource& source = graph_.components[journey.component].work.source;
        std::vector<double> visits(graph_.vertices.size(), 0);
        for (const auto& other : graph_.journeys) {
            if (other.component != journey.component) continue;
            const std::vector<double> more = traffic.rates(other.arcs, other.share);
            for (std::size_t i = 0; i < more.size(); ++i) visits[i] += more[i];
        }
        double bound = std::numeric_limits<double>::infinity();
        if (source.think_s > 0) bound = static_cast<double>(source.users) / source.think_s;
        for (std::size_t i = 0; i < graph_.components.size(); ++i) {
            for (const Resource& resource : graph_.components[i].work.resources) {
                if (!resource.holds_up) continue;
                const double each = needed_of(graph_, i, resource, visits);
                if (each > 0) bound = std::min(bound, resource.available / each);
            }
        }
        if (!std::isfinite(bound)) return std::nullopt;
        return bound * journey.share;
    }

    /// Whatever is behind a bound is a bound.
    void mark_bounds(const Arcs& arcs, bool at_most) {
        for (const auto& arc : arcs) {
            if (!taken(arc) || bounds_[arc.to]) continue;
            if (!at_most && !arc.calls.at_most) continue;
            bounds_[arc.to] = true;
            mark_bounds(graph_.vertices[arc.to].arcs, true);
        }
    }

    void list_loads(Topology& topology) {
        for (std::size_t i = 0; i < rates_.size(); ++i) {
            if (rates_[i] > 0) mark_bounds(graph_.vertices[i].arcs, bounds_[i]);
        }
        for (std::size_t i = 0; i < rates_.size(); ++i) {
            const auto& vertex = graph_.vertices[i];
            topology.loads.push_back({graph_.components[vertex.component].name, vertex.operation,
                                      rates_[i], bounds_[i]});
        }
    }

    void forget_what_follows(const ServiceGraph::Journey& journey) {
        const std::vector<bool> behind = reached(graph_, journey.arcs, taken);
        for (std::size_t i = 0; i < behind.size(); ++i) known_[i] = known_[i] && !behind[i];
    }

    void list_calls(Topology& topology) const {
        const auto list = [&](std::size_t component, const std::string& from, const Arcs& arcs,
                              std::optional<double> per_s, bool at_most) {
            for (const auto& arc : arcs) {
                const auto& to = graph_.vertices[arc.to];
                std::optional<double> calls;
                if (per_s) calls = *per_s * arc.calls.count;
                topology.calls.push_back({graph_.components[component].name, from,
                                          graph_.components[to.component].name, to.operation, calls,
                                          at_most || arc.calls.at_most});
            }
        };
        for (std::size_t i = 0; i < graph_.journeys.size(); ++i) {
            const auto& journey = graph_.journeys[i];
            const JourneyTopology& told = topology.journeys[i];
            list(journey.component, journey.name, journey.arcs, told.per_s, told.at_most);
        }
        for (std::size_t i = 0; i < graph_.vertices.size(); ++i) {
            const auto& vertex = graph_.vertices[i];
            const bool known = known_[i] && !graph_.components[vertex.component].is_silent();
            list(vertex.component, vertex.operation, vertex.arcs,
                 known ? std::optional(rates_[i]) : std::nullopt, bounds_[i]);
        }
    }

    void list_uses(Topology& topology) const {
        for (std::size_t i = 0; i < graph_.components.size(); ++i) {
            for (const Resource& resource : graph_.components[i].work.resources) {
                if (!is_used(resource)) continue;
                const PredictedUse use{graph_.components[i].name, resource.name,
                                       needed_of(graph_, i, resource, rates_), resource.available,
                                       is_bound(i)};
                if (use.needed == 0 && use.available == 0) continue;
                topology.uses.push_back(use);
                if (use.at_most) continue;
                if (use.needed < use.available) {
                    look_at_peak(topology, i, resource, use);
                    continue;
                }
                topology.findings.push_back({Severity::warning,
                                             "overload",
                                             {use.component},
                                             use.sentence() + ": it cannot keep up"});
            }
        }
    }

    /// What it needs when the shapes of the loads make it need the most. They are looked at as
    /// often as this in a run, so a shorter peak may be missed.
    static constexpr std::int64_t looks = 2000;

    void look_at_peak(Topology& topology, std::size_t component, const Resource& resource,
                      const PredictedUse& use) const {
        double steady = 0;
        std::vector<std::pair<double, LoadShape>> shaped;
        for (const auto& [source, rates] : by_source_) {
            const double needed = needed_of(graph_, component, resource, rates);
            const auto* shapes = graph_.components[source].work.source.shapes;
            if (shapes != nullptr && needed > 0) {
                shaped.emplace_back(needed, LoadShape(*shapes));
            } else {
                steady += needed;
            }
        }
        if (shaped.empty()) return;
        PredictedUse peak = use;
        peak.needed = 0;
        Time when = start_of_run;
        for (std::int64_t i = 0; i < looks; ++i) {
            const Time now = start_of_run + length_ * i / looks;
            double needed = steady;
            for (const auto& [amount, shape] : shaped) needed += amount * shape.factor(now);
            if (needed <= peak.needed) continue;
            peak.needed = needed;
            when = now;
        }
        if (peak.needed < peak.available) return;
        topology.findings.push_back({Severity::warning,
                                     "overload",
                                     {peak.component},
                                     peak.sentence() + " at the peak of the load, from about " +
                                         to_text(when - start_of_run) +
                                         " on: it cannot keep up then"});
    }

    /// Of a disk that no statement reads there is nothing to say.
    static bool is_used(const Resource& resource) {
        return std::any_of(resource.per_call.begin(), resource.per_call.end(),
                           [](double amount) { return amount > 0; });
    }

    bool is_bound(std::size_t component) const {
        for (std::size_t i = 0; i < rates_.size(); ++i) {
            const auto& vertex = graph_.vertices[i];
            if (vertex.component != component || rates_[i] == 0) continue;
            if (bounds_[i] || vertex.demand.at_most) return true;
        }
        return false;
    }

    const ServiceGraph& graph_;
    Duration length_;
    std::map<std::size_t, std::vector<double>> by_source_;  // `rates_` by where they begin
    std::vector<double> rates_;
    std::vector<bool> bounds_;
    std::vector<bool> known_;  // the rate of the operation
};

// ---- the rest -----------------------------------------------------------------------------------

class Analysis {
public:
    Analysis(const Scenario& scenario, const ServiceGraph& graph)
        : scenario_(scenario), graph_(graph) {}

    Topology topology() && {
        list_edges();
        find_unreached();
        find_cycles();
        find_articulation_points();
        for (const auto& journey : graph_.journeys) {
            topology_.journeys.push_back({journey.name, {}, false, dominators_of(journey)});
        }
        find_cuts();
        Prediction(graph_, scenario_.parameters().run.duration).predict(topology_);
        for (Finding& finding : lint_policies(scenario_, graph_)) {
            topology_.findings.push_back(std::move(finding));
        }
        for (Finding& finding : lint_groups(scenario_, graph_)) {
            topology_.findings.push_back(std::move(finding));
        }
        std::stable_sort(
            topology_.findings.begin(), topology_.findings.end(),
            [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
        return std::move(topology_);
    }

private:
    const std::string& name(std::size_t component) const {
        return graph_.components[component].name;
    }

    void add(Severity severity, const char* rule, std::vector<std::string> components,
             std::string sentence) {
        topology_.findings.push_back({severity, rule, std::move(components), std::move(sentence)});
    }

    void list_edges() {
        for (const auto& component : graph_.components) {
            for (const Edge& edge : component.edges) {
                const ServiceEdge told{component.name, edge.component, edge.kind};
                auto& edges = topology_.edges;
                if (std::find(edges.begin(), edges.end(), told) == edges.end()) {
                    edges.push_back(told);
                }
            }
        }
    }

    /// From component to component, whatever the operations.
    std::set<Link> component_links() const {
        std::set<Link> links;
        for (const auto& vertex : graph_.vertices) {
            for (const auto& arc : vertex.arcs) {
                links.insert({vertex.component, graph_.vertices[arc.to].component});
            }
        }
        return links;
    }

    void find_unreached() {
        std::vector<bool> component_seen(graph_.components.size(), false);
        std::vector<bool> seen(graph_.vertices.size(), false);
        for (const auto& journey : graph_.journeys) {
            const std::vector<bool> more = reached(graph_, journey.arcs, every_arc);
            for (std::size_t i = 0; i < seen.size(); ++i) {
                seen[i] = seen[i] || more[i];
                if (more[i]) component_seen[graph_.vertices[i].component] = true;
            }
        }
        mark_checked(seen);
        for (std::size_t i = 0; i < graph_.components.size(); ++i) {
            if (component_seen[i] || !graph_.components[i].callable) continue;
            topology_.unreached.push_back(name(i));
            add(Severity::warning, "unreached", {name(i)}, "no journey leads to " + name(i));
        }
        for (std::size_t i = 0; i < seen.size(); ++i) {
            const std::size_t component = graph_.vertices[i].component;
            if (seen[i] || !component_seen[component] || has_stock_operations(component)) continue;
            add(Severity::note, "unreached", {name(component)},
                "no journey leads to " + graph_.name_of(i));
        }
        for (std::size_t i = 0; i < graph_.components.size(); ++i) {
            if (!component_seen[i] || !graph_.components[i].is_silent()) continue;
            add(Severity::note, "not_predicted", {name(i)},
                "what " + name(i) +
                    " asks of others is not known: loads behind it are predicted "
                    "too low");
        }
    }

    /// Somebody asks for it, though no journey does.
    void mark_checked(std::vector<bool>& seen) const {
        std::set<std::string> checked;
        for (const ServiceGraph::Box& component : graph_.components) {
            for (const Edge& edge : component.edges) {
                if (edge.kind == "checks") checked.insert(edge.component + "." + edge.operation);
            }
        }
        for (std::size_t i = 0; i < seen.size(); ++i) {
            if (checked.contains(graph_.name_of(i))) seen[i] = true;
        }
    }

    /// Its operations come with its kind, so that nobody calls one of them is no news.
    bool has_stock_operations(std::size_t component) const {
        const Value* kinds = scenario_.effective().find_path("components." + name(component));
        return kinds == nullptr || kinds->find("operations") == nullptr;
    }

    void find_cycles() {
        for (const Group& group :
             graphs::cyclic_groups(graph_.components.size(), component_links())) {
            std::vector<std::string> names;
            for (const std::size_t i : group) names.push_back(name(i));
            const std::string sentence = names.size() == 1
                                             ? names.front() + " calls itself"
                                             : listed(names) + " call one another in a circle";
            add(Severity::note, "cycle", names,
                sentence + ": each holds what it has while it waits for the next");
            topology_.cycles.push_back(std::move(names));
        }
    }

    void find_articulation_points() {
        std::set<Link> links = component_links();
        for (const auto& journey : graph_.journeys) {
            for (const auto& arc : journey.arcs) {
                links.insert({journey.component, graph_.vertices[arc.to].component});
            }
        }
        for (const std::size_t i : graphs::articulation_points(graph_.components.size(), links)) {
            topology_.articulation_points.push_back(name(i));
        }
    }

    /// The journey itself is one more vertex, after the components.
    std::vector<JourneyTopology::Dominated> dominators_of(const ServiceGraph::Journey& journey) {
        const std::size_t root = graph_.components.size();
        std::set<Link> links;
        for (const auto& arc : journey.arcs) {
            links.insert({root, graph_.vertices[arc.to].component});
        }
        const std::vector<bool> seen = reached(graph_, journey.arcs, every_arc);
        for (std::size_t i = 0; i < seen.size(); ++i) {
            if (!seen[i]) continue;
            const auto& vertex = graph_.vertices[i];
            for (const auto& arc : vertex.arcs) {
                links.insert({vertex.component, graph_.vertices[arc.to].component});
            }
        }
        const std::vector<std::size_t> parents = graphs::dominators(root + 1, root, links);
        std::vector<JourneyTopology::Dominated> list;
        for (std::size_t i = 0; i < root; ++i) {
            if (parents[i] == i) continue;
            list.push_back({name(i), parents[i] == root ? "" : name(parents[i])});
        }
        return list;
    }

    /// Each name once, for several sources may begin a journey of the same name.
    std::vector<std::string> journeys(const CutSets::Cut& cut) const {
        std::vector<std::string> names;
        for (const std::size_t j : cut.journeys) {
            const std::string& journey = graph_.journeys[j].name;
            const bool told = std::find(names.begin(), names.end(), journey) != names.end();
            if (!told) names.push_back(journey);
        }
        return names;
    }

    void find_cuts() {
        const CutSets cuts = cut_sets(graph_, forgiven_calls(scenario_, graph_));
        for (const CutSets::Cut& cut : cuts.singles) add_single_point(cut);
        for (const CutSets::Cut& cut : cuts.pairs) add_pair(cut);
        if (cuts.complete) return;
        add(Severity::note, "cut_pair", {},
            "too many components have one instance for pairs of them to be looked at");
    }

    void add_single_point(const CutSets::Cut& cut) {
        SinglePoint point{name(cut.components.front()), journeys(cut), {}};
        for (const std::size_t j : cut.journeys) {
            add_cut_off(point, topology_.journeys[j].dominators);
        }
        const bool several = point.journeys.size() > 1;
        std::string sentence = listed(point.journeys) + (several ? " depend on " : " depends on ") +
                               point.component + ", of which there is one instance";
        if (!point.cuts_off.empty()) {
            sentence += "; nothing else leads to " + listed(point.cuts_off);
        }
        add(Severity::warning, "single_point", {point.component}, std::move(sentence));
        topology_.single_points.push_back(std::move(point));
    }

    void add_pair(const CutSets::Cut& cut) {
        CutPair pair{name(cut.components.front()), name(cut.components.back()), journeys(cut)};
        const std::string s = pair.journeys.size() > 1 ? "" : "s";
        const std::string who = listed(pair.journeys);
        const std::string& first = pair.first;
        if (first == pair.second) {
            add(Severity::note, "cut_pair", {first},
                who + " depend" + s + " on " + first + ", of which there are two instances");
        } else {
            add(Severity::note, "cut_pair", {first, pair.second},
                who + " fail" + s + " when " + first + " and " + pair.second +
                    " are away together");
        }
        topology_.cut_pairs.push_back(std::move(pair));
    }

    static void add_cut_off(SinglePoint& point,
                            const std::vector<JourneyTopology::Dominated>& dominators) {
        const auto dominator_of = [&](const std::string& component) {
            for (const auto& dominated : dominators) {
                if (dominated.component == component) return dominated.by;
            }
            return std::string();
        };
        for (const auto& dominated : dominators) {
            std::string by = dominated.by;
            while (!by.empty() && by != point.component) by = dominator_of(by);
            auto& cut_off = point.cuts_off;
            const bool known =
                std::find(cut_off.begin(), cut_off.end(), dominated.component) != cut_off.end();
            if (!by.empty() && !known) cut_off.push_back(dominated.component);
        }
    }

    const Scenario& scenario_;
    const ServiceGraph& graph_;
    Topology topology_;
};

/// Whether messages take no time whichever zones they go between.
bool is_instant(const Network& network) {
    const std::size_t count = network.zones().size();
    const std::size_t first = count > 1 ? 1 : 0;  // the unnamed zone is only used where it is alone
    for (std::size_t from = first; from < count; ++from) {
        for (std::size_t to = first; to < count; ++to) {
            const Path& path = network.path(static_cast<ZoneId>(from), static_cast<ZoneId>(to));
            if (path.latency.mean() > 0) return false;
        }
    }
    return true;
}

}  // namespace

std::string PredictedUse::sentence() const {
    const std::string needs = component + (at_most ? " needs at most " : " needs ");
    if (available == 0) return needs + few_digits(needed) + " " + resource + " and has none";
    const std::string noun = resource == "cores" && available == 1 ? "core" : resource;
    return needs + few_digits(needed) + " of its " + few_digits(available) + " " + noun + " (" +
           percent(share()) + ")";
}

Topology analyse(const Scenario& scenario) {
    const std::unique_ptr<World> world = scenario.world(0, 0);
    const ServiceGraph graph = service_graph(scenario.parameters(), *world);
    return Analysis(scenario, graph).topology();
}

std::vector<Problem> find_instant_cycles(const ScenarioParameters& parameters, const World& world) {
    if (!is_instant(world.network)) return {};
    const auto at_once = [](const ServiceGraph::Arc& arc) {
        return arc.calls.at_once && taken(arc);
    };
    const ServiceGraph graph = service_graph(parameters, world);
    std::vector<Problem> problems;
    for (const Group& group :
         graphs::cyclic_groups(graph.vertices.size(), operation_links(graph, at_once))) {
        if (!multiplies(graph, group, at_once)) continue;
        const auto [way, first] = round_trip(graph, group.front(), at_once);
        Problem problem;
        problem.place = first->calls.target.place;
        problem.message = "\"" + graph.name_of(group.front()) +
                          "\" calls itself at the same instant, for ever: " + way;
        problem.cure = "give one of these operations a \"cpu\" or \"wait\" step before the call";
        problems.push_back(std::move(problem));
    }
    return problems;
}

}  // namespace prodsim
