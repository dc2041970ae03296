// A relational database: its primary, and replicas that read. A statement holds a session from call
// to reply, computes on shared cores, reads pages that the buffer does not hold, and writes wait
// for the log.
//
//     call ─▶ session ─▶ cpu ─▶ misses: storage reads ─▶ commit: group flush, standby ─▶ reply
//               └─ max_connections ▶ refused                        └─ log ─▶ replicas: apply
//
// Group commit: what asks to commit during a flush is made durable by the next one, all together.
//
// The replicas of a database are a component of their own, with an address of its own, as the
// reader endpoint of a cluster is: steps say which of the two they ask. Each receives every commit
// after a delay and applies one after another, so its lag follows from the writes, from what
// applying takes, and from what befalls it. Reads see what it had applied when they came.
//
// When the caller gives up, nothing changes here unless `cancellation` says that clients send a
// cancel request: the statement runs to its end. Only a crash stops a commit that has begun.
//
// A replica may take over from a lost primary (sql_failover.hpp), without what had not reached it.
//
// Simplifications: a session is a call inside, so idle connections of pools do not count towards
// the limit, and opening one costs nothing; no locks, no checkpoints; a statement computes first
// and reads afterwards; the share of buffer hits is fixed, so a restart or a failover does not cool
// it, and recovery takes no time of its own; flushes do not compete with reads for the storage,
// which grants its limit evenly, without bursts; while the database hangs, reads and flushes that
// have begun finish, and what follows waits. Applying costs a replica time, but no processor; the
// log reaches it whatever happens to the network, at the latest when it is up again; an
// acknowledgement on its way arrives although its replica dies; what a fault did to a replica does
// not follow it when it becomes the primary.

#include "models/data/sql_log.hpp"
#include "models/data/sql_server.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"
#include "sim/world/station.hpp"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

struct ServerMeters {
    ServerMeters(Meters& meters, std::string_view owner)
        : sessions(meters, owner, "sessions", "a session"),
          cpu(meters, owner),
          io(meters, owner, "io", "the storage"),
          latency(meters.histogram(owner, "latency", "From a call's arrival to its reply.")),
          served(meters.counter(owner, "served", "Statements answered.")),
          cpu_ns(meters.counter(owner, "cpu.work", "Processor time asked for, in ns.")),
          wasted(meters.counter(owner, "wasted",
                                "Statements finished although their caller had gone.")),
          wasted_cpu_ns(meters.counter(owner, "cpu.wasted",
                                       "Processor time for callers that had gone, in ns.")) {}

    StationMeters sessions;
    CpuMeters cpu;
    StationMeters io;
    Histogram& latency;
    Counter& served;
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
    const SqlOperation* operation = nullptr;
    Stage stage = Stage::computes;
    Duration cpu{};
    std::uint32_t misses = 0;     // reads still to be begun
    std::uint32_t under_way = 0;  // reads begun
    List<Read, &Read::others> reads;
    Time asked{};  // to commit
    Timer standby;
    Reply reply;
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

/// What runs statements: all of a replica, and of a primary all but the log.
class Server : public Instance {
public:
    void on_reply(Call&, Reply) final {}  // it calls nobody

protected:
    Server(World& world, const std::string& name, ZoneId zone, std::uint16_t number,
           const SqlServerParameters& parameters, ServerMeters& meters)
        : Instance(world, name, zone, number),
          parameters_(parameters),
          meters_(meters),
          sessions_(world.engine, meters.sessions, {.servers = parameters.connections, .line = 0},
                    {}, {}),
          cpu_(world.engine, meters.cpu, parameters.cores, Cpu::unlimited,
               action<&Server::computed>(*this)),
          storage_(world.engine, meters.io, {.servers = parameters.io_depth},
                   action<&Server::begin_read>(*this), {}),
          demands_(world.stream(name)),
          pages_(world.stream(name + "/pages")),
          buffer_(world.stream(name + "/buffer")),
          reads_(world.stream(name + "/io")),
          computing_(world.traces.label(name, TimeKind::cpu)),
          reading_(world.traces.label(name, TimeKind::io)),
          committing_(world.traces.label(name, TimeKind::commit)),
          full_(world.reason(name, "too many connections")) {
        cpu_.set_speed(parameters.speed);
    }

    /// A statement got its session.
    virtual void begin(Statement&) {}

    /// A statement that writes has done all but that; `go_on` at the stage `acknowledged` ends it.
    virtual void commit(Statement& statement) = 0;

    virtual void go_on_with_log() = 0;
    virtual void crash_log() = 0;

    void go_on(Statement& statement) {
        if (condition().mode == Condition::Mode::hanging) {
            stalled_.add(statement);
        } else if (statement.stage == Stage::acknowledged) {
            finish(statement);
        } else if (statement.misses + statement.under_way > 0) {
            world_.traces.spend(*statement.call, reading_);
            ask_for_pages(statement);
        } else if (statement.operation->commit) {
            world_.traces.spend(*statement.call, committing_);
            commit(statement);
        } else {
            finish(statement);
        }
    }

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
        begin(statement);
        Draws draws = demands_.draws(call.demand_key());
        statement.cpu = sample_duration(statement.operation->cpu.distribution(), draws);
        meters_.cpu_ns.add(static_cast<std::uint64_t>(statement.cpu.count()));
        if (statement.cpu.count() == 0) {
            fetch(statement);
        } else {
            world_.traces.spend(call, computing_, statement.cpu);
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

    void finish(Statement& statement) {
        Call& call = *statement.call;
        meters_.served.add();
        meters_.latency.record(world_.now() - call.started);
        if (call.has(Trait::orphan)) {
            meters_.wasted.add();
            meters_.wasted_cpu_ns.add(static_cast<std::uint64_t>(statement.cpu.count()));
        }
        const Reply reply = statement.reply;
        forget(statement);
        world_.calls.reply(call, reply);
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
        world_.engine.at(begin + time, action<&Server::end_read>(*this, read));
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

    // ---- what befalls it ----

    void give_up(Call& call) override {
        auto& statement = call.callee_frame<Statement>();
        if (parameters_.cancellation == SqlCancellation::none) return;
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
        go_on_with_log();
        stalled_.release([this](Statement& statement) { go_on(statement); });
    }

    void crash() override {
        crash_log();
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

    const SqlServerParameters& parameters_;
    ServerMeters& meters_;
    Station sessions_;
    Cpu cpu_;
    Station storage_;
    Stream demands_;
    Stream pages_;
    Stream buffer_;
    Stream reads_;
    TimeLabelId computing_;
    TimeLabelId reading_;
    TimeLabelId committing_;
    ReasonId full_;
    Pool<Statement>& statements_ = world_.pools.of<Statement>();
    Pool<Read>& page_reads_ = world_.pools.of<Read>();
    List<Statement, &Statement::others> inside_;
    Time next_read_{};  // the storage begins none earlier: its limit on reads a second
    Stalled<Statement> stalled_;
};

class SqlDatabase final : public Callee, private Failover::Cluster {
public:
    using Parameters = SqlDatabaseParameters;

    SqlDatabase(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          meters_(world.meters, this->name()),
          log_meters_(world.meters, this->name()) {
        if (parameters.failover) {
            Failover::Cluster& cluster = *this;
            failover_.emplace(world, this->name(), *parameters.failover, cluster, followers_);
        }
    }

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        return parameters_.operation_named(wanted);
    }

    void start() override { add_instances(1, zones_of(world_, parameters_.zones)); }

    Workload workload() const override { return workload_of(parameters_, 1); }

    void add_follower(Standby& follower) { followers_.push_back(&follower); }

    /// A follower is up again: commits that wait for it may go on.
    void resume_commits() {
        for (const auto& instance : instances()) static_cast<Primary&>(*instance).resume_commits();
    }

private:
    struct LogMeters {
        LogMeters(Meters& meters, std::string_view owner)
            : commit_time(meters.histogram(owner, "commit.time",
                                           "From the end of a statement to its safety.")),
              commits(meters.counter(owner, "commits", "Statements made durable.")),
              flushes(meters.counter(owner, "flushes", "Flushes of the log.")) {}

        Histogram& commit_time;
        Counter& commits;
        Counter& flushes;
    };

    class Primary final : public Server {
    public:
        Primary(SqlDatabase& database, ZoneId zone, std::uint16_t number)
            : Server(database.world_, database.name(), zone, number, database.parameters_,
                     database.meters_),
              database_(database),
              log_meters_(database.log_meters_),
              flushes_(world_.stream(database.name() + "/flush")),
              standbys_(world_.stream(database.name() + "/standby")) {}

        void resume_commits() { release(std::exchange(waiting_for_standby_, {})); }

    private:
        // ---- the log ----

        void commit(Statement& statement) override {
            statement.stage = Stage::commits;
            statement.asked = world_.now();
            arriving_.add(statement);
            if (!flush_.is_set()) begin_flush();
        }

        void begin_flush() {
            flushing_ = std::exchange(arriving_, {});
            Draws draws = flushes_.next();
            const double seconds =
                database_.parameters_.flush_time.distribution().sample(draws) * condition().slow;
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
            log_meters_.flushes.add();
            const Group safe = std::exchange(flushing_, {});
            if (arriving_.first != nullptr) begin_flush();
            for (Statement *statement = safe.first, *next; statement != nullptr; statement = next) {
                next = statement->next_commit;
                durable(*statement);
            }
        }

        void durable(Statement& statement) {
            log_meters_.commits.add();
            log_meters_.commit_time.record(world_.now() - statement.asked);
            statement.stage = Stage::acknowledged;
            const Time standby = database_.replicate(world_.now());
            if (standby == never) {
                waiting_for_standby_.add(statement);
                return;
            }
            Draws draws = standbys_.draws(statement.call->demand_key());
            const Duration wait =
                sample_duration(database_.parameters_.synchronous_standby.distribution(), draws);
            const Time end = std::max(standby, world_.now() + wait);
            if (end == world_.now()) {
                go_on(statement);
            } else {
                statement.standby =
                    world_.engine.at(end, action<&Primary::acknowledged>(*this, statement));
            }
        }

        void acknowledged(Statement& statement) {
            statement.standby = {};
            go_on(statement);
        }

        void release(const Group& group) {
            for (Statement *statement = group.first, *next; statement != nullptr;
                 statement = next) {
                next = statement->next_commit;
                go_on(*statement);
            }
        }

        void go_on_with_log() override {
            if (std::exchange(flush_stalled_, false)) flushed();
            database_.regained(*this);
        }

        void crash_log() override {
            database_.lost(*this);
            world_.engine.cancel(flush_);
            flush_stalled_ = false;
            flushing_ = arriving_ = waiting_for_standby_ = {};
        }

        SqlDatabase& database_;
        LogMeters& log_meters_;
        Stream flushes_;
        Stream standbys_;
        Group arriving_;  // will be in the next flush
        Group flushing_;
        Group waiting_for_standby_;   // none of those that acknowledge is up
        Timer flush_;                 // set while one is under way
        bool flush_stalled_ = false;  // it ended, but the database hangs
    };

    // ---- failover ----

    void lost(const Primary& primary) {
        if (failover_ && !primary.is_closed()) failover_->lose();
    }

    void regained(Primary& primary) {
        if (!failover_) return;
        if (!primary.is_closed()) {
            failover_->regain();
        } else if (std::erase(replaced_, &primary) > 0) {
            failover_->rejoin(primary.zone());
        }
    }

    // The machine was there before: whoever listens for newcomers does not mean it.
    void promote(Standby& standby) override {
        replaced_.push_back(static_cast<Primary*>(members().front()));
        remove_instance(*replaced_.back());
        Newcomers* listening = std::exchange(world_.newcomers, nullptr);
        add_instance(standby.take_over());
        world_.newcomers = listening;
    }

    /// When the replicas that it waits for have it: now if there are none, never if all are away.
    Time replicate(Time committed) {
        bool waits = false;
        Time first = never;
        for (Standby* follower : followers_) {
            const Time known = follower->receive(committed);
            if (!follower->is_waited_for()) continue;
            waits = true;
            if (follower->is_up()) first = std::min(first, known);
        }
        return waits ? first : committed;
    }

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Primary>(*this, zone, number);
    }

    const Parameters& parameters_;
    ServerMeters meters_;
    LogMeters log_meters_;
    std::vector<Standby*> followers_;
    std::optional<Failover> failover_;
    std::vector<Primary*> replaced_;  // and have not come back yet
};

class SqlReplicas final : public Callee {
public:
    using Parameters = SqlReplicasParameters;

    SqlReplicas(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          meters_(world.meters, this->name()),
          lag_meters_(world.meters, this->name()) {}

    std::pair<std::string, std::string> objection() const override {
        if (primary() != nullptr) return {};
        return {"\"" + parameters_.of.name + "\" has no log that replicas could follow",
                "name a component of type \"sql_database\""};
    }

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        return parameters_.operation_named(wanted);
    }

    void start() override {
        add_instances(parameters_.instances, zones_of(world_, parameters_.zones));
    }

    Workload workload() const override { return workload_of(parameters_, parameters_.instances); }

private:
    struct LagMeters {
        LagMeters(Meters& meters, std::string_view owner)
            : lag(meters.histogram(owner, "lag", "How far behind a read found its replica.")),
              unapplied(meters.level(owner, "unapplied",
                                     "Commits that a replica has not applied, over all replicas.")),
              stays(meters.stays(unapplied)),
              behind(meters.counter(owner, "behind", "Reads that did not see every commit.")),
              stale(meters.counter(owner, "stale", "Reads of a replica that lagged too much.")) {}

        Histogram& lag;
        Level& unapplied;
        StayBook& stays;
        Counter& behind;
        Counter& stale;
    };

    class Replica final : public Server, public Standby {
    public:
        Replica(SqlReplicas& replicas, ZoneId zone, std::uint16_t number)
            : Server(replicas.world_, replicas.name(), zone, number, replicas.parameters_,
                     replicas.meters_),
              replicas_(replicas),
              lag_meters_(replicas.lag_meters_),
              delays_(own_stream("delay")),
              applications_(own_stream("apply")),
              stale_(world_.reason(replicas.name(), "replica lag")) {}

        Time receive(Time committed) override {
            Draws draws = delays_.next();
            const Law<Duration>& delay = replicas_.parameters_.delay;
            const Time here = log_.add(committed, sample_duration(delay.distribution(), draws));
            lag_meters_.unapplied.add(1, world_.now());
            if (log_.size() == 1) apply_next();
            return here + (here - committed);  // as long back as here
        }

        bool is_waited_for() const override {
            const Synchrony wanted = replicas_.parameters_.synchronous;
            return wanted == Synchrony::block || (wanted == Synchrony::fall_back && is_up());
        }

        bool is_up() const override { return condition().mode == Condition::Mode::up; }

        const ReplicaLog& log() const override { return log_; }

        Duration apply_time() const override {
            return from_seconds(replicas_.parameters_.apply_time.distribution().mean());
        }

        void receive_until(Time end) override {
            received_until_ = end;
            world_.engine.cancel(application_);
            apply_next();
        }

        void forget_after(Time committed) override {
            while (!log_.empty() && log_.last().committed > committed) take_out_last();
        }

        std::uint16_t take_over() override {
            world_.engine.cancel(application_);
            while (!log_.empty()) take_out_last();
            replicas_.remove_instance(*this);
            return zone();
        }

        void add_another(std::uint16_t zone) override { replicas_.add_instance(zone); }

    private:
        void take_out_last() {
            lag_meters_.unapplied.add(-1, world_.now());
            lag_meters_.stays.add(world_.now() - log_.last().committed);
            log_.drop_last();
            if (log_.empty()) world_.engine.cancel(application_);
        }

        Stream own_stream(const std::string& use) const {
            return world_.stream(replicas_.name() + "/" + std::to_string(number()) + "/" + use);
        }

        void apply_next() {
            if (log_.empty() || !is_up() || application_.is_set()) return;
            if (log_.next().here > received_until_) return;  // it will not come
            Draws draws = applications_.next();
            const double seconds =
                replicas_.parameters_.apply_time.distribution().sample(draws) * condition().slow;
            application_ =
                world_.engine.at(std::max(world_.now(), log_.next().here) + from_seconds(seconds),
                                 action<&Replica::applied>(*this));
        }

        void applied() {
            application_ = {};
            if (!is_up()) return;
            lag_meters_.unapplied.add(-1, world_.now());
            lag_meters_.stays.add(world_.now() - log_.next().committed);
            log_.applied();
            apply_next();
        }

        void begin(Statement& statement) override {
            const Duration lag = log_.empty() ? Duration{0} : world_.now() - log_.next().committed;
            lag_meters_.lag.record(lag);
            if (!log_.empty()) lag_meters_.behind.add();
            const auto& limit = replicas_.parameters_.stale_after;
            if (!limit || lag <= *limit) return;
            lag_meters_.stale.add();
            statement.reply = {Outcome::stale, stale_};
        }

        void commit(Statement&) override { assert(false && "replicas only read"); }

        void go_on_with_log() override {
            apply_next();
            replicas_.primary()->resume_commits();
        }

        void crash_log() override { world_.engine.cancel(application_); }

        SqlReplicas& replicas_;
        LagMeters& lag_meters_;
        Stream delays_;
        Stream applications_;
        ReasonId stale_;
        ReplicaLog log_;
        Time received_until_ = never;
        Timer application_;
    };

    SqlDatabase* primary() const {
        return dynamic_cast<SqlDatabase*>(world_.find(parameters_.of.name));
    }

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        auto replica = std::make_unique<Replica>(*this, zone, number);
        primary()->add_follower(*replica);
        return replica;
    }

    const Parameters& parameters_;
    ServerMeters meters_;
    LagMeters lag_meters_;
};

}  // namespace

void add_sql_database(Catalogue& catalogue) {
    catalogue.component<SqlDatabase>("sql_database", "The primary of a relational database.");
    catalogue.component<SqlReplicas>("sql_replicas", "Replicas of a database, to read from.");
}

}  // namespace prodsim
