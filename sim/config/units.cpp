#include "sim/config/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>

namespace prodsim {

namespace {

/// A suffix and its size in base units: 10^exponent * multiple / divisor. Powers of ten are kept
/// apart because "4.35M/s" becomes exact by moving its decimal point, and not by multiplying.
struct Unit {
    std::string_view suffix;
    int exponent = 0;
    double multiple = 1;
    double divisor = 1;
    bool alias = false;  ///< understood, never written

    constexpr double size() const {
        double power = 1;
        for (int i = 0; i < exponent; ++i) power *= 10;
        for (int i = 0; i > exponent; --i) power /= 10;
        return power * multiple / divisor;
    }
};

// In ascending order; the first of a table is what 0 is written in.
constexpr Unit durations[] = {
    {"ns"},
    {"us", 3},
    {"\xc2\xb5s", 3, 1, 1, true},  // the micro sign
    {"\xce\xbcs", 3, 1, 1, true},  // the Greek letter mu
    {"ms", 6},
    {"s", 9},
    {"min", 9, 60},
    {"h", 9, 3600},
    {"d", 9, 86400},
};
constexpr Unit rates[] = {
    {"/d", 0, 1, 86400},       {"/h", 0, 1, 3600},
    {"/min", 0, 1, 60},        {"k/h", 3, 1, 3600, true},
    {"k/min", 3, 1, 60, true}, {"M/h", 6, 1, 3600, true},
    {"M/min", 6, 1, 60, true}, {"/s"},
    {"k/s", 3, 1, 1, true},    {"M/s", 6, 1, 1, true},
};
constexpr double kibi = 1024;
constexpr Unit sizes[] = {
    {"B"},      {"kB", 3, 1, 1, true},
    {"KB", 3},  {"KiB", 0, kibi},
    {"MB", 6},  {"MiB", 0, kibi* kibi},
    {"GB", 9},  {"GiB", 0, kibi* kibi* kibi},
    {"TB", 12}, {"TiB", 0, kibi* kibi* kibi* kibi},
};
constexpr Unit bit_rates[] = {
    {"bit/s"},      {"bps", 0, 1, 1, true},  {"kbit/s", 3}, {"kbps", 3, 1, 1, true},
    {"Mbit/s", 6},  {"Mbps", 6, 1, 1, true}, {"Gbit/s", 9}, {"Gbps", 9, 1, 1, true},
    {"Tbit/s", 12},
};
constexpr Unit shares[] = {{"%", -2}};

struct Facts {
    std::string_view name;  ///< "a duration"
    std::span<const Unit> units;
    std::string_view zero;
    std::string_view likely;   ///< what a bare number probably lacks
    std::string_view perhaps;  ///< or this
    double largest;
    std::string_view largest_text;
};

constexpr double two_to_the_62 = 4611686018427387904.0;

const Facts& facts_of(Dimension dimension) {
    static constexpr std::array<Facts, 6> facts{{
        {"a duration", durations, "0s", "ms", "s", static_cast<double>(longest_delay.count()),
         "73 years"},
        {"a rate", rates, "0/s", "/s", "/min", 1e15, "1e15/s"},
        {"an amount of bytes", sizes, "0B", "B", "KiB", two_to_the_62, "4 EiB"},
        {"a bit rate", bit_rates, "0bit/s", "Mbit/s", "Gbit/s", 1e18, "1e18bit/s"},
        {"a share", shares, "0%", "%", "", 1, "100%"},
        {"a number", {}, "0", "", "", 1e300, "1e300"},
    }};
    return facts[static_cast<std::size_t>(dimension)];
}

/// The length of "12", "1.5" or "2e-3" at the start of the text.
std::size_t number_length(std::string_view text) {
    std::size_t at = 0;
    const auto digits = [&] {
        const std::size_t from = at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
        return at > from;
    };
    if (!digits()) return 0;
    if (at < text.size() && text[at] == '.') {
        const std::size_t point = at++;
        if (!digits()) return point;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        const std::size_t before = at++;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
        if (!digits()) at = before;
    }
    return at;
}

/// The number with its decimal point moved by `exponent`; infinity if it is too large.
double number_times_power_of_ten(std::string_view number, int exponent) {
    const std::size_t e = number.find_first_of("eE");
    if (e != std::string_view::npos) {
        std::string_view own = number.substr(e + 1);
        if (own.front() == '+') own.remove_prefix(1);
        int own_exponent = own.front() == '-' ? -9999 : 9999;  // if it does not even fit an int
        std::from_chars(own.data(), own.data() + own.size(), own_exponent);
        exponent += std::clamp(own_exponent, -9999, 9999);
    }
    const std::string moved = std::string(number.substr(0, e)) + "e" + std::to_string(exponent);
    double value = 0;
    const auto [end, error] = std::from_chars(moved.data(), moved.data() + moved.size(), value);
    if (error == std::errc::result_out_of_range) return exponent > 0 ? HUGE_VAL : 0;
    return value;
}

const Unit* find_unit(std::span<const Unit> units, std::string_view suffix) {
    const auto found = std::find_if(units.begin(), units.end(),
                                    [&](const Unit& unit) { return unit.suffix == suffix; });
    return found == units.end() ? nullptr : &*found;
}

std::string quote(std::string_view text) { return '"' + std::string(text) + '"'; }

ParsedQuantity wrong(std::string message, std::string cure = {}) {
    return {0, std::move(message), std::move(cure)};
}

std::string units_cure(Dimension dimension) {
    return "the units of " + std::string(facts_of(dimension).name) + " are " + unit_list(dimension);
}

ParsedQuantity unknown_unit(std::string_view text, std::string_view suffix, Dimension dimension) {
    const std::string said = "is " + quote(text) + ", but " + quote(suffix) + " is no unit of " +
                             std::string(facts_of(dimension).name);
    if (dimension == Dimension::duration && suffix == "m") {
        return wrong(said, "minutes are \"min\", milliseconds are \"ms\"");
    }
    return wrong(said, units_cure(dimension));
}

/// Rounds what must be whole, and checks the range.
ParsedQuantity settled(std::string_view text, double value, Dimension dimension) {
    const Facts& facts = facts_of(dimension);
    const double exact = value;
    if (dimension == Dimension::duration) value = std::round(value);
    if (dimension == Dimension::duration && value == 0 && exact > 0) {
        return wrong("is " + quote(text) + ", which is less than 1ns");
    }
    if (dimension == Dimension::bytes && std::floor(value) != value) {
        return wrong("is " + quote(text) + ", which is not a whole number of bytes");
    }
    if (!(value <= facts.largest)) {
        return wrong("is " + quote(text) + ", which is more than " +
                     std::string(facts.largest_text));
    }
    return {value, "", ""};
}

std::size_t decimals(std::string_view number) {
    const std::size_t point = number.find('.');
    return point == std::string_view::npos ? 0 : number.size() - point - 1;
}

bool readable(std::string_view number) {
    return decimals(number) <= 3 && number.find('e') == std::string_view::npos;
}

/// The number in this unit, if it is short and reads back as the same.
std::optional<std::string> in_unit(double value, const Unit& unit, Dimension dimension) {
    const double number = value / unit.size();
    if (number < 1 && unit.size() > 1) return std::nullopt;
    // A rounding error in the last digit must not hide that 0.999 is 99.9%.
    const std::string digits = to_text(std::round(number * 1000) / 1000);
    if (!readable(digits)) return std::nullopt;
    std::string text = digits + std::string(unit.suffix);
    if (parse_quantity(text, dimension).value != value) return std::nullopt;
    return text;
}

}  // namespace

ParsedQuantity parse_quantity(std::string_view text, Dimension dimension) {
    const Facts& facts = facts_of(dimension);
    if (text.size() > 1 && text[0] == '-' && number_length(text.substr(1)) > 0) {
        return wrong("is " + quote(text) + ", but " + std::string(facts.name) +
                     " cannot be negative");
    }
    const std::size_t length = number_length(text);
    if (length == 0) {
        return wrong("must be " + std::string(facts.name) + ", not " + quote(text),
                     facts.likely.empty() ? "" : units_cure(dimension));
    }
    const std::string_view number = text.substr(0, length);
    std::string_view suffix = text.substr(length);
    if (!suffix.empty() && suffix.front() == ' ') suffix.remove_prefix(1);
    if (suffix.empty()) {
        const double value = number_times_power_of_ten(number, 0);
        return dimension == Dimension::number ? settled(text, value, dimension)
                                              : bare_number(value, dimension);
    }
    const Unit* unit = find_unit(facts.units, suffix);
    if (!unit) return unknown_unit(text, suffix, dimension);
    const double value =
        number_times_power_of_ten(number, unit->exponent) * unit->multiple / unit->divisor;
    return settled(text, value, dimension);
}

ParsedQuantity bare_number(double number, Dimension dimension) {
    const Facts& facts = facts_of(dimension);
    const std::string digits = to_text(number);
    const bool needs_no_unit = dimension == Dimension::number ||
                               (dimension == Dimension::share && number >= 0 && number <= 1);
    if (number == 0 || needs_no_unit) return {number, "", ""};
    if (number < 0) {
        return wrong("is " + digits + ", but " + std::string(facts.name) + " cannot be negative");
    }
    if (dimension == Dimension::share) {
        return wrong("is " + digits + ", but a share is between 0 and 1",
                     number <= 100 ? "write " + quote(digits + "%") + " for percent" : "");
    }
    return wrong("is " + digits + " without a unit",
                 "write " + quote(digits + std::string(facts.likely)) + " or " +
                     quote(digits + std::string(facts.perhaps)));
}

std::string to_text(double value, Dimension dimension) {
    const Facts& facts = facts_of(dimension);
    if (value == 0) return std::string(facts.zero);
    if (dimension == Dimension::number) return to_text(value);
    std::string_view base;
    for (std::size_t i = facts.units.size(); i-- > 0;) {
        const Unit& unit = facts.units[i];
        if (unit.alias) continue;
        if (const auto text = in_unit(value, unit, dimension)) return *text;
        if (unit.size() == 1) base = unit.suffix;
    }
    // Nothing reads well: all digits, in the base unit.
    return to_text(value) + std::string(base);
}

std::string to_text(Duration duration) {
    return to_text(static_cast<double>(duration.count()), Dimension::duration);
}
std::string to_text(Rate rate) { return to_text(rate.per_second, Dimension::rate); }
std::string to_text(Bytes bytes) {
    return to_text(static_cast<double>(bytes.count), Dimension::bytes);
}
std::string to_text(BitRate rate) { return to_text(rate.bits_per_second, Dimension::bit_rate); }
std::string to_text(Share share) { return to_text(share.value, Dimension::share); }

std::string to_text(double number) {
    std::array<char, 32> digits{};
    const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    return {digits.data(), result.ptr};
}

std::string to_text(std::int64_t number) { return std::to_string(number); }

std::string unit_list(Dimension dimension) {
    std::string list;
    for (const Unit& unit : facts_of(dimension).units) {
        const bool foreign = static_cast<unsigned char>(unit.suffix.front()) >= 0x80;
        if (foreign) continue;
        if (!list.empty()) list += ", ";
        list += unit.suffix;
    }
    return list;
}

std::string_view noun_of(Dimension dimension) { return facts_of(dimension).name; }

std::string unit_pattern(Dimension dimension) {
    std::string alternatives;
    for (const Unit& unit : facts_of(dimension).units) {
        if (!alternatives.empty()) alternatives += '|';
        alternatives += unit.suffix;
    }
    const std::string number = R"([0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?)";
    if (alternatives.empty()) return "^" + number + "$";
    return "^(" + number + " ?(" + alternatives + ")|0)$";
}

}  // namespace prodsim
