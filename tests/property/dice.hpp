#pragma once

// The chance with which authors write scenarios.

#include "sim/config/value.hpp"
#include "sim/core/random.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>

namespace prodsim::testing {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : draws_(mix(seed)) {}

    std::size_t below(std::size_t n) { return draws_.below(n); }
    bool chance(double p) { return draws_.chance(p); }

    std::string one_of(std::initializer_list<const char*> words) {
        return words.begin()[below(words.size())];
    }
    Value one_of_numbers(std::initializer_list<double> numbers) {
        return numbers.begin()[below(numbers.size())];
    }
    std::string number(std::size_t low, std::size_t high) {
        return std::to_string(low + below(high - low + 1));
    }
    std::int64_t count(std::size_t low, std::size_t high) {
        return static_cast<std::int64_t>(low + below(high - low + 1));
    }

private:
    Draws draws_;
};

}  // namespace prodsim::testing
