#include "sim/config/problem.hpp"

#include <algorithm>
#include <utility>

namespace prodsim {

namespace {

constexpr std::size_t widest_excerpt = 120;

struct Excerpt {
    std::string text;
    std::size_t indent;  ///< characters before the caret
    std::size_t carets;
};

std::size_t character_start(std::string_view text, std::size_t offset) {
    while (offset > 0 && offset < text.size() &&
           (static_cast<unsigned char>(text[offset]) & 0xc0) == 0x80) {
        --offset;
    }
    return offset;
}

/// The part of the line around the place: a minified file is one line of a megabyte.
Excerpt excerpt(const Sources::Position& position, std::size_t length) {
    std::string_view line = position.text;
    std::size_t offset = position.offset;
    length = std::min(length, line.size() - offset);
    std::string text;
    if (line.size() > widest_excerpt) {
        const std::size_t from =
            character_start(line, offset > widest_excerpt / 2 ? offset - widest_excerpt / 2 : 0);
        const std::size_t to = character_start(line, std::min(line.size(), from + widest_excerpt));
        text = (from > 0 ? "..." : "") + std::string(line.substr(from, to - from)) +
               (to < line.size() ? "..." : "");
        offset = offset - from + (from > 0 ? 3 : 0);
        length = std::min(length, text.size() - offset);
    } else {
        text = line;
    }
    const std::string_view shown = text;
    const std::size_t indent = characters(shown.substr(0, offset));
    const std::size_t carets = std::max<std::size_t>(1, characters(shown.substr(offset, length)));
    // A tab would move the caret, and a control character from a binary file the whole terminal.
    for (char& byte : text) {
        if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) byte = ' ';
    }
    return {std::move(text), indent, carets};
}

std::string rendered(const Problem& problem, const Sources& sources) {
    std::string out = "error: " + problem.message + "\n";
    if (problem.place.known()) {
        const Sources::Position position = sources.position(problem.place);
        const std::string line = std::to_string(position.line);
        const std::string margin(line.size(), ' ');
        const Excerpt part = excerpt(position, problem.place.length);
        out += margin + "--> " + sources.name(problem.place) + ":" + line + ":" +
               std::to_string(position.column) + "\n";
        out += margin + " |\n" + line + " | " + part.text + "\n" + margin + " | " +
               std::string(part.indent, ' ') + std::string(part.carets, '^') + "\n";
    } else if (!problem.path.empty()) {
        out += " --> " + problem.path + "\n";
    }
    if (!problem.cure.empty()) out += "help: " + problem.cure + "\n";
    return out;
}

}  // namespace

void Problems::add(Problem problem) {
    ++found_;
    if (problems_.size() < limit) problems_.push_back(std::move(problem));
}

void Problems::add(Place place, std::string message, std::string cure) {
    add(Problem{place, std::move(message), std::move(cure), {}});
}

std::string Problems::render(const Sources& sources) const {
    std::vector<const Problem*> ordered;
    for (const Problem& problem : problems_) ordered.push_back(&problem);
    std::stable_sort(ordered.begin(), ordered.end(), [](const Problem* a, const Problem* b) {
        return std::pair(a->place.document, a->place.offset) <
               std::pair(b->place.document, b->place.offset);
    });
    std::string out;
    for (const Problem* problem : ordered) {
        if (!out.empty()) out += "\n";
        out += rendered(*problem, sources);
    }
    if (found_ > problems_.size()) {
        out += "\nand " + std::to_string(found_ - problems_.size()) + " more problems\n";
    }
    return out;
}

void Problems::raise(const Sources& sources) const {
    if (!empty()) throw InvalidInput(*this, render(sources));
}

InvalidInput::InvalidInput(Problems problems, const std::string& rendered)
    : std::runtime_error(rendered), problems_(std::move(problems)) {}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> two_ago;
    std::vector<std::size_t> previous(b.size() + 1);
    std::vector<std::size_t> current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) current[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        two_ago = std::exchange(previous, current);
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({replaced, previous[j] + 1, current[j - 1] + 1});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) current[j] = std::min(current[j], two_ago[j - 2] + 1);
        }
    }
    return current[b.size()];
}

std::string_view closest(std::string_view word, std::span<const std::string_view> words) {
    // Two edits turn any short word into any other, so short words must be nearer.
    const std::size_t longest_word = 64;
    if (word.size() > longest_word) return {};
    std::size_t nearest = std::min<std::size_t>(std::max<std::size_t>(2, word.size() / 3),
                                                word.size() < 4 ? 1 : word.size()) +
                          1;
    std::string_view found;
    for (std::string_view candidate : words) {
        const std::size_t distance = edit_distance(word, candidate);
        if (distance >= nearest) continue;
        nearest = distance;
        found = candidate;
    }
    return found;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> words) {
    const std::string_view meant = closest(word, words);
    if (!meant.empty()) return "did you mean " + in_quotes(meant) + "?";
    constexpr std::size_t most_listed = 16;
    if (words.empty() || words.size() > most_listed) return {};
    std::string list = words.size() == 1 ? "there is only " : "choose among ";
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) list += ", ";
        list += words[i];
    }
    return list;
}

std::string in_quotes(std::string_view word) { return '"' + std::string(word) + '"'; }

}  // namespace prodsim
