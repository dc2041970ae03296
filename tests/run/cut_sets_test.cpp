// Which instances, alone or two together, journeys cannot do without.

#include "sim/run/cut_sets.hpp"

#include "sim/core/random.hpp"
#include "sim/run/topology.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace prodsim;

namespace {

using Formula = ServiceGraph::Need;
using Gone = std::set<std::size_t>;

/// Whether things work without some components: by going round until nothing changes.
class Trial {
public:
    Trial(const ServiceGraph& graph, Gone gone)
        : graph_(graph), gone_(std::move(gone)), works_(graph.vertices.size(), true) {
        for (bool changed = true; changed;) {
            changed = false;
            for (std::size_t i = 0; i < works_.size(); ++i) {
                const bool now =
                    !gone_.contains(graph.vertices[i].component) && meets(graph.vertices[i].need);
                changed = changed || now != works_[i];
                works_[i] = now;
            }
        }
    }

    bool meets(const Formula& need) const {
        if (need.vertex) return works_[*need.vertex];
        const auto count = std::count_if(need.parts.begin(), need.parts.end(),
                                         [this](const Formula& part) { return meets(part); });
        return static_cast<std::size_t>(count) >= need.at_least;
    }

private:
    const ServiceGraph& graph_;
    Gone gone_;
    std::vector<bool> works_;
};

bool fails(const ServiceGraph& graph, std::size_t journey, Gone gone) {
    return !Trial(graph, std::move(gone)).meets(graph.journeys[journey].need);
}

Formula random_need(Draws& draws, std::size_t from, std::size_t size, int depth) {
    const bool leaf = depth == 0 || draws.chance(0.4);
    // Mostly those behind it, now and then anybody, so that there are circles.
    const std::size_t first = draws.chance(0.1) ? 0 : from;
    if (leaf) return {0, {}, first + draws.below(size - first)};
    Formula need;
    const std::size_t parts = 1 + draws.below(3);
    for (std::size_t i = 0; i < parts; ++i) {
        need.parts.push_back(random_need(draws, from, size, depth - 1));
    }
    need.at_least = draws.chance(0.4) ? parts : draws.below(parts + 1);
    return need;
}

ServiceGraph::Vertex vertex_of(std::size_t component, const Formula& need) {
    ServiceGraph::Vertex vertex{};
    vertex.component = component;
    vertex.need = need;
    return vertex;
}

ServiceGraph random_graph(Draws& draws) {
    ServiceGraph graph;
    const std::size_t size = 3 + draws.below(8);
    for (std::size_t i = 0; i < size; ++i) {
        Workload work;
        work.instances = static_cast<std::int64_t>(1 + draws.below(3));
        graph.components.push_back({"c" + std::to_string(i), work, {}, true});
    }
    for (std::size_t i = 0; i < size; ++i) {
        Formula need;
        if (i + 1 < size && draws.chance(0.8)) need = random_need(draws, i + 1, size, 2);
        graph.vertices.push_back(vertex_of(i, need));
    }
    for (int j = 0; j < 2; ++j) {
        graph.journeys.push_back(
            {"j" + std::to_string(j), 0, 1, {}, random_need(draws, 0, size, 2)});
    }
    return graph;
}

using Found = std::set<std::pair<std::vector<std::size_t>, std::size_t>>;  // components, journey

Found listed(const std::vector<CutSets::Cut>& cuts) {
    Found found;
    for (const CutSets::Cut& cut : cuts) {
        for (const std::size_t journey : cut.journeys) found.insert({cut.components, journey});
    }
    return found;
}

/// Every single instance and every pair, tried out. Two of three instances change nothing.
std::pair<Found, Found> tried_out(const ServiceGraph& graph) {
    Found singles;
    Found pairs;
    const std::size_t size = graph.components.size();
    const auto instances = [&](std::size_t i) { return graph.components[i].work.instances; };
    for (std::size_t j = 0; j < graph.journeys.size(); ++j) {
        for (std::size_t a = 0; a < size; ++a) {
            if (instances(a) == 1 && fails(graph, j, {a})) singles.insert({{a}, j});
            if (instances(a) == 2 && fails(graph, j, {a})) pairs.insert({{a, a}, j});
            for (std::size_t b = a + 1; b < size; ++b) {
                if (instances(a) != 1 || instances(b) != 1) continue;
                const bool minimal = !fails(graph, j, {a}) && !fails(graph, j, {b});
                if (minimal && fails(graph, j, {a, b})) pairs.insert({{a, b}, j});
            }
        }
    }
    return {singles, pairs};
}

std::unique_ptr<const Scenario> scenario_of(const std::string& components) {
    return Scenario::parse(R"j({"version": 1, "components": {)j" + components + "}}", "test",
                           testing::everything());
}

std::vector<std::string> sentences(const Topology& topology, const std::string& rule) {
    std::vector<std::string> found;
    for (const Finding& finding : topology.findings) {
        if (finding.rule == rule) found.push_back(finding.sentence);
    }
    return found;
}

}  // namespace

TEST_CASE("cut sets are those that are found by trying out every one and every two") {
    Stream stream(1, 0, "graphs");
    for (int round = 0; round < 3000; ++round) {
        Draws draws = stream.next();
        const ServiceGraph graph = random_graph(draws);
        const CutSets found = cut_sets(graph, {});
        const auto [singles, pairs] = tried_out(graph);
        INFO("round " << round);
        REQUIRE(found.complete);
        REQUIRE(listed(found.singles) == singles);
        REQUIRE(listed(found.pairs) == pairs);
    }
}

TEST_CASE("of two ways both must be cut, and what both lead to is a single point") {
    const Topology topology = analyse(*scenario_of(R"j(
        "users": {"type": "clients", "arrivals": "poisson(1/s)", "journeys": {
            "look": {"call": "www.look"}, "pay": {"call": "www.pay"}}},
        "www": {"type": "dns", "records": ["left", "right"], "health": {"operation": "look"},
                "instances": 4},
        "left": {"type": "load_balancer", "target": "shop"},
        "right": {"type": "load_balancer", "target": "shop"},
        "shop": {"type": "service", "instances": 3, "operations": {
            "look": {"steps": [{"try": [{"call": "near.get"}],
                                "otherwise": [{"call": "far.get"}]}]},
            "pay": {"steps": [{"call": "bank.pay"}, {"call": "mails.send"},
                              {"call": "ads.show"}]}},
            "calls": {"ads": {"policy": ["fallback"]}}},
        "near": {"type": "service", "operations": {"get": {"steps": []}}},
        "far": {"type": "service", "operations": {"get": {"steps": []}}},
        "bank": {"type": "service", "instances": 2, "operations": {"pay": {"steps": [
            {"call": "ledger.write"}]}}},
        "ledger": {"type": "service", "operations": {"write": {"steps": []}}},
        "mails": {"type": "service", "instances": 3, "operations": {"send": {"steps": []}}},
        "ads": {"type": "service", "operations": {"show": {"steps": []}}})j"));
    CHECK(sentences(topology, "single_point") ==
          std::vector<std::string>{"pay depends on ledger, of which there is one instance"});
    CHECK(sentences(topology, "cut_pair") ==
          std::vector<std::string>{"pay depends on bank, of which there are two instances",
                                   "look and pay fail when left and right are away together",
                                   "look fails when near and far are away together"});
}

TEST_CASE("two of three branches that must work make a pair of every two") {
    const Topology topology = analyse(*scenario_of(R"j(
        "users": {"type": "clients", "arrivals": "poisson(1/s)", "journeys": {
            "vote": {"steps": [{"parallel": [[{"call": "a.x"}], [{"call": "b.x"}],
                                             [{"call": "c.x"}]], "at_least": 2}]}}},
        "a": {"type": "service", "operations": {"x": {"steps": []}}},
        "b": {"type": "service", "operations": {"x": {"steps": []}}},
        "c": {"type": "service", "operations": {"x": {"steps": []}}})j"));
    CHECK(topology.single_points.empty());
    REQUIRE(topology.cut_pairs.size() == 3);
    CHECK(topology.cut_pairs[1].first == "a");
    CHECK(topology.cut_pairs[1].second == "c");
    CHECK(topology.cut_pairs[1].journeys == std::vector<std::string>{"vote"});
}

// 500 pairs of services that stand in for one another, one behind the other.
TEST_CASE("pairs among a thousand services are found") {
    ServiceGraph graph;
    for (std::size_t i = 0; i < 1000; ++i) {
        Workload work;
        work.instances = 1;
        graph.components.push_back({"c" + std::to_string(i), work, {}, true});
        Formula next;
        if (i < 998) {
            const std::size_t first = i / 2 * 2 + 2;
            next = {1, {{0, {}, first}, {0, {}, first + 1}}, {}};
        }
        graph.vertices.push_back(vertex_of(i, next));
    }
    graph.journeys.push_back({"j", 0, 1, {}, {1, {{0, {}, 0}, {0, {}, 1}}, {}}});
    const CutSets found = cut_sets(graph, {});
    CHECK(found.complete);
    CHECK(found.singles.empty());
    REQUIRE(found.pairs.size() == 500);
    CHECK(found.pairs.back().components == std::vector<std::size_t>{998, 999});
}

// A message takes 150 ms at least, so ten consumers do 66.7 of them in a second.
TEST_CASE("consumers that cannot keep up with what is published are found before a run") {
    const auto overload = [](const std::string& rate) {
        return sentences(analyse(*scenario_of(R"j(
            "users": {"type": "clients", "arrivals": "poisson()j" +
                                              rate + R"j()",
                      "journeys": {"order": {"call": "events.placed"}}},
            "events": {"type": "broker", "topics": {"placed": {}}, "subscriptions": {
                "mails": {"topic": "placed", "call": "notify.mail", "consumers": 10}}},
            "notify": {"type": "service", "instances": 3, "cores": 8, "operations": {"mail": {
                "steps": [{"cpu": "50ms"}, {"call": "mailer.send"}]}}},
            "mailer": {"type": "third_party", "latency": "exp(100ms)", "quota": "1000/s",
                       "operations": {"send": {"quota": "1000/s"}}})j")),
                         "overload");
    };
    CHECK(overload("60/s").empty());
    CHECK(overload("80/s") == std::vector<std::string>{"events needs 12 of its 10 consumers of "
                                                       "mails (120 %): it cannot keep up"});
}
