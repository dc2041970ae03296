#include "models/data/sql_server.hpp"

#include "sim/core/elementary.hpp"
#include "sim/world/demand.hpp"

#include <array>
#include <utility>

namespace prodsim {

std::span<const Word> words(SqlCancellation) {
    static constexpr std::array all{
        Word{"none", SqlCancellation::none, "Works on for callers that gave up."},
        Word{"running", SqlCancellation::running,
             "Clients send a cancel request, which stops a statement up to its commit."},
    };
    return all;
}

std::span<const Word> words(Synchrony) {
    static constexpr std::array all{
        Word{"none", Synchrony::none, "Commits do not wait for these replicas."},
        Word{"block", Synchrony::block,
             "A commit waits until one of them has it, however long all are away."},
        Word{"fall_back", Synchrony::fall_back,
             "A commit waits until one of them has it, and not at all while all are away."},
    };
    return all;
}

void SqlOperation::describe(Fields& fields) {
    fields("cpu", cpu, "Processor time of a statement.", {.required = true, .position = 1});
    fields("pages", pages, "Pages that it touches; rounded to a whole number.");
    fields("buffer_hit", buffer_hit, "The share of its pages that the buffer holds.",
           {.minimum = 0, .maximum = 1, .source = "assumed: it fits its memory"});
    fields("commit", commit, "It writes: its end waits for the log.");
}

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

void SqlServerParameters::describe(Fields& fields) {
    fields("zones", zones, "It stands in the first of these; of all zones if empty.");
    fields("cores", cores, "Processor cores.", {.above = 0});
    fields("speed", speed, "How fast a core is, relative to that of the `cpu` times.",
           {.above = 0});
    fields("connections", connections, "Statements inside, those of callers that gave up included.",
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
    fields("operations", operations, "The kinds of statements.", {.required = true});
}

std::optional<std::uint16_t> SqlServerParameters::operation_named(std::string_view wanted) const {
    for (std::size_t i = 0; i < operations.size(); ++i) {
        if (operations[i].name == wanted) return static_cast<std::uint16_t>(i);
    }
    return std::nullopt;
}

void SqlDatabaseParameters::describe(Fields& fields) {
    SqlServerParameters::describe(fields);
    fields("flush_time", flush_time, "What a flush of the log takes.",
           {.source = "assumed for network storage"});
    fields("synchronous_standby", synchronous_standby,
           "What a commit waits for a standby after its flush.",
           {.source = "PostgreSQL 17: synchronous_standby_names is empty"});
    fields("failover", failover,
           "Promotes one of its `sql_replicas` when the primary is lost; nobody does if not given. "
           "A fault of all of the database does not hit the new primary.",
           {.source = "PostgreSQL 17 has no failover of its own"});
}

void SqlReplicasParameters::describe(Fields& fields) {
    fields("of", of, "The database whose log they follow.",
           {.required = true, .edge = "replicates"});
    fields("instances", instances, "How many there are.", {.minimum = 1, .maximum = 100});
    fields("synchronous", synchronous, "Whether commits of the primary wait for them.",
           {.source = "PostgreSQL 17: synchronous_standby_names is empty"});
    fields("delay", delay, "What a commit takes to a replica, in the order of commits.",
           {.source = "assumed: between the zones of a region"});
    fields("apply_time", apply_time, "What applying one commit takes, one after another.",
           {.source = "assumed"});
    fields("stale_after", stale_after,
           "Reads of a replica that lags by more are reported as stale; none if not given.",
           {.minimum = 0});
    SqlServerParameters::describe(fields);
    for (const auto& item : operations) {
        fields.rule(!item.value.commit, "operations",
                    "\"" + item.name + "\" commits, and replicas only read",
                    "make it an operation of the primary");
    }
}

Workload workload_of(const SqlServerParameters& parameters, std::int64_t servers) {
    Workload work{.instances = servers, .inside = parameters.connections};
    const auto count = static_cast<double>(servers);
    const auto io_depth = static_cast<double>(parameters.io_depth);
    const Servers disks{.sets = servers, .each = io_depth, .in_turn = true};
    Resource depth{"reads at a time", count * io_depth, {}, disks};
    Resource allowed{"reads/s", count * parameters.iops.per_second, {}};
    for (const auto& item : parameters.operations) {
        const SqlOperation& operation = item.value;
        const double cpu_s = operation.cpu.distribution().mean() / parameters.speed;
        const double reads =
            operation.pages.distribution().mean() * (1 - operation.buffer_hit.value);
        Demand demand{.cpu_s = cpu_s, .cpu_cv = operation.cpu.distribution().cv()};
        if (operation.commit) demand.wait_s.reset();  // writes share the flushes of the log
        work.operations.push_back({item.name, std::move(demand)});
        depth.per_call.push_back(reads * parameters.io_time.distribution().mean());
        allowed.per_call.push_back(reads);
    }
    work.add_cores({.sets = servers, .each = parameters.cores});
    work.resources.push_back(std::move(depth));
    if (allowed.available > 0) work.resources.push_back(std::move(allowed));
    return work;
}

}  // namespace prodsim
