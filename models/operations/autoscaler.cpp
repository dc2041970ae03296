// Changes the number of instances of a service by the use of its processors, as Kubernetes'
// HorizontalPodAutoscaler does: it sees what the metrics pipeline shows, which is old, decides
// every so often, and what it orders is there only when the new instances are ready.
//
//     processors ─▶ scrape, each `resolution` ─▶ sync, each 15 s ─▶ rules ─▶ start, ready later
//                                                                      └──▶ stop at once
//
// It sees the processors alone: instances that wait for a slow dependency look idle to it.
//
// Simplifications: the use of processors is taken to be spread evenly over the instances that
// serve; there is always room for a new instance, which fails never and is ready after a time; an
// instance that is stopped lets go of its calls in its own time; the autoscaler itself does not
// fail.

#include "models/operations/replicas.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace prodsim {

std::span<const Word> words(ScalingLimit::Unit) {
    static constexpr std::array all{
        Word{"pods", ScalingLimit::Unit::pods, "So many instances."},
        Word{"percent", ScalingLimit::Unit::percent,
             "So many per cent of the instances there were when the period began."},
    };
    return all;
}

std::span<const Word> words(SelectLimit) {
    static constexpr std::array all{
        Word{"max", SelectLimit::most_change, "The limit that allows the most change."},
        Word{"min", SelectLimit::least_change, "The limit that allows the least change."},
        Word{"disabled", SelectLimit::disabled, "No change in this direction."},
    };
    return all;
}

namespace {

using namespace std::chrono_literals;

constexpr auto documents = "Kubernetes 1.31, HorizontalPodAutoscaler v2 default behavior";

struct LimitParameters {
    ScalingLimit limit;
    void describe(Fields& fields) {
        fields("unit", limit.unit, "What `value` counts.", {.required = true});
        fields("value", limit.value, "How much may change within the period.",
               {.minimum = 1, .required = true});
        fields("period", limit.period, "The stretch of time that the limit looks back.",
               {.above = 0, .maximum = 1800e9, .required = true});
    }
};

struct DirectionParameters {
    std::optional<Duration> stabilisation;
    SelectLimit select = SelectLimit::most_change;
    std::vector<LimitParameters> limits;

    void describe(Fields& fields) {
        fields("stabilisation", stabilisation,
               "Looks back over this time for the most cautious recommendation; 0s to grow and "
               "5 minutes to shrink if not said.",
               {.minimum = 0, .maximum = 3600e9, .source = documents});
        fields("select", select, "Which limit counts where there are several.",
               {.source = documents});
        fields("limits", limits,
               "How fast; if empty 4 pods or 100 % in 15 s to grow, and 100 % in 15 s to shrink.",
               {.source = documents});
    }

    ScalingRules rules(Duration stabilised, std::vector<ScalingLimit> usual) const {
        ScalingRules rules{stabilisation.value_or(stabilised), select, std::move(usual)};
        if (!limits.empty()) rules.limits.clear();
        for (const LimitParameters& item : limits) rules.limits.push_back(item.limit);
        return rules;
    }
};

class Autoscaler final : public Component {
public:
    struct Parameters {
        ComponentName target;
        Share utilisation{0.8};
        std::int64_t minimum = 1;
        std::int64_t maximum = 1;
        Share tolerance{0.1};
        Duration sync = 15s;
        Duration resolution = 15s;
        Law<Duration> ready_after = "30s";
        std::optional<double> request;
        DirectionParameters up;
        DirectionParameters down;

        void describe(Fields& fields) {
            fields("target", target, "The service whose instances it starts and stops.",
                   {.required = true, .position = 1});
            fields(
                "utilisation", utilisation,
                "What the use of the processors, as a share of what was requested, is kept at.",
                {.above = 0,
                 .source = "Kubernetes 1.31 HorizontalPodAutoscaler v2: 80 % if no metric is set"});
            fields("minimum", minimum, "Never fewer instances.",
                   {.minimum = 1, .source = "Kubernetes 1.31 HorizontalPodAutoscaler minReplicas"});
            fields("maximum", maximum, "Never more instances.",
                   {.minimum = 1, .maximum = 60000, .required = true});
            fields(
                "tolerance", tolerance, "A use this near to the wanted one changes nothing.",
                {.source = "kube-controller-manager 1.31 --horizontal-pod-autoscaler-tolerance"});
            fields(
                "sync", sync, "How often it decides; the first time at a random phase.",
                {.above = 0,
                 .source = "kube-controller-manager 1.31 --horizontal-pod-autoscaler-sync-period"});
            fields("resolution", resolution,
                   "How often the use of processors is measured, over the time since the last one.",
                   {.above = 0, .source = "metrics-server 0.7 --metric-resolution"});
            fields("ready_after", ready_after,
                   "From the order to an instance that serves: scheduling, image, start, probes.",
                   {.source = "assumed"});
            fields("request", request,
                   "Cores that one instance requests; those that it has if not said.",
                   {.above = 0});
            fields("up", up, "The limits of growing.");
            fields("down", down, "The limits of shrinking.");
            fields.rule(minimum <= maximum, "minimum", "must not be above \"maximum\"");
        }
    };

    Autoscaler(World& world, std::string name, const Parameters& parameters)
        : Component(world, std::move(name)),
          parameters_(parameters),
          history_(parameters.up.rules(0s, {{ScalingLimit::Unit::percent, 100, 15s},
                                            {ScalingLimit::Unit::pods, 4, 15s}}),
                   parameters.down.rules(5min, {{ScalingLimit::Unit::percent, 100, 15s}})),
          phase_(world.stream(this->name() + "/phase")),
          starts_(world.stream(this->name() + "/starts")),
          replicas_(world.meters.level(this->name(), "replicas", "Instances that it wants.")),
          ready_(world.meters.level(this->name(), "ready", "Instances that serve.")),
          ups_(world.meters.counter(this->name(), "scaled_up", "Decisions to grow.")),
          downs_(world.meters.counter(this->name(), "scaled_down", "Decisions to shrink.")) {}

    std::pair<std::string, std::string> objection() const override {
        const Component* target = world_.find(parameters_.target.name);
        if (target == nullptr || cores_of(*target) > 0) return {};
        return {"\"" + parameters_.target.name + "\" has no processors of its own to scale by",
                "name a service as \"target\""};
    }

    // After all others: the instances that the scenario begins with are there.
    void start() override {
        target_ = dynamic_cast<Callee*>(world_.find(parameters_.target.name));
        request_m_ = static_cast<std::int64_t>(
            parameters_.request.value_or(cores_of(*target_)) * 1000 + 0.5);
        busy_ = &world_.meters.level(target_->name(), "cpu.busy", "");
        world_.engine.after(0s, action<&Autoscaler::count>(*this));
        Draws draws = phase_.next();
        const auto phase = [&](Duration period) {
            return Duration{
                static_cast<std::int64_t>(draws.below(static_cast<std::uint64_t>(period.count())))};
        };
        world_.engine.after(phase(parameters_.resolution), action<&Autoscaler::scrape>(*this));
        world_.engine.after(phase(parameters_.sync), action<&Autoscaler::sync>(*this));
    }

    void stop_arrivals() override { stopped_ = true; }

private:
    struct Starting {
        Timer ready;
    };

    static double cores_of(const Component& component) {
        const Workload work = component.workload();
        if (work.instances == 0) return 0;
        for (const Resource& resource : work.resources) {
            if (resource.name == "cores") {
                return resource.available / static_cast<double>(work.instances);
            }
        }
        return 0;
    }

    std::int64_t serving() const { return static_cast<std::int64_t>(target_->members().size()); }
    std::int64_t current() const { return serving() + static_cast<std::int64_t>(starting_.size()); }

    void scrape() {
        if (stopped_) return;
        const Time now = world_.now();
        const Wide integral = busy_->integral(now);
        if (now > scraped_) {
            usage_m_ = static_cast<double>(integral - integral_) /
                       static_cast<double>((now - scraped_).count());
            measured_ = serving();
        }
        scraped_ = now;
        integral_ = integral;
        world_.engine.after(parameters_.resolution, action<&Autoscaler::scrape>(*this));
    }

    void sync() {
        if (stopped_) return;
        count();
        if (measured_ > 0 && serving() > 0) decide();
        world_.engine.after(parameters_.sync, action<&Autoscaler::sync>(*this));
    }

    void decide() {
        const Time now = world_.now();
        const std::int64_t replicas = current();
        const std::int64_t desired = desired_replicas(
            replicas, readings(), percent(parameters_.utilisation), parameters_.tolerance.value);
        const std::int64_t stable = history_.stabilised(replicas, desired, now);
        const std::int64_t bounded = std::clamp(
            history_.limited(replicas, stable, parameters_.minimum, parameters_.maximum, now),
            parameters_.minimum, parameters_.maximum);
        if (bounded == replicas) return;
        history_.scaled(bounded - replicas, now);
        (bounded > replicas ? ups_ : downs_).add();
        while (current() < bounded) order();
        while (current() > bounded) dismiss();
        count();
    }

    static std::int64_t percent(Share share) {
        return std::max<std::int64_t>(1, static_cast<std::int64_t>(share.value * 100 + 0.5));
    }

    // Whoever came since the last scrape has no metric yet and is not believed to be ready.
    std::vector<PodReading> readings() const {
        const std::int64_t known = std::min(measured_, serving());
        const auto each =
            static_cast<std::int64_t>(usage_m_ / static_cast<double>(measured_) + 0.5);
        std::vector<PodReading> pods(static_cast<std::size_t>(known), {request_m_, each, true});
        pods.resize(static_cast<std::size_t>(current()), {request_m_, std::nullopt, false});
        return pods;
    }

    void order() {
        Draws draws = starts_.draws(ordered_++);
        Starting& pod = *starting_.emplace_back(std::make_unique<Starting>());
        pod.ready =
            world_.engine.after(sample_duration(parameters_.ready_after.distribution(), draws),
                                action<&Autoscaler::serve>(*this, pod));
    }

    void serve(Starting& pod) {
        std::erase_if(starting_, [&](const auto& one) { return one.get() == &pod; });
        target_->add_instance();
        count();
    }

    // Those that do not serve yet go first, then those that serve for the shortest time (Kubernetes
    // 1.31, pkg/controller/controller_utils.go, ActivePodsWithRanks).
    void dismiss() {
        if (!starting_.empty()) {
            world_.engine.cancel(starting_.back()->ready);
            starting_.pop_back();
        } else {
            target_->remove_instance(*target_->members().back());
        }
    }

    void count() {
        const Time now = world_.now();
        replicas_.add(current() - replicas_.value(), now);
        ready_.add(serving() - ready_.value(), now);
    }

    const Parameters& parameters_;
    ScalingHistory history_;
    Stream phase_;
    Stream starts_;
    Level& replicas_;
    Level& ready_;
    Counter& ups_;
    Counter& downs_;
    Callee* target_ = nullptr;
    const Level* busy_ = nullptr;
    std::int64_t request_m_ = 0;
    double usage_m_ = 0;         // thousandths of a core, all instances together
    std::int64_t measured_ = 0;  // instances that served at the last scrape
    Time scraped_{};
    Wide integral_ = 0;
    std::vector<std::unique_ptr<Starting>> starting_;
    std::uint64_t ordered_ = 0;
    bool stopped_ = false;
};

}  // namespace

void add_autoscaler(Catalogue& catalogue) {
    catalogue.component<Autoscaler>(
        "autoscaler", "Changes the number of instances of a service by its use of processors.");
}

}  // namespace prodsim
