#pragma once

#include "sim/core/pool.hpp"
#include "sim/world/call.hpp"
#include "sim/world/cpu.hpp"
#include "sim/world/step.hpp"
#include "sim/world/traces.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace prodsim {

class Callees;
class World;

/// Steps made ready to run: a flat list of instructions with jumps, shared by all who run it.
class Program {
public:
    /// Which of the caller's chains leads to a component, and which operation is meant there.
    struct Target {
        std::uint16_t chain;
        std::uint16_t operation;
    };
    /// Repeats may stand inside one another this deep.
    static constexpr std::size_t deepest_repeat = 3;

    /// `seed` keeps the draws of programs of one component apart.
    /// REQUIRES: repeats are nested no deeper than `deepest_repeat`.
    Program(const Steps& steps, std::uint64_t seed, Callees& callees);

private:
    friend class Script;
    friend struct Strand;

    enum class Do : std::uint8_t {
        cpu,
        wait,
        call,
        publish,
        repeat,
        again,
        choose,
        fork,
        guard,
        unguard,
        jump,
        end,
    };

    /// One cache line. Which of the fields counts depends on what is done.
    struct alignas(64) Instruction {
        Do what{};
        bool write = false;
        bool once = false;  // the call is made for sure, one time
        std::uint16_t chain = 0;
        std::uint16_t operation = 0;
        std::uint32_t target = 0;  // where to go: after the block, to the handler ...
        std::uint32_t detail = 0;  // the index of what more there is to say
        std::uint64_t key = 0;     // names the step in the draws
        Distribution law = Distribution::constant(0);  // of the demand, the pause, the rounds
    };
    static_assert(sizeof(Instruction) == 64);

    /// A call that is not made for sure, or not one time.
    struct Often {
        double probability;
        Distribution count;
    };

    struct Choice {
        std::vector<double> cumulative;
        std::vector<std::uint32_t> targets;
    };

    struct Fork {
        std::vector<std::uint32_t> branches;  // where each begins
        std::uint32_t copies;
        std::uint32_t total;
        std::uint32_t needed;
        BranchFailure on_failure;
        Leftover leftover;
    };

    void add(const Steps& steps, Callees& callees);
    void add(const CpuStep& step);
    void add(const WaitStep& step);
    void add(const CallStep& step, Callees& callees);
    void add(const PublishStep& step, Callees& callees);
    void add(const ChooseStep& step, Callees& callees);
    void add(const ParallelStep& step, Callees& callees);
    void add(const RepeatStep& step, Callees& callees);
    void add(const TryStep& step, Callees& callees);
    Instruction& emit(Do what);
    void set_often(Instruction& made, double probability, const Distribution& count);
    std::uint32_t here() const { return static_cast<std::uint32_t>(code_.size()); }

    std::uint64_t seed_;
    std::uint32_t guard_ = 0;  // around what is being added
    std::uint32_t depth_ = 0;  // of repeats around what is being added
    std::vector<Instruction> code_;
    std::vector<Often> often_;
    std::vector<Choice> choices_;
    std::vector<Fork> forks_;
};

struct Performance;
struct SideStrand;

/// One line of control. A parallel step makes more of them. What has no initial value is set by the
/// step that uses it. A pause ends like a piece of work, at `end`.
struct Strand : CpuTask {
    bool running = false;  // inside the loop of `run`
    bool halted = false;   // given up; if it was inside the loop, it is forgotten at its end
    bool on_cpu = false;
    Performance* performance = nullptr;
    const Program::Instruction* at;  // where it stands
    SideStrand* branches = nullptr;  // those it waits for
    Call* call = nullptr;            // under way
    std::uint64_t salt = 0;          // tells branches and rounds apart in the draws
    std::uint32_t guard = 0;         // the innermost guard around it; 0: none
    std::uint32_t left = 0;          // of this step: calls to be made, branches that have not ended
    std::uint32_t succeeded;         // branches of a parallel step
    std::array<std::uint32_t, Program::deepest_repeat> rounds;  // still to go, by depth
    Reply reply;  // of the call, or the first failure among the branches
};

/// A strand that a parallel step has made.
struct SideStrand : Strand {
    Strand* parent = nullptr;  // whoever waits for it; none: it runs on
    SideStrand* sibling;       // the next branch of the same step, or the next that nobody awaits
    SideStrand* elder;         // the one before it
};

/// One run of a program on behalf of one request: its main strand, and what all strands share.
struct Performance {
    Request request;
    const Program* program = nullptr;
    SideStrand* detached = nullptr;  // strands that nobody waits for, linked by `sibling`
    std::uint32_t strands = 0;       // alive, the main one included
    bool ended = false;              // the main strand has
    bool degraded = false;           // a fallback was taken, or a callee said so
    Strand main;
};

/// Performs programs for one calling instance. A reply that arrives inside the call that caused it
/// is taken up by the loop, so a million instant calls in one step need no stack.
class Script final : public Node {
public:
    /// Who the script works for: it has the processor and hears the ends.
    class Host {
    public:
        virtual ~Host() = default;
        virtual void compute(Strand& strand, Duration demand) = 0;
        virtual void stop_computing(Strand& strand) = 0;
        /// The main strand has ended; other strands may run on.
        virtual void finished(Performance& performance, Reply reply) = 0;
        /// The last strand has ended: the performance may be forgotten.
        virtual void vanished(Performance& performance) = 0;
    };

    Script(World& world, Host& host, const std::string& stream_name);

    /// Where chain number `chains()` leads. They are in the order that the programs refer to.
    void add_chain(Node& head) { chains_.push_back(&head); }
    std::size_t chains() const { return chains_.size(); }

    /// Begins `program` for what `performance.request` says. Both are the host's to keep until
    /// `vanished`.
    void begin(Performance& performance, const Program& program);

    /// The processor work of the strand is done.
    void resume(Strand& strand);

    /// Ends the main strand where it stands, giving up on its calls and branches; the host hears
    /// only `vanished`, now or when strands that run on have ended.
    void stop(Performance& performance);

    /// The same for every strand: the process is gone. `vanished` follows at once.
    void kill(Performance& performance);

    /// Work that takes longer by this factor: pauses of the script (its processor work is slowed
    /// by the processor).
    void set_slow(double factor) { slow_ = factor; }

    void on_call(Call& call) override;
    void on_reply(Call& call, Reply reply) override;
    void on_abandon(Call& call) override;

private:
    enum class Next : std::uint8_t { go_on, suspended, ended };

    void run(Strand& strand);
    void leave_loop(Strand& strand);
    Next execute(Strand& strand);
    Next compute(Strand& strand, const Program::Instruction& step);
    Next pause(Strand& strand, const Program::Instruction& step);
    Next make_call(Strand& strand, const Program::Instruction& step);
    Next take_reply(Strand& strand);
    Next publish(Strand& strand, const Program::Instruction& step);
    Next start_repeat(Strand& strand, const Program::Instruction& step);
    Next next_round(Strand& strand, const Program::Instruction& step);
    Next choose(Strand& strand, const Program::Instruction& step);
    Next fork(Strand& strand, const Program::Instruction& step);
    static Next move_on(Strand& strand);
    static Next jump(Strand& strand, std::uint32_t target);
    Next fail(Strand& strand, Reply reply);
    Next end(Strand& strand, Reply reply);

    Call& open_call(Strand& strand, const Program::Instruction& step);
    void start_branch(Strand& parent, std::uint32_t at, std::uint64_t number);
    void branch_ended(Strand& parent, SideStrand& branch, Reply reply);
    enum class Joined : std::uint8_t { not_yet, succeeded, failed };
    Joined joined(const Strand& parent) const;
    Next finish_fork(Strand& parent, Joined how);
    void let_go(Strand& parent, Leftover leftover);
    void halt(Strand& strand);
    static void link(SideStrand*& first, SideStrand& branch);
    static void unlink(SideStrand*& first, SideStrand& branch);
    void forget(SideStrand& branch);
    void wake(Strand& strand);

    Draws draws(const Strand& strand, const Program::Instruction& step) const;
    std::uint32_t times(const Strand& strand, const Program::Instruction& step) const;
    std::uint32_t count(const Strand& strand, const Program::Instruction& step,
                        const Distribution& law) const;

    World& world_;
    Host& host_;
    Stream stream_;
    TimeLabelId pausing_;
    std::vector<Node*> chains_;
    double slow_ = 1;
    Pool<SideStrand>& side_strands_;
};

}  // namespace prodsim
