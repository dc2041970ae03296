// Diagrams as text for the programs that lay them out. Names are free text, so neither format gets
// one as an identifier: boxes are n0, n1 ... and operations n0_0, n0_1 ..., and names stand in
// labels, where everything that has a meaning is escaped.

#include "sim/study/diagram.hpp"

#include <algorithm>
#include <utility>

namespace prodsim {

namespace {

using Lines = std::vector<std::string>;

constexpr std::string_view red = "#cb181d";

std::string id(std::size_t box) { return "n" + std::to_string(box); }

std::string id(std::size_t box, std::size_t operation) {
    return id(box) + "_" + std::to_string(operation);
}

/// What is written in a box.
Lines lines_of(const Diagram::Box& box) {
    std::string kind = box.kind;
    std::replace(kind.begin(), kind.end(), '_', ' ');
    if (box.instances > 1) kind += " × " + std::to_string(box.instances);
    Lines lines{box.name, std::move(kind)};
    if (!box.use.empty()) lines.push_back(box.use);
    if (box.single_point) lines.emplace_back("single point of failure");
    if (!box.reached) lines.emplace_back("no journey leads here");
    return lines;
}

const Lines& legend_lines() {
    static const Lines lines{"dashed: nobody waits for the reply", "red arrow: part of a cycle",
                             "red border: single point of failure"};
    return lines;
}

const Heat& legend_heat(std::size_t number) {
    return number < heats.size() ? heats[number] : no_heat;
}

/// A kind that is not in the table is a plain box.
template <class Shapes>
const auto& shape_of(const Shapes& shapes, std::string_view kind) {
    const auto found = std::find_if(shapes.begin(), shapes.end(),
                                    [&](const auto& shape) { return shape.kind == kind; });
    return found == shapes.end() ? shapes.front() : *found;
}

/// All lines as one text in double quotes, each with its characters escaped.
template <class Escape>
std::string quoted(const Lines& lines, std::string_view separator, Escape escape) {
    std::string out = "\"";
    for (const std::string& line : lines) {
        if (out.size() > 1) out += separator;
        out += escape(line);
    }
    return out + "\"";
}

// ---- Graphviz -----------------------------------------------------------------------------------

struct DotShape {
    std::string_view kind;
    std::string_view name;
};

constexpr std::array dot_shapes{
    DotShape{"service", "box"},
    DotShape{"clients", "oval"},
    DotShape{"sql_database", "cylinder"},
    DotShape{"cache", "box3d"},
    DotShape{"third_party", "parallelogram"},
    DotShape{"load_balancer", "hexagon"},
};

/// For double quotes, between which a backslash begins an escape and an ampersand an entity.
std::string dot_escaped(std::string_view text) {
    std::string out;
    for (const char character : text) {
        if (character == '"' || character == '\\') out += '\\';
        if (character == '\n') {
            out += "\\n";
        } else if (character == '&') {
            out += "&amp;";
        } else {
            out += character;
        }
    }
    return out;
}

std::string dot_quoted(const Lines& lines) { return quoted(lines, "\\n", dot_escaped); }
std::string dot_quoted(std::string_view text) { return dot_quoted(Lines{std::string(text)}); }

class DotWriter {
public:
    explicit DotWriter(const Diagram& diagram) : diagram_(diagram) {}

    std::string text() && {
        out_ = "digraph " + dot_quoted(diagram_.title) + " {\n";
        line("graph [rankdir=LR, compound=true, fontname=\"Helvetica\", fontsize=11]");
        line("node [fontname=\"Helvetica\", fontsize=11, style=filled, color=\"#555555\"]");
        line("edge [fontname=\"Helvetica\", fontsize=10, color=\"#555555\"]");
        for (std::size_t i = 0; i < diagram_.boxes.size(); ++i) {
            diagram_.boxes[i].operations.empty() ? write_box(i) : write_group(i);
        }
        for (const Diagram::Arrow& arrow : diagram_.arrows) write(arrow);
        write_legend();
        return out_ + "}\n";
    }

private:
    void line(const std::string& text) { out_ += "    " + text + ";\n"; }

    void write_box(std::size_t number) {
        const Diagram::Box& box = diagram_.boxes[number];
        line(id(number) + " [shape=" + std::string(shape_of(dot_shapes, box.kind).name) +
             look(box) + "]");
    }

    /// A component with its operations inside.
    void write_group(std::size_t number) {
        const Diagram::Box& box = diagram_.boxes[number];
        out_ += "    subgraph cluster_" + id(number) + " {\n";
        line("    graph [margin=12" + look(box) + "]");
        for (std::size_t i = 0; i < box.operations.size(); ++i) {
            line("    " + id(number, i) +
                 " [shape=" + std::string(shape_of(dot_shapes, box.kind).name) +
                 ", label=" + dot_quoted(box.operations[i]) + ", fillcolor=\"#ffffff\"]");
        }
        out_ += "    }\n";
    }

    static std::string look(const Diagram::Box& box) {
        std::string text = ", label=" + dot_quoted(lines_of(box)) + colours(box.heat());
        text += box.reached ? ", style=\"filled\"" : ", style=\"filled,dashed\"";
        if (box.single_point) text += ", penwidth=3, color=\"" + std::string(red) + "\"";
        return text;
    }

    static std::string colours(const Heat& heat) {
        return ", fillcolor=\"" + std::string(heat.fill) + "\", fontcolor=\"" +
               std::string(heat.ink) + "\"";
    }

    /// A group is no node: its arrows begin and end at its border.
    void write(const Diagram::Arrow& arrow) {
        std::string more;
        const auto node = [&](const Diagram::End& end, const char* border) {
            if (end.operation) return id(end.box, *end.operation);
            if (diagram_.boxes[end.box].operations.empty()) return id(end.box);
            more += std::string(", ") + border + "=cluster_" + id(end.box);
            return id(end.box, 0);
        };
        const std::string from = node(arrow.from, "ltail");
        const std::string to = node(arrow.to, "lhead");
        if (!arrow.awaited) more += ", style=dashed";
        if (arrow.in_cycle) more += ", penwidth=2, color=\"" + std::string(red) + "\"";
        line(from + " -> " + to + " [label=" + dot_quoted(arrow.label) + more + "]");
    }

    void write_legend() {
        out_ += "    subgraph cluster_legend {\n";
        line("    graph [label=" + dot_quoted(diagram_.meaning_of_colours) + "]");
        std::string chain;
        for (std::size_t i = 0; i <= heats.size(); ++i) {
            const std::string name = "heat" + std::to_string(i);
            line("    " + name + " [shape=box, label=" + dot_quoted(legend_heat(i).words) +
                 colours(legend_heat(i)) + "]");
            chain += name + " -> ";
        }
        line("    signs [shape=plaintext, style=\"\", label=" + dot_quoted(legend_lines()) + "]");
        line("    " + chain + "signs [style=invis]");
        out_ += "    }\n";
    }

    const Diagram& diagram_;
    std::string out_;
};

// ---- Mermaid ------------------------------------------------------------------------------------

struct MermaidShape {
    std::string_view kind;
    std::string_view open;
    std::string_view close;
};

constexpr std::array mermaid_shapes{
    MermaidShape{"service", "[", "]"},        MermaidShape{"clients", "([", "])"},
    MermaidShape{"sql_database", "[(", ")]"}, MermaidShape{"cache", "[[", "]]"},
    MermaidShape{"third_party", "[/", "/]"},  MermaidShape{"load_balancer", "{{", "}}"},
};

/// Characters with a meaning in Mermaid, HTML or Markdown become Mermaid's numeric entities.
std::string mermaid_escaped(std::string_view text) {
    constexpr std::string_view harmless = " -_.,/%?";
    std::string out;
    for (const char character : text) {
        const auto byte = static_cast<unsigned char>(character);
        const bool plain = byte >= 0x80 || (byte >= '0' && byte <= '9') ||
                           (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                           harmless.find(character) != std::string_view::npos;
        if (plain) {
            out += character;
        } else {
            out += "#" + std::to_string(byte) + ";";
        }
    }
    return out;
}

std::string mermaid_quoted(const Lines& lines) { return quoted(lines, "<br/>", mermaid_escaped); }

class MermaidWriter {
public:
    explicit MermaidWriter(const Diagram& diagram) : diagram_(diagram) {}

    std::string text() && {
        out_ = "flowchart LR\n";
        for (std::size_t i = 0; i < diagram_.boxes.size(); ++i) {
            diagram_.boxes[i].operations.empty() ? write_box(i) : write_group(i);
        }
        for (std::size_t i = 0; i < diagram_.arrows.size(); ++i) write_arrow(i);
        write_legend();
        for (std::size_t i = 0; i < diagram_.boxes.size(); ++i) write_style(i);
        return std::move(out_);
    }

private:
    void line(const std::string& text) { out_ += "    " + text + "\n"; }

    static std::string node(const std::string& name, const MermaidShape& shape,
                            const Lines& lines) {
        return name + std::string(shape.open) + mermaid_quoted(lines) + std::string(shape.close);
    }

    void write_box(std::size_t number) {
        const Diagram::Box& box = diagram_.boxes[number];
        line(node(id(number), shape_of(mermaid_shapes, box.kind), lines_of(box)));
    }

    /// A component with its operations inside.
    void write_group(std::size_t number) {
        const Diagram::Box& box = diagram_.boxes[number];
        line("subgraph " + id(number) + " [" + mermaid_quoted(lines_of(box)) + "]");
        for (std::size_t i = 0; i < box.operations.size(); ++i) {
            line("    " +
                 node(id(number, i), shape_of(mermaid_shapes, box.kind), {box.operations[i]}));
        }
        line("end");
    }

    void write_arrow(std::size_t number) {
        const Diagram::Arrow& arrow = diagram_.arrows[number];
        const auto node = [](const Diagram::End& end) {
            return end.operation ? id(end.box, *end.operation) : id(end.box);
        };
        line(node(arrow.from) + (arrow.awaited ? " -->|" : " -.->|") +
             mermaid_quoted({arrow.label}) + "| " + node(arrow.to));
        if (!arrow.in_cycle) return;
        line("linkStyle " + std::to_string(number) + " stroke:" + std::string(red) +
             ",stroke-width:3px");
    }

    void write_legend() {
        line("subgraph legend [" + mermaid_quoted({diagram_.meaning_of_colours}) + "]");
        for (std::size_t i = 0; i <= heats.size(); ++i) {
            const std::string words(legend_heat(i).words);
            line("    heat" + std::to_string(i) + "[" + mermaid_quoted({words}) + "]");
        }
        line("    signs[" + mermaid_quoted(legend_lines()) + "]");
        line("end");
        for (std::size_t i = 0; i <= heats.size(); ++i) {
            line("style heat" + std::to_string(i) + " " + colours(legend_heat(i)));
        }
    }

    static std::string colours(const Heat& heat) {
        return "fill:" + std::string(heat.fill) + ",color:" + std::string(heat.ink);
    }

    void write_style(std::size_t number) {
        const Diagram::Box& box = diagram_.boxes[number];
        std::string style = colours(box.heat());
        if (box.single_point) style += ",stroke:" + std::string(red) + ",stroke-width:4px";
        if (!box.reached) style += ",stroke-dasharray:5 5";
        line("style " + id(number) + " " + style);
    }

    const Diagram& diagram_;
    std::string out_;
};

}  // namespace

std::string dot_text(const Diagram& diagram) { return DotWriter(diagram).text(); }

std::string mermaid_text(const Diagram& diagram) { return MermaidWriter(diagram).text(); }

}  // namespace prodsim
