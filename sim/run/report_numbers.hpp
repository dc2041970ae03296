#pragma once

// Numbers for readers: few digits, always a unit, the same in every locale. The error decides how
// many digits a number deserves; without an error it gets three. What reads back exactly is
// written by sim/config/units.hpp instead.

#include "sim/run/report.hpp"

#include <cstdint>
#include <string>

namespace prodsim {

/// "1 234 567"
std::string readable_count(std::uint64_t count);

/// "12.3", "0.00123", "1230", "2": what is known exactly keeps no zeros at its end.
std::string readable_number(double number);

/// "12.34 ± 0.56"; without the second half where there is no interval.
std::string readable_number(const Measured& measured);

/// "26.42 ± 0.31 ms": ns, µs, ms, s or min, by the size of the value.
std::string readable_duration(const Measured& seconds);

/// The same for what is known exactly, such as the length of a run: "11 min", "2.5 s".
std::string readable_duration(double seconds);

/// "160.2 ± 0.4 /s"
std::string readable_rate(const Measured& per_s);

/// "99.962 ± 0.011 %": never rounded to 100 % or 0 % unless it is exactly that.
std::string readable_share(const Measured& share);

/// A metric in its base unit: seconds, 1/s, a share or a number.
std::string readable(const Measured& measured, Dimension dimension);

/// "00c0ffee00c0ffee"
std::string hexadecimal(std::uint64_t number);

/// "p99.9"
std::string percentile_name(double share);

}  // namespace prodsim
