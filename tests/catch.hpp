// The one door to Catch2. It serves version 2 (Debian 12) and version 3 (Ubuntu 24.04), so that no
// test knows which it has. Use only what both have: there is no SKIP, and the matcher for a part of
// a text is called ContainsSubstring, the name that version 3 gave it.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <cassert>
#include <cmath>
#include <string>

namespace prodsim::testing {

/// An expected number and the error that it is allowed, in the unit of the value compared with it.
/// What is not a number is never within anything.
struct Within {
    double tolerance;
    double expected;

    friend bool operator==(double value, const Within& range) {
        return std::abs(value - range.expected) <= range.tolerance;
    }
};

/// REQUIRE(mean_wait == within(4 * standard_error, erlang_c_wait(servers, load, mean)));
inline Within within(double tolerance, double expected) {
    assert(tolerance >= 0.0);
    return {.tolerance = tolerance, .expected = expected};
}

}  // namespace prodsim::testing

/// A failure reads `1.5 == 2.0 +- 0.1`.
template <>
struct Catch::StringMaker<prodsim::testing::Within> {
    static std::string convert(const prodsim::testing::Within& range) {
        return Detail::stringify(range.expected) + " +- " + Detail::stringify(range.tolerance);
    }
};

using prodsim::testing::within;

#if __has_include(<catch2/catch_all.hpp>)
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
#else
inline auto ContainsSubstring(const std::string& part) { return Catch::Matchers::Contains(part); }
#endif
using Catch::Matchers::EndsWith;
using Catch::Matchers::Equals;
using Catch::Matchers::StartsWith;
