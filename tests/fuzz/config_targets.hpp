#pragma once

// What is fuzzed: each target reads any bytes whatever as one of the languages of the configuration
// reads them. Refusing them is fine; a crash, an endless loop or a broken promise is not, and ends
// the program. The same functions run under libFuzzer and over the corpus in the tests.

#include "sim/config/json_reader.hpp"
#include "sim/config/json_writer.hpp"
#include "sim/config/law.hpp"
#include "sim/config/reader.hpp"
#include "sim/config/units.hpp"

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace prodsim::testing {

inline void require_promise(bool kept) {
    if (!kept) std::abort();
}

/// A quantity of each dimension: what is understood is written so that it reads back the same.
inline void fuzz_units(std::string_view bytes) {
    for (const Dimension dimension : {Dimension::duration, Dimension::rate, Dimension::bytes,
                                      Dimension::bit_rate, Dimension::share, Dimension::number}) {
        const ParsedQuantity parsed = parse_quantity(bytes, dimension);
        if (!parsed.good()) continue;
        const ParsedQuantity again = parse_quantity(to_text(parsed.value, dimension), dimension);
        require_promise(again.good() && again.value == parsed.value);
    }
}

struct AnyLaw {
    Law<Duration> duration;
    Law<double> number;
    void describe(Fields& fields) {
        fields("duration", duration, "How long it takes.");
        fields("number", number, "How many there are.");
    }
};

/// Reads `{"duration": law, "number": law}`, where every file that is named has these contents.
inline void read_laws(const Value& law, const std::optional<std::string>& file) {
    Sources sources;
    Problems problems;
    const Families families;
    Reading reading{families, problems};
    reading.open = [&](const std::string&) { return file; };
    AnyLaw laws;
    const std::string text = compact_json(Value::object({{"duration", law}, {"number", law}}));
    read(read_json(sources, "fuzz.json", text, problems), laws, reading);
    require_promise(problems.empty() == problems.render(sources).empty());
}

/// A law in the shorthand of scenarios, "lognormal(mean=4ms, cv=2)".
inline void fuzz_laws(std::string_view bytes) { read_laws(Value(bytes), std::nullopt); }

/// A file of observations, with units in its cells and without.
inline void fuzz_observations(std::string_view bytes) {
    for (const char* law : {"samples(file.csv)", "samples(file.csv, unit=ms)"}) {
        read_laws(Value(law), std::string(bytes));
    }
}

}  // namespace prodsim::testing
