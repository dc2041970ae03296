#include "sim/run/attribution.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace prodsim {

namespace {

const Failures* failures_of(const Replication& run, const std::string& journey) {
    for (const Journey& books : run.journeys) {
        if (books.name() == journey) return &books.failures();
    }
    return nullptr;
}

/// The failed journeys of one kind in runs of the same seed, as far as all of them are named.
class Paired {
public:
    Paired(std::string journey, const std::vector<const Replication*>& runs)
        : journey_(std::move(journey)) {
        for (const Replication* run : runs) {
            if (const Failures* failures = failures_of(*run, journey_)) {
                rank_ = std::min(rank_, failures->highest_rank());
            }
        }
    }

    /// So many failed journeys stand behind one that is looked at.
    double weight() const { return std::ldexp(1, 64) / (static_cast<double>(rank_) + 1); }

    std::vector<Failures::Item> failed(const Replication& run) const {
        std::vector<Failures::Item> items;
        const Failures* failures = failures_of(run, journey_);
        if (failures == nullptr) return items;
        for (const Failures::Item& item : failures->items()) {
            if (Failures::rank(item.subject) <= rank_) items.push_back(item);
        }
        return items;
    }

    std::set<std::uint64_t> who_failed(const Replication& run) const {
        std::set<std::uint64_t> subjects;
        for (const Failures::Item& item : failed(run)) subjects.insert(item.subject);
        return subjects;
    }

private:
    std::string journey_;
    std::uint64_t rank_ = ~std::uint64_t{0};
};

using Mechanism = std::pair<std::string, std::string>;

Mechanism mechanism_of(const Replication& run, ReasonId id) {
    return {run.reasons[id].component, run.reasons[id].mechanism};
}

/// Requests of one kind that failed in one of two runs only.
struct Swaps {
    double here = 0;
    double here_blamed = 0;  // on the fault that is only here
    double there = 0;

    double in_excess() const { return std::max(0.0, here - there); }
    double pointing() const { return in_excess() - std::max(0.0, here - here_blamed - there); }
};

void compare(const Replication& with, const Replication& without, CauseId cause,
             FaultBlame& blame) {
    for (const Journey& journey : with.journeys) {
        const Paired paired(journey.name(), {&with, &without});
        const std::set<std::uint64_t> here = paired.who_failed(with);
        const std::set<std::uint64_t> there = paired.who_failed(without);
        std::map<Mechanism, Swaps> swaps;
        for (const Failures::Item& item : paired.failed(with)) {
            blame.failed += paired.weight();
            if (there.contains(item.subject)) {
                blame.fails_anyway += paired.weight();
                continue;
            }
            Swaps& its = swaps[mechanism_of(with, item.reason)];
            its.here += 1;
            its.here_blamed += item.cause == cause ? 1 : 0;
        }
        for (const Failures::Item& item : paired.failed(without)) {
            if (here.contains(item.subject)) continue;
            swaps[mechanism_of(without, item.reason)].there += 1;
        }
        for (const auto& [mechanism, its] : swaps) {
            blame.in_excess += its.in_excess() * paired.weight();
            blame.pointing += its.pointing() * paired.weight();
        }
    }
}

bool all_finished(const std::vector<const Replication*>& runs) {
    return std::none_of(runs.begin(), runs.end(),
                        [](const Replication* run) { return run->interrupted; });
}

class Attributing {
public:
    Attributing(const Trial& trial, const std::vector<std::string>& titles)
        : trial_(trial), titles_(titles) {}

    Attribution attribution() {
        Attribution result;
        for (const std::string& title : titles_) result.faults.push_back({title});
        for (std::size_t i = 0; i < trial_.main.size(); ++i) {
            std::vector<const Replication*> runs{&trial_.main[i], &trial_.baseline[i]};
            for (std::size_t f = 0; f < titles_.size(); ++f) runs.push_back(&alone(f)[i]);
            if (!all_finished(runs)) continue;
            for (std::size_t f = 0; f < titles_.size(); ++f) {
                compare(*runs[f + 2], *runs[1], static_cast<CauseId>(f + 1), result.faults[f]);
            }
            for (const Journey& journey : trial_.main[i].journeys) {
                judge_all(Paired(journey.name(), runs), runs, result.faults);
            }
        }
        result.causes = causes();
        return result;
    }

private:
    const std::vector<Replication>& alone(std::size_t fault) const {
        return trial_.alone.empty() ? trial_.main : trial_.alone[fault];
    }

    /// The runs are that with every fault, that with none, and those with each alone.
    void judge_all(const Paired& paired, const std::vector<const Replication*>& runs,
                   std::vector<FaultBlame>& faults) {
        std::vector<std::set<std::uint64_t>> who;
        for (const Replication* run : runs) who.push_back(paired.who_failed(*run));
        for (const Failures::Item& item : paired.failed(*runs[0])) {
            const bool anyway = who[1].contains(item.subject);
            count(anyway ? own_cause : item.cause, mechanism_of(*runs[0], item.reason),
                  paired.weight());
            if (anyway) continue;
            std::vector<std::size_t> failing;
            for (std::size_t f = 0; f < faults.size(); ++f) {
                if (who[f + 2].contains(item.subject)) failing.push_back(f);
            }
            if (failing.size() != 1) continue;
            FaultBlame& blame = faults[failing.front()];
            blame.among_all += paired.weight();
            if (item.cause == failing.front() + 1) blame.pointing_among_all += paired.weight();
        }
    }

    void count(CauseId cause, const Mechanism& mechanism, double weight) {
        counted_[cause][mechanism] += weight;
        all_ += weight;
    }

    std::vector<CauseReport> causes() const {
        std::vector<CauseReport> reports;
        for (const auto& [cause, mechanisms] : counted_) {
            CauseReport& made = reports.emplace_back();
            if (cause != own_cause) made.cause = titles_[cause - 1u];
            for (const auto& [mechanism, count] : mechanisms) made.failed += count;
            made.share = made.failed / all_;
            for (const auto& [mechanism, count] : mechanisms) {
                made.mechanisms.push_back(
                    {{mechanism.first, mechanism.second}, count / made.failed});
            }
            std::stable_sort(made.mechanisms.begin(), made.mechanisms.end(),
                             [](const auto& a, const auto& b) { return a.share > b.share; });
        }
        std::stable_sort(reports.begin(), reports.end(),
                         [](const auto& a, const auto& b) { return a.failed > b.failed; });
        return reports;
    }

    const Trial& trial_;
    const std::vector<std::string>& titles_;
    std::map<CauseId, std::map<Mechanism, double>> counted_;
    double all_ = 0;
};

}  // namespace

Attribution attribute(const Trial& trial, const std::vector<std::string>& titles) {
    if (titles.empty()) return {};
    return Attributing(trial, titles).attribution();
}

}  // namespace prodsim
