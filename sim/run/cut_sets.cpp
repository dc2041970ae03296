#include "sim/run/cut_sets.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace prodsim {

namespace {

// Each component with one instance is taken out in turn, and the graph gone through: beyond so many
// steps this is left out.
constexpr std::size_t most_steps = 20'000'000;

/// Some of the components, or something that fails anyway.
class Cuts {
public:
    explicit Cuts(std::size_t size) : words_((size + 63) / 64) {}

    static Cuts fails(std::size_t size) {
        Cuts cuts(size);
        cuts.fails_ = true;
        return cuts;
    }

    bool fails() const { return fails_; }
    bool has(std::size_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
    void add(std::size_t i) { words_[i / 64] |= std::uint64_t{1} << (i % 64); }

    void join(const Cuts& other) {
        fails_ = fails_ || other.fails_;
        for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    }

    void keep(const Cuts& other) {
        for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
    }

    template <class What>
    void for_each(What what) const {
        for (std::size_t w = 0; w < words_.size(); ++w) {
            for (std::uint64_t rest = words_[w]; rest != 0; rest &= rest - 1) {
                what(w * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
            }
        }
    }

    bool operator==(const Cuts&) const = default;

private:
    std::vector<std::uint64_t> words_;
    bool fails_ = false;
};

class Search {
public:
    Search(const ServiceGraph& graph, const Forgiven& forgiven)
        : graph_(graph), forgiven_(forgiven), seen_(graph.vertices.size(), false) {
        for (const auto& journey : graph.journeys) visit(journey.need);
    }

    CutSets cuts() {
        const std::vector<Cuts> whole = cuts_without(std::nullopt);
        CutSets result;
        for (std::size_t i = 0; i < graph_.components.size(); ++i) {
            const std::vector<std::size_t> journeys = with(whole, i);
            if (journeys.empty()) continue;
            if (instances(i) == 1) result.singles.push_back({{i}, journeys});
            if (instances(i) == 2) result.pairs.push_back({{i, i}, journeys});
        }
        add_pairs(whole, result);
        return result;
    }

private:
    std::int64_t instances(std::size_t component) const {
        const auto& box = graph_.components[component];
        return box.callable ? box.work.instances : 0;
    }

    /// Whoever is asked comes before who asks, but in a circle.
    void visit(const ServiceGraph::Need& need) {
        for (const auto& part : need.parts) visit(part);
        if (!need.vertex || seen_[*need.vertex]) return;
        seen_[*need.vertex] = true;
        visit(graph_.vertices[*need.vertex].need);
        order_.push_back(*need.vertex);
    }

    std::vector<std::size_t> with(const std::vector<Cuts>& of_journeys, std::size_t i) const {
        std::vector<std::size_t> journeys;
        for (std::size_t j = 0; j < of_journeys.size(); ++j) {
            if (of_journeys[j].has(i)) journeys.push_back(j);
        }
        return journeys;
    }

    void add_pairs(const std::vector<Cuts>& whole, CutSets& result) {
        std::vector<std::size_t> candidates;
        for (std::size_t i = 0; i < graph_.components.size(); ++i) {
            if (instances(i) == 1 && is_asked(i)) candidates.push_back(i);
        }
        const std::size_t words = graph_.components.size() / 64 + 1;
        result.complete = candidates.size() * order_.size() * words <= most_steps;
        if (!result.complete) return;
        std::map<std::pair<std::size_t, std::size_t>, std::vector<std::size_t>> pairs;
        for (const std::size_t first : candidates) {
            const std::vector<Cuts> rest = cuts_without(first);
            for (std::size_t j = 0; j < rest.size(); ++j) {
                if (rest[j].fails()) continue;
                rest[j].for_each([&](std::size_t second) {
                    const bool is_new = second > first && instances(second) == 1;
                    if (is_new && !whole[j].has(second)) pairs[{first, second}].push_back(j);
                });
            }
        }
        for (auto& [pair, journeys] : pairs) {
            result.pairs.push_back({{pair.first, pair.second}, std::move(journeys)});
        }
    }

    bool is_asked(std::size_t component) const {
        return std::any_of(order_.begin(), order_.end(), [&](std::size_t vertex) {
            return graph_.vertices[vertex].component == component;
        });
    }

    /// Of every journey, when this component has gone. What asks itself works unless something else
    /// hinders it, so the sets grow from nothing until they do not.
    std::vector<Cuts> cuts_without(std::optional<std::size_t> gone) const {
        const std::size_t size = graph_.components.size();
        std::vector<Cuts> of_vertices(graph_.vertices.size(), Cuts(size));
        for (bool changed = true; changed;) {
            changed = false;
            for (const std::size_t i : order_) {
                Cuts now = of_vertex(i, gone, of_vertices);
                if (now == of_vertices[i]) continue;
                of_vertices[i] = std::move(now);
                changed = true;
            }
        }
        std::vector<Cuts> of_journeys;
        for (const auto& journey : graph_.journeys) {
            of_journeys.push_back(of_need(journey.need, journey.component, of_vertices));
        }
        return of_journeys;
    }

    Cuts of_vertex(std::size_t number, std::optional<std::size_t> gone,
                   const std::vector<Cuts>& known) const {
        const auto& vertex = graph_.vertices[number];
        if (gone == vertex.component) return Cuts::fails(graph_.components.size());
        Cuts cuts = of_need(vertex.need, vertex.component, known);
        const std::int64_t count = instances(vertex.component);
        if (count == 1 || count == 2) cuts.add(vertex.component);
        return cuts;
    }

    Cuts of_need(const ServiceGraph::Need& need, std::size_t from,
                 const std::vector<Cuts>& known) const {
        const std::size_t size = graph_.components.size();
        if (need.vertex) {
            const bool is_forgiven =
                forgiven_.contains({from, graph_.vertices[*need.vertex].component});
            return is_forgiven ? Cuts(size) : known[*need.vertex];
        }
        Cuts cuts(size);
        std::vector<Cuts> parts;
        for (const auto& part : need.parts) parts.push_back(of_need(part, from, known));
        if (need.at_least == parts.size()) {
            for (const Cuts& part : parts) cuts.join(part);
            return cuts;
        }
        return need.at_least == 1 ? all_share(parts) : enough_share(parts, need.at_least);
    }

    /// One of the parts must work: it fails with those that all others fail with.
    Cuts all_share(const std::vector<Cuts>& parts) const {
        Cuts shared = Cuts::fails(graph_.components.size());
        for (const Cuts& part : parts) {
            if (part.fails()) continue;
            if (shared.fails()) {
                shared = part;
            } else {
                shared.keep(part);
            }
        }
        return shared;
    }

    /// So many of the parts must work: it fails with those without which too few do.
    Cuts enough_share(const std::vector<Cuts>& parts, std::size_t at_least) const {
        const std::size_t size = graph_.components.size();
        const std::size_t fatal = parts.size() - at_least + 1;
        std::size_t failing = 0;
        std::map<std::size_t, std::size_t> counts;
        for (const Cuts& part : parts) {
            failing += part.fails() ? 1 : 0;
            if (!part.fails()) part.for_each([&](std::size_t i) { ++counts[i]; });
        }
        if (failing >= fatal) return Cuts::fails(size);
        Cuts cuts(size);
        for (const auto& [component, count] : counts) {
            if (failing + count >= fatal) cuts.add(component);
        }
        return cuts;
    }

    const ServiceGraph& graph_;
    const Forgiven& forgiven_;
    std::vector<bool> seen_;
    std::vector<std::size_t> order_;  // the vertices that are asked
};

}  // namespace

CutSets cut_sets(const ServiceGraph& graph, const Forgiven& forgiven) {
    return Search(graph, forgiven).cuts();
}

}  // namespace prodsim
