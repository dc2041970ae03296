// Objects by name in a store that never fills: what it limits is how fast. Names with one prefix
// lie in partitions, each of which takes so many reads and so many writes a second; what exceeds
// that is told to slow down. A partition that has had to say so for long enough is split in two.
//
//     call ─▶ partition of its name ─▶ quota ─▶ first byte ─▶ transfer ─▶ ok or error
//                                        └─ used up ▶ rejected_rate (503 Slow Down)
//
// Whatever asks for one operation asks for names of one prefix, spread evenly over it. Which name a
// request is about belongs to it: all its attempts go to the same partition.
//
// When the caller gives up, the work is done all the same, and nobody here knows.
//
// Simplifications: reads and writes do not take from each other; names that grow with time, which
// all fall into the last partition, are not modelled; partitions never merge; there is no end to
// the bandwidth; rejections cost nothing and are instant; every read sees every write before it; a
// partition was overloaded to the end if it refused something in the last minute.

#include "models/resilience/limiter.hpp"
#include "sim/world/attendant.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

struct Operation {
    std::string prefix = "/";
    bool write = false;
    std::optional<Law<Duration>> first_byte;
    Law<Duration> transfer = "0s";

    void describe(Fields& fields) {
        fields("prefix", prefix, "What the names of its objects begin with.", {.position = 1});
        fields("write", write, "It puts or deletes; otherwise it gets.");
        fields("first_byte", first_byte, "Instead of that of the store.");
        fields("transfer", transfer, "From the first byte to the last.");
    }
};

/// Takes the names in [from, to) of a prefix, all of whose names are [0, 1).
struct Partition {
    Partition(double low, double high, Rate read_rate, Rate write_rate)
        : from(low), to(high), reads(bucket(read_rate)), writes(bucket(write_rate)) {}

    /// A second's worth at once after a pause.
    static TokenBucket bucket(Rate rate) {
        const auto burst = static_cast<std::int64_t>(rate.per_second);
        return {ExactRate(rate), std::max<std::int64_t>(burst, 1)};
    }

    double from;
    double to;
    TokenBucket reads;
    TokenBucket writes;
    Time last_refused{};
    Timer split;  // under way while it is overloaded
};

class ObjectStore final : public Callee {
public:
    struct Parameters {
        std::vector<ZoneName> zones;
        Rate reads{5500};
        Rate writes{3500};
        std::int64_t partitions = 1;
        Law<Duration> split_after = "uniform(min=30min, max=60min)";
        Law<Duration> first_byte = "lognormal(p50=120ms, p99=400ms)";
        Share error_rate{0.0001};
        Named<Operation> operations;

        void describe(Fields& fields) {
            constexpr std::string_view performance =
                "Amazon S3 User Guide, performance: at least this of each partitioned prefix";
            fields("zones", zones, "It stands in the first of these; of all zones if empty.");
            fields("reads", reads, "Reads a second of one partition.",
                   {.minimum = ExactRate::lowest, .source = performance});
            fields("writes", writes, "Writes a second of one partition.",
                   {.minimum = ExactRate::lowest, .source = performance});
            fields("partitions", partitions,
                   "Into how many partitions the load of the past has split each prefix.",
                   {.minimum = 1, .maximum = 10000, .source = "a new prefix has one"});
            fields("split_after", split_after,
                   "For how long a partition is overloaded before it is split in two.",
                   {.source = "Amazon Knowledge Center, S3 503 Slow Down: 30 to 60 minutes"});
            fields("first_byte", first_byte, "What it takes to the first byte of an answer.",
                   {.source = "Amazon S3 User Guide, performance: 100 to 200 ms for small "
                              "objects; the tail is assumed"});
            fields("error_rate", error_rate, "The share of calls that it answers with an error.",
                   {.minimum = 0,
                    .maximum = 1,
                    .source = "Amazon S3 Standard: designed for 99.99 % availability"});
            fields("operations", operations, "What it can be asked to do.", {.required = true});
        }
    };

    ObjectStore(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)),
          parameters_(parameters),
          meters_(world.meters, this->name()) {
        for (const auto& item : parameters.operations) {
            const auto known = std::find(prefixes_.begin(), prefixes_.end(), item.value.prefix);
            prefix_of_.push_back(static_cast<std::size_t>(known - prefixes_.begin()));
            if (known == prefixes_.end()) prefixes_.push_back(item.value.prefix);
        }
    }

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        for (std::size_t i = 0; i < parameters_.operations.size(); ++i) {
            if (parameters_.operations[i].name == wanted) return static_cast<std::uint16_t>(i);
        }
        return std::nullopt;
    }

    void start() override { add_instances(1, zones_of(world_, parameters_.zones)); }

    void stop_arrivals() override {
        for (Region* region : regions_) region->stop_splitting();
    }

    // How many instances it has is the provider's secret.
    Workload workload() const override {
        Workload work;
        for (const auto& item : parameters_.operations) {
            const Law<Duration>& first = item.value.first_byte.value_or(parameters_.first_byte);
            const double mean =
                first.distribution().mean() + item.value.transfer.distribution().mean();
            work.operations.push_back({item.name, {.wait_s = mean}});
        }
        for (std::size_t prefix = 0; prefix < prefixes_.size(); ++prefix) {
            add_limit(work, prefix, false);
            add_limit(work, prefix, true);
        }
        return work;
    }

private:
    void add_limit(Workload& work, std::size_t prefix, bool write) const {
        const Rate rate = write ? parameters_.writes : parameters_.reads;
        Resource limit{(write ? "writes/s of " : "reads/s of ") + prefixes_[prefix],
                       rate.per_second * static_cast<double>(parameters_.partitions),
                       {}};
        for (std::size_t i = 0; i < prefix_of_.size(); ++i) {
            const bool counts =
                prefix_of_[i] == prefix && parameters_.operations[i].value.write == write;
            limit.per_call.push_back(counts ? 1 : 0);
        }
        const auto& counted = limit.per_call;
        if (std::find(counted.begin(), counted.end(), 1) == counted.end()) return;
        work.resources.push_back(std::move(limit));
    }

    struct StoreMeters : AttendantMeters {
        StoreMeters(Meters& meters, std::string_view owner)
            : AttendantMeters(meters, owner, "the store"),
              slowed(meters.counter(owner, "slowed_down", "Calls that were told to slow down.")),
              splits(meters.counter(owner, "splits", "Partitions that were split in two.")) {}

        Counter& slowed;
        Counter& splits;
    };

    /// The partitions of one prefix, in the order of their names.
    using Partitions = std::vector<std::unique_ptr<Partition>>;

    class Region final : public Attendant {
    public:
        Region(ObjectStore& store, ZoneId zone, std::uint16_t number)
            : Attendant(store.world_, store.name(), zone, number, store.meters_,
                        Station::unlimited),
              store_(store),
              parameters_(store.parameters_),
              meters_(store.meters_),
              names_(world_.stream(store.name() + "/names")),
              latencies_(world_.stream(store.name() + "/latency")),
              patience_(world_.stream(store.name() + "/splits")),
              prefixes_(store.prefixes_.size()),
              slow_down_(world_.reason(store.name(), "slow down")) {
            const auto count = static_cast<double>(parameters_.partitions);
            for (Partitions& partitions : prefixes_) {
                for (double i = 0; i < count; ++i) {
                    partitions.push_back(made(i / count, (i + 1) / count));
                }
            }
        }

        void stop_splitting() {
            for (Partitions& partitions : prefixes_) {
                for (auto& partition : partitions) world_.engine.cancel(partition->split);
            }
        }

    private:
        std::unique_ptr<Partition> made(double from, double to) const {
            const double share = condition().capacity;
            return std::make_unique<Partition>(from, to, Rate{parameters_.reads.per_second * share},
                                               Rate{parameters_.writes.per_second * share});
        }

        void accept(Call& call) override {
            const Operation& operation = parameters_.operations[call.operation].value;
            Partition& partition = partition_of(call);
            TokenBucket& bucket = operation.write ? partition.writes : partition.reads;
            if (bucket.next(world_.now()) > world_.now()) {
                refuse(call, partition);
                return;
            }
            bucket.book(world_.now());
            attend(call, latency(call, operation));  // it takes any number at once
        }

        Partitions& partitions_of(const Call& call) {
            return prefixes_[store_.prefix_of_[call.operation]];
        }

        Partition& partition_of(const Call& call) {
            Partitions& partitions = partitions_of(call);
            const double name = names_.draws(call.subject).uniform();
            const auto above = std::upper_bound(
                partitions.begin(), partitions.end(), name,
                [](double wanted, const auto& partition) { return wanted < partition->from; });
            return **std::prev(above);
        }

        void refuse(Call& call, Partition& partition) {
            meters_.slowed.add();
            partition.last_refused = world_.now();
            if (!partition.split.is_set()) {
                Draws draws = patience_.next();
                const double seconds = parameters_.split_after.distribution().sample(draws);
                partition.split = world_.engine.after(from_seconds(seconds),
                                                      action<&Region::judge>(*this, partition));
            }
            world_.calls.reply(call, {Outcome::rejected_rate, slow_down_});
        }

        /// Splits the partition, if it was overloaded to the end.
        void judge(Partition& partition) {
            partition.split = {};
            if (world_.now() - partition.last_refused > still_overloaded) return;
            for (Partitions& partitions : prefixes_) {
                const auto it =
                    std::find_if(partitions.begin(), partitions.end(),
                                 [&](const auto& one) { return one.get() == &partition; });
                if (it != partitions.end()) split(partitions, it);
            }
        }

        void split(Partitions& partitions, Partitions::iterator it) {
            meters_.splits.add();
            const double from = (*it)->from;
            const double to = (*it)->to;
            const double middle = (from + to) / 2;
            *it = made(from, middle);
            partitions.insert(std::next(it), made(middle, to));
        }

        Duration latency(const Call& call, const Operation& operation) const {
            const Law<Duration>& first =
                operation.first_byte ? *operation.first_byte : parameters_.first_byte;
            Draws draws = latencies_.draws(call.demand_key());
            const double seconds = first.distribution().sample(draws) +
                                   operation.transfer.distribution().sample(draws);
            return from_seconds(seconds * condition().slow);
        }

        double error_rate(const Call&) const override { return parameters_.error_rate.value; }

        void capacity_changed() override {
            for (Partitions& partitions : prefixes_) {
                for (auto& partition : partitions) {
                    const auto fresh = made(partition->from, partition->to);
                    partition->reads = fresh->reads;
                    partition->writes = fresh->writes;
                }
            }
        }

        static constexpr Duration still_overloaded = std::chrono::minutes(1);

        const ObjectStore& store_;
        const Parameters& parameters_;
        StoreMeters& meters_;
        Stream names_;
        Stream latencies_;
        Stream patience_;
        std::vector<Partitions> prefixes_;
        ReasonId slow_down_;
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        auto region = std::make_unique<Region>(*this, zone, number);
        regions_.push_back(region.get());
        return region;
    }

    const Parameters& parameters_;
    StoreMeters meters_;
    std::vector<std::string> prefixes_;
    std::vector<std::size_t> prefix_of_;  // by operation
    std::vector<Region*> regions_;
};

}  // namespace

void add_object_store(Catalogue& catalogue) {
    catalogue.component<ObjectStore>("object_store",
                                     "Objects by name, at so many requests a second.");
}

}  // namespace prodsim
