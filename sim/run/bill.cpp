#include "sim/run/bill.hpp"

#include "sim/world/component.hpp"
#include "sim/world/journey.hpp"
#include "sim/world/world.hpp"

#include <algorithm>

namespace prodsim {

namespace {

const Counter* counter_of_calls(const World& world, std::string_view component) {
    for (const auto& [name, counter] : world.meters.counters()) {
        if (name.owner == component && name.name == "served") return &*counter;
    }
    return nullptr;
}

}  // namespace

void Price::describe(Fields& fields) {
    fields("instance_hour", instance_hour, "What an instance costs for an hour.",
           {.minimum = 0, .position = 1});
    fields("call", call, "What a call costs that was carried out.", {.minimum = 0});
}

std::optional<double> Bill::per_hour(std::string_view component) const {
    const auto item = std::find_if(items.begin(), items.end(), [&](const Item& candidate) {
        return candidate.component == component;
    });
    if (item == items.end()) return std::nullopt;
    return item->per_hour;
}

std::optional<double> Bill::per_hour() const {
    if (items.empty()) return std::nullopt;
    double sum = 0;
    for (const Item& item : items) sum += item.per_hour;
    return sum;
}

std::optional<double> Bill::per_1000_good() const {
    const std::optional<double> sum = per_hour();
    if (!sum || good_per_s == 0) return std::nullopt;
    return *sum / (good_per_s * 3600) * 1000;
}

Bill bill_of(const Named<Price>& prices, const World& world, Time from) {
    Bill bill;
    const double length = in_seconds(world.now() - from);
    for (const auto& item : prices) {
        const auto* callee = dynamic_cast<const Callee*>(world.find(item.name));
        if (callee == nullptr) continue;
        const double instances = callee->mean_members(from, world.now());
        double calls_per_s = 0;
        const Counter* served = counter_of_calls(world, item.name);
        if (item.value.call > 0 && served != nullptr && length > 0) {
            calls_per_s = static_cast<double>(served->in_window()) / length;
        }
        bill.items.push_back(
            {item.name, instances, calls_per_s,
             instances * item.value.instance_hour + calls_per_s * 3600 * item.value.call});
    }
    for (const Journey& journey : world.journeys()) {
        if (length > 0) {
            bill.good_per_s += static_cast<double>(journey.latency_good().count()) / length;
        }
    }
    return bill;
}

void check_prices(const Named<Price>& prices, const World& world, Problems& problems) {
    for (const auto& item : prices) {
        if (dynamic_cast<const Callee*>(world.find(item.name)) == nullptr) {
            problems.add(item.place, "there is no \"" + item.name + "\" that could cost anything",
                         "give prices to components that are called");
        } else if (item.value.call > 0 && counter_of_calls(world, item.name) == nullptr) {
            problems.add(item.place, "\"" + item.name + "\" does not count what it carries out",
                         "give its instances a price");
        }
    }
}

}  // namespace prodsim
