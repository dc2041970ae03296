// The section that sets laws of queues beside what was measured.

#include "sim/run/report_numbers.hpp"
#include "sim/run/report_sections.hpp"

namespace prodsim {

void add_theory_section(Page& page, const std::vector<TheoryLine>& lines) {
    if (lines.empty()) return;
    constexpr std::size_t most_lines = 20;
    Table table{{{"of"}, {"number"}, {"theory", Align::right}, {"measured", Align::right}, {"law"}},
                {}};
    for (const TheoryLine& line : lines) {
        const bool fits = table.rows.size() < most_lines;
        if (!fits && line.doubt.empty()) continue;
        const std::string theory = readable({line.theory}, line.dimension);
        table.rows.push_back(
            {{line.subject, line.quantity, (line.at_most ? "<= " : "") + theory,
              readable(line.measured, line.dimension),
              line.law + (line.doubt.empty() ? ": " + line.assumes : "; " + line.doubt)},
             line.doubt.empty() ? Mark::good : Mark::unsure});
    }
    const std::size_t left_out = lines.size() - table.rows.size();
    std::string remark = "laws whose assumptions hold, beside the runs";
    if (left_out > 0) {
        remark += "; " + readable_count(left_out) + " more agree, the JSON report has all";
    }
    page.sections.push_back({"Theory", remark, {table}});
}

}  // namespace prodsim
