// The sections of runs that fall into two worlds: each is told apart, for a mean over both
// describes neither.

#include "sim/run/report_numbers.hpp"
#include "sim/run/report_sections.hpp"

#include <cmath>

namespace prodsim {

namespace {

std::string percent(double share) { return std::to_string(std::lround(100 * share)); }

/// "collapsed: 9 of 20 seeds, so 26 to 66 % of all seeds; ..."
Line line_of(const WorldReport& world, std::size_t seeds) {
    return {world.collapsed ? Mark::bad : Mark::good,
            world.title() + ": " + std::to_string(world.seeds) + " of " + std::to_string(seeds) +
                " seeds, so " + percent(world.share.lower) + " to " + percent(world.share.upper) +
                " % of all seeds; of what is offered in the last tenth of a run, " +
                readable_share({world.served_late}) + " succeeds"};
}

}  // namespace

std::string WorldReport::title() const { return collapsed ? "collapsed" : "alive"; }

void add_world_sections(Page& page, const Report& report) {
    Section section{"Two worlds", "some seeds collapse and some do not", {}};
    for (const WorldReport& world : report.worlds) {
        section.blocks.push_back(line_of(world, report.replications));
    }
    section.blocks.push_back(
        Line{Mark::none,
             "Journeys and latencies are those of each world; all other numbers are "
             "means over both, and describe neither."});
    page.sections.push_back(std::move(section));
    for (const WorldReport& world : report.worlds) {
        const std::string where =
            ", " + world.title() + " (" + std::to_string(world.seeds) + " seeds)";
        page.sections.push_back(journey_section("Journeys" + where, world.journeys));
        page.sections.push_back(latency_section("Latency" + where, world.journeys));
    }
}

}  // namespace prodsim
