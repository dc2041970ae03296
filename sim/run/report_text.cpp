// Prints a page for a terminal: columns are aligned, long last columns wrap, nothing is wider than
// the screen unless a single word is.

#include "sim/config/place.hpp"
#include "sim/run/report_formats.hpp"
#include "sim/run/report_page.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace prodsim {

namespace {

constexpr std::size_t screen_width = 100;
constexpr std::size_t margin = 2;
constexpr std::size_t gap = 2;

struct Sign {
    std::string_view symbol;
    std::string_view colour;
};

Sign sign_of(Mark mark) {
    static constexpr std::array signs{Sign{" ", ""}, Sign{"✓", "\033[32m"}, Sign{"✗", "\033[31m"},
                                      Sign{"?", "\033[33m"}};
    return signs[static_cast<std::size_t>(mark)];
}

constexpr std::string_view bold = "\033[1m";
constexpr std::string_view dim = "\033[2m";
constexpr std::string_view plain = "\033[0m";

/// Breaks at spaces. A word that is wider than the width stands alone and sticks out.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    std::string line;
    std::size_t used = 0;
    while (!text.empty()) {
        const std::size_t space = std::min(text.find(' ', 1), text.size());
        const std::string_view word = text.substr(0, space);
        if (used > 0 && used + characters(word) > width) {
            lines.push_back(std::exchange(line, ""));
            used = 0;
        }
        const std::string_view fresh = used == 0 && word.front() == ' ' ? word.substr(1) : word;
        line += fresh;
        used += characters(fresh);
        text.remove_prefix(space);
    }
    lines.push_back(line);
    return lines;
}

std::string padded(const std::string& text, std::size_t width, Align align) {
    const std::string space(width - std::min(width, characters(text)), ' ');
    return align == Align::left ? text + space : space + text;
}

class TextPrinter {
public:
    explicit TextPrinter(Colour colour) : colour_(colour) {}

    std::string print(const Page& page) {
        put(page.title, bold);
        out_ += '\n';
        for (const Line& line : page.opening) print(line, 0);
        for (const Section& section : page.sections) print(section);
        return std::move(out_);
    }

private:
    void put(std::string_view text, std::string_view style) {
        if (colour_ == Colour::on && !style.empty()) {
            (out_ += style) += text;
            out_ += plain;
        } else {
            out_ += text;
        }
    }

    /// Ends a line, without spaces that nobody sees.
    void end_line() {
        while (!out_.empty() && out_.back() == ' ') out_.pop_back();
        out_ += '\n';
    }

    void print(const Section& section) {
        out_ += '\n';
        put(section.title, bold);
        if (!section.remark.empty()) {
            out_ += "  ";
            put(section.remark, dim);
        }
        out_ += '\n';
        for (const Block& block : section.blocks) {
            if (const auto* line = std::get_if<Line>(&block)) print(*line, margin);
            if (const auto* table = std::get_if<Table>(&block)) print(*table);
            if (const auto* verbatim = std::get_if<Verbatim>(&block)) {
                out_ += std::string(margin, ' ') + verbatim->text + '\n';
            }
        }
    }

    void print(const Line& line, std::size_t indent) {
        const std::string mark_space = line.mark == Mark::none ? "" : "  ";
        bool first = true;
        for (const std::string& part :
             wrapped(line.text, screen_width - indent - mark_space.size())) {
            out_ += std::string(indent, ' ');
            if (first && line.mark != Mark::none) {
                put(sign_of(line.mark).symbol, sign_of(line.mark).colour);
                out_ += ' ';
            } else {
                out_ += mark_space;
            }
            out_ += part;
            end_line();
            first = false;
        }
    }

    void print(const Table& table) {
        const bool marked =
            std::any_of(table.rows.begin(), table.rows.end(),
                        [](const Table::Row& row) { return row.mark != Mark::none; });
        const std::size_t indent = margin + (marked ? 2 : 0);
        const std::vector<std::size_t> widths = widths_of(table, indent);
        std::vector<std::string> titles;
        for (const Table::Column& column : table.columns) titles.push_back(column.title);
        out_ += std::string(indent, ' ');
        print_cells(table, titles, widths, dim);
        for (const Table::Row& row : table.rows) print(table, row, widths, marked);
    }

    void print(const Table& table, const Table::Row& row, const std::vector<std::size_t>& widths,
               bool marked) {
        const std::vector<std::string> last = wrapped(row.cells.back(), widths.back());
        for (std::size_t i = 0; i < last.size(); ++i) {
            std::vector<std::string> cells(row.cells.size());
            if (i == 0) cells = row.cells;
            cells.back() = last[i];
            out_ += std::string(margin, ' ');
            if (marked && i == 0) {
                put(sign_of(row.mark).symbol, sign_of(row.mark).colour);
                out_ += ' ';
            } else if (marked) {
                out_ += "  ";
            }
            print_cells(table, cells, widths, "");
        }
    }

    void print_cells(const Table& table, const std::vector<std::string>& cells,
                     const std::vector<std::size_t>& widths, std::string_view style) {
        std::string line;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (i > 0) line += std::string(gap, ' ');
            line += padded(cells[i], widths[i], table.columns[i].align);
        }
        while (!line.empty() && line.back() == ' ') line.pop_back();
        put(line, style);
        out_ += '\n';
    }

    /// As wide as the contents, and the last column no wider than what the others leave.
    static std::vector<std::size_t> widths_of(const Table& table, std::size_t indent) {
        std::vector<std::size_t> widths;
        std::size_t used = indent;
        for (std::size_t i = 0; i < table.columns.size(); ++i) {
            std::size_t width = characters(table.columns[i].title);
            for (const Table::Row& row : table.rows) {
                width = std::max(width, characters(row.cells[i]));
            }
            widths.push_back(width);
            if (i + 1 < table.columns.size()) used += width + gap;
        }
        constexpr std::size_t narrowest = 20;
        const std::size_t left = screen_width - std::min(screen_width, used);
        widths.back() = std::min(widths.back(), std::max(narrowest, left));
        return widths;
    }

    Colour colour_;
    std::string out_;
};

}  // namespace

std::string text_report(const Report& report, Colour colour) {
    return TextPrinter(colour).print(page_of(report));
}

}  // namespace prodsim
