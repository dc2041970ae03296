// Users of the system, and where every journey begins. Open: they arrive whether or not the system
// keeps up, as the public does. Closed: a fixed population that thinks between journeys, as a load
// test or the staff of a company does; it hides overload, because whoever waits sends nothing.
//
// A user of an open stream is new every time, so policies that learn from earlier calls (breakers,
// budgets, pools) need `per`: a number of devices that share what they learn, or one for each user
// of a closed population.
//
// Users may have a patience, after which they are gone, and may click again when no answer comes or
// a bad one did:
//
//     click ─▶ no answer for `after` ─▶ given up, click again      a journey, from its first click
//       ▲  └─▶ failure ─▶ `pause` ─────────┤                       to the answer or to the end of
//       └──────────────────────────────────┘                       the user's patience
//
// Giving up a click is what the caller of any call does: what the servers do for it goes on. Of an
// open stream a user may stay for a session of several journeys; one that fails ends it.
//
// Simplifications: whoever clicks again wants the very same thing; processor time of a client is
// not contended; a user who is gone does not come back later.

#include "sim/core/pool.hpp"
#include "sim/world/arrivals.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace prodsim {
namespace {

struct JourneyParameters {
    double weight = 1;
    std::optional<OperationName> call;
    Steps steps;
    std::int64_t priority = 0;

    void describe(Fields& fields) {
        fields("call", call, "The one operation that the journey calls: short for one step.",
               {.position = 1});
        fields("steps", steps, "What the user does, in order; after \"call\" if both are given.");
        fields("weight", weight, "How often this journey is chosen, relative to the others.",
               {.minimum = 0});
        fields("priority", priority, "Lower is served first by lines that care.",
               {.minimum = 0, .maximum = 7});
    }

    Steps all_steps() const {
        Steps all;
        if (call) all.emplace_back("call", CallStep{.target = *call});
        all.insert(all.end(), steps.begin(), steps.end());
        return all;
    }
};

/// Who has waited or failed, and asks again.
struct Reclick {
    std::optional<Law<Duration>> after;
    Share probability{1};
    Share on_failure{0.3};
    Law<Duration> pause = "uniform(2s, 5s)";
    std::int64_t most = 3;

    void describe(Fields& fields) {
        fields("after", after, "A user who has waited so long for an answer may click again.");
        fields("probability", probability, "The share of those that do.");
        fields("on_failure", on_failure, "The share of failures after which users click again.",
               {.source = "assumed"});
        fields("pause", pause, "How long users wait after a failure.", {.source = "assumed"});
        fields("most", most, "How often a user clicks again in one journey.",
               {.minimum = 1, .maximum = 1000, .source = "assumed"});
    }
};

/// Several journeys of the same user, one after the other.
struct Session {
    std::vector<std::string> path;
    Share stay{1};
    Law<Duration> think = "0s";

    void describe(Fields& fields) {
        fields("path", path, "The journeys in their order; drawn by their weights if empty.");
        fields("stay", stay, "The share of users who go on after each journey.");
        fields("think", think, "What a user waits between two journeys.");
        fields.rule(!path.empty() || stay.value < 1, "stay",
                    "must be less than 100% without a path, or sessions never end",
                    "write \"stay\": \"80%\"");
    }
};

enum class Per : std::uint8_t { nobody, user, device_pool };

std::span<const Word> words(Per) {
    static constexpr std::array all{
        Word{"nobody", Per::nobody, "Nothing is remembered from one journey to the next."},
        Word{"user", Per::user, "Each user of a closed population has policies of its own."},
        Word{"device_pool", Per::device_pool,
             "Journeys are spread over `devices`, each with policies of its own."},
    };
    return all;
}

/// How often each journey of a session is made if none fails.
void lengthen(LoadSource& source, const Session& session) {
    if (session.path.empty()) {
        source.per_s /= 1 - session.stay.value;
        return;
    }
    double come_so_far = 1;
    double visits = 0;
    for (JourneyDemand& journey : source.journeys) journey.weight = 0;
    for (const std::string& name : session.path) {
        for (JourneyDemand& journey : source.journeys) {
            if (journey.name == name) journey.weight += come_so_far;
        }
        visits += come_so_far;
        come_so_far *= session.stay.value;
    }
    source.per_s *= visits;
}

class Clients final : public Component {
public:
    struct Parameters {
        Choice<ArrivalsFamily> arrivals;
        std::vector<Choice<ShapeFamily>> shape;
        std::int64_t users = 0;
        Law<Duration> think = "0s";
        std::string user_class;
        std::string tenant;
        std::string region;
        std::vector<ZoneName> zones;
        Per per = Per::nobody;
        std::int64_t devices = 1;
        std::optional<Law<Duration>> patience;
        std::optional<Reclick> reclick;
        std::optional<Session> session;
        Named<JourneyParameters> journeys;
        Named<CallParameters> calls;

        void describe(Fields& fields) {
            fields("arrivals", arrivals, "When journeys begin, for an open stream of users.");
            fields("shape", shape, "How the load changes over time; the factors multiply.");
            fields("users", users, "How many users a closed population has; 0 is an open stream.",
                   {.minimum = 0, .maximum = 10000000});
            fields("think", think, "What a user of a closed population waits between journeys.");
            fields("region", region, "The region that users are in; it gets figures of its own.");
            fields("zones", zones, "Where users are, spread evenly; all of the region if empty.");
            fields("class", user_class, "The class of users; it gets figures of its own.");
            fields("tenant", tenant,
                   "Whose users they are; it gets figures and limits of its own.");
            fields("per", per, "Who remembers what policies learn.");
            fields("devices", devices, "How many devices share out the journeys.",
                   {.minimum = 1, .maximum = 100000});
            fields("patience", patience,
                   "How long a user waits for the end of a journey; for ever if not said.");
            fields("reclick", reclick, "When users click again.");
            fields("session", session, "What keeps a user of an open stream for more journeys.");
            fields("journeys", journeys, "What users do.", {.required = true});
            fields("calls", calls, "The policies around their calls, by callee.");
            fields.rule(!journeys.empty(), "journeys", "must have at least one journey");
            fields.rule((users > 0) != !arrivals.empty(), "arrivals",
                        "either \"arrivals\" or \"users\" must be given, not both",
                        "write \"arrivals\": \"poisson(100/s)\" for the public");
            fields.rule(!session || users == 0, "session", "is for an open stream of users");
            fields.rule(!session || knows(session->path), "session",
                        "has a journey on its path that is not one of the \"journeys\"");
            fields.rule(per != Per::user || users > 0, "per", "\"user\" needs a closed population",
                        "give \"users\", or write \"per\": \"device_pool\"");
        }

        bool knows(const std::vector<std::string>& path) const {
            return std::all_of(path.begin(), path.end(), [this](const std::string& name) {
                return journeys.find(name) != nullptr;
            });
        }
    };

    Clients(World& world, std::string name, const Parameters& parameters)
        : Component(world, std::move(name)),
          parameters_(parameters),
          callees_(world, this->name(), parameters.calls),
          choices_(world.stream(this->name() + "/journeys")),
          thinking_(world.stream(this->name() + "/think")),
          subject_seed_(hash_of(this->name())),
          comes_again_(parameters.users > 0 || parameters.session) {
        if (parameters.patience || parameters.reclick) moods_.emplace(world, *this);
        if (parameters.session) sessions_.emplace(world, this->name());
    }

    // New users know nothing: what a policy has learnt must belong to somebody.
    std::pair<std::string, std::string> objection() const override {
        if (parameters_.per != Per::nobody) return {};
        for (const auto& call : parameters_.calls) {
            for (const auto& policy : call.value.policy) {
                if (world_.catalogue.kind_of(policy.chosen()) != PolicyKind::stateful) continue;
                return {
                    "the policy \"" + policy.word() + "\" towards \"" + call.name +
                        "\" learns from earlier calls, and these users are new every time",
                    "write \"per\": \"device_pool\" with \"devices\", or \"per\": \"user\" for a "
                    "closed population"};
            }
        }
        return {};
    }

    void connect() override {
        double sum = 0;
        for (const auto& item : parameters_.journeys) {
            sum += item.value.weight;
            journeys_.push_back({Program(item.value.all_steps(), hash_of(item.name), callees_),
                                 books_of(item.name), sum, request_of(item.value),
                                 world_.traces.journey(item.name)});
        }
    }

    void start() override {
        if (parameters_.session) {
            for (const std::string& name : parameters_.session->path) {
                path_.push_back(&*std::find_if(
                    journeys_.begin(), journeys_.end(),
                    [&name](const Kind& kind) { return kind.books.front()->name() == name; }));
            }
        }
        const std::vector<ZoneId> zones = zones_of_users();
        std::int64_t devices = static_cast<std::int64_t>(zones.size());
        if (parameters_.per == Per::device_pool) devices = parameters_.devices;
        if (parameters_.per == Per::user) devices = parameters_.users;
        for (std::int64_t i = 0; i < devices; ++i) {
            const auto number = static_cast<std::uint64_t>(i);
            devices_.push_back(
                std::make_unique<Device>(*this, number, zones[number % zones.size()]));
        }
        if (parameters_.users > 0) {
            for (std::int64_t user = 0; user < parameters_.users; ++user) {
                think(visits_.acquire(static_cast<std::uint64_t>(user)));
            }
        } else {
            arrivals_.emplace(world_.engine, parameters_.arrivals, parameters_.shape,
                              Arrivals::Streams{world_.stream(name() + "/arrivals"),
                                                world_.stream(name() + "/arrivals/changes")},
                              action<&Clients::arrive>(*this));
            arrivals_->start();
        }
    }

    Cohort cohort() const override {
        return {parameters_.region, parameters_.user_class, parameters_.tenant};
    }

    void stop_arrivals() override {
        stopped_ = true;
        if (arrivals_) arrivals_->stop();
    }

    void set_load(double factor) override {
        if (arrivals_) arrivals_->set_load(factor);
    }

    Workload workload() const override {
        Workload work;
        if (parameters_.per == Per::device_pool) work.instances = parameters_.devices;
        if (parameters_.per == Per::user) work.instances = parameters_.users;
        work.source.users = parameters_.users;
        work.source.think_s = parameters_.think.distribution().mean();
        if (parameters_.users == 0) {
            work.source.per_s = mean_rate(parameters_.arrivals);
            if (!parameters_.shape.empty()) work.source.shapes = &parameters_.shape;
        }
        for (const auto& item : parameters_.journeys) {
            work.source.journeys.push_back(
                {item.name, item.value.weight, demand_of(item.value.all_steps())});
        }
        if (parameters_.session) lengthen(work.source, *parameters_.session);
        return work;
    }

private:
    struct Kind {
        Program program;
        std::vector<Journey*> books;  // of all users, then of their region, class and tenant
        double cumulative_weight;
        Request request;    // of each of its journeys, but for the subject
        std::size_t trace;  // the number of the journey in the traces
    };

    struct Mood;

    /// One journey of one user, or one click of it.
    struct Visit : Performance {
        explicit Visit(std::uint64_t who) : user(who) {}

        /// What happens when its last strand has ended.
        enum class Fate : std::uint8_t {
            present,    // the user goes on
            forgotten,  // the user has gone on
            held,       // nothing yet: somebody looks at it
            over,       // it has ended while it was held
        };
        Fate fate = Fate::present;
        bool failed = false;
        Time started{};
        Kind* kind = nullptr;
        Mood* mood = nullptr;     // of users who do not wait for ever
        std::uint64_t user;       // of a closed population, or of a session
        std::uint64_t turns = 0;  // journeys this user has made
    };

    /// What goes on in a user from click to click of one journey.
    struct Mood {
        Visit* visit = nullptr;   // the present click
        std::int64_t clicks = 1;  // so far
        bool pausing = false;     // after a failure
        Timer leaving;
        Timer clicking;
    };

    struct Moods {
        Moods(World& world, const Clients& clients)
            : chance(world.stream(clients.name() + "/moods")),
              salt(hash_of(clients.name() + "/clicks")),
              gave_up(world.reason(clients.name(), "gave up")),
              pausing(world.traces.label(clients.name(), TimeKind::pause)),
              journeys(world.meters.counter(clients.name(), "journeys", "Journeys begun.")),
              abandoned(world.meters.counter(clients.name(), "abandoned",
                                             "Journeys that users gave up.")),
              reclicked(world.meters.counter(clients.name(), "reclicked",
                                             "Clicks that ask for the same thing again.")),
              all(world.pools.of<Mood>()) {}

        Stream chance;
        std::uint64_t salt;
        ReasonId gave_up;
        TimeLabelId pausing;
        Counter& journeys;
        Counter& abandoned;
        Counter& reclicked;
        Pool<Mood>& all;
    };

    struct Sessions {
        Sessions(World& world, const std::string& owner)
            : chance(world.stream(owner + "/sessions")),
              begun(world.meters.counter(owner, "sessions.begun", "Sessions begun.")),
              completed(world.meters.counter(owner, "sessions.completed",
                                             "Sessions that came to the end of their path, or "
                                             "without one to an end.")),
              left(world.meters.counter(owner, "sessions.left",
                                        "Sessions that users left on their path.")),
              lost(world.meters.counter(owner, "sessions.lost",
                                        "Sessions that a failed journey ended.")) {}

        Stream chance;
        Counter& begun;
        Counter& completed;
        Counter& left;
        Counter& lost;
    };

    /// Who makes the calls: a place on the map, and the memory of its policies.
    class Device final : private Script::Host {
    public:
        Device(Clients& clients, std::uint64_t number, ZoneId zone)
            : clients_(clients),
              script_(clients.world_, *this, clients.name()),
              chains_(clients.callees_.connect(number, zone, script_)),
              computing_(clients.world_.traces.label(clients.name(), TimeKind::cpu)) {}

        void begin(Visit& visit) { script_.begin(visit, visit.kind->program); }
        void stop(Visit& visit) { script_.stop(visit); }
        void end(Visit& visit, Reply reply) { finished(visit, reply); }

    private:
        void compute(Strand& strand, Duration demand) override {
            clients_.world_.traces.branch(&strand, strand.performance->request, computing_, demand);
            strand.end =
                clients_.world_.engine.after(demand, action<&Device::computed>(*this, strand));
        }
        void computed(Strand& strand) {
            strand.end = {};
            script_.resume(strand);
        }
        void stop_computing(Strand& strand) override { clients_.world_.engine.cancel(strand.end); }
        void finished(Performance& performance, Reply reply) override {
            clients_.finish(static_cast<Visit&>(performance), reply);
        }
        void vanished(Performance& performance) override {
            clients_.leave(static_cast<Visit&>(performance));
        }

        Clients& clients_;
        Script script_;
        std::vector<std::unique_ptr<Chain>> chains_;
        TimeLabelId computing_;
    };

    Request request_of(const JourneyParameters& journey) const {
        Request request;
        request.priority = static_cast<std::uint8_t>(journey.priority);
        request.tenant = world_.tenant(parameters_.tenant);
        return request;
    }

    std::vector<Journey*> books_of(const std::string& journey) const {
        std::vector<Journey*> books{&world_.journey(journey)};
        for (const std::string* whose :
             {&parameters_.region, &parameters_.user_class, &parameters_.tenant}) {
            if (!whose->empty()) books.push_back(&world_.cohort(journey, *whose));
        }
        return books;
    }

    std::vector<ZoneId> zones_of_users() const {
        std::vector<ZoneId> zones = zones_of(world_, parameters_.zones);
        if (!parameters_.zones.empty() || parameters_.region.empty()) return zones;
        std::erase_if(zones, [this](ZoneId zone) {
            return world_.network.zones()[zone].region != parameters_.region;
        });
        return zones;
    }

    void arrive(std::uint64_t batch) {
        for (std::uint64_t i = 0; i < batch; ++i) {
            const std::uint64_t subject = mix(subject_seed_ + ++arrived_ * golden_gamma);
            if (sessions_) sessions_->begun.add();
            begin(visits_.acquire(sessions_ ? subject : std::uint64_t{0}), subject);
        }
    }

    void begin(Visit& visit, std::uint64_t subject) {
        visit.kind = path_.empty() ? &choose(subject) : path_[visit.turns];
        visit.started = world_.now();
        visit.request = visit.kind->request;
        visit.request.subject = subject;
        for (Journey* books : visit.kind->books) books->begin(world_.now());
        world_.traces.begin(visit.request, visit.kind->trace);
        if (moods_) start_waiting(visit);
        device_of(visit).begin(visit);
    }

    Kind& choose(std::uint64_t subject) {
        if (journeys_.size() == 1) return journeys_.front();
        const double point = choices_.draws(subject).uniform() * journeys_.back().cumulative_weight;
        std::size_t chosen = 0;
        while (chosen + 1 < journeys_.size() && point >= journeys_[chosen].cumulative_weight) {
            ++chosen;
        }
        return journeys_[chosen];
    }

    Device& device_of(const Visit& visit) {
        return devices_.size() == 1 ? *devices_.front() : device_among_many(visit);
    }

    Device& device_among_many(const Visit& visit) {
        if (parameters_.users > 0) return *devices_[visit.user % devices_.size()];
        const std::uint64_t who = sessions_ ? visit.user : visit.request.subject;
        return *devices_[mix(who, 1) % devices_.size()];
    }

    void finish(Visit& visit, Reply reply) {
        if (visit.mood != nullptr && clicks_after(reply, *visit.mood)) return;
        visit.failed = !reply.good();
        const Ending ending{visit.request.subject, visit.started, world_.now(), reply};
        for (Journey* books : visit.kind->books) books->end(ending, world_.causes);
        world_.traces.end(visit.request, reply);
    }

    void leave(Visit& visit) {
        if (visit.fate == Visit::Fate::held) {
            visit.fate = Visit::Fate::over;
            return;
        }
        if (visit.fate == Visit::Fate::present && comes_again_) go_on(visit);
        visits_.release(visit);
    }

    /// What the user does next, whatever becomes of the visit.
    void go_on(const Visit& visit) {
        if (stopped_) return;
        if (parameters_.users > 0) {
            Visit& again = visits_.acquire(visit.user);
            again.turns = visit.turns;
            think(again);
        } else if (sessions_) {
            stay(visit);
        }
    }

    // ---- sessions ----

    void stay(const Visit& visit) {
        const Session& session = *parameters_.session;
        const std::uint64_t done = visit.turns + 1;
        const bool at_the_end = done == path_.size();
        Draws draws = sessions_->chance.draws(mix(visit.user, done));
        if (visit.failed) {
            sessions_->lost.add();
        } else if (at_the_end || !draws.chance(session.stay.value)) {
            (at_the_end || path_.empty() ? sessions_->completed : sessions_->left).add();
        } else {
            Visit& next = visits_.acquire(visit.user);
            next.turns = done;
            world_.engine.after(sample_duration(session.think.distribution(), draws),
                                action<&Clients::take_next_step>(*this, next));
        }
    }

    void take_next_step(Visit& visit) {
        if (stopped_) {
            visits_.release(visit);
        } else {
            begin(visit, mix(visit.user, visit.turns));
        }
    }

    // ---- users who do not wait for ever ----

    void start_waiting(Visit& visit) {
        moods_->journeys.add();
        Mood& mood = moods_->all.acquire();
        mood.visit = &visit;
        visit.mood = &mood;
        if (parameters_.patience) {
            Draws draws = draws_of(mood, of_patience);
            mood.leaving =
                world_.engine.after(sample_duration(parameters_.patience->distribution(), draws),
                                    action<&Clients::lose_patience>(*this, mood));
        }
        expect_answer(mood);
    }

    static constexpr std::uint64_t of_patience = 0;
    static constexpr std::uint64_t of_waiting = 1;
    static constexpr std::uint64_t of_failing = 2;

    Draws draws_of(const Mood& mood, std::uint64_t use) const {
        const auto clicks = static_cast<std::uint64_t>(mood.clicks);
        return moods_->chance.draws(mix(mix(mood.visit->request.subject, clicks), use));
    }

    bool may_click_again(const Mood& mood) const {
        return parameters_.reclick && mood.clicks <= parameters_.reclick->most;
    }

    void expect_answer(Mood& mood) {
        if (!may_click_again(mood) || !parameters_.reclick->after) return;
        Draws draws = draws_of(mood, of_waiting);
        if (!draws.chance(parameters_.reclick->probability.value)) return;
        mood.clicking =
            world_.engine.after(sample_duration(parameters_.reclick->after->distribution(), draws),
                                action<&Clients::click_impatiently>(*this, mood));
    }

    void click_impatiently(Mood& mood) {
        Visit& old = *mood.visit;
        Device& device = device_of(old);
        move_to_next_click(mood);
        device.stop(old);
        click(mood);
    }

    /// Whether the user does not take this reply for an answer.
    bool clicks_after(Reply reply, Mood& mood) {
        world_.engine.cancel(mood.clicking);
        if (!reply.good() && may_click_again(mood)) {
            Draws draws = draws_of(mood, of_failing);
            if (draws.chance(parameters_.reclick->on_failure.value)) {
                move_to_next_click(mood);
                mood.pausing = true;
                world_.traces.spend(mood.visit->request, moods_->pausing);
                mood.clicking = world_.engine.after(
                    sample_duration(parameters_.reclick->pause.distribution(), draws),
                    action<&Clients::click>(*this, mood));
                return true;
            }
        }
        end_waiting(mood);
        return false;
    }

    void end_waiting(Mood& mood) {
        world_.engine.cancel(mood.clicking);
        world_.engine.cancel(mood.leaving);
        mood.visit->mood = nullptr;
        moods_->all.release(mood);
    }

    /// From now on the journey is this click, and the old one is nobody's business.
    void move_to_next_click(Mood& mood) {
        Visit& old = *mood.visit;
        Visit& visit = visits_.acquire(old.user);
        visit.started = old.started;
        visit.kind = old.kind;
        visit.turns = old.turns;
        visit.request = old.request;
        world_.traces.adopt(visit.request, old.request);
        visit.mood = &mood;
        mood.visit = &visit;
        old.mood = nullptr;
        old.fate = Visit::Fate::forgotten;
        ++mood.clicks;
    }

    void click(Mood& mood) {
        Visit& visit = *mood.visit;
        moods_->reclicked.add();
        mood.pausing = false;
        visit.request.tries = 0;
        visit.request.set_attempt(moods_->salt, static_cast<unsigned>(mood.clicks));
        expect_answer(mood);
        device_of(visit).begin(visit);
    }

    // The books are closed when the calls have been given up, and the user does not wait for what
    // goes on without anybody.
    void lose_patience(Mood& mood) {
        Visit& visit = *mood.visit;
        const bool under_way = !mood.pausing;
        moods_->abandoned.add();
        end_waiting(mood);
        visit.fate = Visit::Fate::held;
        if (under_way) device_of(visit).stop(visit);
        device_of(visit).end(visit, {Outcome::cancelled, moods_->gave_up});
        go_on(visit);
        if (under_way && visit.fate == Visit::Fate::held) {
            visit.fate = Visit::Fate::forgotten;
        } else {
            visits_.release(visit);
        }
    }

    void think(Visit& visit) {
        Draws draws = thinking_.draws(mix(visit.user, ++visit.turns));
        world_.engine.after(sample_duration(parameters_.think.distribution(), draws),
                            action<&Clients::return_from_thinking>(*this, visit));
    }

    void return_from_thinking(Visit& visit) {
        if (stopped_) {
            visits_.release(visit);
        } else {
            begin(visit, mix(mix(subject_seed_, visit.user), visit.turns));
        }
    }

    const Parameters& parameters_;
    Callees callees_;
    Stream choices_;
    Stream thinking_;
    std::uint64_t subject_seed_;
    bool comes_again_;  // a user, after a journey
    std::vector<Kind> journeys_;
    std::vector<Kind*> path_;  // of sessions that have one
    std::optional<Moods> moods_;
    std::optional<Sessions> sessions_;
    std::vector<std::unique_ptr<Device>> devices_;
    std::optional<Arrivals> arrivals_;
    std::uint64_t arrived_ = 0;
    bool stopped_ = false;
    Pool<Visit>& visits_ = world_.pools.of<Visit>();
};

}  // namespace

void add_clients(Catalogue& catalogue) {
    add_arrivals(catalogue.families);
    catalogue.component<Clients>("clients", "Users, and where every journey begins.");
}

}  // namespace prodsim
