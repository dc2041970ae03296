#pragma once

// Quantities with their units, from text and back. A unit is mandatory, because a bare 5 that meant
// milliseconds is the classic mistake of load tests; only 0 needs none. One table of suffixes
// serves the parser, the messages and the patterns of the JSON Schema.

#include "sim/core/time.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace prodsim {

/// Events per second.
struct Rate {
    double per_second = 0;
    auto operator<=>(const Rate&) const = default;
};

struct Bytes {
    std::int64_t count = 0;
    auto operator<=>(const Bytes&) const = default;
};

struct BitRate {
    double bits_per_second = 0;
    auto operator<=>(const BitRate&) const = default;
};

/// Part of a whole: 0 to 1, or "99.9%".
struct Share {
    double value = 0;
    auto operator<=>(const Share&) const = default;
};

enum class Dimension { duration, rate, bytes, bit_rate, share, number };

/// A quantity in its base unit (ns, 1/s, B, bit/s, 1) or what is wrong with the text.
struct ParsedQuantity {
    double value = 0;
    std::string message;  ///< empty if all is well; continues "…: " after the name of the field
    std::string cure;
    bool good() const { return message.empty(); }
};

/// Reads "250ms", "1.5k/s", "64MiB", "100Mbit/s", "99.9%" or, for numbers, "12".
ParsedQuantity parse_quantity(std::string_view text, Dimension dimension);

/// What is wrong with a bare number where a unit belongs, and which one was probably meant.
ParsedQuantity bare_number(double number, Dimension dimension);

/// A quantity given in its base unit, written so that it reads back as the same number.
std::string to_text(double value, Dimension dimension);
std::string to_text(Duration duration);
std::string to_text(Rate rate);
std::string to_text(Bytes bytes);
std::string to_text(BitRate rate);
std::string to_text(Share share);

/// The shortest digits that read back as the same number ("0.1", "1e+30", "3").
std::string to_text(double number);
std::string to_text(std::int64_t number);

/// "ns, us, ms, s, min, h, d": for messages and the reference page.
std::string unit_list(Dimension dimension);

/// "a duration", "a rate"
std::string_view noun_of(Dimension dimension);

/// A regular expression (ECMA 262) for the texts that parse_quantity accepts.
std::string unit_pattern(Dimension dimension);

}  // namespace prodsim
