#pragma once

// What the benchmarks share to write docs/performance.md: each prints one section of it to the
// standard output, and appends what it lost to a file, from which `run` makes the last section.

#include "tests/benchmark/measure.hpp"

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace prodsim::benchmark {

class Page {
public:
    explicit Page(std::string losses) : losses_(std::move(losses)) {}

    void lose(const std::string& sentence) const {
        FILE* file = std::fopen(losses_.c_str(), "a");
        if (file == nullptr) return;
        std::fprintf(file, "- %s\n", sentence.c_str());
        std::fclose(file);
    }

private:
    std::string losses_;
};

/// `--page LOSSES` at the front of the command line, which is taken from it.
inline std::optional<Page> page_asked_for(int& count, char**& arguments) {
    if (count < 3 || std::string_view(arguments[1]) != "--page") return std::nullopt;
    Page page(arguments[2]);
    arguments[2] = arguments[0];
    count -= 2;
    arguments += 2;
    return page;
}

inline std::string digits(double value, int decimals) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
}

/// Two decimals where they say something.
inline std::string digits(double value) {
    return digits(value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

/// `1.50 [1.45, 1.62]`
inline std::string text_of(const Spread& spread) {
    return digits(spread.median) + " [" + digits(spread.least) + ", " + digits(spread.most) + "]";
}

}  // namespace prodsim::benchmark
