#pragma once

namespace prodsim {

/// A signed 128-bit integer, for sums of nanoseconds. 64 bits hold 292 years, which 10^9 requests
/// of 10 s exceed; here no run can overflow, so sums are exact, audits compare with ==, and merging
/// is associative.
__extension__ typedef __int128 Wide;

}  // namespace prodsim
