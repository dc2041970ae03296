// The tokens of users, and those who check them. A check passes without the identity provider as
// long as the user's token lasts and the keys that signed it are known; the provider is asked only
// for what is missing. So its outage is felt slowly, as one token after another ends.
//
//     check ─▶ token valid? ─yes▶ local: keys known ─▶ ok     remote: introspect ─▶ ok
//                │ no                  └ too old ▶ fetch, all wait for one
//                └─▶ session lasts? ─yes▶ refresh ─no▶ login ─▶ a new token, ok
//
// The provider is a component of its own, of ours or of somebody else: `login`, `refresh`,
// `introspect` and `keys` name its operations. A flush signs every user out, and their next checks
// all log in.
//
// When the caller gives up, the check gives up on what it asked for; a token that comes too late is
// not kept. While this hangs, what it asked for is heard, and checks end when it goes on.
//
// Simplifications: the checks of one journey draw their users independently; users are equally
// active, and at the start their tokens and sessions are of all ages; nothing revokes a single
// token; keys do not rotate, they are only lost sight of; two checks of one user may both renew.

#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

enum class Validation : std::uint8_t { local, remote };

std::span<const Word> words(Validation) {
    static constexpr std::array all{
        Word{"local", Validation::local, "By the signature, with the provider's public keys."},
        Word{"remote", Validation::remote, "By asking the provider each time (RFC 7662)."},
    };
    return all;
}

class Tokens final : public Callee {
public:
    struct Parameters {
        std::vector<ZoneName> zones;
        std::int64_t users = 10000;
        Duration lifetime = std::chrono::hours(1);
        Duration session = std::chrono::hours(24 * 30);
        Duration renew_early{};
        Validation validation = Validation::local;
        Law<Duration> verify_time = "100us";
        Duration keys_ttl = std::chrono::minutes(5);
        Duration stale_keys{};
        OperationName login;
        std::optional<OperationName> refresh;
        std::optional<OperationName> introspect;
        std::optional<OperationName> keys;
        Named<CallParameters> calls;

        void describe(Fields& fields) {
            fields("zones", zones, "It stands in the first of these; of all zones if empty.");
            fields("users", users, "Whose tokens are checked, each as often as the others.",
                   {.minimum = 1, .maximum = 10000000, .source = "assumed"});
            describe_tokens(fields);
            describe_checks(fields);
            fields("calls", calls, "The policies around its calls, by callee.");
        }

    private:
        void describe_tokens(Fields& fields) {
            fields("lifetime", lifetime, "How long a token is valid.",
                   {.above = 0, .source = "Amazon Cognito: access tokens, 60 min"});
            fields("session", session, "How long after a login tokens can be refreshed.",
                   {.above = 0, .source = "Amazon Cognito: refresh tokens, 30 days"});
            fields("renew_early", renew_early,
                   "A token is renewed this long before its end; it counts if that fails.",
                   {.minimum = 0});
            fields("login", login, "What a user without a session calls.", {.required = true});
            fields("refresh", refresh,
                   "What a user with a session calls; a login as well if not given.");
            fields.rule(renew_early < lifetime, "renew_early", "must be less than \"lifetime\"");
        }

        void describe_checks(Fields& fields) {
            fields("validation", validation, "How a token is checked.");
            fields("verify_time", verify_time, "What a local check takes.",
                   {.source = "assumed: one signature"});
            fields("introspect", introspect, "What a remote check calls.");
            fields("keys", keys,
                   "What the keys are fetched with; they are known for ever if not "
                   "given.");
            fields("keys_ttl", keys_ttl, "How long fetched keys are used.",
                   {.above = 0, .source = "Nimbus JOSE+JWT 9 JWKSourceBuilder: 5 min"});
            fields(
                "stale_keys", stale_keys, "How much longer when they cannot be fetched.",
                {.minimum = 0,
                 .source = "Nimbus JOSE+JWT 9 JWKSourceBuilder: outages are not tolerated unless "
                           "asked for"});
            fields.rule((validation == Validation::remote) == introspect.has_value(), "introspect",
                        "goes with \"validation\": \"remote\", and only with that");
        }
    };

    Tokens(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          meters_(world.meters, this->name()) {}

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        if (wanted == "check") return 0;
        return std::nullopt;
    }

    void start() override { add_instances(1, zones_of(world_, parameters_.zones)); }

    // How often tokens end is not known here: one call for each check is the bound.
    Workload workload() const override {
        Workload work{.instances = 1};
        OperationDemand check{"check", {}};
        check.demand.calls.push_back({.target = parameters_.login, .at_most = true});
        if (parameters_.refresh) {
            check.demand.calls.push_back({.target = *parameters_.refresh, .at_most = true});
        }
        if (parameters_.introspect) {
            check.demand.calls.push_back({.target = *parameters_.introspect, .at_most = true});
        }
        if (parameters_.keys) {
            check.demand.calls.push_back({.target = *parameters_.keys, .count = 0});
        }
        work.operations.push_back(std::move(check));
        return work;
    }

    bool flush() override {
        for (const auto& instance : instances()) static_cast<Checker&>(*instance).sign_out_all();
        return true;
    }

private:
    struct CheckMeters {
        CheckMeters(Meters& meters, std::string_view owner)
            : inside(meters.level(owner, "inside", "Checks under way.")),
              stays(meters.stays(inside)),
              latency(meters.histogram(owner, "latency", "From a call's arrival to its reply.")),
              passed(meters.counter(owner, "passed", "Checks that passed.")),
              logins(meters.counter(owner, "logins", "Calls to log in.")),
              refreshes(meters.counter(owner, "refreshes", "Calls to refresh a token.")),
              introspections(meters.counter(owner, "introspections", "Calls to check a token.")),
              key_fetches(meters.counter(owner, "key_fetches", "Calls for the keys.")),
              locked_out(meters.counter(owner, "locked_out",
                                        "Checks that failed for want of a valid token.")),
              unverified(meters.counter(owner, "unverified",
                                        "Checks that failed although the token was valid.")) {}

        Level& inside;
        StayBook& stays;
        Histogram& latency;
        Counter& passed;
        Counter& logins;
        Counter& refreshes;
        Counter& introspections;
        Counter& key_fetches;
        Counter& locked_out;
        Counter& unverified;
    };

    /// What a user holds.
    struct Session {
        Time token_ends{};
        Time ends{};
    };

    /// What a job waits for.
    enum class Step : std::uint8_t { login, refresh, introspection, keys, verification };

    /// A check, or the fetch of the keys, which belongs to no call.
    struct Job {
        Call* call = nullptr;
        Call* child = nullptr;
        Session* session = nullptr;
        Step step = Step::login;
        std::uint64_t fetch = 0;  // of the keys, that it waits for
        Time since{};             // later than the call where it hung when that came
        Timer end;
        Reply reply;
        Neighbours<Job> others;
        Neighbours<Job> waiting;
    };

    class Checker final : public Instance {
    public:
        Checker(Tokens& tokens, ZoneId zone, std::uint16_t number)
            : Instance(tokens.world_, tokens.name(), zone, number),
              name_(tokens.name()),
              parameters_(tokens.parameters_),
              meters_(tokens.meters_),
              users_(world_.stream(name_ + "/users")),
              times_(world_.stream(name_ + "/verify")),
              locked_out_(world_.reason(name_, "no valid token")),
              unverified_(world_.reason(name_, "token not verified")),
              login_(target(parameters_.login)) {
            if (parameters_.refresh) refresh_ = target(*parameters_.refresh);
            if (parameters_.introspect) introspect_ = target(*parameters_.introspect);
            if (parameters_.keys) keys_ = target(*parameters_.keys);
            Stream ages = world_.stream(name_ + "/ages");
            sessions_.resize(static_cast<std::size_t>(parameters_.users));
            for (Session& session : sessions_) {
                Draws draws = ages.next();
                session.token_ends = aged(parameters_.lifetime, draws);
                session.ends = aged(parameters_.session, draws);
            }
        }

        void sign_out_all() { std::fill(sessions_.begin(), sessions_.end(), Session{}); }

        void on_reply(Call& child, Reply reply) override {
            auto& job = child.caller_frame<Job>();
            job.child = nullptr;
            switch (job.step) {
                case Step::login:
                case Step::refresh:
                    renewed(job, reply);
                    return;
                case Step::introspection:
                    conclude(job, reply);
                    return;
                case Step::keys:
                    fetched(job, reply);
                    return;
                case Step::verification:
                    assert(false && "a verification makes no call");
            }
        }

    private:
        /// Where an operation of the provider is.
        struct Target {
            Chain* chain = nullptr;
            std::uint16_t operation = 0;
        };

        static Time aged(Duration life, Draws& draws) {
            return start_of_run + from_seconds(in_seconds(life) * draws.uniform());
        }

        /// One chain for each component: what its policies learn is learnt once.
        Target target(const OperationName& name) {
            auto* callee = dynamic_cast<Callee*>(world_.find(name.component));
            assert(callee != nullptr && "the loader has checked that it can be called");
            std::size_t known = 0;
            while (known < callees_.size() && callees_[known] != callee) ++known;
            if (known == callees_.size()) {
                static const CallParameters no_policies;
                const CallParameters* policies = parameters_.calls.find(name.component);
                callees_.push_back(callee);
                chains_.push_back(
                    std::make_unique<Chain>(world_, policies == nullptr ? no_policies : *policies,
                                            Caller{name_, number(), zone()}, *callee));
            }
            return {chains_[known].get(), callee->operation(name.operation).value()};
        }

        // ---- a check ----

        void accept(Call& call) override {
            Job& job = jobs_.acquire();
            job.call = &call;
            call.callee_note = reinterpret_cast<std::uint64_t>(&job);
            job.since = world_.now();
            inside_.push_back(job);
            meters_.inside.add(1, job.since);
            Draws draws = users_.draws(call.subject);
            job.session = &sessions_[draws.below(sessions_.size())];
            if (world_.now() < job.session->token_ends - parameters_.renew_early) {
                validate(job);
            } else {
                renew(job);
            }
        }

        void renew(Job& job) {
            if (refresh_.chain != nullptr && world_.now() < job.session->ends) {
                meters_.refreshes.add();
                ask(job, Step::refresh, refresh_);
            } else {
                meters_.logins.add();
                ask(job, Step::login, login_);
            }
        }

        void renewed(Job& job, Reply reply) {
            if (reply.good()) {
                job.session->token_ends = world_.now() + parameters_.lifetime;
                if (job.step == Step::login) {
                    job.session->ends = world_.now() + parameters_.session;
                }
            }
            if (world_.now() < job.session->token_ends) {
                validate(job);
            } else {
                meters_.locked_out.add();
                finish(job, {Outcome::dependency_failed, locked_out_, reply.retry_after_us});
            }
        }

        void validate(Job& job) {
            if (parameters_.validation == Validation::remote) {
                meters_.introspections.add();
                ask(job, Step::introspection, introspect_);
            } else if (keys_.chain != nullptr && world_.now() >= keys_end_) {
                job.step = Step::keys;
                job.fetch = fetcher_ == nullptr ? fetch_ + 1 : fetch_;
                waiting_.push_back(job);
                if (!std::exchange(fetching_, true)) fetch_keys();
            } else {
                verify(job);
            }
        }

        void verify(Job& job) {
            job.step = Step::verification;
            Draws draws = times_.draws(job.call->demand_key());
            const double seconds = parameters_.verify_time.distribution().sample(draws);
            job.end = world_.engine.after(from_seconds(seconds * condition().slow),
                                          action<&Checker::verified>(*this, job));
        }

        void verified(Job& job) {
            job.end = {};
            conclude(job, {});
        }

        void conclude(Job& job, Reply reply) {
            if (reply.good()) {
                meters_.passed.add();
                finish(job, {});
            } else {
                meters_.unverified.add();
                finish(job, {Outcome::dependency_failed, unverified_, reply.retry_after_us});
            }
        }

        // The reply may come before this returns.
        void ask(Job& job, Step step, const Target& target) {
            job.step = step;
            const Request nobody;
            Call& child =
                world_.calls.open(*this, job.call == nullptr ? nobody : *job.call, world_.now());
            child.subject = mix(job.call == nullptr ? ++fetch_ : child.subject,
                                static_cast<std::uint64_t>(step));
            child.operation = target.operation;
            child.route = 0;
            child.caller_note = reinterpret_cast<std::uint64_t>(&job);
            job.child = &child;
            world_.calls.send(child, target.chain->head());
        }

        void finish(Job& job, Reply reply) {
            if (condition().mode == Condition::Mode::hanging) {
                job.reply = reply;
                stalled_.add(job);
                return;
            }
            Call& call = *job.call;
            meters_.latency.record(world_.now() - call.started);
            forget(job);
            world_.calls.reply(call, reply);
        }

        // ---- the keys ----

        void fetch_keys() {
            meters_.key_fetches.add();
            fetcher_ = &jobs_.acquire();
            ask(*fetcher_, Step::keys, keys_);
        }

        // Whoever asks while the others are told waits for the next fetch.
        void fetched(Job& fetcher, Reply reply) {
            jobs_.release(fetcher);
            fetcher_ = nullptr;
            if (reply.good()) {
                keys_end_ = world_.now() + parameters_.keys_ttl;
                stale_keys_end_ = keys_end_ + parameters_.stale_keys;
            }
            const bool known = world_.now() < stale_keys_end_;
            while (!waiting_.empty() && waiting_.first()->fetch <= fetch_) {
                Job& job = *waiting_.first();
                waiting_.remove(job);
                job.step = Step::verification;
                if (known) {
                    verify(job);
                } else {
                    conclude(job, reply);
                }
            }
            fetching_ = !waiting_.empty();
            if (fetching_) fetch_keys();
        }

        // ---- what befalls it ----

        void give_up(Call& call) override {
            auto& job = call.callee_frame<Job>();
            stop(job);
            forget(job);
            world_.calls.reply(call, {Outcome::cancelled, 0});
        }

        void stop(Job& job) {
            world_.engine.cancel(job.end);
            stalled_.remove(job);
            if (job.step == Step::keys) waiting_.remove(job);
            if (job.child != nullptr) world_.calls.abandon(*std::exchange(job.child, nullptr));
        }

        void forget(Job& job) {
            meters_.inside.add(-1, world_.now());
            meters_.stays.add(world_.now() - job.since);
            inside_.remove(job);
            jobs_.release(job);
        }

        void condition_changed(const Condition&) override {
            if (condition().mode != Condition::Mode::up) return;
            stalled_.release([this](Job& job) { finish(job, job.reply); });
        }

        // Tokens are their users': they survive. The keys have to be fetched again.
        void crash() override {
            stalled_.clear();
            while (!inside_.empty()) {
                Job& job = *inside_.first();
                stop(job);
                doom(*job.call);
                forget(job);
            }
            keys_end_ = stale_keys_end_ = {};
            if (fetcher_ == nullptr) return;
            world_.calls.abandon(*fetcher_->child);
            jobs_.release(*std::exchange(fetcher_, nullptr));
            fetching_ = false;
        }

        std::string name_;
        const Parameters& parameters_;
        CheckMeters& meters_;
        Stream users_;
        Stream times_;
        ReasonId locked_out_;
        ReasonId unverified_;
        std::vector<Callee*> callees_;
        std::vector<std::unique_ptr<Chain>> chains_;
        Target login_;
        Target refresh_;
        Target introspect_;
        Target keys_;
        std::vector<Session> sessions_;
        Time keys_end_{};
        Time stale_keys_end_{};
        std::uint64_t fetch_ = 0;  // how often the keys were asked for
        Job* fetcher_ = nullptr;   // asks for them at present
        bool fetching_ = false;    // or tells those who waited
        Pool<Job>& jobs_ = world_.pools.of<Job>();
        List<Job, &Job::others> inside_;
        List<Job, &Job::waiting> waiting_;  // for the keys
        Stalled<Job> stalled_;
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Checker>(*this, zone, number);
    }

    const Parameters& parameters_;
    CheckMeters meters_;
};

}  // namespace

void add_tokens(Catalogue& catalogue) {
    catalogue.component<Tokens>("tokens", "The tokens of users, and whoever checks them.");
}

}  // namespace prodsim
