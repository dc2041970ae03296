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

bool has_digits(double number) { return std::isfinite(number) && number != 0; }

std::string fixed(double number, int decimals) {
    std::array<char, 400> text{};  // 1e308 has 309 digits
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number,
                                   std::chars_format::fixed, std::clamp(decimals, 0, 12));
    return {text.data(), end.ptr};
}

/// Three digits; of whole numbers, all of them.
int decimals_of(double value) { return has_digits(value) ? std::max(0, 2 - magnitude(value)) : 0; }

/// Two digits of the error, but no more than six of the value.
int decimals_of(double value, double half_width) {
    if (!has_digits(half_width)) return decimals_of(value);
    const int by_error = 1 - magnitude(half_width);
    const int by_value = has_digits(value) ? 5 - magnitude(value) : by_error;
    return std::max(0, std::min(by_error, by_value));
}

std::string text(const Measured& measured, double factor, int decimals) {
    std::string value = fixed(measured.value * factor, decimals);
    if (!std::isfinite(measured.half_width)) return value;
    if (measured.half_width == 0) return value + " ± 0";
    return value + " ± " + fixed(measured.half_width * factor, decimals);
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
    return std::isfinite(number) ? fixed(number, decimals_of(number)) : unknown;
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
    // Lengths of runs are whole numbers of something.
    const std::string text = readable_duration(Measured{seconds});
    const std::size_t space = text.find(' ');
    if (text.find('.') == std::string::npos || space == std::string::npos) return text;
    std::size_t end = space;
    while (text[end - 1] == '0') --end;
    if (text[end - 1] == '.') --end;
    return text.substr(0, end) + text.substr(space);
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
    decimals = std::max(decimals, std::min(8, 1 - magnitude(distance)));
    return text(share, 100, decimals) + " %";
}

std::string hexadecimal(std::uint64_t number) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text(16, '0');
    for (std::size_t i = 16; i-- > 0; number >>= 4) text[i] = digits[number & 15];
    return text;
}

std::string percentile_name(double share) {
    std::string percent = fixed(share * 100, 2);
    while (percent.back() == '0') percent.pop_back();
    if (percent.back() == '.') percent.pop_back();
    return "p" + percent;
}

}  // namespace prodsim
