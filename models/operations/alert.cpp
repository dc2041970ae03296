// An alert on the burn rate of a journey's error budget, with several windows (Google, The Site
// Reliability Workbook, 2018, chapter 5): a rule holds while the journey fails more than `burn`
// times as often as the objective allows, over its long window and over its short one. The alert
// fires when a rule has held for long enough at successive evaluations, and somebody hears of it
// after a delay.
//
// For an objective of 99.9 % an outage that fails everything is found by the rule of 1 h and 14.4
// after 3600 s x 14.4 x 0.001 = 51.84 s, plus the wait for the next evaluation.
//
// Simplifications: what happened before the run counts as traffic at the mean rate so far, none of
// which failed; a journey counts when it ends; the monitoring itself does not fail.

#include "sim/world/component.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/world.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

using namespace std::chrono_literals;

constexpr auto workbook = "The Site Reliability Workbook, table 5-8: the two rules that page";

struct BurnRule {
    Duration over = 1h;
    Duration and_over = 5min;
    double burn = 14.4;

    void describe(Fields& fields) {
        fields("over", over, "The long window, which says that it matters.",
               {.above = 0, .required = true});
        fields("and_over", and_over, "The short window, which says that it still goes on.",
               {.above = 0, .required = true});
        fields("burn", burn, "How many times faster than allowed the budget is used up.",
               {.above = 0, .required = true});
        fields.rule(and_over <= over, "and_over", "must not be longer than \"over\"");
    }
};

class Alert final : public Component {
public:
    struct Parameters {
        std::string journey;
        Share objective{0.999};
        std::vector<BurnRule> rules;
        Duration evaluation = 1min;
        Duration hold{};
        Duration delivery = 30s;

        void describe(Fields& fields) {
            fields("journey", journey, "The journey that it watches.",
                   {.required = true, .position = 1});
            fields("objective", objective, "The share of journeys that is to succeed.",
                   {.above = 0});
            fields("rules", rules,
                   "Any of them fires it; if empty 14.4 over 1 h and 5 min, and 6 over 6 h and "
                   "30 min.",
                   {.source = workbook});
            fields("evaluation", evaluation, "How often the rules are looked at.",
                   {.above = 0, .source = "Prometheus 2 global evaluation_interval"});
            fields("hold", hold, "For how long a rule must hold before it fires.",
                   {.source = "Prometheus 2 alerting rule `for`"});
            fields("delivery", delivery, "From firing to somebody who hears of it.",
                   {.source = "Alertmanager 0.27 group_wait"});
            fields.rule(objective.value < 1, "objective", "leaves no budget to burn",
                        "write 99.9%, or whatever the business can stand");
        }
    };

    Alert(World& world, std::string name, const Parameters& parameters)
        : Component(world, std::move(name)),
          parameters_(parameters),
          rules_(parameters.rules),
          phase_(world.stream(this->name() + "/phase")),
          firing_(world.meters.level(this->name(), "firing", "1 while it fires.")),
          heard_(world.meters.level(this->name(), "heard", "1 while somebody knows.")),
          fired_(world.meters.counter(this->name(), "fired", "Times that it began to fire.")) {
        if (rules_.empty()) rules_ = {{1h, 5min, 14.4}, {6h, 30min, 6}};
        for (const BurnRule& rule : rules_) longest_ = std::max(longest_, rule.over);
    }

    std::pair<std::string, std::string> objection() const override {
        for (const auto& component : world_.components()) {
            for (const auto& journey : component->workload().source.journeys) {
                if (journey.name == parameters_.journey) return {};
            }
        }
        return {"there is no journey \"" + parameters_.journey + "\"",
                "name one that the clients of this scenario make"};
    }

    void start() override {
        journey_ = &world_.journey(parameters_.journey);
        const auto period = static_cast<std::uint64_t>(parameters_.evaluation.count());
        const Duration phase{static_cast<std::int64_t>(phase_.next().below(period))};
        world_.engine.after(phase, action<&Alert::evaluate>(*this));
    }

    void stop_arrivals() override { stopped_ = true; }

private:
    /// What the journey had come to at an evaluation.
    struct Sample {
        Time at;
        std::uint64_t ended;
        std::uint64_t failed;
    };

    void evaluate() {
        if (stopped_) return;
        const Time now = world_.now();
        samples_.push_back({now, journey_->ended().total(), journey_->failed().total()});
        forget_older_than(now - longest_);
        const bool holds = std::any_of(rules_.begin(), rules_.end(), [&](const BurnRule& rule) {
            const double limit = rule.burn * (1 - parameters_.objective.value);
            return failure_ratio(rule.over) > limit && failure_ratio(rule.and_over) > limit;
        });
        if (!holds) holds_since_ = never;
        if (holds && holds_since_ == never) holds_since_ = now;
        set(holds && now - holds_since_ >= parameters_.hold);
        world_.engine.after(parameters_.evaluation, action<&Alert::evaluate>(*this));
    }

    // One sample as old as the longest window, or older, stays: the windows begin there.
    void forget_older_than(Time limit) {
        std::size_t keep = 0;
        while (keep + 1 < samples_.size() && samples_[keep + 1].at <= limit) ++keep;
        samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(keep));
    }

    double failure_ratio(Duration window) const {
        const Sample& last = samples_.back();
        const Time begin = last.at - window;
        const auto after = std::upper_bound(samples_.begin(), samples_.end(), begin,
                                            [](Time t, const Sample& s) { return t < s.at; });
        if (last.ended == 0) return 0;
        const auto ended = static_cast<double>(last.ended);
        if (after == samples_.begin() || begin < start_of_run) {
            const double run_s = in_seconds(last.at - start_of_run);
            return static_cast<double>(last.failed) / (ended * in_seconds(window) / run_s);
        }
        const Sample& first = *std::prev(after);
        if (last.ended == first.ended) return 0;
        return static_cast<double>(last.failed - first.failed) /
               static_cast<double>(last.ended - first.ended);
    }

    void set(bool fires) {
        if (fires == (firing_.value() == 1)) return;
        firing_.add(fires ? 1 : -1, world_.now());
        if (fires) {
            fired_.add();
            delivery_ = world_.engine.after(parameters_.delivery, action<&Alert::deliver>(*this));
        } else {
            world_.engine.cancel(delivery_);
            if (heard_.value() == 1) heard_.add(-1, world_.now());
        }
    }

    void deliver() {
        delivery_ = {};
        heard_.add(1, world_.now());
    }

    const Parameters& parameters_;
    std::vector<BurnRule> rules_;
    Duration longest_{};
    Stream phase_;
    Level& firing_;
    Level& heard_;
    Counter& fired_;
    const Journey* journey_ = nullptr;
    std::vector<Sample> samples_;
    Time holds_since_ = never;
    Timer delivery_;
    bool stopped_ = false;
};

}  // namespace

void add_alert(Catalogue& catalogue) {
    catalogue.component<Alert>("alert", "Fires when a journey burns its error budget too fast.");
}

}  // namespace prodsim
