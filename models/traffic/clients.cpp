// Users of the system, and where every journey begins. Open: they arrive whether or not the system
// keeps up, as the public does. Closed: a fixed population that thinks between journeys, as a load
// test or the staff of a company does; it hides overload, because whoever waits sends nothing.
//
// A user of an open stream is new every time, so policies that learn from earlier calls (breakers,
// budgets, pools) need `per`: a number of devices that share what they learn, or one for each user
// of a closed population.
//
// Simplifications: users do not abandon slow pages or click again (journeys say what they do by
// their steps); processor time of a client is not contended.

#include "sim/core/pool.hpp"
#include "sim/world/arrivals.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"

#include <array>
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
        std::vector<std::string> zones;
        Per per = Per::nobody;
        std::int64_t devices = 1;
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
            fields("journeys", journeys, "What users do.", {.required = true});
            fields("calls", calls, "The policies around their calls, by callee.");
            fields.rule(!journeys.empty(), "journeys", "must have at least one journey");
            fields.rule((users > 0) != !arrivals.empty(), "arrivals",
                        "either \"arrivals\" or \"users\" must be given, not both",
                        "write \"arrivals\": \"poisson(100/s)\" for the public");
            fields.rule(per != Per::user || users > 0, "per", "\"user\" needs a closed population",
                        "give \"users\", or write \"per\": \"device_pool\"");
        }
    };

    Clients(World& world, std::string name, const Parameters& parameters)
        : Component(world, std::move(name)),
          parameters_(parameters),
          callees_(world, this->name(), parameters.calls),
          choices_(world.stream(this->name() + "/journeys")),
          thinking_(world.stream(this->name() + "/think")),
          subject_seed_(hash_of(this->name())) {}

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
        tenant_ = world_.tenant(parameters_.tenant);
        double sum = 0;
        for (const auto& item : parameters_.journeys) {
            sum += item.value.weight;
            journeys_.push_back({Program(item.value.all_steps(), hash_of(item.name), callees_),
                                 world_.journey(item.name), sum,
                                 static_cast<std::uint8_t>(item.value.priority),
                                 world_.traces.journey(item.name)});
            for (const std::string& whose :
                 {parameters_.region, parameters_.user_class, parameters_.tenant}) {
                if (whose.empty()) continue;
                journeys_.back().cohorts.push_back(&world_.cohort(item.name, whose));
            }
        }
    }

    void start() override {
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
        return work;
    }

private:
    struct Kind {
        Program program;
        Journey& books;
        double cumulative_weight;
        std::uint8_t priority;
        std::size_t trace;                   // the number of the journey in the traces
        std::vector<Journey*> cohorts = {};  // parts of the books
    };

    /// One journey of one user.
    struct Visit : Performance {
        explicit Visit(std::uint64_t who) : user(who) {}
        Time started{};
        Kind* kind = nullptr;
        std::uint64_t user;       // of a closed population
        std::uint64_t turns = 0;  // journeys this user has made
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
            begin(visits_.acquire(std::uint64_t{0}),
                  mix(subject_seed_ + ++arrived_ * golden_gamma));
        }
    }

    void begin(Visit& visit, std::uint64_t subject) {
        visit.kind = &choose(subject);
        visit.started = world_.now();
        visit.request = {.subject = subject};
        visit.request.priority = visit.kind->priority;
        visit.request.tenant = tenant_;
        visit.kind->books.begin(world_.now());
        for (Journey* cohort : visit.kind->cohorts) cohort->begin(world_.now());
        world_.traces.begin(visit.request, visit.kind->trace);
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
        if (devices_.size() == 1) return *devices_.front();
        if (parameters_.users > 0) return *devices_[visit.user % devices_.size()];
        return *devices_[mix(visit.request.subject, 1) % devices_.size()];
    }

    void finish(Visit& visit, Reply reply) {
        const Duration latency = world_.now() - visit.started;
        visit.kind->books.end(world_.now(), latency, reply);
        for (Journey* cohort : visit.kind->cohorts) cohort->end(world_.now(), latency, reply);
        world_.traces.end(visit.request, reply);
    }

    void leave(Visit& visit) {
        if (parameters_.users > 0 && !stopped_) {
            const std::uint64_t turns = visit.turns;
            const std::uint64_t user = visit.user;
            visits_.release(visit);
            Visit& again = visits_.acquire(user);
            again.turns = turns;
            think(again);
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
    std::uint8_t tenant_ = 0;
    std::vector<Kind> journeys_;
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
