// Replaces the instances of a service by those of a new release, a few at a time, as a Kubernetes
// deployment does with its strategy RollingUpdate; the new release may be slower or fail. It can be
// undone: at a time, or when an alert has been heard; undoing is a rolling update back.
//
//     new ones start, `max_surge` too many ─▶ ready ─▶ old ones go, `max_unavailable` may miss
//
// Simplifications: there is always room for a new instance, and it always becomes ready: a release
// is only as bad as `errors` and `slow` say; instances that are stopped let go of their calls in
// their own time; what an autoscaler of the same target starts meanwhile stays of the
// old release.

#include "models/operations/replicas.hpp"
#include "sim/world/callees.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

using namespace std::chrono_literals;

/// "3" or "25%"; nothing otherwise.
std::optional<PodCount> pod_count(const std::string& text) {
    PodCount count;
    const char* end = text.data() + text.size();
    const auto [after, error] = std::from_chars(text.data(), end, count.number);
    count.percent = after + 1 == end && *after == '%';
    const bool whole = count.percent || after == end;
    if (error != std::errc() || !whole || count.number < 0) return std::nullopt;
    return count;
}

class Rollout final : public Component {
public:
    struct Parameters {
        ComponentName target;
        Duration at{};
        std::string max_surge = "25%";
        std::string max_unavailable = "25%";
        Law<Duration> ready_after = "30s";
        Share errors{0};
        double slow = 1;
        std::optional<Duration> undo_at;
        std::string undo_on;
        Duration undo_after{};

        void describe(Fields& fields) {
            fields("target", target, "The service that gets a new release.",
                   {.required = true, .position = 1});
            fields("at", at, "When the rollout begins.", {.minimum = 0, .required = true});
            fields("max_surge", max_surge,
                   "Instances beyond the wanted number, or per cent of it, rounded up.",
                   {.source = "Kubernetes 1.31 Deployment rollingUpdate.maxSurge"});
            fields("max_unavailable", max_unavailable,
                   "Instances that may be missing, or per cent of the wanted number, rounded down.",
                   {.source = "Kubernetes 1.31 Deployment rollingUpdate.maxUnavailable"});
            fields("ready_after", ready_after, "From the order to an instance that serves.",
                   {.source = "assumed"});
            fields("errors", errors,
                   "The share of calls that the new release answers with errors.");
            fields("slow", slow, "How many times longer the work of the new release takes.",
                   {.above = 0});
            fields("undo_at", undo_at, "When it is rolled back.", {.minimum = 0});
            fields("undo_on", undo_on, "The alert that has it rolled back once somebody knows.");
            fields("undo_after", undo_after, "From then to the beginning of the rollback.");
            fields.rule(pod_count(max_surge).has_value(), "max_surge",
                        "is neither a number of instances nor per cent", "write 2 or \"25%\"");
            fields.rule(pod_count(max_unavailable).has_value(), "max_unavailable",
                        "is neither a number of instances nor per cent", "write 2 or \"25%\"");
        }
    };

    Rollout(World& world, std::string name, const Parameters& parameters)
        : Component(world, std::move(name)),
          parameters_(parameters),
          starts_(world.stream(this->name() + "/starts")),
          old_(world.meters.level(this->name(), "old", "Instances of the old release that serve.")),
          new_(world.meters.level(this->name(), "new", "Instances of the new release that serve.")),
          pods_(world.meters.level(this->name(), "pods", "All instances, those that start too.")) {}

    std::pair<std::string, std::string> objection() const override {
        const std::string& alert = parameters_.undo_on;
        const auto& levels = world_.meters.levels();
        const bool is_alert = levels.find({alert, "heard", ""}) != levels.end();
        if (alert.empty() || is_alert) return {};
        return {"\"" + alert + "\" is no alert", "name a component of type \"alert\""};
    }

    void start() override {
        target_ = dynamic_cast<Callee*>(world_.find(parameters_.target.name));
        world_.engine.after(0s, action<&Rollout::count>(*this));
        world_.engine.after(parameters_.at, action<&Rollout::begin>(*this));
        if (parameters_.undo_at) {
            world_.engine.after(*parameters_.undo_at, action<&Rollout::undo>(*this));
        }
        if (!parameters_.undo_on.empty()) {
            heard_ = &world_.meters.level(parameters_.undo_on, "heard", "");
            world_.engine.after(parameters_.at, action<&Rollout::listen>(*this));
        }
    }

    void stop_arrivals() override { stopped_ = true; }

    /// Others hear of an instance while it is being made, before it is one of the fleet.
    bool has_made(const Instance& instance) const override {
        if (making_ && target_->instances().back().get() == &instance) return true;
        return std::any_of(fleet_.begin(), fleet_.end(), [&instance](const Pod& pod) {
            return pod.of_new_release && pod.instance == &instance;
        });
    }

private:
    struct Pod {
        Instance* instance;  // null while it starts
        bool of_new_release;
    };

    void begin() {
        if (stopped_ || undone_) return;
        for (Instance* member : target_->members()) fleet_.push_back({member, false});
        wanted_ = static_cast<std::int64_t>(fleet_.size());
        bounds_ = rolling_bounds(*pod_count(parameters_.max_surge),
                                 *pod_count(parameters_.max_unavailable), wanted_);
        to_new_ = true;
        reconcile();
    }

    void undo() {
        if (stopped_ || undone_) return;
        undone_ = true;
        to_new_ = false;
        if (!fleet_.empty()) reconcile();
    }

    // People look at their pagers, not at the clock: a second is soon enough.
    void listen() {
        if (stopped_ || undone_) return;
        if (heard_->value() > 0) {
            world_.engine.after(parameters_.undo_after, action<&Rollout::undo>(*this));
        } else {
            world_.engine.after(1s, action<&Rollout::listen>(*this));
        }
    }

    std::int64_t pods(bool right_release) const {
        return std::count_if(fleet_.begin(), fleet_.end(), [&](const auto& pod) {
            return (pod.of_new_release == to_new_) == right_release;
        });
    }

    std::int64_t serving() const {
        return std::count_if(fleet_.begin(), fleet_.end(),
                             [](const auto& pod) { return pod.instance != nullptr; });
    }

    // Grow the right release into the surge, then shrink the other as far as enough are left that
    // serve, until neither changes anything (Kubernetes 1.31,
    // pkg/controller/deployment/rolling.go).
    void reconcile() {
        std::erase_if(fleet_, [](const Pod& pod) {  // others stop instances, too
            return pod.instance != nullptr && pod.instance->is_closed();
        });
        for (bool changed = true; changed;) {
            changed = false;
            while (pods(true) < wanted_ &&
                   static_cast<std::int64_t>(fleet_.size()) < wanted_ + bounds_.surge) {
                order();
                changed = true;
            }
            while (pods(false) > 0 && dismiss()) changed = true;
        }
        count();
    }

    void order() {
        Draws draws = starts_.draws(ordered_++);
        fleet_.push_back({nullptr, to_new_});
        world_.engine.after(sample_duration(parameters_.ready_after.distribution(), draws),
                            action_with<&Rollout::serve>(*this, to_new_ ? 1 : 0));
    }

    // One of those that start is ready; which one makes no difference. If it is not wanted any more
    // it has gone already.
    void serve(std::uint64_t of_new_release) {
        const auto starting = std::find_if(fleet_.begin(), fleet_.end(), [&](const auto& pod) {
            return pod.instance == nullptr && pod.of_new_release == (of_new_release == 1);
        });
        if (starting == fleet_.end() || stopped_) return;
        making_ = starting->of_new_release;
        starting->instance = &target_->add_instance();
        making_ = false;
        if (starting->of_new_release) {
            Condition defects;
            defects.error_rate = parameters_.errors.value;
            defects.slow = parameters_.slow;
            starting->instance->set_defects(defects);
        }
        reconcile();
    }

    // A pod that does not serve yet goes first: it takes nothing away.
    bool dismiss() {
        const auto wrong = [&](const Pod& pod) { return pod.of_new_release != to_new_; };
        auto gone = std::find_if(fleet_.begin(), fleet_.end(), [&](const Pod& pod) {
            return wrong(pod) && pod.instance == nullptr;
        });
        if (gone == fleet_.end()) {
            if (serving() <= wanted_ - bounds_.unavailable) return false;
            gone = std::find_if(fleet_.begin(), fleet_.end(), wrong);
            target_->remove_instance(*gone->instance);
        }
        fleet_.erase(gone);
        return true;
    }

    void count() {
        const Time now = world_.now();
        std::int64_t of_new = 0;
        for (const Pod& pod : fleet_) of_new += pod.instance != nullptr && pod.of_new_release;
        const auto all = static_cast<std::int64_t>(target_->members().size());
        const auto starting = static_cast<std::int64_t>(fleet_.size()) - serving();
        new_.add(of_new - new_.value(), now);
        old_.add(all - of_new - old_.value(), now);
        pods_.add(all + starting - pods_.value(), now);
    }

    const Parameters& parameters_;
    Stream starts_;
    Level& old_;
    Level& new_;
    Level& pods_;
    Callee* target_ = nullptr;
    const Level* heard_ = nullptr;
    std::vector<Pod> fleet_;
    std::int64_t wanted_ = 0;
    RollingBounds bounds_{};
    bool to_new_ = false;
    bool undone_ = false;
    bool stopped_ = false;
    bool making_ = false;  // one of the new release
    std::uint64_t ordered_ = 0;
};

}  // namespace

void add_rollout(Catalogue& catalogue) {
    catalogue.component<Rollout>("rollout",
                                 "Replaces the instances of a service by those of a new release.");
}

}  // namespace prodsim
