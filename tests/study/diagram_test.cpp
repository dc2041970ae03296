// Diagrams: what is drawn, and that both formats can be read by their programs.

#include "sim/study/diagram.hpp"

#include "tests/catch.hpp"
#include "tests/everything.hpp"

#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

Diagram diagram(const std::string& components, Detail detail = Detail::components) {
    const auto scenario = Scenario::parse(R"j({"version": 1, "components": {)j" + components + "}}",
                                          "test", testing::everything());
    return diagram_of(*scenario, detail);
}

/// Two tiers that call one another, and one that nobody calls.
constexpr const char* ring = R"j(
    "users": {"type": "clients", "arrivals": "poisson(90/s)",
              "journeys": {"buy": {"call": "shop.buy"}}},
    "shop": {"type": "service", "instances": 2, "operations": {
        "buy": {"steps": [{"cpu": "exp(10ms)"}, {"call": "stock.take"}]},
        "tell": {"steps": [{"cpu": "exp(1ms)"}]}}},
    "stock": {"type": "service", "operations": {
        "take": {"steps": [{"cpu": "exp(8ms)"}, {"publish": "shop.tell", "probability": "50%"}]}}},
    "spare": {"type": "cache", "hit_ratio": "50%"})j";

/// Names with everything that has a meaning somewhere.
constexpr const char* odd_names = R"j(
    "us\"ers & <b>": {"type": "clients", "arrivals": "poisson(1/s)",
                      "journeys": {"a.b\\N #quot; `end`": {"call": "clöck ; 店.tick"}}},
    "clöck ; 店": {"type": "service", "operations": {"tick": {"steps": [{"cpu": "1ms"}]}}},
    "end": {"type": "service", "operations": {"x": {"steps": []}}},
    "style a:\\": {"type": "service", "operations": {"x\ny": {"steps": []}}})j";

/// The first line that none of the patterns describes.
std::string odd_line(const std::string& text, const std::vector<std::string>& patterns) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        bool known = false;
        for (const std::string& pattern : patterns) {
            known = known || std::regex_match(line, std::regex(" *" + pattern));
        }
        if (!known) return line;
    }
    return "";
}

/// By the grammar of the DOT language, as far as it is used.
std::string odd_line_of_dot(const std::string& text) {
    const std::string quoted = R"re("([^"\\]|\\.)*")re";
    const std::string name = R"re([A-Za-z_][A-Za-z_0-9]*)re";
    const std::string list = R"re( \[)re" + name + "=(" + name + "|[0-9]+|" + quoted + ")(, " +
                             name + "=(" + name + "|[0-9]+|" + quoted + R"re())*\];)re";
    return odd_line(text,
                    {"digraph " + quoted + R"re( \{)re", "subgraph cluster_" + name + R"re( \{)re",
                     R"re(\})re", name + "( -> " + name + ")*" + list});
}

/// By Mermaid's documentation of flowcharts, as far as it is used.
std::string odd_line_of_mermaid(const std::string& text) {
    const std::string quoted = R"re("[^"]*")re";
    const std::string name = R"re((n[0-9]+(_[0-9]+)?|heat[0-9]|signs|legend))re";
    return odd_line(text, {"flowchart LR", "end",
                           name + R"re((\[|\(\[|\[\(|\[\[|\[/|\{\{))re" + quoted +
                               R"re((\]|\]\)|\)\]|\]\]|/\]|\}\}))re",
                           "subgraph " + name + R"re( \[)re" + quoted + R"re(\])re",
                           name + R"re( (-->|-\.->)\|)re" + quoted + R"re(\| )re" + name,
                           "style " + name + " [-a-z]+:[#0-9a-z ]+(,[-a-z]+:[#0-9a-z ]+)*",
                           "linkStyle [0-9]+ stroke:#[0-9a-f]+,stroke-width:3px"});
}

const Diagram::Arrow& arrow(const Diagram& drawn, const std::string& from, const std::string& to) {
    for (const Diagram::Arrow& one : drawn.arrows) {
        if (drawn.boxes[one.from.box].name == from && drawn.boxes[one.to.box].name == to) {
            return one;
        }
    }
    FAIL("no arrow from " << from << " to " << to);
    return drawn.arrows.front();
}

}  // namespace

TEST_CASE("a diagram shows loads, cycles, single points of failure and what nobody calls") {
    const Diagram drawn = diagram(ring);
    REQUIRE(drawn.boxes.size() == 4);
    const Diagram::Box& shop = drawn.boxes[1];
    const Diagram::Box& stock = drawn.boxes[2];
    // 90/s x 10 ms and 45/s x 1 ms of two cores; 90/s x 8 ms of one.
    REQUIRE(*shop.share == testing::within(1e-9, 0.4725));
    REQUIRE(stock.use == "72 % of 1 core");
    REQUIRE(stock.single_point);
    REQUIRE_FALSE(shop.single_point);
    REQUIRE_FALSE(drawn.boxes[3].reached);
    REQUIRE(drawn.arrows.size() == 3);
    REQUIRE(arrow(drawn, "shop", "stock").label == "90/s");
    REQUIRE(arrow(drawn, "shop", "stock").awaited);
    REQUIRE(arrow(drawn, "shop", "stock").in_cycle);
    REQUIRE(arrow(drawn, "stock", "shop").label == "45/s");
    REQUIRE_FALSE(arrow(drawn, "stock", "shop").awaited);
    REQUIRE_FALSE(arrow(drawn, "users", "shop").in_cycle);
}

TEST_CASE("operations are drawn inside their components") {
    const Diagram drawn = diagram(ring, Detail::operations);
    REQUIRE(drawn.boxes[0].operations == std::vector<std::string>{"buy"});
    REQUIRE(drawn.boxes[1].operations == std::vector<std::string>{"buy", "tell"});
    REQUIRE(drawn.boxes[1].operations.at(*arrow(drawn, "stock", "shop").to.operation) == "tell");
}

TEST_CASE("the calls of a load without bounds, and of one that grows without end, are not known") {
    // A population that does not think, in front of work that needs no processor, is bounded by
    // nothing.
    const Diagram endless = diagram(R"j(
        "staff": {"type": "clients", "users": 3, "journeys": {"ask": {"call": "desk.ask"}}},
        "desk": {"type": "service", "operations": {"ask": {"steps": [{"wait": "1ms"}]}}})j");
    REQUIRE(arrow(endless, "staff", "desk").label == "?/s");
    const Diagram multiplied = diagram(R"j(
        "users": {"type": "clients", "arrivals": "poisson(9/s)",
                  "journeys": {"buy": {"call": "a.x"}}},
        "a": {"type": "service", "operations": {"x": {"steps": [{"cpu": "1ms"}, {"call": "b.x"}]}}},
        "b": {"type": "service", "operations": {"x": {"steps": [{"cpu": "1ms"}, {"call": "a.x"}]}}}
        )j");
    REQUIRE(arrow(multiplied, "a", "b").label == "?/s");
}

TEST_CASE("a box has the colour of its busiest resource") {
    Diagram::Box box{.name = "a", .kind = "service"};
    REQUIRE(&box.heat() == &no_heat);
    for (const auto& [share, words] :
         std::vector<std::pair<double, std::string>>{{0, "below 50 %"},
                                                     {0.5, "50 % to 70 %"},
                                                     {0.84, "70 % to 85 %"},
                                                     {0.99, "85 % to 100 %"},
                                                     {1, "100 % or more"},
                                                     {7, "100 % or more"}}) {
        box.share = share;
        REQUIRE(box.heat().words == words);
    }
    Diagram drawn = diagram(ring);
    colour_by_run(drawn, {{"shop", 0.99}});
    REQUIRE(drawn.boxes[1].heat().words == "85 % to 100 %");
    REQUIRE(&drawn.boxes[2].heat() == &no_heat);
}

TEST_CASE("both formats keep their grammar whatever the names are") {
    for (const char* components : {ring, odd_names}) {
        for (const Detail detail : {Detail::components, Detail::operations}) {
            const Diagram drawn = diagram(components, detail);
            REQUIRE(odd_line_of_dot(dot_text(drawn)).empty());
            REQUIRE(odd_line_of_mermaid(mermaid_text(drawn)).empty());
        }
    }
}

TEST_CASE("names are escaped as each format wants it") {
    const Diagram drawn = diagram(odd_names, Detail::operations);
    const std::string dot = dot_text(drawn);
    REQUIRE_THAT(dot, ContainsSubstring(R"(label="us\"ers &amp; <b>\nclients")"));
    REQUIRE_THAT(dot, ContainsSubstring(R"(label="a.b\\N #quot; `end`")"));
    REQUIRE_THAT(dot, ContainsSubstring(R"(label="style a:\\\nservice)"));
    REQUIRE_THAT(dot, ContainsSubstring(R"(label="x\ny")"));
    const std::string mermaid = mermaid_text(drawn);
    REQUIRE_THAT(mermaid, ContainsSubstring("[\"us#34;ers #38; #60;b#62;<br/>clients\"]"));
    REQUIRE_THAT(mermaid, ContainsSubstring("\"clöck #59; 店<br/>service"));
    REQUIRE_THAT(mermaid, ContainsSubstring("[\"x#10;y\"]"));
}

}  // namespace prodsim
