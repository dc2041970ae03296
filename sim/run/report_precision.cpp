// The section about the precision that was asked for: reached or not, and why not.

#include "sim/run/report_numbers.hpp"
#include "sim/run/report_sections.hpp"

namespace prodsim {

void add_precision_section(Page& page, const Precision& precision) {
    if (precision.goals.empty()) return;
    Table table{{{"metric"},
                 {"wanted", Align::right},
                 {"reached", Align::right},
                 {"measured", Align::right},
                 {""}},
                {}};
    for (const GoalVerdict& one : precision.goals) {
        table.rows.push_back(
            {{one.goal.metric, "± " + readable_number(100 * one.goal.share) + " %",
              "± " + readable_share({one.reached}),
              readable({one.estimate.mean, one.estimate.half_width}, one.dimension),
              one.met() ? "" : "not converged: " + one.doubt},
             one.met() ? Mark::good : Mark::unsure});
    }
    const std::string verdict = precision.converged() ? "converged after " : "not converged after ";
    page.sections.push_back({"Precision",
                             verdict + readable_count(precision.replications) +
                                 " replications of at most " + readable_count(precision.most),
                             {table}});
}

}  // namespace prodsim
