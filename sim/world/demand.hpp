#pragma once

// What a component asks of its processors and of other components, said before anything runs:
// averages of executions in which nothing fails, nobody waits and nobody tries again. The loads of
// all components follow from these (sim/run/topology).

#include "sim/config/families.hpp"
#include "sim/world/arrivals.hpp"
#include "sim/world/step.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {

/// Calls of one operation that an execution makes.
struct MeanCalls {
    OperationName target;
    double count = 1;      // 0: only after a failure
    bool at_most = false;  // the count is a bound: some may be given up, or turn out not needed
    bool needed = true;    // its failure can be the failure of the execution
    bool at_once = false;  // certainly no time passes between the start and this call
    bool awaited = true;   // the caller goes on when it is answered
};

/// What must work for an execution to succeed: a call, or so many of the parts.
struct Need {
    std::size_t at_least = 0;
    std::vector<Need> parts = {};
    std::optional<OperationName> call = {};  // instead of parts

    static Need all_of(std::vector<Need> parts) {
        const std::size_t count = parts.size();
        return {count, std::move(parts), {}};
    }
};

/// What one execution asks for.
struct Demand {
    double cpu_s = 0;
    bool at_most = false;  // the processor time is a bound
    std::vector<MeanCalls> calls = {};
    std::optional<double> cpu_cv = {};   // where it is one piece of processor time, and no more
    std::optional<double> wait_s = 0.0;  // that passes without a resource; none: not known
    bool in_sequence = true;             // nothing goes on at the same time as something else
    Need need = {};                      // if not said, all calls that are needed
};

/// What these steps ask for. Branches of a parallel step that does not wait for all of them count
/// in full. Simplification: whatever follows a call counts as later than the call, even where the
/// reply takes no time.
Demand demand_of(const Steps& steps);

/// Equal servers before which calls wait, in each of so many sets over which calls are spread.
struct Servers {
    std::int64_t sets = 1;
    double each = 1;
    bool in_turn = false;  // first come first served, otherwise shared by all who are there
};

/// Something that calls use up, all instances together: cores, reads of a disk, a quota.
struct Resource {
    std::string name;  // what `available` counts: "cores", "calls/s"
    double available = 0;
    std::vector<double> per_call;         // for each operation: amount x seconds, or amount
    std::optional<Servers> servers = {};  // none: a limit beyond which calls are refused
    bool holds_up = true;                 // false: what exceeds it waits, and nobody for it
};

/// Those who work off what one operation leaves behind: so many calls at a time.
struct Consumers {
    std::string name;
    std::string operation;
    OperationName target;
    std::int64_t at_a_time = 1;
};

struct OperationDemand {
    std::string name;
    Demand demand;
};

struct JourneyDemand {
    std::string name;
    double weight = 1;
    Demand demand;
};

/// Where load begins: an open stream, or a closed population if there are `users`.
struct LoadSource {
    double per_s = 0;                                          // before any shape
    const std::vector<Choice<ShapeFamily>>* shapes = nullptr;  // null: none
    std::int64_t users = 0;
    double think_s = 0;
    std::vector<JourneyDemand> journeys;
};

/// Where a component passes calls on to: each becomes one of the same operation there.
struct Passing {
    ComponentName target;
    double count = 1;      // of each call; 0: only after a failure
    bool at_most = false;  // the count is a bound
    bool needed = true;    // its failure can be the failure of the call
};

/// All that a component says of itself.
struct Workload {
    std::int64_t instances = 0;                // ours to run; 0 if none, or not said
    std::optional<std::int64_t> inside = {};   // calls that one instance holds at the same time
    std::optional<std::int64_t> threads = {};  // those of them that are served, others wait
    std::vector<OperationDemand> operations = {};
    std::vector<Resource> resources = {};
    std::vector<Consumers> consumers = {};
    std::vector<Passing> passes_to = {};
    bool passes_at_once = false;
    double passes_in_s = 0;  // on average
    LoadSource source = {};

    /// A resource of the processor times. REQUIRES: `operations` are complete.
    void add_cores(const Servers& cores);
};

}  // namespace prodsim
