#pragma once

#include "sim/world/chain.hpp"
#include "sim/world/script.hpp"

#include <memory>
#include <string>
#include <vector>

namespace prodsim {

/// The components that one component calls, numbered in the order in which its programs name them;
/// every calling instance gets a chain to each of them.
class Callees {
public:
    /// `calls` holds the policies by the name of the callee and outlives this.
    Callees(World& world, std::string caller, const Named<CallParameters>& calls)
        : world_(world), caller_(std::move(caller)), calls_(calls) {}

    /// REQUIRES: the component exists, can be called and has this operation.
    Program::Target resolve(const OperationName& name);

    /// The chains of one calling instance, added to its script in the order of the numbers.
    std::vector<std::unique_ptr<Chain>> connect(std::uint64_t instance, ZoneId zone,
                                                Script& script) const;

private:
    World& world_;
    std::string caller_;
    const Named<CallParameters>& calls_;
    std::vector<Callee*> callees_;
};

/// The operation of this name at the end of a row of components that pass calls on; nothing where
/// nobody has it, or the row is a circle.
std::optional<std::uint16_t> operation_behind(const World& world, const ComponentName& first,
                                              std::string_view wanted);

/// The component of this name. REQUIRES: it exists and can be called.
Callee& callee_named(const World& world, const ComponentName& name);

/// The zones of these names, where that of a region stands for all of its zones; all zones when
/// there are no names. REQUIRES: they exist.
std::vector<ZoneId> zones_of(const World& world, const std::vector<ZoneName>& names);

}  // namespace prodsim
