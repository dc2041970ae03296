// Asks every instance of a component, again and again, whether it is well, and tells all callers
// of those that are: a target group of a load balancer, or readiness in Kubernetes. Whoever
// balances calls hears of an instance that went only when enough checks in a row have failed, and
// calls that are under way, and connections of pools, stay where they are.
//
//     check, each interval ─▶ answer in time? ─▶ fall or rise in a row ─▶ endpoints of the callers
//
// A check is a call like any other, from where the checker stands: it finds what it touches, and
// an operation that asks others finds what is wrong with those.
//
// Simplifications: there is one checker, and what it finds all callers know after the same `delay`;
// all instances are checked at the same instants; an instance that comes is well until checks say
// otherwise; the checker itself does not fail.

#include "models/network/health_check.hpp"
#include "sim/world/callees.hpp"

#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

class HealthChecks final : public Component, private Node {
public:
    struct Parameters {
        OperationName call;
        Duration interval = std::chrono::seconds(2);
        Duration timeout = std::chrono::seconds(2);
        std::int64_t fall = 3;
        std::int64_t rise = 2;
        Duration delay{};
        Share panic_threshold{0};
        ZoneName zone;

        void describe(Fields& fields) {
            fields("call", call, "The operation that a check calls, of whose instances.",
                   {.required = true, .position = 1, .edge = "checks"});
            fields("interval", interval, "From one check of an instance to the next.",
                   {.above = 0, .source = "HAProxy 3.0 inter; Kubernetes 1.31 periodSeconds 10 s"});
            fields("timeout", timeout, "A check without an answer by then has failed.",
                   {.above = 0,
                    .source = "HAProxy 3.0 timeout check: inter; Kubernetes timeoutSeconds 1 s"});
            fields("fall", fall, "Failures in a row that take an instance out.",
                   {.minimum = 1, .source = "HAProxy 3.0; Kubernetes 1.31 failureThreshold 3"});
            fields("rise", rise, "Successes in a row that bring it back.",
                   {.minimum = 1, .source = "HAProxy 3.0; Kubernetes 1.31 successThreshold 1"});
            fields("delay", delay, "What it takes until callers know.",
                   {.minimum = 0, .source = "HAProxy 3.0: it checks itself"});
            fields("panic_threshold", panic_threshold,
                   "Tells callers of all instances while fewer than this share are well.",
                   {.source = "HAProxy 3.0 answers 503; Envoy 1.31 healthy_panic_threshold 50 %; "
                              "AWS ALB fails open when none is"});
            fields("zone", zone, "Where the checker stands; in the first zone if not said.");
            fields.rule(timeout <= interval, "timeout", "must not be longer than \"interval\"");
        }
    };

    HealthChecks(World& world, std::string name, const Parameters& parameters)
        : Component(world, std::move(name)),
          parameters_(parameters),
          phase_(world.stream(this->name() + "/phase")),
          seed_(hash_of(this->name())),
          checks_(world.meters.counter(this->name(), "checks", "Checks made.")),
          failed_(world.meters.counter(this->name(), "checks.failed", "Checks that failed.")),
          changes_(world.meters.counter(this->name(), "changes", "Instances taken out or back.")),
          unhealthy_(world.meters.level(this->name(), "unhealthy", "Instances not well.")),
          panics_(world.meters.level(this->name(), "panics",
                                     "1 while too few are well for any to be left out.")) {}

    void start() override {
        const ComponentName target{parameters_.call.component, parameters_.call.place};
        target_ = &callee_named(world_, target);
        operation_ = operation_behind(world_, target, parameters_.call.operation).value_or(0);
        std::vector<ZoneName> zone;
        if (!parameters_.zone.empty()) zone.push_back(parameters_.zone);
        chain_.emplace(world_, no_policies_, Caller{name(), 1, zones_of(world_, zone).front()},
                       *target_);
        const double phase = phase_.next().uniform();
        next_ = world_.engine.after(from_seconds(in_seconds(parameters_.interval) * phase),
                                    action<&HealthChecks::check_all>(*this));
    }

    void stop_arrivals() override { world_.engine.cancel(next_); }

private:
    struct Patient {
        Instance* instance;
        Health health;
        Call* call = nullptr;  // the check under way
        Timer limit;
    };

    void on_call(Call&) override {}
    void on_abandon(Call&) override {}
    void on_reply(Call& call, Reply reply) override {
        auto& patient = call.caller_frame<Patient>();
        world_.engine.cancel(patient.limit);
        patient.call = nullptr;
        judge(patient, reply.good());
    }

    void check_all() {
        next_ = world_.engine.after(parameters_.interval, action<&HealthChecks::check_all>(*this));
        for (Instance* instance : target_->members()) check(patient(*instance));
    }

    Patient& patient(Instance& instance) {
        for (Patient& known : patients_) {
            if (known.instance == &instance) return known;
        }
        return patients_.emplace_back(Patient{&instance, {}, nullptr, {}});
    }

    // The patience with the last check may end at this very instant.
    void check(Patient& patient) {
        if (patient.call != nullptr) {
            world_.engine.cancel(patient.limit);
            expire(patient);
        }
        Request request;
        request.subject = mix(seed_, checks_.total());
        request.operation = operation_;
        checks_.add();
        Call& call = world_.calls.open(*this, request, world_.now());
        call.route = patient.instance->number();
        call.caller_note = reinterpret_cast<std::uint64_t>(&patient);
        patient.call = &call;
        patient.limit =
            world_.engine.after(parameters_.timeout, action<&HealthChecks::expire>(*this, patient));
        world_.calls.send(call, chain_->head());
    }

    void expire(Patient& patient) {
        patient.limit = {};
        world_.calls.abandon(*std::exchange(patient.call, nullptr));
        judge(patient, false);
    }

    void judge(Patient& patient, bool good) {
        if (!good) failed_.add();
        const bool was_healthy = patient.health.is_healthy();
        if (!patient.health.hear(good, was_healthy ? parameters_.fall : parameters_.rise)) return;
        changes_.add();
        unhealthy_.add(was_healthy ? 1 : -1, world_.now());
        world_.engine.after(parameters_.delay, action<&HealthChecks::tell>(*this));
    }

    void tell() {
        std::vector<Instance*> well;
        for (Instance* instance : target_->members()) {
            if (patient(*instance).health.is_healthy()) well.push_back(instance);
        }
        const auto all = static_cast<double>(target_->members().size());
        const bool panics =
            static_cast<double>(well.size()) < parameters_.panic_threshold.value * all;
        panics_.add((panics ? 1 : 0) - panics_.value(), world_.now());
        target_->announce(panics ? target_->members() : std::move(well));
    }

    const Parameters& parameters_;
    CallParameters no_policies_;
    Stream phase_;
    std::uint64_t seed_;
    Counter& checks_;
    Counter& failed_;
    Counter& changes_;
    Level& unhealthy_;
    Level& panics_;
    Callee* target_ = nullptr;
    std::uint16_t operation_ = 0;
    std::optional<Chain> chain_;
    std::deque<Patient> patients_;  // also those that have left
    Timer next_;
};

}  // namespace

void add_health_checks(Catalogue& catalogue) {
    catalogue.component<HealthChecks>("health_checks",
                                      "Tells callers which instances of a component are well.");
}

}  // namespace prodsim
