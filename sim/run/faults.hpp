#pragma once

#include "sim/run/fault_shape.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "sim/world/world.hpp"

#include <cstdint>
#include <vector>

namespace prodsim {

/// Applies the faults of a scenario to a world at their times. A fault changes parameters and
/// never resets state: when it goes, queues, pools, caches and leases stay as they are. Overlapping
/// faults compose. Who is hit is decided when the fault begins, among the instances of that moment;
/// a fault of all of a component or of a zone also hits whoever joins them while it lasts.
class Faults final : private Newcomers {
public:
    /// Before the world starts: tells the network which paths may change.
    Faults(World& world, const Scenario& scenario, const RunPlan& plan);
    Faults(const Faults&) = delete;
    Faults& operator=(const Faults&) = delete;
    ~Faults() override { world_.newcomers = nullptr; }

    /// After the world has started.
    void schedule();

private:
    struct Active {
        const FaultParameters* parameters;
        std::size_t number;
        std::vector<PathCondition*> paths;
        std::vector<Instance*> instances;
        std::vector<FaultPhase> phases;
        std::size_t phase = 0;
        double strength = 0;
        bool present = false;

        bool touches_instances() const;
        bool touches_network() const;
        Condition condition() const;
    };

    void watch(Active& fault);
    void watch_edges(Active& fault);
    void watch_zones(Active& fault);
    void add_path(Active& fault, PathCondition& there, PathCondition& back);
    void step(std::uint64_t number);
    void begin(Active& fault);
    void choose_instances(Active& fault);
    const FateGroup* group_of(const Active& fault) const;
    bool concerns(const Active& fault, const Component& component) const;
    void joined(const Callee& component, Instance& instance) override;
    void apply(const Active& fault);
    void update(Instance& instance);
    void update(PathCondition& path);
    void update_load();

    World& world_;
    const ScenarioParameters& parameters_;
    Duration end_;
    std::vector<Active> faults_;
};

}  // namespace prodsim
