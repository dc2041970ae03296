// A fleet of equal instances that perform operations: each admits calls to its threads, runs the
// steps of the operation on its cores, calls others, and replies.
//
//     call ─▶ admission ──thread──▶ steps: cpu, wait, call, parallel ... ──▶ reply, thread freed
//                │ all busy ▶ accept queue ─ full ▶ rejected_overload, too long ▶ timeout_queue
//
// Abandoning is not cancelling: unless `cancellation` says so, an instance works on for callers
// that have gone, and holds its thread while it does.
//
// Simplifications: a rejection costs no processor time; memory, garbage collection and start-up are
// not modelled; a hanging instance stops its processors and its door, but pauses that have begun
// run out; work done for a caller whose own caller has gone counts as wasted only if that was known
// when the call was made.

#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"
#include "sim/world/station.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

enum class Concurrency : std::uint8_t { threads, event_loop };

std::span<const Word> words(Concurrency) {
    static constexpr std::array all{
        Word{"threads", Concurrency::threads,
             "A call holds one thread from admission to reply, also while it waits for others."},
        Word{"event_loop", Concurrency::event_loop,
             "A call holds nothing while it waits; each core runs one piece of work to its end."},
    };
    return all;
}

enum class Cancellation : std::uint8_t { none, queued, running };

std::span<const Word> words(Cancellation) {
    static constexpr std::array all{
        Word{"none", Cancellation::none, "Works on for callers that gave up."},
        Word{"queued", Cancellation::queued, "Takes calls whose caller gave up out of the queue."},
        Word{"running", Cancellation::running,
             "Also stops calls that are being served, and gives up on what they wait for."},
    };
    return all;
}

struct Operation {
    Steps steps;

    void describe(Fields& fields) {
        fields("steps", steps, "What the operation does, in order.", {.position = 1});
    }
};

/// Processor time to agree on keys for a new TLS connection. A handshake takes a thread and its
/// place in the line as any call does, and counts as one.
struct Handshakes {
    Law<Duration> full = "500us";
    Law<Duration> resumed = "100us";

    void describe(Fields& fields) {
        fields("full", full, "Processor time to agree on keys from scratch.",
               {.position = 1,
                .source = "OpenSSL 3.0 `openssl speed` on x86-64: an RSA-2048 signature is 250 us, "
                          "X25519 twice 35 us; as much is assumed for the rest"});
        fields("resumed", resumed, "Processor time to take up an earlier session.",
               {.source = "the same: X25519 twice 35 us; the rest is assumed"});
    }
};

class Service final : public Callee {
public:
    struct Parameters {
        std::int64_t instances = 1;
        std::vector<ZoneName> zones;
        double cores = 1;
        Concurrency concurrency = Concurrency::threads;
        std::int64_t threads = 200;
        std::int64_t connections = 10000;
        std::int64_t queue = 100;
        Law<Duration> queue_timeout;
        Discipline discipline = Discipline::fifo;
        Cancellation cancellation = Cancellation::none;
        std::optional<Duration> least_budget;
        std::optional<Handshakes> tls;
        Named<Operation> operations;
        Named<CallParameters> calls;

        void describe(Fields& fields) {
            fields("instances", instances, "How many copies run.",
                   {.minimum = 0, .maximum = 60000});
            fields("zones", zones, "The zones they are spread over in turn; all zones if empty.");
            fields("cores", cores, "Processor cores of one instance.", {.above = 0});
            fields("concurrency", concurrency, "What a call holds while it is served.");
            fields("threads", threads, "Calls served at once by one instance with threads.",
                   {.minimum = 1, .source = "Apache Tomcat 10.1 maxThreads"});
            fields("connections", connections,
                   "Calls inside one event loop instance, those of callers that gave up included.",
                   {.minimum = 1, .source = "Netty and Node.js set no limit; file descriptors do"});
            fields(
                "queue", queue, "Calls that may wait for a thread of one instance.",
                {.minimum = 0,
                 .source = "Apache Tomcat 10.1 acceptCount, where maxConnections is maxThreads"});
            fields("queue_timeout", queue_timeout, "The longest wait for a thread; 0 is no limit.");
            fields("discipline", discipline, "Who of those who wait is served next.");
            fields("cancellation", cancellation, "What happens to a call whose caller gave up.");
            fields(
                "least_budget", least_budget,
                "Drops a waiting call when it is served with less than this left to its deadline.");
            fields("tls", tls, "What new TLS connections cost it; nothing if not said.");
            fields("operations", operations, "What it can be asked to do.", {.required = true});
            fields("calls", calls, "The policies around its calls, by callee.");
        }
    };

    Service(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          least_budget_(parameters.least_budget.value_or(Duration::min())),
          patience_varies_(!parameters.queue_timeout.distribution().is_constant()),
          callees_(world, this->name(), parameters.calls),
          meters_(world.meters, this->name()) {}

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        for (std::size_t i = 0; i < parameters_.operations.size(); ++i) {
            if (parameters_.operations[i].name == wanted) return static_cast<std::uint16_t>(i);
        }
        return std::nullopt;
    }

    void connect() override {
        for (const auto& item : parameters_.operations) {
            programs_.emplace_back(item.value.steps, hash_of(item.name), callees_);
        }
        if (!parameters_.tls) return;
        // After the operations stand the handshakes, in the order of their enumeration.
        for (const Law<Duration>* law : {&parameters_.tls->full, &parameters_.tls->resumed}) {
            Steps steps;
            steps.emplace_back("cpu", CpuStep{.demand = *law});
            programs_.emplace_back(steps, hash_of("handshake"), callees_);
        }
    }

    std::optional<std::uint16_t> handshake(Handshake kind) const override {
        if (!parameters_.tls) return std::nullopt;
        return static_cast<std::uint16_t>(parameters_.operations.size() +
                                          static_cast<std::size_t>(kind));
    }

    void start() override {
        add_instances(parameters_.instances, zones_of(world_, parameters_.zones));
    }

    Workload workload() const override {
        const bool threads = parameters_.concurrency == Concurrency::threads;
        Workload work{
            .instances = parameters_.instances,
            .inside = threads ? parameters_.threads + parameters_.queue : parameters_.connections};
        if (threads) work.threads = parameters_.threads;
        for (const auto& item : parameters_.operations) {
            work.operations.push_back({item.name, demand_of(item.value.steps)});
        }
        work.add_cores(
            {.sets = parameters_.instances, .each = parameters_.cores, .in_turn = !threads});
        return work;
    }

private:
    struct InstanceMeters {
        InstanceMeters(Meters& meters, std::string_view owner)
            : admission(meters, owner, "threads", "a thread"), cpu(meters, owner) {
            const auto named = [&](const char* name, const char* doc) {
                return MeterName{std::string(owner), name, doc};
            };
            meters.enlist(latency, named("latency", "From a call's arrival to its reply."));
            meters.enlist(served, named("served", "Calls answered by their operation."));
            meters.enlist(failed, named("failed", "Calls whose operation failed."));
            meters.enlist(late, named("late", "Dropped: too little left to their deadline."));
            meters.enlist(cpu_ns, named("cpu.work", "Processor time asked for, in ns."));
            meters.enlist(wasted, named("wasted", "Calls served although their caller had gone."));
            meters.enlist(wasted_cpu_ns,
                          named("cpu.wasted", "Processor time for callers that had gone, in ns."));
        }

        StationMeters admission;
        CpuMeters cpu;
        Histogram latency;
        Counter served;
        Counter cpu_ns;
        Counter failed;
        Counter late;
        Counter wasted;
        Counter wasted_cpu_ns;
    };

    /// A call inside an instance.
    struct alignas(64) Job : Waiter, Performance {
        Call* call = nullptr;
        std::uint64_t cpu_ns = 0;
        Neighbours<Job> others;
    };

    class Copy final : public Instance, private Script::Host {
    public:
        Copy(Service& service, ZoneId zone, std::uint16_t number)
            : Instance(service.world_, service.name(), zone, number),
              service_(service),
              meters_(service.meters_),
              script_(world_, *this, service.name()),
              station_(world_.engine, meters_.admission, limits(service.parameters_),
                       action<&Copy::admitted>(*this), action<&Copy::expire>(*this)),
              cpu_(world_.engine, meters_.cpu, service.parameters_.cores,
                   slots(service.parameters_), action<&Copy::computed>(*this)),
              patience_(world_.stream(service.name() + "/queue_timeout")),
              chains_(service.callees_.connect(number, zone, script_)),
              queueing_(world_.traces.label(service.name(), TimeKind::queue)),
              computing_(world_.traces.label(service.name(), TimeKind::cpu)),
              full_(world_.reason(service.name(), "queue full")),
              waited_(world_.reason(service.name(), "queue timeout")),
              late_(world_.reason(service.name(), "too late to start")) {}

        void on_reply(Call&, Reply) override {}  // its calls are made by the script

    private:
        static Station::Limits limits(const Parameters& parameters) {
            const bool threads = parameters.concurrency == Concurrency::threads;
            return {.servers = threads ? parameters.threads : parameters.connections,
                    .line = threads ? parameters.queue : 0,
                    .patience = constant_of(parameters.queue_timeout),
                    .discipline = parameters.discipline};
        }

        static Duration constant_of(const Law<Duration>& law) {
            const Distribution& distribution = law.distribution();
            return distribution.is_constant() ? from_seconds(distribution.mean()) : Duration{0};
        }

        static std::int64_t slots(const Parameters& parameters) {
            if (parameters.concurrency == Concurrency::threads) return Cpu::unlimited;
            return std::max<std::int64_t>(1, static_cast<std::int64_t>(parameters.cores));
        }

        void accept(Call& call) override {
            Job& job = jobs_.acquire();
            job.call = &call;
            job.request = call;
            world_.traces.adopt(job.request, call);
            job.priority = call.priority;
            call.callee_note = reinterpret_cast<std::uint64_t>(&job);
            inside_.push_front(job);
            switch (enter(job)) {
                case Station::Entry::served:
                    begin(job);
                    return;
                case Station::Entry::waits:
                    world_.traces.spend(call, queueing_);
                    return;
                case Station::Entry::refused:
                    forget(job);
                    world_.calls.reply(call, {Outcome::rejected_overload, full_});
            }
        }

        /// Each with a patience of its own where it varies; drawn as 0 it is short, not endless.
        Station::Entry enter(Job& job) {
            if (!service_.patience_varies_) return station_.enter(job);
            const Distribution& law = service_.parameters_.queue_timeout.distribution();
            Draws draws = patience_.draws(job.request.demand_key());
            return station_.enter(job, std::max(Duration{1}, sample_duration(law, draws)));
        }

        void begin(Job& job) {
            if (job.request.deadline - world_.now() < service_.least_budget_) {
                meters_.late.add();
                turn_away(job, {Outcome::deadline_exceeded, late_});
                return;
            }
            script_.begin(job, service_.programs_[job.request.operation]);
        }

        void admitted(Waiter& waiter) { begin(static_cast<Job&>(waiter)); }

        void turn_away(Job& job, Reply reply) {
            Call& call = *std::exchange(job.call, nullptr);
            station_.leave(job);
            forget(job);
            world_.calls.reply(call, reply);
        }

        void expire(Waiter& waiter) {
            Job& job = static_cast<Job&>(waiter);
            Call& call = *job.call;
            forget(job);
            world_.calls.reply(call, {Outcome::timeout_queue, waited_});
        }

        void compute(Strand& strand, Duration demand) override {
            static_cast<Job&>(*strand.performance).cpu_ns +=
                static_cast<std::uint64_t>(demand.count());
            world_.traces.branch(&strand, strand.performance->request, computing_, demand);
            cpu_.run(strand, demand);
        }

        void stop_computing(Strand& strand) override { cpu_.stop(strand); }

        void computed(CpuTask& task) { script_.resume(static_cast<Strand&>(task)); }

        void finished(Performance& performance, Reply reply) override {
            Job& job = static_cast<Job&>(performance);
            Call& call = *job.call;
            job.call = nullptr;
            meters_.cpu_ns.add(job.cpu_ns);
            if (call.has(Trait::orphan)) {
                meters_.wasted.add();
                meters_.wasted_cpu_ns.add(job.cpu_ns);
            }
            meters_.latency.record(world_.now() - call.started);
            if (reply.good()) {
                meters_.served.add();
            } else {
                meters_.failed.add();
                reply.outcome = Outcome::dependency_failed;
            }
            station_.leave(job);
            world_.calls.reply(call, reply);
        }

        void vanished(Performance& performance) override { forget(static_cast<Job&>(performance)); }

        // Whoever gets a thread next may fail at once and make the caller give up on a call whose
        // answer is on its way: then there is nothing left to do.
        void give_up(Call& call) override {
            auto& job = call.callee_frame<Job>();
            if (job.call == nullptr) return;
            const Cancellation cancellation = service_.parameters_.cancellation;
            if (cancellation == Cancellation::none) {
                job.request.traits |= Trait::orphan;
            } else if (job.waiting) {
                station_.withdraw(job);
                forget(job);
                world_.calls.reply(call, {Outcome::cancelled, 0});
            } else if (cancellation == Cancellation::running) {
                job.call = nullptr;
                Waiter thread = job;  // the job may be forgotten before it is free
                script_.stop(job);
                station_.leave(thread);
                world_.calls.reply(call, {Outcome::cancelled, 0});
            } else {
                job.request.traits |= Trait::orphan;
            }
        }

        void leave_service() override { cpu_.retire(); }

        void condition_changed(const Condition&) override {
            weaken(cpu_, {.cores = service_.parameters_.cores}, condition());
            script_.set_slow(condition().slow);
        }

        // Those who wait go first, so that the ends of the others let nobody in.
        void crash() override {
            for (Job *job = inside_.first(), *after; job != nullptr; job = after) {
                after = inside_.after(*job);
                if (!job->waiting) continue;
                station_.withdraw(*job);
                doom(*job->call);
                forget(*job);
            }
            while (!inside_.empty()) {
                Job& job = *inside_.first();
                if (job.call != nullptr) {
                    station_.leave(job);
                    doom(*std::exchange(job.call, nullptr));
                }
                script_.kill(job);
            }
        }

        void forget(Job& job) {
            inside_.remove(job);
            jobs_.release(job);
        }

        // In this order what every call needs lies side by side: at the beginning of the script and
        // of the processors, and at the end of the station.
        Service& service_;
        InstanceMeters& meters_;
        Pool<Job>& jobs_ = world_.pools.of<Job>();
        List<Job, &Job::others> inside_;
        Script script_;
        Station station_;
        Cpu cpu_;
        Stream patience_;
        std::vector<std::unique_ptr<Chain>> chains_;
        TimeLabelId queueing_;
        TimeLabelId computing_;
        ReasonId full_;
        ReasonId waited_;
        ReasonId late_;
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Copy>(*this, zone, number);
    }

    const Parameters& parameters_;
    std::vector<Program> programs_;
    Duration least_budget_;  // the lowest there is when none is too little
    bool patience_varies_;
    Callees callees_;
    InstanceMeters meters_;
};

}  // namespace

void add_service(Catalogue& catalogue) {
    catalogue.component<Service>("service", "A fleet of instances that perform operations.");
}

}  // namespace prodsim
