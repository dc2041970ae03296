// Prints a page for a terminal: columns are aligned, words wrap, and only numbers may need more
// than the width of the screen.

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

/// The first `width` characters, and never half of one.
std::size_t bytes_of(std::string_view text, std::size_t width) {
    std::size_t bytes = 0;
    while (bytes < text.size() && characters(text.substr(0, bytes + 1)) <= width) ++bytes;
    return bytes;
}

/// Breaks at spaces, and within words that are wider than the width.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    while (characters(text) > width) {
        const std::size_t most = bytes_of(text, width);
        const std::size_t space = text.rfind(' ', most);
        const bool has_space = space != std::string_view::npos && space > 0;
        lines.emplace_back(text.substr(0, has_space ? space : most));
        text.remove_prefix(has_space ? space + 1 : most);
    }
    lines.emplace_back(text);
    return lines;
}

std::string padded(const std::string& text, std::size_t width, Align align) {
    const std::string space(width - std::min(width, characters(text)), ' ');
    return align == Align::right ? space + text : text + space;
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
        std::vector<std::vector<std::string>> columns;
        std::size_t height = 1;
        for (std::size_t i = 0; i < row.cells.size(); ++i) {
            columns.push_back(wrapped(row.cells[i], widths[i]));
            height = std::max(height, columns.back().size());
        }
        for (std::size_t i = 0; i < height; ++i) {
            std::vector<std::string> cells;
            for (const auto& column : columns) cells.push_back(i < column.size() ? column[i] : "");
            out_ += std::string(margin, ' ');
            if (marked) {
                const Sign sign = sign_of(i == 0 ? row.mark : Mark::none);
                put(sign.symbol, sign.colour);
                out_ += ' ';
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

    /// Words are not broken, within reason.
    static std::size_t longest_word(const Table& table, std::size_t column) {
        constexpr std::size_t shortest = 16;
        constexpr std::size_t longest = 28;
        std::size_t length = shortest;
        for (const Table::Row& row : table.rows) {
            std::string_view text = row.cells[column];
            while (!text.empty()) {
                const std::string_view word = text.substr(0, text.find(' '));
                length = std::max(length, characters(word));
                text.remove_prefix(std::min(text.size(), word.size() + 1));
            }
        }
        return std::min(length, longest);
    }

    /// As wide as the contents; where that is too wide, the widest columns of words give way.
    static std::vector<std::size_t> widths_of(const Table& table, std::size_t indent) {
        std::vector<std::size_t> widths;
        std::vector<std::size_t> narrowest;
        std::size_t total = indent + gap * (table.columns.size() - 1);
        for (std::size_t i = 0; i < table.columns.size(); ++i) {
            std::size_t width = characters(table.columns[i].title);
            for (const Table::Row& row : table.rows) {
                width = std::max(width, characters(row.cells[i]));
            }
            widths.push_back(width);
            narrowest.push_back(table.columns[i].align == Align::left ? longest_word(table, i)
                                                                      : width);
            total += width;
        }
        for (; total > screen_width; --total) {
            std::size_t* widest = nullptr;
            for (std::size_t i = 0; i < widths.size(); ++i) {
                if (widths[i] <= narrowest[i]) continue;
                if (widest == nullptr || widths[i] > *widest) widest = &widths[i];
            }
            if (widest == nullptr) break;
            --*widest;
        }
        return widths;
    }

    Colour colour_;
    std::string out_;
};

}  // namespace

std::string text_of(const Page& page, Colour colour) { return TextPrinter(colour).print(page); }

std::string text_report(const Report& report, Colour colour) {
    return text_of(page_of(report), colour);
}

}  // namespace prodsim
