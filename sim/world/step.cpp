#include "sim/world/step.hpp"

#include <array>

namespace prodsim {

std::span<const Word> words(Join) {
    static constexpr std::array all{
        Word{"all", Join::all, "Goes on when every branch has succeeded."},
        Word{"first", Join::first, "Goes on with the first branch that succeeds."},
    };
    return all;
}

std::span<const Word> words(BranchFailure) {
    static constexpr std::array all{
        Word{"wait", BranchFailure::wait, "The other branches finish, then the step fails."},
        Word{"cancel", BranchFailure::cancel,
             "The step fails as soon as it cannot succeed, and gives up on the others."},
        Word{"ignore", BranchFailure::ignore, "The step goes on without the failed branch."},
    };
    return all;
}

std::span<const Word> words(Leftover) {
    static constexpr std::array all{
        Word{"cancel", Leftover::cancel, "Gives up on them."},
        Word{"run_on", Leftover::run_on, "Lets them finish; nobody waits for them."},
    };
    return all;
}

void CpuStep::describe(Fields& fields) {
    fields("cpu", demand, "Processor time, on a core of its own at full speed.",
           {.required = true, .position = 1});
}

void WaitStep::describe(Fields& fields) {
    fields("wait", time, "A pause that uses no processor.", {.required = true, .position = 1});
}

void CallStep::describe(Fields& fields) {
    fields("call", target, "Calls this operation and waits for the reply.",
           {.required = true, .position = 1});
    fields("probability", probability, "How often the step happens at all.");
    fields("count", count, "How many calls, one after another; rounded to a whole number.");
    fields("write", write, "The call changes state at the callee.");
}

void PublishStep::describe(Fields& fields) {
    fields("publish", target, "Calls this operation and does not wait for it.",
           {.required = true, .position = 1, .edge = "publishes"});
    fields("probability", probability, "How often the step happens at all.");
}

void Weighted::describe(Fields& fields) {
    fields("weight", weight, "How often this branch is taken, relative to the others.",
           {.minimum = 0});
    fields("steps", steps, "What the branch does.");
}

void ChooseStep::describe(Fields& fields) {
    fields("choose", branches, "Takes one of the branches, by weight.",
           {.required = true, .position = 1});
    fields.rule(!branches.empty(), "choose", "must have at least one branch");
}

void Branch::describe(Fields& fields) {
    fields("steps", steps, "What the branch does.", {.position = 1});
}

void ParallelStep::describe(Fields& fields) {
    fields("parallel", branches, "Branches that run at the same time.",
           {.required = true, .position = 1});
    fields("join", join, "When the step goes on.");
    fields("at_least", at_least, "Goes on when this many branches have succeeded; beats \"join\".",
           {.minimum = 1});
    fields("copies", copies, "Runs every branch this many times.",
           {.minimum = 1, .maximum = 10000});
    fields("on_failure", on_failure, "What a failed branch does to the others.");
    fields("leftover", leftover, "What becomes of branches that the step no longer needs.");
}

void RepeatStep::describe(Fields& fields) {
    fields("repeat", steps, "Steps that are done again and again.",
           {.required = true, .position = 1});
    fields("times", times, "How often; rounded to a whole number.");
}

void TryStep::describe(Fields& fields) {
    fields("try", steps, "Steps that may fail.", {.required = true, .position = 1});
    fields("otherwise", otherwise,
           "What is done after a failure; the answer then counts as degraded.");
}

void add_steps(Family& family) {
    family.add<CpuStep>("cpu", "Uses the processor.");
    family.add<WaitStep>("wait", "Pauses.");
    family.add<CallStep>("call", "Calls another component.");
    family.add<PublishStep>("publish", "Calls without waiting for the reply.");
    family.add<ChooseStep>("choose", "Takes one branch, by weight.");
    family.add<ParallelStep>("parallel", "Runs branches at the same time.");
    family.add<RepeatStep>("repeat", "Does steps several times.");
    family.add<TryStep>("try", "Falls back when steps fail.");
}

}  // namespace prodsim
