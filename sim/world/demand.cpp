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

    Demand demand() && { return std::move(demand_); }

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
        add_alternatives(branches);
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
        add_alternatives(branches);
    }

    /// Each begins at the same instant; time has passed after them if it has in any.
    void add_alternatives(const std::vector<std::pair<const Steps*, Circumstances>>& branches) {
        const bool before = time_passed_;
        bool after = before;
        for (const auto& [steps, at] : branches) {
            time_passed_ = before;
            add(*steps, at);
            after |= time_passed_;
        }
        time_passed_ = after;
    }

    void add(const RepeatStep& step, Circumstances at) {
        at.times *= mean_count(step.times);
        add(step.steps, at);
    }

    void add(const TryStep& step, Circumstances at) {
        at.needed = false;
        add(step.steps, at);
        at.times = 0;
        add(step.otherwise, at);
    }

    Demand demand_;
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
