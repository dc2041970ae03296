// The section about users who do not wait for ever and about their sessions, where there are any.

#include "sim/run/report_numbers.hpp"
#include "sim/run/report_sections.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

namespace {

/// The counters of clients, by their names.
class Counted {
public:
    explicit Counted(const RunSetReport& runs) : runs_(runs) {}

    std::optional<std::uint64_t> count(std::string_view owner, std::string_view name) const {
        for (const CounterReport& counter : runs_.counters) {
            if (counter.name.owner == owner && counter.name.name == name) return counter.count;
        }
        return std::nullopt;
    }

    std::vector<std::string> owners_of(std::string_view name) const {
        std::vector<std::string> owners;
        for (const CounterReport& counter : runs_.counters) {
            if (counter.name.name == name) owners.push_back(counter.name.owner);
        }
        return owners;
    }

    /// "12.3 %" of the whole.
    std::string share(std::string_view owner, std::string_view part, std::string_view whole) const {
        const auto all = count(owner, whole);
        if (!all || *all == 0) return "";
        const double number = static_cast<double>(count(owner, part).value_or(0));
        return readable_share({number / static_cast<double>(*all)});
    }

private:
    const RunSetReport& runs_;
};

}  // namespace

void add_user_sections(Page& page, const RunSetReport& runs) {
    const Counted counted(runs);
    Table patience{{{"users"},
                    {"journeys", Align::right},
                    {"given up", Align::right},
                    {"clicks again", Align::right},
                    {"for 100 journeys", Align::right}},
                   {}};
    for (const std::string& owner : counted.owners_of("reclicked")) {
        const auto journeys = counted.count(owner, "journeys").value_or(0);
        const auto again = counted.count(owner, "reclicked").value_or(0);
        const double each =
            journeys == 0 ? 0 : static_cast<double>(again) / static_cast<double>(journeys);
        patience.rows.push_back(
            {{owner, readable_count(journeys), counted.share(owner, "abandoned", "journeys"),
              readable_count(again), readable_number(100 * each)}});
    }
    if (!patience.rows.empty()) {
        page.sections.push_back({"Patience of users", "in all replications", {patience}});
    }
    Table sessions{{{"users"},
                    {"sessions", Align::right},
                    {"completed", Align::right},
                    {"left", Align::right},
                    {"lost by a failure", Align::right}},
                   {}};
    for (const std::string& owner : counted.owners_of("sessions.begun")) {
        const auto share = [&](std::string_view part) {
            return counted.share(owner, part, "sessions.begun");
        };
        sessions.rows.push_back(
            {{owner, readable_count(counted.count(owner, "sessions.begun").value_or(0)),
              share("sessions.completed"), share("sessions.left"), share("sessions.lost")}});
    }
    if (!sessions.rows.empty()) {
        page.sections.push_back({"Sessions of users", "in all replications", {sessions}});
    }
}

}  // namespace prodsim
