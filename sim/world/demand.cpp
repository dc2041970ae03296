#include "sim/world/demand.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace prodsim {

namespace {

/// Counts are rounded when they are drawn; the mean of a rounded law is taken to be its mean.
double mean_count(const Law<double>& law) {
    const Distribution& count = law.distribution();
    const double mean = std::max(0.0, count.mean());
    return count.is_constant() ? std::floor(mean + 0.5) : mean;
}

/// Goes through steps in their order and sums up what they ask for.
class Tally {
public:
    /// Under which the steps at hand are done.
    struct Circumstances {
        double times = 1;
        bool at_most = false;
        bool needed = true;
    };

    void add(const Steps& steps, Circumstances at) {
        for (const auto& step : steps) {
            add_if<CpuStep>(step, at);
            add_if<WaitStep>(step, at);
            add_if<CallStep>(step, at);
            add_if<PublishStep>(step, at);
            add_if<ChooseStep>(step, at);
            add_if<ParallelStep>(step, at);
            add_if<RepeatStep>(step, at);
            add_if<TryStep>(step, at);
        }
    }

    Demand demand() && {
        demand_.need = Need::all_of(std::move(row_));
        return std::move(demand_);
    }

private:
    template <class Step>
    void add_if(const Choice<StepFamily>& step, Circumstances at) {
        if (const auto* parameters = step.as<Step>()) add(*parameters, at);
    }

    void add(const CpuStep& step, Circumstances at) {
        const double mean = step.demand.distribution().mean();
        const bool only_piece = !computes_ && at.times == 1;
        demand_.cpu_cv = only_piece ? std::optional(step.demand.distribution().cv()) : std::nullopt;
        computes_ = true;
        demand_.cpu_s += at.times * mean;
        demand_.at_most |= at.at_most && mean > 0;
        time_passed_ |= mean > 0;
    }

    void add(const WaitStep& step, Circumstances at) {
        const double mean = step.time.distribution().mean();
        *demand_.wait_s += at.times * mean;
        time_passed_ |= mean > 0;
    }

    void add(const CallStep& step, Circumstances at) {
        call(step.target, at.times * step.probability.value * mean_count(step.count), at);
        row_.push_back({0, {}, step.target});
        time_passed_ = true;
    }

    void add(const PublishStep& step, Circumstances at) {
        at.needed = false;
        call(step.target, at.times * step.probability.value, at);
        demand_.calls.back().awaited = false;
    }

    void call(const OperationName& target, double count, Circumstances at) {
        demand_.calls.push_back({target, count, at.at_most, at.needed, !time_passed_});
    }

    void add(const ChooseStep& step, Circumstances at) {
        double sum = 0;
        for (const Weighted& branch : step.branches) sum += branch.weight;
        std::vector<std::pair<const Steps*, Circumstances>> branches;
        for (const Weighted& branch : step.branches) {
            Circumstances there = at;
            there.times *= sum > 0 ? branch.weight / sum : 0;
            branches.emplace_back(&branch.steps, there);
        }
        row_.push_back(Need::all_of(add_alternatives(branches)));
    }

    void add(const ParallelStep& step, Circumstances at) {
        const auto branch_count = static_cast<std::int64_t>(step.branches.size());
        const std::int64_t total = branch_count * step.copies;
        demand_.in_sequence = demand_.in_sequence && total <= 1;
        const std::int64_t wanted = step.at_least.value_or(step.join == Join::first ? 1 : total);
        const bool some_suffice = wanted < total;
        at.times *= static_cast<double>(step.copies);
        at.at_most |= some_suffice && step.leftover == Leftover::cancel;
        if (step.on_failure == BranchFailure::ignore) at.needed = false;
        if (some_suffice && branch_count > 1) at.needed = false;
        std::vector<std::pair<const Steps*, Circumstances>> branches;
        for (const Branch& branch : step.branches) branches.emplace_back(&branch.steps, at);
        std::vector<Need> rows = add_alternatives(branches);
        if (step.on_failure == BranchFailure::ignore && !some_suffice) return;
        const auto needed = static_cast<std::size_t>((wanted + step.copies - 1) / step.copies);
        row_.push_back({needed, std::move(rows), {}});
    }

    /// Each begins at the same instant; time has passed after them if it has in any. Says what each
    /// of them needs.
    std::vector<Need> add_alternatives(
        const std::vector<std::pair<const Steps*, Circumstances>>& branches) {
        const bool before = time_passed_;
        bool after = before;
        std::vector<Need> needs;
        for (const auto& [steps, at] : branches) {
            time_passed_ = before;
            needs.push_back(need_of(*steps, at));
            after |= time_passed_;
        }
        time_passed_ = after;
        return needs;
    }

    /// Adds the steps, and says what they need instead of adding that.
    Need need_of(const Steps& steps, Circumstances at) {
        std::vector<Need> before = std::exchange(row_, {});
        add(steps, at);
        return Need::all_of(std::exchange(row_, std::move(before)));
    }

    void add(const RepeatStep& step, Circumstances at) {
        at.times *= mean_count(step.times);
        add(step.steps, at);
    }

    void add(const TryStep& step, Circumstances at) {
        at.needed = false;
        std::vector<Need> either{need_of(step.steps, at)};
        at.times = 0;
        either.push_back(need_of(step.otherwise, at));
        row_.push_back({1, std::move(either), {}});
    }

    Demand demand_;
    std::vector<Need> row_;  // what the steps so far need, all of it
    bool time_passed_ = false;
    bool computes_ = false;
};

}  // namespace

Demand demand_of(const Steps& steps) {
    Tally tally;
    tally.add(steps, {});
    return std::move(tally).demand();
}

void Workload::add_cores(const Servers& cores) {
    Resource resource{"cores", static_cast<double>(cores.sets) * cores.each, {}, cores};
    for (const OperationDemand& operation : operations) {
        resource.per_call.push_back(operation.demand.cpu_s);
    }
    resources.push_back(std::move(resource));
}

}  // namespace prodsim
