#include "sim/run/report_numbers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace prodsim {

namespace {

constexpr const char* unknown = "–";

/// The power of ten of the first digit: 2 for 345, -1 for 0.2. REQUIRES: finite and not 0.
int magnitude(double number) {
    int power = 0;
    for (number = std::abs(number); number >= 10; number /= 10) ++power;
    for (; number < 1; number *= 10) --power;
    return power;
}

double power_of_ten(int power) {
    double result = 1;
    for (; power > 0; --power) result *= 10;
    for (; power < 0; ++power) result /= 10;
    return result;
}

bool has_digits(double number) { return std::isfinite(number) && number != 0; }

std::string fixed(double number, int decimals) {
    std::array<char, 400> text{};  // 1e308 has 309 digits
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number,
                                   std::chars_format::fixed, std::clamp(decimals, 0, 12));
    return {text.data(), end.ptr};
}

/// Without zeros that say nothing.
std::string trimmed(std::string number) {
    if (number.find('.') == std::string::npos) return number;
    while (number.back() == '0') number.pop_back();
    if (number.back() == '.') number.pop_back();
    return number;
}

/// Three digits; of whole numbers, all of them.
int decimals_of(double value) { return has_digits(value) ? std::max(0, 2 - magnitude(value)) : 0; }

/// One digit of the error, two where it begins with a 1, and no more than four of the value.
int decimals_of(double value, double half_width) {
    if (!has_digits(half_width)) return decimals_of(value);
    const int first = magnitude(half_width);
    const bool begins_with_one = half_width * power_of_ten(-first) < 1.95;
    const int by_error = (begins_with_one ? 1 : 0) - first;
    const int by_value = has_digits(value) ? 3 - magnitude(value) : by_error;
    return std::max(0, std::min(by_error, by_value));
}

/// An error below the last digit of the value is left out: the digits that are there are sure.
std::string text(const Measured& measured, double factor, int decimals) {
    const std::string value = fixed(measured.value * factor, decimals);
    if (!std::isfinite(measured.half_width)) return value;
    const std::string error = fixed(measured.half_width * factor, decimals);
    const bool visible = error.find_first_not_of("0.") != std::string::npos;
    return visible ? value + " ± " + error : value;
}

std::string in_unit(const Measured& measured, double factor, const char* unit) {
    const double value = measured.value * factor;
    return text(measured, factor, decimals_of(value, measured.half_width * factor)) + " " + unit;
}

}  // namespace

std::string readable_count(std::uint64_t count) {
    std::string digits = std::to_string(count);
    for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, " ");
    return digits;
}

std::string readable_number(double number) {
    return std::isfinite(number) ? trimmed(fixed(number, decimals_of(number))) : unknown;
}

std::string readable_number(const Measured& measured) {
    if (!std::isfinite(measured.value)) return unknown;
    return text(measured, 1, decimals_of(measured.value, measured.half_width));
}

std::string readable_duration(const Measured& seconds) {
    if (!std::isfinite(seconds.value)) return unknown;
    struct Unit {
        double up_to_s;
        double factor;
        const char* name;
    };
    static constexpr std::array units{Unit{1e-6, 1e9, "ns"}, Unit{1e-3, 1e6, "µs"},
                                      Unit{1, 1e3, "ms"}, Unit{300, 1, "s"}};
    if (seconds.value == 0) return in_unit(seconds, 1e3, "ms");
    for (const Unit& unit : units) {
        if (seconds.value < unit.up_to_s) return in_unit(seconds, unit.factor, unit.name);
    }
    return in_unit(seconds, 1.0 / 60, "min");
}

std::string readable_duration(double seconds) {
    constexpr double minute_s = 60;
    const double minutes = seconds / minute_s;
    constexpr double rounding = 1e-9;
    if (minutes > 1 - rounding && std::abs(minutes - std::round(minutes)) < rounding) {
        return readable_number(std::round(minutes)) + " min";
    }
    const std::string text = readable_duration(Measured{seconds});
    const std::size_t space = text.find(' ');
    if (space == std::string::npos) return text;
    return trimmed(text.substr(0, space)) + text.substr(space);
}

std::string readable_rate(const Measured& per_s) {
    return std::isfinite(per_s.value) ? in_unit(per_s, 1, "/s") : unknown;
}

std::string readable_share(const Measured& share) {
    if (!std::isfinite(share.value)) return unknown;
    if (share.value == 0) return "0 %";
    if (share.value == 1) return "100 %";
    const double percent = share.value * 100;
    // Nines count from the top: what matters in 99.962 is the 0.038.
    const double distance = std::min(percent, std::max(100 - percent, 1e-9));
    int decimals = decimals_of(percent, share.half_width * 100);
    if (!has_digits(share.half_width)) decimals = std::max(decimals, 1 - magnitude(distance));
    decimals = std::clamp(decimals, std::min(8, -magnitude(distance)), 8);
    return text(share, 100, decimals) + " %";
}

std::string readable(const Measured& measured, Dimension dimension) {
    switch (dimension) {
        case Dimension::duration:
            return readable_duration(measured);
        case Dimension::rate:
            return readable_rate(measured);
        case Dimension::share:
            return readable_share(measured);
        default:
            return readable_number(measured);
    }
}

std::string hexadecimal(std::uint64_t number) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text(16, '0');
    for (std::size_t i = 16; i-- > 0; number >>= 4) text[i] = digits[number & 15];
    return text;
}

std::string percentile_name(double share) { return "p" + trimmed(fixed(share * 100, 2)); }

}  // namespace prodsim
