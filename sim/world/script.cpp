#include "sim/world/script.hpp"

#include "sim/world/callees.hpp"
#include "sim/world/world.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace prodsim {

// ---- from steps to instructions
// ------------------------------------------------------------------

Program::Program(const Steps& steps, std::uint64_t seed, Callees& callees) : seed_(seed) {
    emit(Do::jump).target = 1;  // so that 0 is never the place of a guard; strands begin at 1
    add(steps, callees);
    emit(Do::end);
}

Program::Instruction& Program::emit(Do what) {
    Instruction& made = code_.emplace_back();
    made.what = what;
    made.key = mix(seed_, code_.size());
    return made;
}

void Program::set_often(Instruction& made, double probability, const Distribution& count) {
    made.once = probability >= 1 && count.is_constant() && count.mean() == 1;
    if (made.once) return;
    made.detail = static_cast<std::uint32_t>(often_.size());
    often_.push_back({probability, count});
}

void Program::add(const Steps& steps, Callees& callees) {
    for (const auto& step : steps) {
        if (const auto* cpu = step.as<CpuStep>()) add(*cpu);
        if (const auto* wait = step.as<WaitStep>()) add(*wait);
        if (const auto* call = step.as<CallStep>()) add(*call, callees);
        if (const auto* publish = step.as<PublishStep>()) add(*publish, callees);
        if (const auto* choose = step.as<ChooseStep>()) add(*choose, callees);
        if (const auto* parallel = step.as<ParallelStep>()) add(*parallel, callees);
        if (const auto* repeat = step.as<RepeatStep>()) add(*repeat, callees);
        if (const auto* guarded = step.as<TryStep>()) add(*guarded, callees);
    }
}

void Program::add(const CpuStep& step) { emit(Do::cpu).law = step.demand.distribution(); }

void Program::add(const WaitStep& step) { emit(Do::wait).law = step.time.distribution(); }

void Program::add(const CallStep& step, Callees& callees) {
    const Target target = callees.resolve(step.target);
    Instruction& made = emit(Do::call);
    made.chain = target.chain;
    made.operation = target.operation;
    made.write = step.write;
    set_often(made, step.probability.value, step.count.distribution());
}

void Program::add(const PublishStep& step, Callees& callees) {
    const Target target = callees.resolve(step.target);
    Instruction& made = emit(Do::publish);
    made.chain = target.chain;
    made.operation = target.operation;
    made.write = true;
    set_often(made, step.probability.value, Distribution::constant(1));
}

void Program::add(const ChooseStep& step, Callees& callees) {
    const std::uint32_t choice = here();
    const auto detail = static_cast<std::uint32_t>(choices_.size());
    emit(Do::choose).detail = detail;
    choices_.emplace_back();
    std::vector<std::uint32_t> exits;
    double sum = 0;
    for (const Weighted& branch : step.branches) {
        sum += branch.weight;
        choices_[detail].cumulative.push_back(sum);
        choices_[detail].targets.push_back(here());
        add(branch.steps, callees);
        exits.push_back(here());
        emit(Do::jump);
    }
    for (const std::uint32_t exit : exits) code_[exit].target = here();
    code_[choice].target = here();
}

void Program::add(const ParallelStep& step, Callees& callees) {
    const std::uint32_t fork = here();
    const auto detail = static_cast<std::uint32_t>(forks_.size());
    emit(Do::fork).detail = detail;
    const auto total =
        static_cast<std::uint32_t>(step.branches.size()) * static_cast<std::uint32_t>(step.copies);
    std::uint32_t needed = step.join == Join::all ? total : 1;
    if (step.at_least) needed = static_cast<std::uint32_t>(*step.at_least);
    forks_.push_back({{},
                      static_cast<std::uint32_t>(step.copies),
                      total,
                      needed,
                      step.on_failure,
                      step.leftover});
    const std::uint32_t outer = std::exchange(guard_, 0);
    const std::uint32_t depth = std::exchange(depth_, 0);  // a branch counts its own rounds
    for (const Branch& branch : step.branches) {
        forks_[detail].branches.push_back(here());
        add(branch.steps, callees);
        emit(Do::end);
    }
    guard_ = outer;
    depth_ = depth;
    code_[fork].target = here();
}

void Program::add(const RepeatStep& step, Callees& callees) {
    assert(depth_ < deepest_repeat);
    const std::uint32_t start = here();
    Instruction& repeat = emit(Do::repeat);
    repeat.law = step.times.distribution();
    repeat.detail = depth_++;
    add(step.steps, callees);
    Instruction& again = emit(Do::again);
    again.detail = --depth_;
    again.target = start + 1;
    code_[start].target = here();
}

void Program::add(const TryStep& step, Callees& callees) {
    const std::uint32_t guard = here();
    emit(Do::guard).detail = guard;
    const std::uint32_t outer = std::exchange(guard_, guard);
    add(step.steps, callees);
    guard_ = outer;
    emit(Do::unguard).target = outer;
    const std::uint32_t exit = here();
    emit(Do::jump);
    code_[guard].target = here();
    emit(Do::unguard).target = outer;
    add(step.otherwise, callees);
    code_[exit].target = here();
}

// ---- the loop
// --------------------------------------------------------------------------------------

Script::Script(World& world, Host& host, const std::string& stream_name)
    : world_(world),
      host_(host),
      stream_(world.stream(stream_name)),
      pausing_(world.traces.label(stream_name, TimeKind::pause)),
      side_strands_(world.pools.of<SideStrand>()) {}

void Script::begin(Performance& performance, const Program& program) {
    performance.program = &program;
    performance.strands = 1;
    performance.main.performance = &performance;
    performance.main.at = &program.code_[1];
    run(performance.main);
}

void Script::run(Strand& strand) {
    strand.running = true;
    Next next = Next::go_on;
    while (next == Next::go_on && !strand.halted) next = execute(strand);
    if (next != Next::ended) leave_loop(strand);
}

// What a strand does at once may lead, by way of others, to its own end: it is forgotten only here,
// when nobody up the stack looks at it any more.
void Script::leave_loop(Strand& strand) {
    strand.running = false;
    if (!strand.halted) return;
    Performance& performance = *strand.performance;
    if (&strand != &performance.main) side_strands_.release(static_cast<SideStrand&>(strand));
    if (--performance.strands == 0) host_.vanished(performance);
}

Script::Next Script::execute(Strand& strand) {
    using Do = Program::Do;
    const Program::Instruction& step = *strand.at;
    switch (step.what) {
        case Do::cpu:
            return compute(strand, step);
        case Do::wait:
            return pause(strand, step);
        case Do::call:
            return make_call(strand, step);
        case Do::publish:
            return publish(strand, step);
        case Do::repeat:
            return start_repeat(strand, step);
        case Do::again:
            return next_round(strand, step);
        case Do::choose:
            return choose(strand, step);
        case Do::fork:
            return fork(strand, step);
        case Do::guard:
            strand.guard = step.detail;
            return move_on(strand);
        case Do::unguard:
            strand.guard = step.target;
            return move_on(strand);
        case Do::jump:
            return jump(strand, step.target);
        case Do::end:
            break;
    }
    return end(strand, {});
}

Script::Next Script::move_on(Strand& strand) {
    ++strand.at;
    return Next::go_on;
}

Script::Next Script::jump(Strand& strand, std::uint32_t target) {
    strand.at = &strand.performance->program->code_[target];
    return Next::go_on;
}

void Script::wake(Strand& strand) {
    strand.end = {};
    world_.traces.over(&strand, strand.performance->request);
    ++strand.at;
    run(strand);
}

void Script::resume(Strand& strand) {
    strand.on_cpu = false;
    world_.traces.over(&strand, strand.performance->request);
    ++strand.at;
    run(strand);
}

Script::Next Script::compute(Strand& strand, const Program::Instruction& step) {
    Draws chance = draws(strand, step);
    const Duration demand = sample_duration(step.law, chance);
    if (demand.count() == 0) return move_on(strand);
    strand.on_cpu = true;
    host_.compute(strand, demand);
    return Next::suspended;
}

Script::Next Script::pause(Strand& strand, const Program::Instruction& step) {
    Draws chance = draws(strand, step);
    Duration time = sample_duration(step.law, chance);
    if (slow_ != 1) time = from_seconds(in_seconds(time) * slow_);
    world_.traces.branch(&strand, strand.performance->request, pausing_);
    strand.end = world_.engine.after(time, action<&Script::wake>(*this, strand));
    return Next::suspended;
}

// ---- calls
// -----------------------------------------------------------------------------------------

Draws Script::draws(const Strand& strand, const Program::Instruction& step) const {
    return stream_.draws(join(strand.performance->request.demand_key(), step.key ^ strand.salt));
}

// Whether a request takes a step, and how often, is part of what it asks for: the same in every
// attempt.
std::uint32_t Script::times(const Strand& strand, const Program::Instruction& step) const {
    if (step.once) return 1;
    const Program::Often& often = strand.performance->program->often_[step.detail];
    if (often.probability < 1) {
        Draws chance = stream_.draws(
            join(strand.performance->request.subject, step.key ^ strand.salt ^ 0x5bd1e995));
        if (!chance.chance(often.probability)) return 0;
    }
    return count(strand, step, often.count);
}

std::uint32_t Script::count(const Strand& strand, const Program::Instruction& step,
                            const Distribution& law) const {
    Draws chance = stream_.draws(
        join(strand.performance->request.subject, step.key ^ strand.salt ^ 0x2545f491));
    return static_cast<std::uint32_t>(law.sample(chance) + 0.5);
}

Call& Script::open_call(Strand& strand, const Program::Instruction& step) {
    const Request& request = strand.performance->request;
    Call& call = world_.calls.open(*this, request, world_.now());
    call.subject = join(request.subject, (step.key ^ strand.salt) + strand.left);
    call.operation = step.operation;
    call.route = 0;
    if (step.write) {
        call.traits |= Trait::write;
    } else {
        call.traits &= static_cast<std::uint8_t>(~Trait::write);
    }
    return call;
}

Script::Next Script::make_call(Strand& strand, const Program::Instruction& step) {
    if (strand.left == 0) {
        strand.left = times(strand, step);
        if (strand.left == 0) return move_on(strand);
    }
    Call& call = open_call(strand, step);
    call.caller_note = reinterpret_cast<std::uint64_t>(&strand);
    strand.call = &call;
    world_.calls.send(call, *chains_[step.chain]);
    if (strand.halted || strand.call != nullptr) return Next::suspended;
    return take_reply(strand);
}

void Script::on_reply(Call& call, Reply reply) {
    if (call.caller_note == 0) return;  // it was published: nobody waits
    auto& strand = call.caller_frame<Strand>();
    strand.call = nullptr;
    strand.reply = reply;
    if (strand.running) return;  // the loop takes it up
    strand.running = true;
    if (take_reply(strand) == Next::go_on) run(strand);
}

Script::Next Script::take_reply(Strand& strand) {
    if (!strand.reply.good()) {
        strand.left = 0;
        return fail(strand, strand.reply);
    }
    strand.performance->degraded |= strand.reply.outcome != Outcome::ok;
    if (--strand.left == 0) ++strand.at;
    return Next::go_on;
}

Script::Next Script::publish(Strand& strand, const Program::Instruction& step) {
    if (times(strand, step) > 0) {
        Call& call = open_call(strand, step);
        call.deadline = never;  // nobody waits, so nobody's deadline counts
        world_.traces.drop(call);
        world_.calls.send(call, *chains_[step.chain]);
    }
    return move_on(strand);
}

void Script::on_call(Call&) { assert(false && "a script is not called"); }
void Script::on_abandon(Call&) { assert(false && "a script is not called"); }

// ---- repeats, choices, guards
// ----------------------------------------------------------------------

Script::Next Script::start_repeat(Strand& strand, const Program::Instruction& step) {
    const std::uint32_t rounds = count(strand, step, step.law);
    strand.rounds[step.detail] = rounds;
    return rounds == 0 ? jump(strand, step.target) : move_on(strand);
}

Script::Next Script::next_round(Strand& strand, const Program::Instruction& step) {
    strand.salt = mix(strand.salt, step.key);
    const bool another = --strand.rounds[step.detail] > 0;
    return another ? jump(strand, step.target) : move_on(strand);
}

Script::Next Script::choose(Strand& strand, const Program::Instruction& step) {
    const Program::Choice& choice = strand.performance->program->choices_[step.detail];
    Draws chance = stream_.draws(join(strand.performance->request.subject, step.key ^ strand.salt));
    const double point = chance.uniform() * choice.cumulative.back();
    const auto last = choice.cumulative.end() - 1;
    const auto taken = std::upper_bound(choice.cumulative.begin(), last, point);
    return jump(strand,
                choice.targets[static_cast<std::size_t>(taken - choice.cumulative.begin())]);
}

Script::Next Script::fail(Strand& strand, Reply reply) {
    if (strand.guard == 0) return end(strand, reply);
    strand.performance->degraded = true;
    return jump(strand, strand.performance->program->code_[strand.guard].target);
}

Script::Next Script::end(Strand& strand, Reply reply) {
    Performance& performance = *strand.performance;
    if (&strand == &performance.main) {
        performance.ended = true;
        if (reply.outcome == Outcome::ok && performance.degraded) {
            reply.outcome = Outcome::degraded;
        }
        host_.finished(performance, reply);
        if (--performance.strands == 0) host_.vanished(performance);
        return Next::ended;
    }
    auto& branch = static_cast<SideStrand&>(strand);
    if (branch.parent != nullptr) {
        branch_ended(*branch.parent, branch, reply);
    } else {
        unlink(performance.detached, branch);
        forget(branch);
        if (performance.strands == 0) host_.vanished(performance);
    }
    return Next::ended;
}

// ---- parallel branches
// -----------------------------------------------------------------------------

Script::Next Script::fork(Strand& strand, const Program::Instruction& step) {
    const Program::Fork& plan = strand.performance->program->forks_[step.detail];
    strand.succeeded = 0;
    strand.left = plan.total;
    strand.reply = {};
    strand.branches = nullptr;
    std::uint64_t number = 0;
    for (std::uint32_t copy = 0; copy < plan.copies; ++copy) {
        for (const std::uint32_t at : plan.branches) {
            if (joined(strand) != Joined::not_yet) break;
            start_branch(strand, at, ++number);
            if (strand.halted) return Next::suspended;
        }
    }
    const Joined how = joined(strand);
    return how == Joined::not_yet ? Next::suspended : finish_fork(strand, how);
}

void Script::start_branch(Strand& parent, std::uint32_t at, std::uint64_t number) {
    SideStrand& branch = side_strands_.acquire();
    branch.performance = parent.performance;
    branch.parent = &parent;
    link(parent.branches, branch);
    branch.salt = mix(parent.salt + at, number);
    branch.at = &parent.performance->program->code_[at];
    ++parent.performance->strands;
    run(branch);
}

void Script::branch_ended(Strand& parent, SideStrand& branch, Reply reply) {
    unlink(parent.branches, branch);
    forget(branch);
    --parent.left;
    if (reply.good()) {
        ++parent.succeeded;
        parent.performance->degraded |= reply.outcome != Outcome::ok;
    } else if (parent.reply.good()) {
        parent.reply = reply;
    }
    if (parent.running || parent.halted) return;
    const Joined how = joined(parent);
    if (how == Joined::not_yet) return;
    parent.running = true;
    const Next next = finish_fork(parent, how);
    if (next == Next::go_on) run(parent);
    if (next == Next::suspended) leave_loop(parent);
}

Script::Joined Script::joined(const Strand& parent) const {
    const Program& program = *parent.performance->program;
    const Program::Fork& plan = program.forks_[parent.at->detail];
    if (parent.succeeded >= plan.needed) return Joined::succeeded;
    if (plan.on_failure == BranchFailure::cancel && parent.succeeded + parent.left < plan.needed) {
        return Joined::failed;
    }
    if (parent.left > 0) return Joined::not_yet;
    const bool forgiven = plan.on_failure == BranchFailure::ignore && plan.needed == plan.total;
    return forgiven ? Joined::succeeded : Joined::failed;
}

Script::Next Script::finish_fork(Strand& parent, Joined how) {
    const Program& program = *parent.performance->program;
    const Program::Instruction& step = *parent.at;
    const bool failed = how == Joined::failed;
    let_go(parent, failed ? Leftover::cancel : program.forks_[step.detail].leftover);
    parent.left = 0;
    if (parent.halted) return Next::suspended;
    if (failed) return fail(parent, parent.reply);
    if (!parent.reply.good() && program.forks_[step.detail].on_failure == BranchFailure::ignore) {
        parent.performance->degraded = true;
    }
    return jump(parent, step.target);
}

void Script::let_go(Strand& parent, Leftover leftover) {
    Performance& performance = *parent.performance;
    while (parent.branches != nullptr) {
        SideStrand& branch = *parent.branches;
        unlink(parent.branches, branch);
        branch.parent = nullptr;
        if (leftover == Leftover::run_on) {
            link(performance.detached, branch);
        } else {
            halt(branch);
            if (!branch.running) forget(branch);
        }
    }
}

void Script::link(SideStrand*& first, SideStrand& branch) {
    branch.elder = nullptr;
    branch.sibling = first;
    if (first != nullptr) first->elder = &branch;
    first = &branch;
}

void Script::unlink(SideStrand*& first, SideStrand& branch) {
    (branch.elder == nullptr ? first : branch.elder->sibling) = branch.sibling;
    if (branch.sibling != nullptr) branch.sibling->elder = branch.elder;
}

// Giving up on one branch may let another end: that must not wake the one that waits for both.
void Script::halt(Strand& strand) {
    strand.halted = true;
    world_.traces.over(&strand, strand.performance->request);
    if (strand.on_cpu) host_.stop_computing(strand);
    if (strand.end.is_set()) world_.engine.cancel(strand.end);
    let_go(strand, Leftover::cancel);
    if (strand.call != nullptr) world_.calls.abandon(*std::exchange(strand.call, nullptr));
}

void Script::forget(SideStrand& branch) {
    --branch.performance->strands;
    side_strands_.release(branch);
}

void Script::stop(Performance& performance) {
    if (std::exchange(performance.ended, true)) return;
    halt(performance.main);
    if (performance.main.running) return;
    if (--performance.strands == 0) host_.vanished(performance);
}

void Script::kill(Performance& performance) {
    while (performance.detached != nullptr) {
        SideStrand& strand = *performance.detached;
        assert(!strand.running && "a process does not die in the middle of an instant");
        unlink(performance.detached, strand);
        halt(strand);
        forget(strand);
    }
    if (!std::exchange(performance.ended, true)) {
        halt(performance.main);
        --performance.strands;
    }
    host_.vanished(performance);
}

}  // namespace prodsim
