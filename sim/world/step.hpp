#pragma once

#include "sim/config/fields.hpp"
#include "sim/world/catalogue.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace prodsim {

/// The steps of an operation or of a journey, as the architect writes them.
using Steps = std::vector<Choice<StepFamily>>;

struct CpuStep {
    Law<Duration> demand;
    void describe(Fields& fields);
};

struct WaitStep {
    Law<Duration> time;
    void describe(Fields& fields);
};

struct CallStep {
    OperationName target;
    Share probability{1};
    Law<double> count = "1";
    bool write = false;
    void describe(Fields& fields);
};

struct PublishStep {
    OperationName target;
    Share probability{1};
    void describe(Fields& fields);
};

struct Weighted {
    double weight = 1;
    Steps steps;
    void describe(Fields& fields);
};

struct ChooseStep {
    std::vector<Weighted> branches;
    void describe(Fields& fields);
};

struct Branch {
    Steps steps;
    void describe(Fields& fields);
};

/// When a parallel step goes on, and what becomes of the branches that are still under way.
enum class Join : std::uint8_t { all, first };
std::span<const Word> words(Join);

enum class BranchFailure : std::uint8_t {
    wait,    // the others finish, then the step fails
    cancel,  // the step fails at once and gives up on the others
    ignore,  // the step goes on without it
};
std::span<const Word> words(BranchFailure);

enum class Leftover : std::uint8_t { cancel, run_on };
std::span<const Word> words(Leftover);

struct ParallelStep {
    std::vector<Branch> branches;
    Join join = Join::all;
    std::optional<std::int64_t> at_least;
    std::int64_t copies = 1;
    BranchFailure on_failure = BranchFailure::wait;
    Leftover leftover = Leftover::cancel;
    void describe(Fields& fields);
};

struct RepeatStep {
    Law<double> times = "1";
    Steps steps;
    void describe(Fields& fields);
};

struct TryStep {
    Steps steps;
    Steps otherwise;
    void describe(Fields& fields);
};

/// Fills the family of steps.
void add_steps(Family& family);

}  // namespace prodsim
