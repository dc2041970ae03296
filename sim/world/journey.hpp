#pragma once

#include "sim/stats/histogram.hpp"
#include "sim/stats/meters.hpp"
#include "sim/stats/series.hpp"
#include "sim/world/causes.hpp"
#include "sim/world/outcome.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace prodsim {

/// How often each outcome came with each reason, in the observation window.
class OutcomeTable {
public:
    void add(Reply reply) {
        if (reply.reason >= rows_.size()) rows_.resize(reply.reason + std::size_t{1});
        ++rows_[reply.reason][static_cast<std::size_t>(reply.outcome)];
    }
    std::uint64_t count(Outcome outcome) const;
    std::uint64_t count(ReasonId reason, Outcome outcome) const {
        return reason < rows_.size() ? rows_[reason][static_cast<std::size_t>(outcome)] : 0;
    }
    /// Reasons seen are below this.
    std::size_t reasons() const { return rows_.size(); }
    void reset() { rows_.clear(); }

private:
    std::vector<std::array<std::uint64_t, outcome_count>> rows_;
};

/// Who the failed journeys of one kind were, and whom they blame, so that another run can be asked
/// what became of the same ones. Of many only an even part is kept, chosen by who they are: the
/// same in every run.
class Failures {
public:
    struct Item {
        std::uint64_t subject;
        ReasonId reason;
        CauseId cause;
    };

    void add(const Item& item);
    void reset() { *this = {}; }

    const std::vector<Item>& items() const { return items_; }

    /// Those of a rank up to this one are all kept.
    std::uint64_t highest_rank() const { return highest_rank_; }

    /// A number that says nothing about the journey but who it is.
    static std::uint64_t rank(std::uint64_t subject);

private:
    static constexpr std::size_t most_items = 4096;

    std::vector<Item> items_;
    std::uint64_t highest_rank_ = ~std::uint64_t{0};
};

/// How a journey came to its end.
struct Ending {
    std::uint64_t subject;
    Time started;
    Time ended;
    Reply reply;
};

/// The books of one kind of journey: what users asked for and what they got. Outcomes and latencies
/// are counted when a journey ends, offers when it begins.
class Journey {
public:
    explicit Journey(std::string name) : name_(std::move(name)) {}

    void begin(Time now) {
        offered_.add();
        offers_.record(now, Duration{0});
    }

    void end(const Ending& ending, Causes& causes) {
        const Duration latency = ending.ended - ending.started;
        ended_.add();
        outcomes_.add(ending.reply);
        if (ending.reply.good()) {
            good_.record(latency);
            ends_.record(ending.ended, latency);
        } else {
            failed_.add();
            bad_.record(latency);
            ends_.record_bad(ending.ended, latency);
            blame(ending, causes);
        }
    }

    void reset_window();

    const std::string& name() const { return name_; }
    const Counter& offered() const { return offered_; }
    const Counter& ended() const { return ended_; }
    const Counter& failed() const { return failed_; }
    const OutcomeTable& outcomes() const { return outcomes_; }
    const Histogram& latency_good() const { return good_; }
    const Histogram& latency_bad() const { return bad_; }
    const Failures& failures() const { return failures_; }
    const Series& offers() const { return offers_; }
    const Series& ends() const { return ends_; }

private:
    void blame(const Ending& ending, Causes& causes);

    std::string name_;
    Counter offered_;
    Counter ended_;
    Counter failed_;
    OutcomeTable outcomes_;
    Histogram good_;
    Histogram bad_;
    Failures failures_;
    Series offers_{std::chrono::seconds(1)};
    Series ends_{std::chrono::seconds(1), Series::Detail::quantiles};
};

}  // namespace prodsim
