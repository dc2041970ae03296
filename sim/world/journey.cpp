#include "sim/world/journey.hpp"

#include "sim/core/random.hpp"

namespace prodsim {

std::uint64_t OutcomeTable::count(Outcome outcome) const {
    std::uint64_t sum = 0;
    for (const auto& row : rows_) sum += row[static_cast<std::size_t>(outcome)];
    return sum;
}

std::uint64_t Failures::rank(std::uint64_t subject) { return mix(subject, 0x9e37); }

void Failures::add(const Item& item) {
    if (rank(item.subject) > highest_rank_) return;
    items_.push_back(item);
    while (items_.size() > most_items) {
        highest_rank_ /= 2;
        std::erase_if(items_,
                      [this](const Item& kept) { return rank(kept.subject) > highest_rank_; });
    }
}

void Journey::blame(const Ending& ending, Causes& causes) {
    const ReasonId reason = ending.reply.reason;
    failures_.add(
        {ending.subject, reason, causes.of({name_, ending.started, ending.ended, reason})});
}

void Journey::reset_window() {
    offered_.reset_window();
    ended_.reset_window();
    failed_.reset_window();
    outcomes_.reset();
    good_.reset();
    bad_.reset();
    failures_.reset();
}

}  // namespace prodsim
