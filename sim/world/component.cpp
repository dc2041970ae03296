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
    if (announced_) announced_->push_back(members_.back());
    changed();
    if (world_.newcomers != nullptr) world_.newcomers->joined(*this, *instances_.back());
    return *instances_.back();
}

void Callee::remove_instance(Instance& instance) {
    const auto place = std::find(members_.begin(), members_.end(), &instance);
    assert(place != members_.end());
    members_.erase(place);
    if (announced_) std::erase(*announced_, &instance);
    changed();
    instance.close();
}

void Callee::announce(std::vector<Instance*> endpoints) {
    announced_ = std::move(endpoints);
    ++version_;
}

void Callee::changed() {
    ++version_;
    changes_.push_back({world_.now(), members_.size()});
}

double Callee::mean_members(Time from, Time to) const {
    if (from == to) return static_cast<double>(members_.size());
    double integral = 0;
    for (std::size_t i = 0; i < changes_.size(); ++i) {
        const Time begin = std::max(from, changes_[i].at);
        const Time end = i + 1 < changes_.size() ? std::min(to, changes_[i + 1].at) : to;
        if (begin < end) {
            integral += static_cast<double>(changes_[i].members) * in_seconds(end - begin);
        }
    }
    return integral / in_seconds(to - from);
}

Instance* Callee::find_instance(std::uint16_t number) const {
    return number == 0 || number > instances_.size() ? nullptr : instances_[number - 1u].get();
}

void Callee::add_instances(std::int64_t count, const std::vector<ZoneId>& zones) {
    zones_ = zones;
    for (std::int64_t i = 0; i < count; ++i) add_instance();
}

}  // namespace prodsim
