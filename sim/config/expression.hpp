#pragma once

// The shorthand of scenarios: "retry(3, backoff=exp(100ms))" says what {"type": "retry", "#1": 3,
// "backoff": {"type": "exp", "#1": "100ms"}} says. Positional arguments are named "#1", "#2" ...
// until the description of the alternative tells which fields they are.
//
//     expression = word [ "(" [ argument { "," argument } ] ")" ]
//     argument   = [ name "=" ] ( expression | quantity | number | 'text' | "[" items "]" )

#include "sim/config/problem.hpp"
#include "sim/config/value.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace prodsim {

/// The object that the text stands for; places point into the text. REQUIRES: `text` is a text.
/// Assumes no escapes in the JSON text: after one, places are off by its extra length.
std::optional<Value> parse_expression(const Value& text, Problems& problems);

/// The text that stands for the object, if the grammar has one for it.
std::optional<std::string> written_expression(const Value& object);

/// "#3"
std::string position_key(int position);

}  // namespace prodsim
