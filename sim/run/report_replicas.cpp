// The section about instances that come and go: what autoscalers, rollouts, health checks and
// failovers made of their numbers.

#include "sim/run/report_numbers.hpp"
#include "sim/run/report_sections.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace prodsim {

namespace {

/// A level that counts instances, as its owners' kind names it.
struct Counted {
    std::string_view kind;
    std::string_view level;
    std::string_view what;
};

constexpr std::array counted{
    Counted{"autoscaler", "replicas", "wanted"},
    Counted{"autoscaler", "ready", "serving"},
    Counted{"rollout", "pods", "all"},
    Counted{"rollout", "old", "serving, old release"},
    Counted{"rollout", "new", "serving, new release"},
    Counted{"health_checks", "unhealthy", "not well"},
    Counted{"sql_database", "leaderless", "missing primary"},
};

const LevelReport* level_of(const RunSetReport& runs, std::string_view owner,
                            std::string_view name) {
    const auto found =
        std::find_if(runs.levels.begin(), runs.levels.end(), [&](const LevelReport& level) {
            return level.name.owner == owner && level.name.name == name;
        });
    return found == runs.levels.end() ? nullptr : &*found;
}

}  // namespace

void add_replica_section(Page& page, const RunSetReport& runs) {
    Table table{{{"by"}, {"instances"}, {"mean", Align::right}, {"most", Align::right}}, {}};
    for (const ComponentReport& component : runs.components) {
        std::string name = component.name;
        for (const Counted& number : counted) {
            if (number.kind != component.kind) continue;
            const LevelReport* level = level_of(runs, component.name, number.level);
            if (level == nullptr) continue;
            table.rows.push_back(
                {{std::exchange(name, ""), std::string(number.what), readable_number(level->mean),
                  readable_count(static_cast<std::uint64_t>(level->maximum))}});
        }
    }
    if (table.rows.empty()) return;
    page.sections.push_back({"Instances that come and go", "over the time of a run", {table}});
}

}  // namespace prodsim
