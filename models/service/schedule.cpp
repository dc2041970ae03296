// Jobs that run by the clock: backups, invoices, whatever a cron table starts. Each run performs
// steps and is reported as a journey of the job's name.
//
//     every period, plus jitter ─▶ the last run goes on? ─no▶ run: steps ─▶ its journey ends
//                                    │ forbid ▶ skipped
//                                    │ replace ▶ the old one is stopped, cancelled
//                                    └ allow ▶ both run
//
// Periods are counted from the first run, however long runs take and whatever jitter they had.
//
// Simplifications: a scheduler that never fails and never misses a period; processor time of a run
// is not contended; a run that was stopped gives up on its calls at once, and what they started
// goes on or not as their callees decide.

#include "sim/core/pool.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"

#include <array>
#include <deque>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

enum class Overlap : std::uint8_t { allow, forbid, replace };

std::span<const Word> words(Overlap) {
    static constexpr std::array all{
        Word{"allow", Overlap::allow, "The new run starts beside the old one."},
        Word{"forbid", Overlap::forbid, "The new run is skipped."},
        Word{"replace", Overlap::replace, "The old run is stopped, the new one takes its place."},
    };
    return all;
}

struct JobParameters {
    Duration every{};
    std::optional<Duration> first;
    Law<Duration> jitter = "0s";
    std::int64_t copies = 1;
    Overlap overlap = Overlap::allow;
    std::optional<OperationName> call;
    Steps steps;
    std::int64_t priority = 0;

    void describe(Fields& fields) {
        fields("every", every, "From the start of one run to that of the next.",
               {.above = 0, .required = true});
        fields("first", first, "When it runs first; after one period if not given.",
               {.minimum = 0});
        fields("jitter", jitter, "How much later than planned each copy of a run starts.");
        fields("copies", copies, "How many of it start each time: one for each tenant, say.",
               {.minimum = 1, .maximum = 1000000});
        fields("overlap", overlap, "What happens when the last run has not ended.",
               {.source = "Kubernetes 1.31 CronJob concurrencyPolicy: Allow"});
        fields("call", call, "The one operation that it calls: short for one step.");
        fields("steps", steps, "What it does, in order; after \"call\" if both are given.");
        fields("priority", priority, "Lower is served first by lines that care.",
               {.minimum = 0, .maximum = 7});
        fields.rule(copies == 1 || overlap == Overlap::allow, "overlap",
                    "needs a single copy to look back at", "write \"overlap\": \"allow\"");
    }

    Steps all_steps() const {
        Steps all;
        if (call) all.emplace_back("call", CallStep{.target = *call});
        all.insert(all.end(), steps.begin(), steps.end());
        return all;
    }
};

class Schedule final : public Component, private Script::Host {
public:
    struct Parameters {
        std::vector<ZoneName> zones;
        Named<JobParameters> jobs;
        Named<CallParameters> calls;

        void describe(Fields& fields) {
            fields("zones", zones, "It stands in the first of these; of all zones if empty.");
            fields("jobs", jobs, "What runs, by name.", {.required = true});
            fields("calls", calls, "The policies around their calls, by callee.");
        }
    };

    Schedule(World& world, std::string name, const Parameters& parameters)
        : Component(world, std::move(name)),
          parameters_(parameters),
          callees_(world, this->name(), parameters.calls),
          replaced_(world.reason(this->name(), "replaced")),
          script_(world, *this, this->name()) {}

    void connect() override {
        for (const auto& item : parameters_.jobs) jobs_.emplace_back(*this, item);
    }

    void start() override {
        chains_ = callees_.connect(0, zones_of(world_, parameters_.zones).front(), script_);
        for (Job& job : jobs_) {
            const Duration first = job.parameters.first.value_or(job.parameters.every);
            job.next = world_.engine.after(first, action<&Schedule::fall_due>(*this, job));
        }
    }

    void stop_arrivals() override {
        stopped_ = true;
        for (Job& job : jobs_) world_.engine.cancel(job.next);
    }

    Workload workload() const override {
        Workload work{.instances = 1};
        for (const auto& item : parameters_.jobs) {
            const double rate =
                static_cast<double>(item.value.copies) / in_seconds(item.value.every);
            work.source.per_s += rate;
            work.source.journeys.push_back({item.name, rate, demand_of(item.value.all_steps())});
        }
        return work;
    }

private:
    struct Job;

    struct Run : Performance {
        Job* job = nullptr;
        Time started{};
        Neighbours<Run> others;
    };

    struct Job {
        Job(Schedule& schedule, const Named<JobParameters>::Item& item)
            : parameters(item.value),
              program(item.value.all_steps(), hash_of(item.name), schedule.callees_),
              books(schedule.world_.journey(item.name)),
              skipped(schedule.world_.meters.counter(
                  schedule.name(), item.name + ".skipped",
                  "Runs skipped because the last one had not ended.")),
              replaced(schedule.world_.meters.counter(schedule.name(), item.name + ".replaced",
                                                      "Runs stopped to make place for the next.")),
              running(schedule.world_.meters.level(schedule.name(), item.name + ".running",
                                                   "Runs under way.")),
              jitters(schedule.world_.stream(schedule.name() + "/" + item.name + "/jitter")),
              seed(mix(hash_of(schedule.name()), hash_of(item.name))) {}

        const JobParameters& parameters;
        Program program;
        Journey& books;
        Counter& skipped;
        Counter& replaced;
        Level& running;
        Stream jitters;
        std::uint64_t seed;
        std::uint64_t number = 0;  // of runs that fell due
        Timer next;
        List<Run, &Run::others> runs;
    };

    void fall_due(Job& job) {
        job.next =
            world_.engine.after(job.parameters.every, action<&Schedule::fall_due>(*this, job));
        for (std::int64_t copy = 0; copy < job.parameters.copies; ++copy) {
            Run& run = runs_.acquire();
            run.job = &job;
            run.request.subject = mix(job.seed, ++job.number);
            run.request.priority = static_cast<std::uint8_t>(job.parameters.priority);
            Draws draws = job.jitters.draws(run.request.subject);
            world_.engine.after(sample_duration(job.parameters.jitter.distribution(), draws),
                                action<&Schedule::begin>(*this, run));
        }
    }

    void begin(Run& run) {
        Job& job = *run.job;
        const bool overlaps = !job.runs.empty();
        if (stopped_ || (overlaps && job.parameters.overlap == Overlap::forbid)) {
            if (!stopped_) job.skipped.add();
            runs_.release(run);
            return;
        }
        if (overlaps && job.parameters.overlap == Overlap::replace) replace(*job.runs.first());
        run.started = world_.now();
        job.runs.push_back(run);
        job.running.add(1, world_.now());
        job.books.begin(world_.now());
        script_.begin(run, job.program);
    }

    void replace(Run& run) {
        run.job->replaced.add();
        finished(run, {Outcome::cancelled, replaced_});
        script_.stop(run);
    }

    // ---- the script's host ----

    void compute(Strand& strand, Duration demand) override {
        strand.end = world_.engine.after(demand, action<&Schedule::computed>(*this, strand));
    }
    void computed(Strand& strand) {
        strand.end = {};
        script_.resume(strand);
    }
    void stop_computing(Strand& strand) override { world_.engine.cancel(strand.end); }

    void finished(Performance& performance, Reply reply) override {
        Run& run = static_cast<Run&>(performance);
        Job& job = *run.job;
        job.runs.remove(run);
        job.running.add(-1, world_.now());
        job.books.end({run.request.subject, run.started, world_.now(), reply}, world_.causes);
    }

    void vanished(Performance& performance) override {
        runs_.release(static_cast<Run&>(performance));
    }

    const Parameters& parameters_;
    Callees callees_;
    ReasonId replaced_;
    Script script_;
    std::vector<std::unique_ptr<Chain>> chains_;
    std::deque<Job> jobs_;
    bool stopped_ = false;
    Pool<Run>& runs_ = world_.pools.of<Run>();
};

}  // namespace

void add_schedule(Catalogue& catalogue) {
    catalogue.component<Schedule>("schedule", "Jobs that run by the clock.");
}

}  // namespace prodsim
