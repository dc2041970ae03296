#pragma once

// What shares a fate: a certificate, a version, a configuration or an account at a vendor can take
// all at once who hang on it, however independent the architecture makes them. Who belongs is
// looked up when it is asked, so whoever joins a component that belongs as a whole belongs, too.

#include "sim/config/fields.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

class Callee;
class Instance;
class World;

/// What joins them. It says how the report names the group and changes nothing else.
enum class FateKind : std::uint8_t {
    other,
    version,
    certificate,
    secret,
    configuration,
    flag,
    quota,
    vendor,
    dns_zone,
    cluster,
    cell,
    power,
    network,
};
std::span<const Word> words(FateKind);

/// Instances of a component that belong to a group; of a rollout those of its new release.
struct FateMember {
    std::string component;
    std::string zone;
    Share share{1};
    std::optional<std::int64_t> instances;
    Place place;
    void describe(Fields& fields);

    /// Whoever joins the component, in the zone if one is given, belongs.
    bool is_open() const { return share.value >= 1 && !instances; }
};

struct FateGroup {
    FateKind kind = FateKind::other;
    std::vector<FateMember> members;
    void describe(Fields& fields);

    /// Something of this component belongs.
    bool names(std::string_view component) const;
};

/// "certificate edge-2026"
std::string title_of(std::string_view name, const FateGroup& group);

/// Whether it stands in the zone or region of this name; everybody stands in "".
bool stands_in(const World& world, const Instance& instance, std::string_view place);

/// The first of them: so many, or this share of them, rounded up.
void keep_part(std::vector<Instance*>& instances, Share share, std::optional<std::int64_t> count);

/// Those of the component's present instances that belong, in their order.
std::vector<Instance*> members_in(const FateGroup& group, const World& world, const Callee& callee);

/// Whether an instance that has just joined belongs.
bool takes_in(const FateGroup& group, const World& world, const Callee& callee,
              const Instance& instance);

}  // namespace prodsim
