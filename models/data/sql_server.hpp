#pragma once

// How the servers of a relational database are described: what a primary and its replicas have in
// common.

#include "models/data/sql_failover.hpp"
#include "sim/config/fields.hpp"
#include "sim/core/random.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

struct Workload;

enum class SqlCancellation : std::uint8_t { none, running };
std::span<const Word> words(SqlCancellation);

/// Whether commits of a primary wait for replicas.
enum class Synchrony : std::uint8_t { none, block, fall_back };
std::span<const Word> words(Synchrony);

struct SqlOperation {
    Law<Duration> cpu;
    Law<double> pages;
    Share buffer_hit{0.99};
    bool commit = false;

    void describe(Fields& fields);
};

/// How many of `pages` are not in a buffer that holds each with probability `hit`: counts from miss
/// to miss, because the hits between two misses are geometric.
std::uint32_t misses(double pages, double hit, Draws draws);

struct SqlServerParameters {
    std::vector<ZoneName> zones;
    double cores = 4;
    double speed = 1;
    std::int64_t connections = 100;
    SqlCancellation cancellation = SqlCancellation::none;
    std::int64_t io_depth = 32;
    Law<Duration> io_time = "uniform(0.5ms, 1ms)";
    Rate iops{3000};
    std::int64_t prefetch = 1;
    Named<SqlOperation> operations;

    void describe(Fields& fields);

    std::optional<std::uint16_t> operation_named(std::string_view wanted) const;
};

struct SqlDatabaseParameters : SqlServerParameters {
    Law<Duration> flush_time = "uniform(0.5ms, 2ms)";
    Law<Duration> synchronous_standby = "0s";
    std::optional<FailoverParameters> failover;

    void describe(Fields& fields);
};

/// What so many servers alike ask for, on average.
Workload workload_of(const SqlServerParameters& parameters, std::int64_t servers);

struct SqlReplicasParameters : SqlServerParameters {
    ComponentName of;
    std::int64_t instances = 1;
    Synchrony synchronous = Synchrony::none;
    Law<Duration> delay = "1ms";
    Law<Duration> apply_time = "100us";
    std::optional<Duration> stale_after;

    void describe(Fields& fields);
};

}  // namespace prodsim
