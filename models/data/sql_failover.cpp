#include "models/data/sql_failover.hpp"

#include "sim/world/world.hpp"

#include <utility>

namespace prodsim {

void FailoverParameters::describe(Fields& fields) {
    fields("ttl", ttl, "How long a lease holds after it was renewed.",
           {.above = 0, .source = "Patroni 4 ttl"});
    fields("loop_wait", loop_wait, "How often the leader renews it, and the others look.",
           {.above = 0, .source = "Patroni 4 loop_wait"});
    fields("maximum_lag", maximum_lag,
           "A replica that lacks more of what the leader was known to have is not promoted.",
           {.minimum = 0, .source = "Patroni 4 maximum_lag_on_failover"});
    fields("commit_size", commit_size, "What a commit adds to the log.",
           {.minimum = 1, .source = "assumed"});
    fields("promotion", promotion, "From the choice of a replica to its first write.",
           {.source = "assumed"});
    fields("rejoin", rejoin,
           "From the return of a primary that was replaced to its service as a replica.",
           {.source = "assumed: pg_rewind"});
    fields.rule(loop_wait < ttl, "loop_wait", "must be shorter than \"ttl\"",
                "Patroni wants room for two times retry_timeout (10 s) between them");
}

Failover::Failover(World& world, const std::string& name, const FailoverParameters& parameters,
                   Cluster& cluster, std::vector<Standby*>& standbys)
    : world_(world),
      parameters_(parameters),
      cluster_(cluster),
      standbys_(standbys),
      promotions_(world.stream(name + "/promotion")),
      rejoining_(world.stream(name + "/rejoin")),
      failovers_(world.meters.counter(name, "failovers", "Replicas that became the primary.")),
      lost_commits_(world.meters.counter(name, "failover.lost",
                                         "Commits that had been acknowledged and are gone.")),
      leaderless_(world.meters.level(name, "leaderless", "1 while nobody takes writes.")),
      outage_(world.meters.histogram(name, "failover.time",
                                     "From the loss of a primary to the next.")) {
    Stream phases = world.stream(name + "/lease");
    phase_ = from_seconds(in_seconds(parameters.loop_wait) * phases.next().uniform());
}

void Failover::lose() {
    if (lost_ != never) return;
    lost_ = world_.now();
    leaderless_.add(1, world_.now());
    for (Standby* standby : standbys_) standby->receive_until(lost_);
    next_ = world_.engine.at(last_renewal() + parameters_.ttl, action<&Failover::choose>(*this));
}

/// The lease is renewed at the phase of the loop and every `loop_wait` from there on, also before
/// the run.
Time Failover::last_renewal() const {
    const Duration loop = parameters_.loop_wait;
    return start_of_run + phase_ + ((lost_ - start_of_run - phase_ + loop) / loop - 1) * loop;
}

void Failover::regain() {
    if (lost_ == never || chosen_ != nullptr) return;
    world_.engine.cancel(next_);
    leaderless_.add(-1, world_.now());
    lost_ = never;
    for (Standby* standby : standbys_) standby->receive_until(never);
}

void Failover::choose() {
    chosen_ = nullptr;
    std::uint64_t least = 0;
    const Time known = last_renewal();  // what the leader has is told with the lease
    for (Standby* standby : standbys_) {
        if (!standby->is_up()) continue;
        const auto lag = static_cast<double>(standby->log().missing(known, lost_)) *
                         static_cast<double>(parameters_.commit_size.count);
        if (lag > static_cast<double>(parameters_.maximum_lag.count)) continue;
        const std::uint64_t missing = standby->log().missing(lost_, lost_);
        if (chosen_ != nullptr && missing >= least) continue;
        chosen_ = standby;
        least = missing;
    }
    if (chosen_ == nullptr) {
        next_ = world_.engine.after(parameters_.loop_wait, action<&Failover::choose>(*this));
        return;
    }
    Draws draws = promotions_.next();
    const Duration promotion = sample_duration(parameters_.promotion.distribution(), draws);
    const auto replayed = static_cast<std::int64_t>(chosen_->log().received(lost_));
    next_ = world_.engine.after(chosen_->apply_time() * replayed + promotion,
                                action<&Failover::promote>(*this));
}

void Failover::promote() {
    if (!chosen_->is_up()) {
        choose();
        return;
    }
    heir_ = std::exchange(chosen_, nullptr);
    next_ = {};
    failovers_.add();
    // Nobody was told of a commit that waits for replicas before one of them had it.
    if (!heir_->is_waited_for()) lost_commits_.add(heir_->log().missing(lost_, lost_));
    leaderless_.add(-1, world_.now());
    outage_.record(world_.now() - lost_);
    std::erase(standbys_, heir_);
    const Time last = heir_->log().last_received(std::exchange(lost_, never));
    for (Standby* standby : standbys_) {
        standby->forget_after(last);
        standby->receive_until(never);
    }
    cluster_.promote(*heir_);
}

void Failover::rejoin(std::uint16_t zone) {
    Draws draws = rejoining_.next();
    world_.engine.after(sample_duration(parameters_.rejoin.distribution(), draws),
                        action_with<&Failover::join>(*this, zone));
}

void Failover::join(std::uint64_t zone) { heir_->add_another(static_cast<std::uint16_t>(zone)); }

}  // namespace prodsim
