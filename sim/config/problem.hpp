#pragma once

// The user's mistakes. A problem is a place, a sentence and, where we can, the cure. Problems are
// gathered, so that all of them are shown at once, and thrown once, at the edge, as InvalidInput.

#include "sim/config/place.hpp"

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

struct Problem {
    Place place;
    std::string message;
    std::string cure;  ///< "did you mean \"replicas\"?"; may be empty
    std::string path;  ///< "components.shop.threads"; says where when the place is unknown

    bool operator==(const Problem&) const = default;
};

class Problems {
public:
    /// Later problems than this many are counted but not kept.
    static constexpr std::size_t limit = 200;

    void add(Problem problem);
    void add(Place place, std::string message, std::string cure = {});

    bool empty() const { return found_ == 0; }
    std::size_t size() const { return found_; }
    std::span<const Problem> kept() const { return problems_; }

    /// All problems in the order of the documents, as rustc would print them:
    ///
    ///     error: unknown key "replicaz"
    ///      --> shop.json:4:16
    ///       |
    ///     4 |     "shop": { "replicaz": 3 }
    ///       |               ^^^^^^^^^^
    ///     help: did you mean "replicas"?
    std::string render(const Sources& sources) const;

    /// Throws InvalidInput if there is any problem.
    void raise(const Sources& sources) const;

private:
    std::vector<Problem> problems_;
    std::size_t found_ = 0;
};

/// Everything that is wrong with the input; `what()` is the rendered text.
class InvalidInput : public std::runtime_error {
public:
    InvalidInput(Problems problems, const std::string& rendered);
    const Problems& problems() const { return problems_; }

private:
    Problems problems_;
};

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word that was probably meant: at most two edits away, or a third of its length.
/// Empty if none is close.
std::string_view closest(std::string_view word, std::span<const std::string_view> words);

/// `did you mean "replicas"?`, or the list of what exists when nothing is close and it is short.
std::string suggestion(std::string_view word, std::span<const std::string_view> words);

/// The word in double quotes.
std::string in_quotes(std::string_view word);

}  // namespace prodsim
