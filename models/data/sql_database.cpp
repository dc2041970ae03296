// One primary of a relational database. A statement holds a session from arrival to reply, computes
// on shared cores, reads the pages that the buffer does not hold, and a write waits for the log.
//
//     call ─▶ session ─▶ cpu ─▶ misses: storage reads ─▶ commit: group flush, standby ─▶ reply
//               └─ max_connections ▶ refused
//
// Group commit: whatever asks to commit while a flush is under way is made durable by the next one,
// all of it together.
//
// When the caller gives up, nothing changes here unless `cancellation` says that clients send a
// cancel request: the statement runs to its end and its session with it. A commit that has begun
// is not stopped by anything but a crash.
//
// Simplifications: a session is a call inside, so idle connections of pools do not count towards
// the limit, and opening one costs nothing; no locks, no replicas, no checkpoints; a statement
// computes first and reads afterwards; the share of buffer hits is fixed, so a restart does not
// cool it, and recovery takes no time of its own; flushes do not compete with reads for the
// storage, which grants its limit evenly, without bursts; while the database hangs, reads and
// flushes that have begun finish, and what follows waits.

#include "sim/core/elementary.hpp"
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

enum class Cancellation : std::uint8_t { none, running };

std::span<const Word> words(Cancellation) {
    static constexpr std::array all{
        Word{"none", Cancellation::none, "Works on for callers that gave up."},
        Word{"running", Cancellation::running,
             "Clients send a cancel request, which stops a statement up to its commit."},
    };
    return all;
}

struct Operation {
    Law<Duration> cpu;
    Law<double> pages;
    Share buffer_hit{0.99};
    bool commit = false;

    void describe(Fields& fields) {
        fields("cpu", cpu, "Processor time of a statement.", {.required = true, .position = 1});
        fields("pages", pages, "Pages that it touches; rounded to a whole number.");
        fields("buffer_hit", buffer_hit, "The share of its pages that the buffer holds.",
               {.minimum = 0, .maximum = 1, .source = "assumed: it fits its memory"});
        fields("commit", commit, "It writes: its end waits for the log.");
    }
};

/// How many of `pages` are not in a buffer that holds each with probability `hit`: counts from miss
/// to miss, because the hits between two misses are geometric.
std::uint32_t misses(double pages, double hit, Draws draws) {
    if (hit >= 1) return 0;
    if (hit <= 0) return static_cast<std::uint32_t>(pages);
    const double log_hit = elementary::log(hit);
    std::uint32_t count = 0;
    double seen = 0;
    while (true) {
        const double hits = elementary::log(draws.uniform()) / log_hit;
        seen += 1 + static_cast<double>(static_cast<std::int64_t>(hits));
        if (seen > pages) return count;
        ++count;
    }
}

class SqlDatabase final : public Callee {
public:
    struct Parameters {
        std::vector<std::string> zones;
        double cores = 4;
        double speed = 1;
        std::int64_t connections = 100;
        Cancellation cancellation = Cancellation::none;
        std::int64_t io_depth = 32;
        Law<Duration> io_time = "uniform(0.5ms, 1ms)";
        Rate iops{3000};
        std::int64_t prefetch = 1;
        Law<Duration> flush_time = "uniform(0.5ms, 2ms)";
        Law<Duration> synchronous_standby = "0s";
        Named<Operation> operations;

        void describe(Fields& fields) {
            fields("zones", zones, "It stands in the first of these; of all zones if empty.");
            fields("cores", cores, "Processor cores.", {.above = 0});
            fields("speed", speed, "How fast a core is, relative to that of the `cpu` times.",
                   {.above = 0});
            fields("connections", connections,
                   "Statements inside, those of callers that gave up included.",
                   {.minimum = 1, .source = "PostgreSQL 17 max_connections: typically 100"});
            fields("cancellation", cancellation, "What happens to a call whose caller gave up.",
                   {.source = "PostgreSQL 17: client_connection_check_interval is off"});
            fields("io_depth", io_depth, "Reads that the storage serves at the same time.",
                   {.minimum = 1, .source = "assumed"});
            fields("io_time", io_time, "What the storage takes for one read.",
                   {.source = "assumed for Amazon EBS gp3"});
            fields("iops", iops, "Reads a second that the storage allows; 0 is no limit.",
                   {.minimum = 0, .source = "Amazon EBS User Guide, gp3: baseline"});
            fields("prefetch", prefetch, "Reads of one statement under way at the same time.",
                   {.minimum = 1, .source = "PostgreSQL 17 effective_io_concurrency; 16 since 18"});
            fields("flush_time", flush_time, "What a flush of the log takes.",
                   {.source = "assumed for network storage"});
            fields("synchronous_standby", synchronous_standby,
                   "What a commit waits for a standby after its flush.",
                   {.source = "PostgreSQL 17: synchronous_standby_names is empty"});
            fields("operations", operations, "The kinds of statements.", {.required = true});
        }
    };

    SqlDatabase(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          meters_(world.meters, this->name()) {}

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        for (std::size_t i = 0; i < parameters_.operations.size(); ++i) {
            if (parameters_.operations[i].name == wanted) return static_cast<std::uint16_t>(i);
        }
        return std::nullopt;
    }

    void start() override { add_instances(1, zones_of(world_, parameters_.zones)); }

    Workload workload() const override {
        Workload work{.instances = 1, .inside = parameters_.connections};
        const double io_s = parameters_.io_time.distribution().mean();
        const auto io_depth = static_cast<double>(parameters_.io_depth);
        Resource depth{"reads at a time", io_depth, {}, Servers{.each = io_depth, .in_turn = true}};
        Resource iops{"reads/s", parameters_.iops.per_second, {}};
        for (const auto& item : parameters_.operations) {
            const Operation& operation = item.value;
            const double cpu_s = operation.cpu.distribution().mean() / parameters_.speed;
            const double reads =
                operation.pages.distribution().mean() * (1 - operation.buffer_hit.value);
            Demand demand{.cpu_s = cpu_s, .cpu_cv = operation.cpu.distribution().cv()};
            if (operation.commit) demand.wait_s.reset();  // writes share the flushes of the log
            work.operations.push_back({item.name, std::move(demand)});
            depth.per_call.push_back(reads * io_s);
            iops.per_call.push_back(reads);
        }
        work.add_cores({.each = parameters_.cores});
        work.resources.push_back(std::move(depth));
        if (iops.available > 0) work.resources.push_back(std::move(iops));
        return work;
    }

private:
    struct PrimaryMeters {
        PrimaryMeters(Meters& meters, std::string_view owner)
            : sessions(meters, owner, "sessions", "a session"),
              cpu(meters, owner),
              io(meters, owner, "io", "the storage"),
              latency(meters.histogram(owner, "latency", "From a call's arrival to its reply.")),
              commit_time(meters.histogram(owner, "commit.time",
                                           "From the end of a statement to its safety.")),
              served(meters.counter(owner, "served", "Statements answered.")),
              commits(meters.counter(owner, "commits", "Statements made durable.")),
              flushes(meters.counter(owner, "flushes", "Flushes of the log.")),
              cpu_ns(meters.counter(owner, "cpu.work", "Processor time asked for, in ns.")),
              wasted(meters.counter(owner, "wasted",
                                    "Statements finished although their caller had gone.")),
              wasted_cpu_ns(meters.counter(owner, "cpu.wasted",
                                           "Processor time for callers that had gone, in ns.")) {}

        StationMeters sessions;
        CpuMeters cpu;
        StationMeters io;
        Histogram& latency;
        Histogram& commit_time;
        Counter& served;
        Counter& commits;
        Counter& flushes;
        Counter& cpu_ns;
        Counter& wasted;
        Counter& wasted_cpu_ns;
    };

    enum class Stage : std::uint8_t { computes, reads, commits, acknowledged };

    struct Statement;

    /// A page on its way from the storage. It outlives a statement that is stopped.
    struct Read : Waiter {
        Statement* statement = nullptr;
        Duration time{};
        Neighbours<Read> others;  // of the same statement
    };

    /// A call inside.
    struct Statement : Waiter, CpuTask {
        Call* call = nullptr;
        const Operation* operation = nullptr;
        Stage stage = Stage::computes;
        Duration cpu{};
        std::uint32_t misses = 0;     // reads still to be begun
        std::uint32_t under_way = 0;  // reads begun
        List<Read, &Read::others> reads;
        Time asked{};  // to commit
        Timer standby;
        Statement* next_commit = nullptr;
        Neighbours<Statement> others;
    };

    /// Commits in the order in which they were asked for.
    struct Group {
        Statement* first = nullptr;
        Statement* last = nullptr;

        void add(Statement& statement) {
            statement.next_commit = nullptr;
            (first == nullptr ? first : last->next_commit) = &statement;
            last = &statement;
        }
    };

    class Primary final : public Instance {
    public:
        Primary(SqlDatabase& database, ZoneId zone, std::uint16_t number)
            : Instance(database.world_, database.name(), zone, number),
              parameters_(database.parameters_),
              meters_(database.meters_),
              sessions_(world_.engine, meters_.sessions,
                        {.servers = parameters_.connections, .line = 0}, {}, {}),
              cpu_(world_.engine, meters_.cpu, parameters_.cores, Cpu::unlimited,
                   action<&Primary::computed>(*this)),
              storage_(world_.engine, meters_.io, {.servers = parameters_.io_depth},
                       action<&Primary::begin_read>(*this), {}),
              demands_(world_.stream(database.name())),
              pages_(world_.stream(database.name() + "/pages")),
              buffer_(world_.stream(database.name() + "/buffer")),
              reads_(world_.stream(database.name() + "/io")),
              flushes_(world_.stream(database.name() + "/flush")),
              standbys_(world_.stream(database.name() + "/standby")),
              full_(world_.reason(database.name(), "too many connections")) {
            cpu_.set_speed(parameters_.speed);
        }

        void on_reply(Call&, Reply) override {}  // it calls nobody

    private:
        // ---- one statement ----

        void accept(Call& call) override {
            Statement& statement = statements_.acquire();
            if (sessions_.enter(statement) == Station::Entry::refused) {
                statements_.release(statement);
                world_.calls.reply(call, {Outcome::refused, full_});
                return;
            }
            statement.call = &call;
            statement.operation = &parameters_.operations[call.operation].value;
            call.callee_note = reinterpret_cast<std::uint64_t>(&statement);
            inside_.push_back(statement);
            Draws draws = demands_.draws(call.demand_key());
            statement.cpu = sample_duration(statement.operation->cpu.distribution(), draws);
            meters_.cpu_ns.add(static_cast<std::uint64_t>(statement.cpu.count()));
            if (statement.cpu.count() == 0) {
                fetch(statement);
            } else {
                cpu_.run(statement, statement.cpu);
            }
        }

        void computed(CpuTask& task) { fetch(static_cast<Statement&>(task)); }

        // What a statement touches is what was asked for; what of it is in the buffer is luck.
        void fetch(Statement& statement) {
            statement.stage = Stage::reads;
            Draws draws = pages_.draws(statement.call->subject);
            const double pages = statement.operation->pages.distribution().sample(draws) + 0.5;
            statement.misses = misses(pages, statement.operation->buffer_hit.value,
                                      buffer_.draws(statement.call->demand_key()));
            go_on(statement);
        }

        void go_on(Statement& statement) {
            if (condition().mode == Condition::Mode::hanging) {
                stalled_.add(statement);
            } else if (statement.stage == Stage::acknowledged) {
                finish(statement);
            } else if (statement.misses + statement.under_way > 0) {
                ask_for_pages(statement);
            } else if (statement.operation->commit) {
                commit(statement);
            } else {
                finish(statement);
            }
        }

        void finish(Statement& statement) {
            Call& call = *statement.call;
            meters_.served.add();
            meters_.latency.record(world_.now() - call.started);
            if (call.has(Trait::orphan)) {
                meters_.wasted.add();
                meters_.wasted_cpu_ns.add(static_cast<std::uint64_t>(statement.cpu.count()));
            }
            forget(statement);
            world_.calls.reply(call, {});
        }

        // ---- storage ----

        void ask_for_pages(Statement& statement) {
            while (statement.misses > 0 && statement.under_way < prefetch()) {
                Draws draws = reads_.draws(mix(statement.call->demand_key(), statement.misses));
                Read& read = page_reads_.acquire();
                read.statement = &statement;
                read.time = sample_duration(parameters_.io_time.distribution(), draws);
                statement.reads.push_front(read);
                --statement.misses;
                ++statement.under_way;
                if (storage_.enter(read) == Station::Entry::served) begin_read(read);
            }
        }

        std::uint32_t prefetch() const { return static_cast<std::uint32_t>(parameters_.prefetch); }

        void begin_read(Waiter& waiter) {
            Read& read = static_cast<Read&>(waiter);
            const Time begin = std::max(world_.now(), next_read_);
            if (parameters_.iops.per_second > 0) {
                next_read_ = begin + from_seconds(1 / parameters_.iops.per_second);
            }
            const Duration time = from_seconds(in_seconds(read.time) * condition().slow);
            world_.engine.at(begin + time, action<&Primary::end_read>(*this, read));
        }

        void end_read(Read& read) {
            Statement* statement = read.statement;
            if (statement != nullptr) take_out(*statement, read);
            storage_.leave(read);
            page_reads_.release(read);
            if (statement == nullptr) return;
            if (!stalled_.holds(*statement)) go_on(*statement);
        }

        void take_out(Statement& statement, Read& read) {
            statement.reads.remove(read);
            --statement.under_way;
        }

        // What the storage has begun it finishes, for nobody.
        void drop_reads(Statement& statement) {
            while (!statement.reads.empty()) {
                Read& read = *statement.reads.first();
                take_out(statement, read);
                read.statement = nullptr;
                if (!read.waiting) continue;
                storage_.withdraw(read);
                page_reads_.release(read);
            }
        }

        // ---- the log ----

        void commit(Statement& statement) {
            statement.stage = Stage::commits;
            statement.asked = world_.now();
            arriving_.add(statement);
            if (!flush_.is_set()) begin_flush();
        }

        void begin_flush() {
            flushing_ = std::exchange(arriving_, {});
            Draws draws = flushes_.next();
            const double seconds =
                parameters_.flush_time.distribution().sample(draws) * condition().slow;
            flush_ = world_.engine.after(from_seconds(seconds), action<&Primary::flushed>(*this));
        }

        // The next flush begins before anybody is told of this one: who commits again because of
        // the answer is in the flush after that.
        void flushed() {
            if (condition().mode == Condition::Mode::hanging) {
                flush_stalled_ = true;
                return;
            }
            flush_ = {};
            meters_.flushes.add();
            const Group safe = std::exchange(flushing_, {});
            if (arriving_.first != nullptr) begin_flush();
            for (Statement *statement = safe.first, *next; statement != nullptr; statement = next) {
                next = statement->next_commit;
                durable(*statement);
            }
        }

        void durable(Statement& statement) {
            meters_.commits.add();
            meters_.commit_time.record(world_.now() - statement.asked);
            statement.stage = Stage::acknowledged;
            Draws draws = standbys_.draws(statement.call->demand_key());
            const Duration wait =
                sample_duration(parameters_.synchronous_standby.distribution(), draws);
            if (wait.count() == 0) {
                finish(statement);
            } else {
                statement.standby =
                    world_.engine.after(wait, action<&Primary::acknowledged>(*this, statement));
            }
        }

        void acknowledged(Statement& statement) {
            statement.standby = {};
            go_on(statement);
        }

        // ---- what befalls it ----

        void give_up(Call& call) override {
            auto& statement = call.callee_frame<Statement>();
            if (parameters_.cancellation == Cancellation::none) return;
            if (statement.stage > Stage::reads) return;
            stop(statement);
            forget(statement);
            world_.calls.reply(call, {Outcome::cancelled, 0});
        }

        void stop(Statement& statement) {
            if (statement.stage == Stage::computes) cpu_.stop(statement);
            drop_reads(statement);
            world_.engine.cancel(statement.standby);
            stalled_.remove(statement);
        }

        void condition_changed(const Condition&) override {
            weaken(cpu_, {.cores = parameters_.cores, .speed = parameters_.speed}, condition());
            if (condition().mode != Condition::Mode::up) return;
            if (std::exchange(flush_stalled_, false)) flushed();
            stalled_.release([this](Statement& statement) { go_on(statement); });
        }

        void crash() override {
            world_.engine.cancel(flush_);
            flush_stalled_ = false;
            flushing_ = arriving_ = {};
            stalled_.clear();
            while (!inside_.empty()) {
                Statement& statement = *inside_.first();
                stop(statement);
                doom(*statement.call);
                forget(statement);
            }
        }

        void forget(Statement& statement) {
            sessions_.leave(statement);
            inside_.remove(statement);
            statements_.release(statement);
        }

        const Parameters& parameters_;
        PrimaryMeters& meters_;
        Station sessions_;
        Cpu cpu_;
        Station storage_;
        Stream demands_;
        Stream pages_;
        Stream buffer_;
        Stream reads_;
        Stream flushes_;
        Stream standbys_;
        ReasonId full_;
        Pool<Statement>& statements_ = world_.pools.of<Statement>();
        Pool<Read>& page_reads_ = world_.pools.of<Read>();
        List<Statement, &Statement::others> inside_;
        Time next_read_{};  // the storage begins none earlier: its limit on reads a second
        Group arriving_;    // will be in the next flush
        Group flushing_;
        Timer flush_;                 // set while one is under way
        bool flush_stalled_ = false;  // it ended, but the database hangs
        Stalled<Statement> stalled_;
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Primary>(*this, zone, number);
    }

    const Parameters& parameters_;
    PrimaryMeters meters_;
};

}  // namespace

void add_sql_database(Catalogue& catalogue) {
    catalogue.component<SqlDatabase>("sql_database", "The primary of a relational database.");
}

}  // namespace prodsim
