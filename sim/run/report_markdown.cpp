// Prints a page as GitHub's Markdown: sections become headings, tables stay tables.

#include "sim/run/report_formats.hpp"
#include "sim/run/report_page.hpp"

#include <string_view>

namespace prodsim {

namespace {

std::string_view symbol(Mark mark) {
    switch (mark) {
        case Mark::good:
            return "✅ ";
        case Mark::bad:
            return "❌ ";
        case Mark::unsure:
            return "❔ ";
        case Mark::none:
            break;
    }
    return "";
}

/// What has a meaning in Markdown loses it.
std::string escaped(std::string_view text) {
    constexpr std::string_view special = "\\|*_<>[]`";
    std::string out;
    for (const char character : text) {
        if (special.find(character) != std::string_view::npos) out += '\\';
        out += character == '\n' ? ' ' : character;
    }
    return out;
}

void print(const Table& table, std::string& out) {
    out += '|';
    for (const Table::Column& column : table.columns) out += " " + escaped(column.title) + " |";
    out += "\n|";
    for (const Table::Column& column : table.columns) {
        out += column.align == Align::right ? "---:|" : "---|";
    }
    for (const Table::Row& row : table.rows) {
        out += "\n| ";
        out += symbol(row.mark);
        for (const std::string& cell : row.cells) out += escaped(cell) + " | ";
        out.pop_back();
    }
    out += "\n\n";
}

void print(const Line& line, std::string& out) {
    out += symbol(line.mark);
    out += escaped(line.text) + "\n\n";
}

void print(const Verbatim& verbatim, std::string& out) {
    out += "```sh\n" + verbatim.text + "\n```\n\n";
}

}  // namespace

std::string markdown_report(const Report& report) { return markdown_of(page_of(report)); }

std::string markdown_of(const Page& page) {
    std::string out = "# " + escaped(page.title) + "\n\n";
    for (const Line& line : page.opening) print(line, out);
    for (const Section& section : page.sections) {
        out += "## " + escaped(section.title) + "\n\n";
        if (!section.remark.empty()) out += escaped(section.remark) + "\n\n";
        for (const Block& block : section.blocks) {
            std::visit([&out](const auto& content) { print(content, out); }, block);
        }
    }
    while (out.ends_with("\n\n")) out.pop_back();
    return out;
}

}  // namespace prodsim
