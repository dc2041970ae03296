#pragma once

// A bench for policies: a backend that does as it is told, clients that keep what they hear, and
// between them a chain written as users write it. Nothing has latency of its own, so every instant
// in a test is a sum that can be done in the head.
//
//     Bench bench({add_retry, add_timeout});
//     bench.backend.plays({fails(Outcome::error), replies(10ms)});
//     Client& client = bench.client({"retry(3, backoff=fixed, base=100ms)", "timeout(1s)"});
//     client.call();
//     bench.run();
//     REQUIRE(client.answer().at == 110ms);
//     REQUIRE(bench.backend.visits().size() == 2);
//
// A component, described as users describe it, may stand between the client and the backend:
//
//     Callee& shop = bench.component("shop", R"({"type": "service", ...})");
//     Client& client = bench.client({"timeout(1s)"}, shop);
//
// Instants are durations since the start of the run. Every call that a test makes is answered or
// given up; `bench.balanced()` says that the books agree.

#include "sim/config/json_reader.hpp"
#include "sim/config/reader.hpp"
#include "sim/world/chain.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <deque>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim {

void add_balance(Catalogue& catalogue);
void add_bulkhead(Catalogue& catalogue);
void add_circuit_breaker(Catalogue& catalogue);
void add_deadline(Catalogue& catalogue);
void add_fallback(Catalogue& catalogue);
void add_hedge(Catalogue& catalogue);
void add_pool(Catalogue& catalogue);
void add_rate_limit(Catalogue& catalogue);
void add_retry(Catalogue& catalogue);
void add_service(Catalogue& catalogue);
void add_sql_database(Catalogue& catalogue);
void add_throttle(Catalogue& catalogue);
void add_timeout(Catalogue& catalogue);

}  // namespace prodsim

namespace prodsim::testing {

using namespace std::chrono_literals;

using Instants = std::vector<Duration>;

/// Of the share of `count` independent trials that come out as they do with probability `share`.
inline double standard_error(double share, double count) {
    return std::sqrt(share * (1 - share) / count);
}

/// What the backend does with one call.
struct Act {
    std::optional<Reply> reply;  // none: it never answers
    Duration after{};
    bool stops = false;  // when the caller gives up; otherwise it works on
};

inline Act replies(Duration after = 0s) { return {Reply{}, after}; }
inline Act fails(Outcome outcome, Duration after = 0s) { return {Reply{outcome}, after}; }

/// Keeps the call for ever, or until its caller gives up.
inline Act hangs() { return {std::nullopt, 0s, true}; }

/// The same, and stops at once when the caller gives up.
inline Act cancellable(Act act) {
    act.stops = true;
    return act;
}

/// The same, and asks the caller to wait before it tries again.
inline Act with_retry_after(Act act, Duration wait) {
    act.reply->retry_after_us = static_cast<std::uint32_t>(wait / 1us);
    return act;
}

/// One call as the backend saw it.
struct Visit {
    Request request;
    Duration at{};
    std::uint16_t endpoint = 0;
    std::optional<Duration> abandoned;  // when it was told that its caller had given up
    std::optional<Duration> ended;
};

/// A callee with any number of instances, which all play the same script.
class Backend final : public Callee {
public:
    explicit Backend(World& world) : Callee(world, "backend") {}

    /// These in turn, the last one again and again.
    void plays(std::vector<Act> acts) {
        script_ = [acts = std::move(acts), next = std::size_t{0}](const Request&) mutable {
            return acts[next + 1 < acts.size() ? next++ : next];
        };
    }

    /// Whatever the function says for each call.
    void plays(std::function<Act(const Request&)> script) { script_ = std::move(script); }

    /// Ends a call that hangs, now. It may be another than the one that the script is asked about.
    void answer(std::size_t visit, Reply reply) {
        Visit& answered = visits_[visit];
        static_cast<Copy&>(*find_instance(answered.endpoint)).answer(answered, reply);
    }

    /// Done whenever the backend has answered a call, as the last thing.
    void when_answered(std::function<void()> what) { when_answered_ = std::move(what); }

    /// Done whenever the backend hears that a caller gave up, before anything else.
    void when_abandoned(std::function<void()> what) { when_abandoned_ = std::move(what); }

    /// The calls that came in, in their order.
    const std::deque<Visit>& visits() const { return visits_; }

    /// When they came.
    std::vector<Duration> visited_at() const {
        std::vector<Duration> instants;
        for (const Visit& visit : visits_) instants.push_back(visit.at);
        return instants;
    }

    /// Calls inside whose callers still wait.
    std::size_t waited_for() const {
        std::size_t count = 0;
        for (const Visit& visit : visits_) count += !visit.ended && !visit.abandoned ? 1u : 0u;
        return count;
    }

    /// For tests of millions of calls: counts them only.
    void forget_visits() { keeps_visits_ = false; }
    std::size_t count() const { return count_; }

    std::optional<std::uint16_t> operation(std::string_view) const override { return 0; }

private:
    struct Job {
        Call* call;
        Visit* visit;
        Act act;
        Timer timer;
        std::list<Job>::iterator self;
    };

    class Copy final : public Instance {
    public:
        Copy(Backend& backend, ZoneId zone, std::uint16_t number)
            : Instance(backend.world_, backend.name(), zone, number), backend_(backend) {}

        void on_reply(Call&, Reply) override {}

        void answer(const Visit& visit, Reply reply) {
            const auto is_it = [&visit](const Job& job) { return job.visit == &visit; };
            const auto job = std::find_if(jobs_.begin(), jobs_.end(), is_it);
            assert(job != jobs_.end() && "the call is inside");
            end(*job, reply);
        }

    private:
        void accept(Call& call) override {
            ++backend_.count_;
            Job& job = jobs_.emplace_back(Job{&call, nullptr, {}, {}, {}});
            job.self = std::prev(jobs_.end());
            call.callee_note = reinterpret_cast<std::uint64_t>(&job);
            if (backend_.keeps_visits_) job.visit = &backend_.enter(call, number());
            job.act = backend_.script_(call);  // which may make the caller give up
            if (!job.act.reply) return;
            if (job.act.after == 0s) return end(job, *job.act.reply);
            job.timer = world_.engine.after(job.act.after, action<&Copy::finish>(*this, job));
        }

        void give_up(Call& call) override {
            Job& job = call.callee_frame<Job>();
            if (job.visit != nullptr) job.visit->abandoned = world_.now().time_since_epoch();
            if (backend_.when_abandoned_) backend_.when_abandoned_();
            if (!job.act.stops) return;
            world_.engine.cancel(job.timer);
            end(job, {Outcome::cancelled});
        }

        void finish(Job& job) { end(job, *job.act.reply); }

        void end(Job& job, Reply reply) {
            if (job.visit != nullptr) job.visit->ended = world_.now().time_since_epoch();
            if (!reply.good()) reply.reason = world_.reason(backend_.name(), "script");
            Call& call = *job.call;
            jobs_.erase(job.self);
            world_.calls.reply(call, reply);
            if (backend_.when_answered_) backend_.when_answered_();
        }

        void condition_changed(const Condition&) override {}

        void crash() override {
            while (!jobs_.empty()) {
                Call& call = *jobs_.front().call;
                world_.engine.cancel(jobs_.front().timer);
                jobs_.pop_front();
                doom(call);
            }
        }

        Backend& backend_;
        std::list<Job> jobs_;
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Copy>(*this, zone, number);
    }

    Visit& enter(const Call& call, std::uint16_t endpoint) {
        return visits_.emplace_back(
            Visit{call, world_.now().time_since_epoch(), endpoint, std::nullopt, std::nullopt});
    }

    std::function<Act(const Request&)> script_ = [](const Request&) { return replies(); };
    std::function<void()> when_answered_;
    std::function<void()> when_abandoned_;
    std::deque<Visit> visits_;
    std::size_t count_ = 0;
    bool keeps_visits_ = true;
};

/// What a client heard.
struct Answer {
    Duration at{};
    Duration latency{};
    Outcome outcome{};
    std::string component;  // whose mechanism made it fail: of the reason
    std::string mechanism;
    std::uint16_t route = 0;  // as the chain left it
};

/// A caller with a chain of its own, as every calling instance has. Its requests have the subjects
/// 1, 2, 3 ... unless the test says otherwise.
class Client final : public Node {
public:
    Client(World& world, CallParameters policies, std::uint64_t number, Callee& callee)
        : world_(world),
          policies_(std::move(policies)),
          chain_(world, policies_, {"client", number, 0}, callee) {}

    /// Makes a call now. The number is for `give_up`.
    std::size_t call() {
        Request request;
        request.subject = under_way_.size() + 1;
        return call(request);
    }

    std::size_t call(const Request& request) {
        const std::size_t number = under_way_.size();
        Call& call = world_.calls.open(*this, request, world_.now());
        call.caller_note = number;
        under_way_.push_back(&call);
        world_.calls.send(call, chain_.head());
        return number;
    }

    /// Makes a call then, and gives it up then. Both as an event of their own.
    void call_at(Duration when) { world_.engine.at(Time{when}, action<&Client::call_now>(*this)); }
    void give_up_at(Duration when, std::size_t number = 0) {
        world_.engine.at(Time{when}, action_with<&Client::give_up_now>(*this, number));
    }

    /// Stops waiting for this call, which has not been answered.
    void give_up(std::size_t number = 0) {
        assert(under_way_[number] != nullptr && "the call waits for its answer");
        world_.calls.abandon(*std::exchange(under_way_[number], nullptr));
    }

    bool waits_for(std::size_t number) const { return under_way_[number] != nullptr; }

    /// In the order in which they came.
    const std::vector<Answer>& answers() const { return answers_; }

    /// The only one.
    const Answer& answer() const {
        assert(answers_.size() == 1 && "there is exactly one answer");
        return answers_.front();
    }

    /// How many answers had this outcome.
    std::size_t count(Outcome outcome) const {
        std::size_t found = 0;
        for (const Answer& answer : answers_) found += answer.outcome == outcome ? 1u : 0u;
        return found;
    }

    void on_reply(Call& call, Reply reply) override {
        under_way_[call.caller_note] = nullptr;
        const Reason& reason = world_.reasons()[reply.reason];
        answers_.push_back({world_.now().time_since_epoch(), world_.now() - call.started,
                            reply.outcome, reason.component, reason.mechanism, call.route});
    }

    void on_call(Call&) override { assert(false && "nobody calls a client"); }
    void on_abandon(Call&) override { assert(false && "nobody calls a client"); }

private:
    void call_now() { call(); }
    void give_up_now(std::uint64_t number) { give_up(number); }

    World& world_;
    CallParameters policies_;
    Chain chain_;
    std::vector<Call*> under_way_;
    std::vector<Answer> answers_;
};

class Bench {
public:
    using Add = void (*)(Catalogue&);

    /// With these policies to choose from, besides `balance`, and one endpoint.
    explicit Bench(std::vector<Add> policies, std::uint64_t seed = 1)
        : catalogue_(filled(policies)),
          world(catalogue_, seed, 0, Network{}),
          backend(static_cast<Backend&>(world.add(std::make_unique<Backend>(world)))) {
        backend.add_instance(0);
    }

private:
    Catalogue catalogue_;
    std::list<Choice<ComponentFamily>> descriptions_;

public:
    World world;
    Backend& backend;

    /// A client behind these policies, outermost first. Mistakes in them are thrown.
    Client& client(const std::vector<std::string>& policies) { return client(policies, backend); }

    Client& client(const std::vector<std::string>& policies, Callee& callee) {
        Sources sources;
        Problems problems;
        CallParameters parameters = read_policies(policies, sources, problems);
        problems.raise(sources);
        clients_.push_back(
            std::make_unique<Client>(world, std::move(parameters), clients_.size() + 1, callee));
        return *clients_.back();
    }

    /// A component as a scenario describes it. What it calls is there already.
    Callee& component(const std::string& name, const std::string& json) {
        return static_cast<Callee&>(any_component(name, json));
    }

    /// The same for one that cannot be called.
    Component& any_component(const std::string& name, const std::string& json) {
        Sources sources;
        Problems problems;
        const Value value = read_json(sources, name, json, problems);
        Reading reading{catalogue_.families, problems};
        Choice<ComponentFamily>& description = descriptions_.emplace_back();
        read(value, description, reading);
        problems.raise(sources);
        Component& made = world.add(catalogue_.make_component(world, name, description.chosen()));
        made.connect();
        made.start();
        return made;
    }

    /// What the loader would say of these policies; empty when all is well.
    std::string problems_of(const std::vector<std::string>& policies) {
        Sources sources;
        Problems problems;
        read_policies(policies, sources, problems);
        return problems.render(sources);
    }

    /// A day on, which is when everything has happened that a test waits for.
    void run() { world.engine.run_until(world.now() + 24h); }

    /// Up to this instant.
    void run(Duration until) { world.engine.run_until(Time{until}); }

    /// Does something then, as an event of its own.
    void at(Duration when, std::function<void()> what) {
        events_.push_back(std::move(what));
        world.engine.at(Time{when}, action_with<&Bench::happen>(*this, events_.size() - 1));
    }

    /// What the meter "retry.attempts" of the edge has counted so far; 0 if there is no such meter.
    std::uint64_t count(std::string_view meter) const { return count("client -> backend", meter); }

    std::uint64_t count(std::string_view owner, std::string_view meter) const {
        for (const auto& [name, named] : world.meters.counters()) {
            if (name.owner == owner && name.name == meter) return named->total();
        }
        return 0;
    }

    /// Where the level of this component, or of this edge, stands.
    std::int64_t level(std::string_view owner, std::string_view meter) {
        return world.meters.level(owner, meter, "").value();
    }

    /// Every call that was opened was answered, was wasted, or lives.
    bool balanced() const {
        const Calls& calls = world.calls;
        return calls.opened() == calls.answered() + calls.wasted() + calls.live();
    }

private:
    static Catalogue filled(const std::vector<Add>& policies) {
        Catalogue catalogue;
        add_balance(catalogue);
        for (const Add add : policies) add(catalogue);
        return catalogue;
    }

    CallParameters read_policies(const std::vector<std::string>& policies, Sources& sources,
                                 Problems& problems) {
        // Each text stands in quotes in a document of its own, so that a problem can show it.
        Value list = Value::array();
        for (const std::string& policy : policies) {
            const std::uint32_t document = sources.add("policy", '"' + policy + '"');
            const auto length = static_cast<std::uint32_t>(policy.size() + 2);
            list.append(Value(policy).at({document, 0, length}));
        }
        Value object = Value::object();
        object.put("policy", std::move(list));
        CallParameters parameters;
        Reading reading{catalogue_.families, problems};
        read(object, parameters, reading);
        return parameters;
    }

    void happen(std::uint64_t number) { events_[number](); }

    std::deque<std::function<void()>> events_;
    std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace prodsim::testing
