#pragma once

// The ways to print a report. Equal reports give equal bytes.

#include "sim/run/report.hpp"

#include <string>

namespace prodsim {

enum class Colour { off, on };

/// For a terminal of 100 columns.
std::string text_report(const Report& report, Colour colour);

/// For a wiki, a pull request, a summary of a build.
std::string markdown_report(const Report& report);

/// Everything, for programs; docs/report.md explains the keys.
std::string json_report(const Report& report);

}  // namespace prodsim
