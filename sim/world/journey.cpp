#include "sim/world/journey.hpp"

namespace prodsim {

std::uint64_t OutcomeTable::count(Outcome outcome) const {
    std::uint64_t sum = 0;
    for (const auto& row : rows_) sum += row[static_cast<std::size_t>(outcome)];
    return sum;
}

void Journey::reset_window() {
    offered_.reset_window();
    ended_.reset_window();
    failed_.reset_window();
    outcomes_.reset();
    good_.reset();
    bad_.reset();
}

}  // namespace prodsim
