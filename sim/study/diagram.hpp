#pragma once

// The service graph as a picture: boxes coloured by how busy they are, arrows with their calls per
// second. What is drawn is decided here, how a format writes it in diagram_formats.cpp. The calls
// per second are always the predicted ones; the colours may be those of a run.

#include "sim/run/scenario.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

/// Shares of a resource that are drawn alike. Before a single server calls wait on average once as
/// long as they are served at 50 %, 2.3 times at 70 % and 5.7 times at 85 % (M/M/1).
struct Heat {
    double below;
    std::string_view words;
    std::string_view fill;  // darker as the load rises, so that it can be told without colours
    std::string_view ink;
};

inline constexpr std::array heats{
    Heat{0.5, "below 50 %", "#d9f0d3", "#000000"},
    Heat{0.7, "50 % to 70 %", "#fff7bc", "#000000"},
    Heat{0.85, "70 % to 85 %", "#fec44f", "#000000"},
    Heat{1, "85 % to 100 %", "#f16913", "#000000"},
    Heat{std::numeric_limits<double>::infinity(), "100 % or more", "#a50f15", "#ffffff"},
};

/// Nothing is known of how busy it is.
inline constexpr Heat no_heat{0, "not known", "#f0f0f0", "#000000"};

enum class Detail : std::uint8_t { components, operations };

struct Diagram {
    struct Box {
        std::string name;
        std::string kind;  // "service": decides the shape
        std::int64_t instances = 0;
        std::string use = {};              // "80 % of 2 cores"
        std::optional<double> share = {};  // of its busiest resource
        bool single_point = false;
        bool reached = true;
        std::vector<std::string> operations = {};  // or journeys; empty where they are not drawn

        const Heat& heat() const;
    };

    struct End {
        std::size_t box;
        std::optional<std::size_t> operation;
        bool operator==(const End&) const = default;
    };

    struct Arrow {
        End from;
        End to;
        std::string label;  // "160/s"
        bool awaited;       // the caller waits for the reply
        bool in_cycle;
    };

    std::string title;
    std::string meaning_of_colours;
    std::vector<Box> boxes;
    std::vector<Arrow> arrows;
};

Diagram diagram_of(const Scenario& scenario, Detail detail);

/// Colours by what a run measured, by component; of others nothing is known.
void colour_by_run(Diagram& diagram, const std::map<std::string, double>& utilisations);

/// For Graphviz.
std::string dot_text(const Diagram& diagram);

/// For Mermaid, version 10 or later.
std::string mermaid_text(const Diagram& diagram);

}  // namespace prodsim
