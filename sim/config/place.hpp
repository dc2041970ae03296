#pragma once

// Where a word stands in the user's input. A place is three numbers, so every value and every key
// can carry one; the line and the column are worked out only when somebody has to be told.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

/// A stretch of one document. `nowhere` marks what was built by code.
struct Place {
    static constexpr std::uint32_t no_document = 0xffffffff;

    std::uint32_t document = no_document;
    std::uint32_t offset = 0;
    std::uint32_t length = 0;

    bool known() const { return document != no_document; }

    /// The stretch that starts `skipped` bytes further on.
    Place part(std::size_t skipped, std::size_t part_length) const {
        if (!known()) return {};
        return {document, offset + static_cast<std::uint32_t>(skipped),
                static_cast<std::uint32_t>(part_length)};
    }

    bool operator==(const Place&) const = default;
};

inline constexpr Place nowhere{};

/// The documents that were read: files, and the texts of `--set`. Places index into them.
class Sources {
public:
    struct Position {
        std::size_t line;       ///< from 1
        std::size_t column;     ///< from 1, in characters rather than bytes
        std::string_view text;  ///< the whole line
        std::size_t offset;     ///< of the place within `text`, in bytes
    };

    /// Keeps the text and returns the number of the document.
    std::uint32_t add(std::string name, std::string text);

    const std::string& name(Place place) const { return documents_[place.document].name; }
    const std::string& text(std::uint32_t document) const { return documents_[document].text; }
    Position position(Place place) const;

private:
    struct Document {
        std::string name;
        std::string text;
    };
    std::vector<Document> documents_;
};

/// The number of characters in UTF-8 text, which is the number of columns it is assumed to fill.
std::size_t characters(std::string_view text);

}  // namespace prodsim
