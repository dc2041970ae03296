#include "sim/run/fate_groups.hpp"

#include "sim/world/component.hpp"
#include "sim/world/world.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace prodsim {

namespace {

bool is_meant(const FateMember& member, const World& world, const Callee& callee,
              const Instance& instance) {
    const Component* named = world.find(member.component);
    const bool its_own = named == &callee || (named != nullptr && named->has_made(instance));
    return its_own && stands_in(world, instance, member.zone);
}

}  // namespace

std::span<const Word> words(FateKind) {
    static constexpr std::array all{
        Word{"other", FateKind::other, "Something else."},
        Word{"version", FateKind::version, "A version of a program, an image or a library."},
        Word{"certificate", FateKind::certificate, "A certificate, or one that signed theirs."},
        Word{"secret", FateKind::secret, "A password, key or token."},
        Word{"configuration", FateKind::configuration, "A configuration that is pushed to all."},
        Word{"flag", FateKind::flag, "A feature flag."},
        Word{"quota", FateKind::quota, "An account, and the limits of its provider."},
        Word{"vendor", FateKind::vendor, "Somebody else's service."},
        Word{"dns_zone", FateKind::dns_zone, "A zone of names."},
        Word{"cluster", FateKind::cluster, "A cluster, and who runs it."},
        Word{"cell", FateKind::cell, "A cell or shard of a system."},
        Word{"power", FateKind::power, "A power supply or a rack."},
        Word{"network", FateKind::network, "A gateway or a segment of a network."},
    };
    return all;
}

void FateMember::describe(Fields& fields) {
    fields.locate(place);
    fields("component", component, "Whose instances belong; of a rollout those of its new release.",
           {.required = true, .position = 1});
    fields("zone", zone, "Only those in this zone or region.");
    fields("share", share, "This share of those that match, in their order, rounded up.",
           {.above = 0});
    fields("instances", instances, "This many of those that match, in their order.",
           {.minimum = 1});
}

void FateGroup::describe(Fields& fields) {
    fields("kind", kind, "What joins them.");
    fields("members", members, "Who hangs on it.", {.required = true, .position = 1});
    fields.rule(!members.empty(), "members", "must have at least one member");
}

bool FateGroup::names(std::string_view component) const {
    return std::any_of(members.begin(), members.end(), [component](const FateMember& member) {
        return member.component == component;
    });
}

std::string title_of(std::string_view name, const FateGroup& group) {
    if (group.kind == FateKind::other) return "group " + std::string(name);
    std::string kind(words(group.kind)[static_cast<std::size_t>(group.kind)].name);
    std::replace(kind.begin(), kind.end(), '_', ' ');
    return kind + " " + std::string(name);
}

bool stands_in(const World& world, const Instance& instance, std::string_view place) {
    const Zone& zone = world.network.zones()[instance.zone()];
    return place.empty() || zone.name == place || zone.region == place;
}

void keep_part(std::vector<Instance*>& instances, Share share, std::optional<std::int64_t> count) {
    auto wanted = static_cast<std::size_t>(
        std::ceil(share.value * static_cast<double>(instances.size()) - 1e-9));
    if (count) wanted = static_cast<std::size_t>(*count);
    instances.resize(std::min(wanted, instances.size()));
}

std::vector<Instance*> members_in(const FateGroup& group, const World& world,
                                  const Callee& callee) {
    std::vector<Instance*> belonging;
    for (const FateMember& member : group.members) {
        std::vector<Instance*> meant;
        for (Instance* instance : callee.members()) {
            if (is_meant(member, world, callee, *instance)) meant.push_back(instance);
        }
        keep_part(meant, member.share, member.instances);
        belonging.insert(belonging.end(), meant.begin(), meant.end());
    }
    const auto before = [](const Instance* a, const Instance* b) {
        return a->number() < b->number();
    };
    std::sort(belonging.begin(), belonging.end(), before);
    belonging.erase(std::unique(belonging.begin(), belonging.end()), belonging.end());
    return belonging;
}

bool takes_in(const FateGroup& group, const World& world, const Callee& callee,
              const Instance& instance) {
    return std::any_of(group.members.begin(), group.members.end(), [&](const FateMember& member) {
        return member.is_open() && is_meant(member, world, callee, instance);
    });
}

}  // namespace prodsim
