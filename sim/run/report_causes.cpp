// The sections that say what failed requests point at.

#include "sim/run/report_numbers.hpp"
#include "sim/run/report_sections.hpp"

#include <cmath>

namespace prodsim {

namespace {

std::string percent(double share) {
    return std::to_string(static_cast<int>(std::lround(100 * share))) + " %";
}

std::string count_text(double count) {
    return readable_count(static_cast<std::uint64_t>(std::llround(count)));
}

/// "web -> pay: timeout 80 %, web: queue full 15 %"
std::string mechanisms_text(const CauseReport& cause) {
    constexpr std::size_t most = 3;
    constexpr double least = 0.01;
    std::string text;
    for (std::size_t i = 0; i < cause.mechanisms.size() && i < most; ++i) {
        const MechanismShare& mechanism = cause.mechanisms[i];
        if (mechanism.share < least) break;
        const Reason& reason = mechanism.reason;
        if (!text.empty()) text += ", ";
        text += reason.component.empty() ? "not said" : reason.component + ": " + reason.mechanism;
        text += " " + percent(mechanism.share);
    }
    return text;
}

/// Rounded down: what is not all is not said to be all.
std::string share_text(double part, double whole) {
    if (whole < 0.5) return "";
    const double share = std::floor(1000 * part / whole + 1e-9) / 10;
    return readable_number({share}) + " %";
}

}  // namespace

void add_cause_sections(Page& page, const Attribution& attribution) {
    if (attribution.causes.empty()) return;
    Table causes{{{"root cause"},
                  {"requests", Align::right},
                  {"share", Align::right},
                  {"where they failed"}},
                 {}};
    for (const CauseReport& cause : attribution.causes) {
        causes.rows.push_back(
            {{cause.cause.empty() ? "no fault: they fail without any, or by chance" : cause.cause,
              count_text(cause.failed), readable_share({cause.share}), mechanisms_text(cause)}});
    }
    page.sections.push_back({"Root causes", "of failed requests, with every fault", {causes}});
    Table faults{{{"fault"},
                  {"failed", Align::right},
                  {"without it too", Align::right},
                  {"because of it", Align::right},
                  {"point at it", Align::right}},
                 {}};
    const bool several = attribution.faults.size() > 1;
    if (several) faults.columns.push_back({"among all faults", Align::right});
    for (const FaultBlame& blame : attribution.faults) {
        if (blame.failed == 0) continue;
        faults.rows.push_back(
            {{blame.fault, count_text(blame.failed), count_text(blame.fails_anyway),
              count_text(blame.in_excess), share_text(blame.pointing, blame.in_excess)}});
        if (!several) continue;
        faults.rows.back().cells.push_back(share_text(blame.pointing_among_all, blame.among_all));
    }
    if (faults.rows.empty()) return;
    page.sections.push_back({"Do failed requests point at their fault?",
                             "each fault alone, against the run without any; then in one run",
                             {faults}});
}

}  // namespace prodsim
