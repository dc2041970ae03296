#include "sim/world/component.hpp"

#include "sim/world/demand.hpp"
#include "sim/world/world.hpp"

#include <algorithm>
#include <cassert>

namespace prodsim {

Workload Component::workload() const { return {}; }

Instance& Callee::add_instance(ZoneId zone) {
    const auto number = static_cast<std::uint16_t>(instances_.size() + 1);
    instances_.push_back(make_instance(zone, number));
    members_.push_back(instances_.back().get());
    ++version_;
    if (world_.newcomers != nullptr) world_.newcomers->joined(*this, *instances_.back());
    return *instances_.back();
}

void Callee::remove_instance(Instance& instance) {
    const auto place = std::find(members_.begin(), members_.end(), &instance);
    assert(place != members_.end());
    members_.erase(place);
    ++version_;
    instance.close();
}

Instance* Callee::find_instance(std::uint16_t number) const {
    return number == 0 || number > instances_.size() ? nullptr : instances_[number - 1u].get();
}

void Callee::add_instances(std::int64_t count, const std::vector<ZoneId>& zones) {
    zones_ = zones;
    for (std::int64_t i = 0; i < count; ++i) add_instance();
}

}  // namespace prodsim
