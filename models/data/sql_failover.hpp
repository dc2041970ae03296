#pragma once

// Who leads a database when its primary is lost, as Patroni decides it: the leader holds a lease
// that it renews once a loop, and when that has run out the replica that has most of the log is
// promoted, unless it lacks too much of it.
//
//     loss ─▶ the lease runs out: ttl after its last renewal ─▶ replay, promotion ─▶ new leader
//
// Simplifications: the store of the leases never fails and is always reached, so there are never
// two leaders; whoever hangs or is slow keeps its lease; a server that fails is lost together with
// the agent that watches it, so nobody restarts it or gives the lease back early.

#include "models/data/sql_log.hpp"
#include "sim/config/fields.hpp"
#include "sim/core/engine.hpp"
#include "sim/core/random.hpp"
#include "sim/core/time.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace prodsim {

class World;
class Counter;
class Histogram;
class Level;

struct FailoverParameters {
    Duration ttl = std::chrono::seconds(30);
    Duration loop_wait = std::chrono::seconds(10);
    Bytes maximum_lag{1048576};
    Bytes commit_size{8192};
    Law<Duration> promotion = "2s";
    Law<Duration> rejoin = "1min";

    void describe(Fields& fields);
};

/// A replica, as its primary and a failover see it. Zones are numbers of the network.
class Standby {
public:
    virtual ~Standby() = default;

    /// A commit is durable as of now. Says when the primary knows that it is here as well.
    virtual Time receive(Time committed) = 0;

    virtual bool is_waited_for() const = 0;
    virtual bool is_up() const = 0;

    virtual const ReplicaLog& log() const = 0;

    /// What it takes for a commit, on average.
    virtual Duration apply_time() const = 0;

    /// Nothing more comes to it than had come by then, until it is told otherwise.
    virtual void receive_until(Time end) = 0;

    /// Commits after this one never happened.
    virtual void forget_after(Time committed) = 0;

    /// It is a replica no longer. Says where it stands.
    virtual std::uint16_t take_over() = 0;

    /// Another one joins those that it belongs to.
    virtual void add_another(std::uint16_t zone) = 0;
};

class Failover {
public:
    /// Whose primary it is about.
    class Cluster {
    public:
        virtual ~Cluster() = default;

        /// Whoever was the primary is replaced by this one.
        virtual void promote(Standby& standby) = 0;
    };

    /// The standbys of the moment, which outlive this, leave the list when they are promoted.
    Failover(World& world, const std::string& name, const FailoverParameters& parameters,
             Cluster& cluster, std::vector<Standby*>& standbys);

    /// The primary is gone.
    void lose();

    /// It is back: it leads on if its lease still holds.
    void regain();

    /// One that was replaced is back, in this zone.
    void rejoin(std::uint16_t zone);

private:
    Time last_renewal() const;
    void choose();
    void promote();
    void join(std::uint64_t zone);

    World& world_;
    const FailoverParameters& parameters_;
    Cluster& cluster_;
    std::vector<Standby*>& standbys_;
    Stream promotions_;
    Stream rejoining_;
    Duration phase_;  // of the loop
    Counter& failovers_;
    Counter& lost_commits_;
    Level& leaderless_;
    Histogram& outage_;
    Time lost_ = never;
    Standby* chosen_ = nullptr;
    Standby* heir_ = nullptr;  // who became the primary last
    Timer next_;
};

}  // namespace prodsim
