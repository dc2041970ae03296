#include "sim/world/causes.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <tuple>
#include <utility>

namespace prodsim {

namespace {

// Failures that keep coming within this time of one another belong together: what breakers,
// ejections and health checks put off comes back within it (Envoy and Route 53: 30 s).
constexpr Duration longest_pause = std::chrono::seconds(30);

// What happens by chance, whatever else goes on.
constexpr std::array<std::string_view, 2> mechanisms_of_chance{"own error", "false positive"};

bool is_chance(const Reason& reason) {
    return std::find(mechanisms_of_chance.begin(), mechanisms_of_chance.end(), reason.mechanism) !=
           mechanisms_of_chance.end();
}

}  // namespace

void Causes::announce(Disturbance disturbance) {
    assert(known_.empty() || known_.back().disturbance.cause < disturbance.cause);
    known_.push_back({std::move(disturbance)});
}

void Causes::set_present(CauseId cause, bool present, Time now) {
    for (Known& known : known_) {
        if (known.disturbance.cause != cause) continue;
        if (present && known.began == never) known.began = now;
        known.ended = present ? never : now;
    }
}

// A journey under way while the disturbance was there may fail of it any time later.
bool Causes::may_explain(const Known& known, const Failed& failed) {
    if (known.began == never || known.began > failed.ended) return false;
    if (known.ended == never) return true;
    const Time last = std::max(known.ended, known.blamed);
    return failed.started - last <= longest_pause;
}

/// The place is a component, or an edge, which fails of what is behind it rather than before it.
std::optional<Reach> Causes::reach(const Known& known, std::string_view place) {
    constexpr std::string_view arrow = " -> ";
    const auto& components = known.disturbance.components;
    const std::size_t between = place.find(arrow);
    if (between != std::string_view::npos) {
        const auto behind = components.find(place.substr(between + arrow.size()));
        if (behind != components.end()) return behind->second;
        place = place.substr(0, between);
    }
    const auto found = components.find(place);
    if (found == components.end()) return std::nullopt;
    return found->second;
}

CauseId Causes::of(const Failed& failed) {
    const Reason& reason = reasons_[failed.reason];
    if (known_.empty() || is_chance(reason)) return own_cause;
    Known* blamed = nullptr;
    std::tuple<int, bool, std::uint16_t, Duration> plainest;
    for (Known& known : known_) {
        if (!may_explain(known, failed)) continue;
        const std::optional<Reach> way = reach(known, reason.component);
        if (!way) continue;
        const bool is_over = known.ended < failed.started;
        const bool is_strange = known.disturbance.strangers.contains(failed.journey);
        const int doubts = static_cast<int>(way->way) + (is_strange ? 1 : 0) + (is_over ? 1 : 0);
        const std::tuple here{doubts, is_over, way->hops, failed.ended - known.began};
        if (blamed != nullptr && plainest <= here) continue;
        blamed = &known;
        plainest = here;
    }
    if (blamed == nullptr) return own_cause;
    blamed->blamed = failed.ended;
    return blamed->disturbance.cause;
}

}  // namespace prodsim
