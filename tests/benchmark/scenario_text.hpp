#pragma once

// Scenarios that are too regular to be written by hand are made of pieces of text with $marks.

#include <string>
#include <string_view>

namespace prodsim::benchmark {

/// The text with every `mark` replaced.
inline std::string with(std::string text, std::string_view mark, const std::string& value) {
    for (std::size_t at = text.find(mark); at != std::string::npos;
         at = text.find(mark, at + value.size())) {
        text.replace(at, mark.size(), value);
    }
    return text;
}

}  // namespace prodsim::benchmark
