// Somebody else's service: it takes its time, fails now and then, and allows us so much and no
// more. It never runs out of processor; what runs out is our quota, one token bucket for the
// account and one for each operation.
//
//     call ─▶ concurrency ─▶ quota of the account and the operation ─▶ latency ─▶ ok or error
//                 └──────────────┴─ used up ▶ rejected_rate, with Retry-After
//
// When the caller gives up, the work is done all the same, and nobody here knows: a payment whose
// caller timed out is neither a success nor a failure. `unknown` counts them.
//
// Simplifications: answers are independent of each other and of our load; a quota is one exact
// bucket, while a provider counts in a distributed and more lenient way; rejections cost nothing
// and are instant; a second call with the same idempotency key counts as work.

#include "sim/world/attendant.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

struct Quota {
    Rate rate;
    std::optional<double> burst;

    void describe(Fields& fields) {
        fields("rate", rate, "Calls a second in the long run; 0 is no limit.",
               {.minimum = 0, .position = 1});
        fields("burst", burst, "Calls at once after a pause; those of one second if not given.",
               {.minimum = 1});
    }
};

/// Tokens drip in at a rate up to a burst; each call takes one.
class Bucket {
public:
    explicit Bucket(const Quota& quota)
        : rate_(quota.rate.per_second),
          burst_(std::max(1.0, quota.burst.value_or(rate_))),
          tokens_(burst_) {}

    /// What the next call has to wait for a token, in seconds; 0 when there is one.
    double wait(Time now) {
        if (rate_ == 0) return 0;
        refill(now);
        if (tokens_ >= 1) return 0;
        return share_ > 0 ? (1 - tokens_) / (rate_ * share_) : longest_wait;
    }

    void take() {
        if (rate_ > 0) tokens_ -= 1;
    }

    /// The provider grants only this share of the rate from now on.
    void set_share(double share, Time now) {
        refill(now);
        share_ = share;
    }

private:
    static constexpr double longest_wait = 3600;

    void refill(Time now) {
        const double time = in_seconds(now - since_);
        tokens_ = std::min(burst_, tokens_ + rate_ * share_ * time);
        since_ = now;
    }

    double rate_;
    double burst_;
    double tokens_;
    double share_ = 1;
    Time since_{};
};

struct Operation {
    std::optional<Law<Duration>> latency;
    std::optional<Share> error_rate;
    Quota quota{{25}, {}};

    void describe(Fields& fields) {
        fields("latency", latency, "Instead of that of the component.", {.position = 1});
        fields("error_rate", error_rate, "Instead of that of the component.",
               {.minimum = 0, .maximum = 1});
        fields("quota", quota, "What is allowed of this operation alone.",
               {.source = "docs.stripe.com/rate-limits: 25 a second for each endpoint"});
    }
};

class ThirdParty final : public Callee {
public:
    struct Parameters {
        Law<Duration> latency = "lognormal(p50=450ms, p99=2.5s)";
        Share error_rate{0.001};
        Quota quota{{100}, {}};
        std::optional<std::int64_t> concurrency;
        std::vector<ZoneName> zones;
        Named<Operation> operations;

        void describe(Fields& fields) {
            fields("latency", latency, "How long it takes to answer.",
                   {.source = "assumed for a payment provider"});
            fields("error_rate", error_rate, "The share of calls that it answers with an error.",
                   {.minimum = 0, .maximum = 1, .source = "assumed for a payment provider"});
            fields("quota", quota, "What is allowed of all operations together.",
                   {.source = "docs.stripe.com/rate-limits: 100 a second in live mode"});
            fields("concurrency", concurrency,
                   "Calls it serves for us at the same time; no limit if not given.",
                   {.minimum = 1});
            fields("zones", zones, "It stands in the first of these; of all zones if empty.");
            fields("operations", operations, "What it can be asked to do.", {.required = true});
        }
    };

    ThirdParty(World& world, std::string name, const Parameters& parameters)
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

    // How many instances it has is the provider's secret.
    Workload workload() const override {
        Workload work;
        const std::size_t count = parameters_.operations.size();
        Resource account{"calls/s", parameters_.quota.rate.per_second,
                         std::vector<double>(count, 1)};
        if (account.available > 0) work.resources.push_back(std::move(account));
        for (std::size_t i = 0; i < count; ++i) {
            const auto& item = parameters_.operations[i];
            const Law<Duration>& law =
                item.value.latency ? *item.value.latency : parameters_.latency;
            work.operations.push_back({item.name, {.wait_s = law.distribution().mean()}});
            Resource quota{"calls/s of " + item.name, item.value.quota.rate.per_second,
                           std::vector<double>(count, 0)};
            quota.per_call[i] = 1;
            if (quota.available > 0) work.resources.push_back(std::move(quota));
        }
        return work;
    }

private:
    struct ProviderMeters : AttendantMeters {
        ProviderMeters(Meters& meters, std::string_view owner)
            : AttendantMeters(meters, owner, "the provider"),
              limited(meters.counter(owner, "limited", "Calls over a quota.")) {}

        Counter& limited;
    };

    class Provider final : public Attendant {
    public:
        Provider(ThirdParty& party, ZoneId zone, std::uint16_t number)
            : Attendant(party.world_, party.name(), zone, number, party.meters_,
                        party.parameters_.concurrency.value_or(Station::unlimited)),
              parameters_(party.parameters_),
              meters_(party.meters_),
              latencies_(world_.stream(party.name() + "/latency")),
              account_(parameters_.quota),
              over_quota_(world_.reason(party.name(), "quota")),
              over_concurrency_(world_.reason(party.name(), "concurrency limit")) {
            for (const auto& item : parameters_.operations) {
                operations_.emplace_back(item.value.quota);
            }
        }

    private:
        void accept(Call& call) override {
            Bucket& operation = operations_[call.operation];
            const double wait = std::max(account_.wait(world_.now()), operation.wait(world_.now()));
            if (wait > 0) {
                meters_.limited.add();
                world_.calls.reply(call, {Outcome::rejected_rate, over_quota_, in_us(wait)});
                return;
            }
            if (!attend(call, latency(call))) {
                world_.calls.reply(call, {Outcome::rejected_rate, over_concurrency_});
                return;
            }
            account_.take();
            operation.take();
        }

        Duration latency(const Call& call) const {
            const Operation& operation = parameters_.operations[call.operation].value;
            const Law<Duration>& law = operation.latency ? *operation.latency : parameters_.latency;
            Draws draws = latencies_.draws(call.demand_key());
            return from_seconds(law.distribution().sample(draws) * condition().slow);
        }

        static std::uint32_t in_us(double seconds) {
            return static_cast<std::uint32_t>(seconds * 1e6) + 1;
        }

        double error_rate(const Call& call) const override {
            const Operation& operation = parameters_.operations[call.operation].value;
            return operation.error_rate.value_or(parameters_.error_rate).value;
        }

        void capacity_changed() override {
            const double share = condition().capacity;
            account_.set_share(share, world_.now());
            for (Bucket& bucket : operations_) bucket.set_share(share, world_.now());
        }

        const Parameters& parameters_;
        ProviderMeters& meters_;
        Stream latencies_;
        Bucket account_;
        std::vector<Bucket> operations_;
        ReasonId over_quota_;
        ReasonId over_concurrency_;
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Provider>(*this, zone, number);
    }

    const Parameters& parameters_;
    ProviderMeters meters_;
};

}  // namespace

void add_third_party(Catalogue& catalogue) {
    catalogue.component<ThirdParty>("third_party", "Somebody else's service, with quotas.");
}

}  // namespace prodsim
