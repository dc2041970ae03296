#pragma once

#include "sim/world/instance.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim {

class World;
struct Caller;
struct Workload;

/// Whose requests begin at a component; empty where nobody said.
struct Cohort {
    std::string region;
    std::string user_class;
    std::string tenant;
};

/// A new TLS connection agrees on keys from scratch, or takes up an earlier session.
enum class Handshake : std::uint8_t { full, resumed };

/// A box of the architecture. Everything that the simulator needs to know of it beyond calls.
class Component {
public:
    Component(World& world, std::string name) : world_(world), name_(std::move(name)) {}
    Component(const Component&) = delete;
    Component& operator=(const Component&) = delete;
    virtual ~Component() = default;

    const std::string& name() const { return name_; }

    /// What no single parameter shows: a problem and its cure, two sentences; empty if all is well.
    virtual std::pair<std::string, std::string> objection() const { return {}; }

    /// All components exist: time to make instances and the chains of their calls.
    virtual void connect() {}

    /// All chains exist: time to schedule the first events.
    virtual void start() {}

    /// Nothing new begins from here on; what is under way goes on.
    virtual void stop_arrivals() {}

    /// Who its users are; only where load begins.
    virtual Cohort cohort() const { return {}; }

    /// Load multiplied by this; only where load begins.
    virtual void set_load(double) {}

    /// Forgets its contents, as a cache does; false if it has none to forget.
    virtual bool flush() { return false; }

    /// Whether an instance of another component is what it is because of this one, as those of a
    /// new release are.
    virtual bool has_made(const Instance&) const { return false; }

    /// Finishes the levels of its meters that follow from others. `length` is that of the window.
    virtual void close_books(Time) {}

    /// What it asks of its processors and of others on average, for predictions before a run; says
    /// nothing unless it is overridden. The components it names need not exist yet.
    virtual Workload workload() const;

protected:
    World& world_;

private:
    std::string name_;
};

/// A component that can be called: operations by name, and instances that come and go. Balancers
/// look at `endpoints` and at `version`, which changes with them.
class Callee : public Component {
public:
    using Component::Component;

    /// The number that calls carry; nothing when there is no such operation.
    virtual std::optional<std::uint16_t> operation(std::string_view name) const = 0;

    /// The operation that a new TLS connection asks for, where that is work.
    virtual std::optional<std::uint16_t> handshake(Handshake) const { return std::nullopt; }

    /// What stands in the process of each caller in front of everything of this component, and
    /// chooses where a call goes: none for most, whose calls go to an instance.
    virtual std::unique_ptr<Node> stub(const Caller&) { return nullptr; }

    /// A new instance, in service at once, under load or not.
    Instance& add_instance(ZoneId zone);

    /// The same in whichever of the component's own zones is next. REQUIRES: it was started.
    Instance& add_instance() { return add_instance(zones_[instances_.size() % zones_.size()]); }

    /// Takes an instance out of the membership and lets it finish what it has.
    void remove_instance(Instance& instance);

    /// In service, in the order in which they came.
    const std::vector<Instance*>& members() const { return members_; }

    /// Those whom callers are told of: all members, unless somebody announces fewer.
    const std::vector<Instance*>& endpoints() const { return announced_ ? *announced_ : members_; }
    std::uint64_t version() const { return version_; }

    /// From now on callers are told of these, and of those who come.
    void announce(std::vector<Instance*> endpoints);

    /// How many were in service on average.
    double mean_members(Time from, Time to) const;

    /// Also those that have left: a connection outlives membership.
    Instance* find_instance(std::uint16_t number) const;
    const std::vector<std::unique_ptr<Instance>>& instances() const { return instances_; }

protected:
    virtual std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) = 0;

    /// Spreads `count` new instances evenly over the zones, in turn; later ones come there, too.
    void add_instances(std::int64_t count, const std::vector<ZoneId>& zones);

private:
    std::vector<std::unique_ptr<Instance>> instances_;
    std::vector<Instance*> members_;
    std::optional<std::vector<Instance*>> announced_;
    /// From this time on there are so many members.
    struct Change {
        Time at;
        std::size_t members;
    };

    void changed();

    std::vector<ZoneId> zones_;
    std::vector<Change> changes_;
    std::uint64_t version_ = 0;
};

}  // namespace prodsim
