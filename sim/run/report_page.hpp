#pragma once

// What a reader is told, in which order and in which words, before it is known whether the page
// will be a terminal or Markdown. Verdicts come first, assumptions last.

#include "sim/run/report.hpp"
#include "sim/run/report_formats.hpp"

#include <string>
#include <variant>
#include <vector>

namespace prodsim {

enum class Mark { none, good, bad, unsure };

struct Line {
    Mark mark = Mark::none;
    std::string text;
};

/// What must stay as it is, character by character: a command, a curve.
struct Verbatim {
    std::string text;
};

enum class Align { left, right, exact };  // exact: left, and never broken into lines

struct Table {
    struct Column {
        std::string title;
        Align align = Align::left;
    };
    struct Row {
        std::vector<std::string> cells;  // one for each column
        Mark mark = Mark::none;
    };
    std::vector<Column> columns;
    std::vector<Row> rows;
};

using Block = std::variant<Line, Verbatim, Table>;

struct Section {
    std::string title;
    std::string remark;  // beside the title
    std::vector<Block> blocks;
};

struct Page {
    std::string title;
    std::vector<Line> opening;
    std::vector<Section> sections;
};

Page page_of(const Report& report);

/// For a terminal of 100 columns.
std::string text_of(const Page& page, Colour colour);

std::string markdown_of(const Page& page);

}  // namespace prodsim
