#pragma once

// The reference: every field of every alternative as data. The Markdown page, `explain` and the
// Python docstrings are ways to print it.

#include "sim/config/fields.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

struct FieldReference {
    std::string name;     ///< dotted for nested structs: "queue.limit", "branches[].weight"
    std::string type;     ///< "duration", "list of policy", "one of fifo, lifo"
    std::string initial;  ///< the default as text; "required"; or "none"
    std::string limits;   ///< "at least 1"; may be empty
    std::string doc;
    std::string source;
    std::vector<Word> words;  ///< of enumerations
};

struct AlternativeReference {
    std::string word;
    std::string doc;
    std::vector<FieldReference> fields;
};

struct FamilyReference {
    std::string name;
    std::string doc;
    std::vector<AlternativeReference> alternatives;
};

using Reference = std::vector<FamilyReference>;

/// All families, and the laws of durations, whose siblings for bytes and numbers are alike.
Reference reference_of(const Families& families);

/// The fields of a struct that belongs to no family, such as the scenario as a whole.
std::vector<FieldReference> fields_of_slot(const Slot& record);

template <class T>
AlternativeReference record_reference(std::string word, std::string doc) {
    T sample{};
    return {std::move(word), std::move(doc), fields_of_slot(slot_of(sample))};
}

/// One section a family, one table an alternative.
std::string markdown_page(const Reference& reference);

/// What a word means, wherever it occurs: a family, an alternative, a field ("threads",
/// "service.threads"), a word of an enumeration. Nothing if it occurs nowhere.
std::optional<std::string> explain(std::string_view word, const Reference& reference);

/// Every word that `explain` knows, sorted: for "did you mean".
std::vector<std::string> explainable_words(const Reference& reference);

}  // namespace prodsim
