#include "sim/run/simulation.hpp"

#include "sim/run/faults.hpp"
#include "sim/world/component.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

namespace prodsim {

namespace {

// After the horizon arrivals stop and the rest drains; what takes longer than this is named.
constexpr Duration longest_drain = std::chrono::hours(1);

// How many events run between two looks at the watch.
constexpr std::size_t glance = 1 << 16;

/// Counters and levels, which cost little.
Readings glimpse_at(const Meters& meters, Time now) {
    Readings readings;
    for (const auto& [name, meter] : meters.counters()) {
        readings.counters.push_back({name, meter->total(), meter->in_window()});
    }
    for (const auto& [name, meter] : meters.levels()) {
        readings.levels.push_back({name, meter->mean(now), meter->maximum(), meter->value(),
                                   static_cast<double>(meter->integral(now)) * 1e-9});
    }
    return readings;
}

Readings read(const Meters& meters, Time now) {
    Readings readings = glimpse_at(meters, now);
    for (const auto& [name, meter] : meters.histograms()) {
        readings.histograms.push_back({name, *meter});
    }
    return readings;
}

std::string text(Wide number) {
    if (number < 0) return "-" + text(-number);
    std::string digits;
    do {
        digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(number % 10)));
        number /= 10;
    } while (number > 0);
    return digits;
}

template <class T>
const T* find(const std::vector<T>& readings, std::string_view owner, std::string_view name) {
    const auto before = [](const T& reading,
                           const std::pair<std::string_view, std::string_view>& key) {
        return std::pair<std::string_view, std::string_view>(reading.name.owner,
                                                             reading.name.name) < key;
    };
    const auto found =
        std::lower_bound(readings.begin(), readings.end(), std::pair(owner, name), before);
    const bool there =
        found != readings.end() && found->name.owner == owner && found->name.name == name;
    return there ? &*found : nullptr;
}

/// One run: a world, its faults, and the two looks that are taken at it, at the end of the window
/// and after the drain.
class Run {
public:
    Run(const Scenario& scenario, const RunPlan& plan, RunWatch& watch)
        : plan_(plan),
          prices_(scenario.parameters().prices),
          watch_(watch),
          instants_(glimpses_of(scenario, plan)),
          world_(scenario.world(plan.seed, plan.replication)),
          faults_(*world_, scenario, plan) {}

    Replication nothing_yet() {
        world_->start();
        Replication result;
        result.plan = plan_;
        look(result);
        return result;
    }

    Replication result() {
        world_->start();
        faults_.schedule();
        Replication result;
        result.plan = plan_;
        bool whole = advance_looking(start_of_run + plan_.warm_up, result);
        if (plan_.warm_up.count() > 0) world_->reset_window();
        whole = whole && advance_looking(start_of_run + plan_.duration, result);
        look(result);
        for (const auto& component : world_->components()) component->stop_arrivals();
        whole = whole && advance(start_of_run + plan_.duration + longest_drain);
        result.interrupted = !whole;
        close(result);
        return result;
    }

private:
    bool advance(Time until) {
        while (!watch_.stop.load(std::memory_order_relaxed)) {
            const Time before = world_->now();
            const bool more = world_->engine.run_some(until, glance);
            if (before < start_of_run + plan_.duration) {
                watch_.simulated_ns += (world_->now() - before).count();
            }
            if (!more) return true;
            if (world_->engine.pending() == 0) break;
        }
        return false;
    }

    /// Stopping on the way changes nothing: events go on where they were.
    bool advance_looking(Time until, Replication& result) {
        while (!instants_.empty() && *instants_.begin() <= until) {
            const Time instant = *instants_.begin();
            instants_.erase(instants_.begin());
            if (!advance(instant)) return false;
            result.glimpses.emplace(instant, glimpse_at(world_->meters, instant));
        }
        return advance(until);
    }

    void look(Replication& result) {
        result.end = world_->now();
        for (const auto& component : world_->components()) component->close_books(result.end);
        result.readings = read(world_->meters, result.end);
        result.journeys = world_->journeys();
        result.cohorts = world_->cohorts();
        result.time_labels = world_->traces.labels();
        result.breakdowns = world_->traces.breakdowns();
        result.bill = bill_of(prices_, *world_, std::min(start_of_run + plan_.warm_up, result.end));
    }

    void close(Replication& result) {
        const Calls& calls = world_->calls;
        result.reasons = world_->reasons();
        result.opened = calls.opened();
        result.answered = calls.answered();
        result.wasted = calls.wasted();
        result.live = calls.live();
        result.events = world_->engine.events();
        result.fingerprint = world_->engine.fingerprint();
        for (const Journey& journey : world_->journeys())
            watch_.requests += journey.ended().total();
        audit_conservation(result);
        audit_littles_law(result);
        audit_work(result);
        audit_time(result);
        if (!result.interrupted) audit_drain(result);
    }

    void audit_conservation(Replication& result) {
        const auto sum = result.answered + result.wasted + result.live;
        result.audits.push_back(
            {"conservation", "all calls", result.opened == sum,
             to_text(static_cast<std::int64_t>(result.opened)) +
                 " opened = " + to_text(static_cast<std::int64_t>(result.answered)) +
                 " answered + " + to_text(static_cast<std::int64_t>(result.wasted)) + " wasted + " +
                 to_text(static_cast<std::int64_t>(result.live)) + " live"});
    }

    // The integral of the level is counted by the level, the stays at the exits. Those who are
    // still there have not been counted at an exit, so only an empty level can be compared.
    void audit_littles_law(Replication& result) {
        for (const auto& [name, meter] : world_->meters.levels()) {
            const auto book = world_->meters.stay_books().find(meter);
            if (book == world_->meters.stay_books().end() || meter->value() != 0) continue;
            const Wide integral = meter->integral(world_->now());
            const Wide stays = book->second->sum();
            result.audits.push_back({"Little's law", name.owner + " " + name.name,
                                     integral == stays,
                                     text(integral) + " ns = " + text(stays) + " ns"});
        }
    }

    // What the processors did is what was asked of them: one side is the clock of attained service
    // times the company, the other the demands of those who finished. Every piece of work ends at
    // a whole nanosecond, so each may be off by one for each core.
    void audit_work(Replication& result) {
        for (const auto& [owner, book] : world_->meters.work_books()) {
            const double slack = static_cast<double>(book->pieces) + 1e-9 * book->asked;
            result.audits.push_back(
                {"utilisation law", owner + " cpu",
                 book->unfinished != 0 || std::abs(book->asked - book->done) <= slack,
                 to_text(in_seconds(Duration{std::int64_t(book->done)})) + " s done = " +
                     to_text(in_seconds(Duration{std::int64_t(book->asked)})) + " s asked for"});
        }
    }

    // Every nanosecond of a traced journey is somebody's, and none is counted twice.
    static void audit_time(Replication& result) {
        for (const Breakdown& breakdown : result.breakdowns) {
            Duration latency{};
            Duration parts{};
            Duration unaccounted{};
            for (const TimeSplit* split : {&breakdown.good, &breakdown.failed}) {
                latency += split->latency;
                for (const Duration part : split->by_label) parts += part;
                if (!split->by_label.empty()) unaccounted += split->by_label.front();
            }
            result.audits.push_back(
                {"time accounts", breakdown.journey, latency == parts && unaccounted.count() == 0,
                 text(latency.count()) + " ns = " + text(parts.count()) + " ns, of which " +
                     text(unaccounted.count()) + " ns are nobody's"});
        }
    }

    void audit_drain(Replication& result) {
        std::string held;
        for (const auto& component : world_->components()) {
            const auto* callee = dynamic_cast<const Callee*>(component.get());
            if (callee == nullptr) continue;
            std::size_t count = 0;
            bool hangs = false;
            for (const auto& instance : callee->instances()) {
                count += instance->held();
                hangs |= instance->condition().mode == Condition::Mode::hanging;
            }
            const std::string name = " " + component->name();
            if (count > 0) held += name + " holds " + std::to_string(count) + ";";
            if (hangs) held += name + " hangs;";
        }
        const std::uint64_t swallowed = world_->calls.swallowed();
        if (swallowed > 0) held += " the network swallowed " + std::to_string(swallowed) + ";";
        const bool drained = result.live == 0;
        std::string detail = drained ? "nothing is left after the drain"
                                     : to_text(static_cast<std::int64_t>(result.live)) +
                                           " calls are left after the drain:" +
                                           (held.empty() ? " nobody holds them" : held);
        result.audits.push_back({"drain", "all calls", drained || !held.empty(), detail});
    }

    RunPlan plan_;
    const Named<Price>& prices_;
    RunWatch& watch_;
    std::set<Time> instants_;  // still to come
    std::unique_ptr<World> world_;
    Faults faults_;
};

}  // namespace

const Readings::CounterReading* Readings::counter(std::string_view owner,
                                                  std::string_view name) const {
    return find(counters, owner, name);
}

const Readings::LevelReading* Readings::level(std::string_view owner, std::string_view name) const {
    return find(levels, owner, name);
}

const Readings::HistogramReading* Readings::histogram(std::string_view owner,
                                                      std::string_view name) const {
    return find(histograms, owner, name);
}

bool FaultSelection::contains(std::size_t number) const {
    return everything || std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

Replication simulate(const Scenario& scenario, const RunPlan& plan, RunWatch& watch) {
    return Run(scenario, plan, watch).result();
}

Replication nothing_yet(const Scenario& scenario) {
    RunWatch watch;
    RunPlan plan;
    plan.duration = std::chrono::seconds(1);
    return Run(scenario, plan, watch).nothing_yet();
}

std::vector<Replication> simulate_all(const Scenario& scenario, const std::vector<RunPlan>& plans,
                                      unsigned threads, RunWatch& watch) {
    std::vector<Replication> results(plans.size());
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_mutex;
    const auto work = [&] {
        for (std::size_t i = next++; i < plans.size(); i = next++) {
            try {
                results[i] = simulate(scenario, plans[i], watch);
            } catch (...) {
                const std::lock_guard lock(failure_mutex);
                if (failure == nullptr) failure = std::current_exception();
                watch.stop = true;
            }
        }
    };
    std::vector<std::thread> helpers;
    for (unsigned i = 1; i < std::min<std::size_t>(threads, plans.size()); ++i) {
        helpers.emplace_back(work);
    }
    work();
    for (std::thread& helper : helpers) helper.join();
    if (failure != nullptr) std::rethrow_exception(failure);
    return results;
}

std::vector<RunPlan> plans_of(const Scenario& scenario, const FaultSelection& faults) {
    const std::int64_t all = scenario.parameters().run.replications;
    return plans_of(scenario, faults, 0, static_cast<std::size_t>(all));
}

std::vector<RunPlan> plans_of(const Scenario& scenario, const FaultSelection& faults,
                              std::size_t first, std::size_t end) {
    const RunParameters& run = scenario.parameters().run;
    assert(run.warm_up && "pilots have found the warm-up");
    std::vector<RunPlan> plans;
    for (std::uint64_t i = first; i < end; ++i) {
        plans.push_back(
            {static_cast<std::uint64_t>(run.seed), i, faults, *run.warm_up, run.duration});
    }
    return plans;
}

Span during_faults(const Scenario& scenario, const RunPlan& plan) {
    const Span window{start_of_run + plan.warm_up, start_of_run + plan.duration};
    Span span{window.to, window.from};
    for (const FaultParameters& fault : scenario.parameters().faults) {
        const Time begin = start_of_run + fault.at;
        span.from = std::min(span.from, begin);
        span.to = std::max(span.to, fault.length ? begin + *fault.length : window.to);
    }
    span.to = std::min(span.to, window.to);
    return span;
}

std::set<Time> glimpses_of(const Scenario& scenario, const RunPlan& plan) {
    std::set<Time> instants;
    const auto add = [&](Span span) { instants.insert({span.from, span.to}); };
    for (const Expectation& expectation : scenario.parameters().expect) {
        if (const auto span = expectation.span(plan.warm_up, plan.duration)) add(*span);
        if (expectation.scope == Scope::during) add(during_faults(scenario, plan));
    }
    for (const auto& item : scenario.parameters().requirements) {
        if (item.value.scope == Scope::during) add(during_faults(scenario, plan));
    }
    return instants;
}

}  // namespace prodsim
