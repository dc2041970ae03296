#pragma once

// A law of chance as a parameter: "lognormal(mean=4ms, cv=0.7)", or "4ms" for what is always the
// same. The laws are a family like any other: each is a described struct in law.cpp, so their
// arguments are checked, documented and echoed like every parameter. Durations are drawn in
// seconds, bytes and plain numbers as they are.

#include "sim/config/families.hpp"
#include "sim/config/units.hpp"
#include "sim/core/distribution.hpp"

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace prodsim {

class Problems;
class Value;

/// The law and its arguments as they were written, and the sampler made of them.
struct LawContent {
    Chosen chosen;
    Distribution distribution;
};

/// The laws for durations, bytes or numbers.
const Family& law_family(Dimension dimension);

/// The value itself, always: what "4ms" means where a law belongs.
LawContent constant_law(double value, Dimension dimension);

/// For initialisers in code. REQUIRES: the text is right.
LawContent law_from_text(std::string_view text, Dimension dimension);

/// Opens a file named by a scenario; empty if it cannot be read.
using OpenFile = std::function<std::optional<std::string>(const std::string& path)>;

/// Makes the sampler of a law whose arguments have been read and checked. Reports what only shows
/// when they are put together: quantiles that fall, a file that is not there.
std::optional<Distribution> make_distribution(const Chosen& chosen, Dimension dimension,
                                              const OpenFile& open, Problems& problems);

/// "exp(mean=16ms)" as text where the grammar of expressions allows it, otherwise the object;
/// the bare value of what is constant.
Value written_law(const LawContent& law);

template <class Quantity>
constexpr Dimension dimension_of() {
    if constexpr (std::same_as<Quantity, Duration>) return Dimension::duration;
    if constexpr (std::same_as<Quantity, Bytes>) return Dimension::bytes;
    return Dimension::number;
}

/// A law of durations, bytes or numbers: Law<Duration>, Law<Bytes>, Law<double>.
template <class Quantity>
class Law {
public:
    /// Always 0.
    Law() : content_(constant_law(0, dimension_of<Quantity>())) {}
    /// For defaults: `Law<Duration> jitter = "uniform(0ms, 10ms)";`
    Law(const char* text) : content_(law_from_text(text, dimension_of<Quantity>())) {}

    const Distribution& distribution() const { return content_.distribution; }
    LawContent& content() { return content_; }
    const LawContent& content() const { return content_; }

private:
    LawContent content_;
};

}  // namespace prodsim
