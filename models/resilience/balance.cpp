// Chooses the endpoint of each call. It sees what a client sees: the versioned membership and its
// own calls under way, never the queues of the instances or what other balancers send them. When
// the caller gives up, its own view of the endpoint's load goes down at once: the view, not the
// truth.
//
// It may keep away from endpoints that fail its own calls in a row. When too few are left it keeps
// away from none: some failures are better than all the load on the rest.
//
// Simplifications: the membership view follows the fleet without delay (discovery that lags is a
// controller of its own); hashes are ours, so a key lands elsewhere than in Envoy. Ejection knows
// failures in a row only, not rates of success; a caller that gives up counts as a failure, for a
// timeout in front of the balancer looks no different; all balancers let endpoints back in at the
// same instants.

#include "models/data/popularity.hpp"
#include "models/resilience/ejection.hpp"
#include "models/resilience/hashing.hpp"
#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

enum class Algorithm : std::uint8_t {
    random,
    round_robin,
    weighted,
    ring_hash,
    maglev,
    least_request,
    power_of_choices,
    join_idle_queue,
};

std::span<const Word> words(Algorithm) {
    static constexpr std::array all{
        Word{"random", Algorithm::random, "Any endpoint, each with the same chance."},
        Word{"round_robin", Algorithm::round_robin,
             "Each in turn; every balancer starts at a random one."},
        Word{"weighted", Algorithm::weighted, "At random, in proportion to `weights`."},
        Word{"ring_hash", Algorithm::ring_hash,
             "The endpoint whose point on a ring follows the hash of the call's key."},
        Word{"maglev", Algorithm::maglev,
             "The endpoint at the hash of the call's key in a table that all share evenly."},
        Word{
            "least_request", Algorithm::least_request,
            "The endpoint with the fewest of this balancer's own calls under way; ties at random."},
        Word{"power_of_choices", Algorithm::power_of_choices,
             "The least loaded of `choices` endpoints drawn at random; ties at random."},
        Word{"join_idle_queue", Algorithm::join_idle_queue,
             "An endpoint that has none of this balancer's calls, if there is one, else any."},
    };
    return all;
}

class Balance final : public Node {
public:
    struct Parameters {
        Algorithm algorithm = Algorithm::random;
        std::int64_t choices = 2;
        std::vector<double> weights;
        std::optional<std::int64_t> keys;
        Choice<PopularityFamily> popularity{"uniform", UniformPopularity{}};
        std::int64_t ring_size = 1024;
        std::int64_t table_size = 65537;
        std::optional<Ejection> ejection;
        Share panic_threshold{0.5};

        void describe(Fields& fields) {
            fields("algorithm", algorithm, "How the endpoint is chosen.", {.position = 1});
            fields("choices", choices, "How many endpoints power_of_choices looks at.",
                   {.minimum = 1, .maximum = 64, .source = "Envoy 1.31 LeastRequest.choice_count"});
            fields(
                "weights", weights,
                "Weights of the endpoints for `weighted`, `ring_hash` and `maglev`, in the order "
                "of the instances; endpoints beyond the list have weight 1.",
                {.minimum = 0});
            describe_keys(fields);
            fields("ejection", ejection,
                   "Keeps away for a while from endpoints that fail; from none if not given.",
                   {.source = "Envoy 1.31: no outlier_detection unless configured"});
            fields("panic_threshold", panic_threshold,
                   "Keeps away from none while fewer than this share would be left.",
                   {.source = "Envoy 1.31 CommonLbConfig.healthy_panic_threshold"});
        }

    private:
        void describe_keys(Fields& fields) {
            fields("keys", keys,
                   "How many keys (clients, sessions, objects) calls are hashed by; if not given, "
                   "each request is a key of its own, and its attempts share it.",
                   {.minimum = 1, .maximum = std::int64_t{1} << 48});
            fields("popularity", popularity, "How often each of the `keys` comes.");
            fields("ring_size", ring_size, "Points on the ring, of all endpoints, at least.",
                   {.minimum = 1,
                    .maximum = 8388608,
                    .source = "Envoy 1.31 RingHashLbConfig.minimum_ring_size"});
            fields("table_size", table_size, "Places of the table, a prime number.",
                   {.minimum = 2,
                    .maximum = 5000011,
                    .source = "Envoy 1.31 MaglevLbConfig.table_size; Eisenbud et al., NSDI 2016"});
            fields.rule(is_prime(table_size), "table_size", "must be a prime number",
                        "write 65537 or 655373");
            const auto* weighted = popularity.as<WeightedPopularity>();
            fields.rule(weighted == nullptr || !keys ||
                            weighted->weights.size() == static_cast<std::uint64_t>(*keys),
                        "popularity", "must have one weight for each of the \"keys\"");
        }

        static bool is_prime(std::int64_t number) {
            for (std::int64_t i = 2; i * i <= number; ++i) {
                if (number % i == 0) return false;
            }
            return number > 1;
        }
    };

    Balance(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          callee_(behind.callee()),
          parameters_(parameters),
          behind_(behind),
          stream_(behind.stream("balance")),
          start_(behind.own_stream("balance")),
          keys_(behind.stream("balance/keys")),
          popularity_(parameters.popularity, parameters.keys.value_or(1)),
          none_(world_.reason(behind.edge(), "no endpoint")),
          hears_replies_(parameters.ejection || watches_load()) {
        if (parameters.ejection) watch_.emplace(*parameters.ejection, behind);
    }

    void on_call(Call& call) override {
        if (version_ != callee_.version()) refresh();
        if (call.route == 0 && only_ != nullptr) {
            call.route = only_number_;
            world_.calls.send(call, *only_);
            return;
        }
        if (call.route != 0) {
            Endpoint* pinned = find(call.route);
            if (pinned != nullptr) {
                forward(call, *pinned);
                return;
            }
        }
        if (members_.empty()) {
            world_.calls.reply(call, {Outcome::no_endpoint, none_});
            return;
        }
        forward(call, *members_[members_.size() == 1 ? 0 : pick(call)]);
    }

    void on_reply(Call& child, Reply reply) override {
        auto& flight = child.caller_frame<Flight>();
        --flight.endpoint->under_way;
        if (watch_) [[unlikely]]
            judge(*flight.endpoint, reply.outcome);
        Call& call = *flight.call;
        flights_.release(flight);
        world_.calls.reply(call, reply);
    }

    void on_abandon(Call& call) override {
        auto& flight = call.callee_frame<Flight>();
        --flight.endpoint->under_way;
        if (watch_) [[unlikely]]
            judge(*flight.endpoint, Outcome::timeout);
        world_.calls.abandon(*flight.child);
        flights_.release(flight);
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    struct Endpoint {
        std::uint16_t number;
        Node* head;
        double weight;
        std::int64_t under_way = 0;  // this balancer's own calls
        Suspect suspect{};
    };

    struct Flight {
        Call* call;
        Call* child;
        Endpoint* endpoint;
    };

    /// What ejection needs.
    struct Watch {
        Watch(const Ejection& rules, const Behind& behind)
            : outliers(rules),
              interval(rules.interval),
              ejected(behind.world().meters.counter(behind.edge(), "balance.ejections",
                                                    "Endpoints that a balancer kept away from.")),
              out(behind.world().meters.level(behind.edge(), "balance.ejected",
                                              "Endpoints that balancers keep away from.")) {}

        Outliers outliers;
        Duration interval;
        Counter& ejected;
        Level& out;
        Timer sweep;
    };

    bool watches_load() const { return parameters_.algorithm >= Algorithm::least_request; }

    // ---- ejection ----

    /// Of what an endpoint did, as far as it is the endpoint's doing.
    void judge(Endpoint& endpoint, Outcome outcome) {
        switch (outcome) {
            case Outcome::rejected_breaker:
            case Outcome::rejected_bulkhead:
            case Outcome::rejected_pool:
            case Outcome::cancelled:
                return;  // it was not asked
            case Outcome::ok:
            case Outcome::degraded:
            case Outcome::stale:
            case Outcome::rejected_rate:
            case Outcome::rejected_rule:
                Outliers::succeeded(endpoint.suspect);
                return;
            default:
                break;
        }
        const std::size_t out = count_out();
        if (!watch_->outliers.failed(endpoint.suspect, out, everyone_.size(), world_.now())) return;
        watch_->ejected.add();
        watch_->out.add(1, world_.now());
        choose_members();
        expect_sweep();
    }

    std::size_t count_out() const {
        return static_cast<std::size_t>(
            std::count_if(everyone_.begin(), everyone_.end(),
                          [](const Endpoint* endpoint) { return endpoint->suspect.is_out; }));
    }

    /// At whole multiples of the interval, and only while there is somebody to forgive.
    void expect_sweep() {
        if (watch_->sweep.is_set()) return;
        const Duration interval = watch_->interval;
        const auto next = (world_.now() - start_of_run) / interval + 1;
        watch_->sweep =
            world_.engine.at(start_of_run + next * interval, action<&Balance::sweep>(*this));
    }

    void sweep() {
        watch_->sweep = {};
        bool all_spotless = true;
        for (const auto& endpoint : known_) {
            if (endpoint == nullptr) continue;
            if (watch_->outliers.sweep(endpoint->suspect, world_.now())) {
                watch_->out.add(-1, world_.now());
            }
            all_spotless = all_spotless && endpoint->suspect.is_spotless();
        }
        choose_members();
        if (!all_spotless) expect_sweep();
    }

    // ---- the choice ----

    // Who only needs an endpoint hands the call over; who watches loads must hear the reply.
    void forward(Call& call, Endpoint& endpoint) {
        call.route = endpoint.number;
        if (!hears_replies_) {
            world_.calls.send(call, *endpoint.head);
            return;
        }
        ++endpoint.under_way;
        Flight& flight = flights_.acquire(Flight{&call, nullptr, &endpoint});
        flight.child = &world_.calls.open(*this, call, world_.now());
        flight.child->caller_note = reinterpret_cast<std::uint64_t>(&flight);
        call.callee_note = reinterpret_cast<std::uint64_t>(&flight);
        world_.calls.send(*flight.child, *endpoint.head);
    }

    std::size_t pick(const Call& call) {
        switch (parameters_.algorithm) {
            case Algorithm::random:
                break;
            case Algorithm::round_robin:
                return turn_ = (turn_ + 1) % members_.size();
            case Algorithm::weighted:
                return pick_weighted(call);
            case Algorithm::ring_hash:
                return ring_.pick(key_of(call));
            case Algorithm::maglev:
                return maglev_.pick(key_of(call));
            case Algorithm::least_request:
                return pick_least(call);
            case Algorithm::power_of_choices:
                return pick_of_several(call);
            case Algorithm::join_idle_queue:
                return pick_idle(call);
        }
        return stream_.draws(call.demand_key()).below(members_.size());
    }

    /// A hash of what the call is about.
    std::uint64_t key_of(const Call& call) const {
        if (!parameters_.keys) return mix(call.subject, 1);
        Draws draws = keys_.draws(call.subject);
        return mix(popularity_.object(draws), 1);
    }

    std::size_t pick_weighted(const Call& call) {
        double sum = 0;
        for (const Endpoint* member : members_) sum += member->weight;
        double point = stream_.draws(call.demand_key()).uniform() * sum;
        for (std::size_t i = 0; i + 1 < members_.size(); ++i) {
            point -= members_[i]->weight;
            if (point < 0) return i;
        }
        return members_.size() - 1;
    }

    std::size_t pick_least(const Call& call) {
        Draws draws = stream_.draws(call.demand_key());
        std::int64_t least = std::numeric_limits<std::int64_t>::max();
        std::size_t chosen = 0;
        std::uint64_t ties = 0;
        for (std::size_t i = 0; i < members_.size(); ++i) {
            const std::int64_t load = members_[i]->under_way;
            if (load > least) continue;
            ties = load < least ? 1 : ties + 1;
            least = load;
            if (ties == 1 || draws.below(ties) == 0) chosen = i;
        }
        return chosen;
    }

    // Draws with distinct endpoints, as Envoy and Finagle do, so that two choices of two are both.
    std::size_t pick_of_several(const Call& call) {
        Draws draws = stream_.draws(call.demand_key());
        const std::size_t wanted =
            std::min(static_cast<std::size_t>(parameters_.choices), members_.size());
        std::array<std::size_t, 64> drawn{};
        std::size_t best = 0;
        for (std::size_t k = 0; k < wanted; ++k) {
            // Robert Floyd's way to draw without repetition.
            const std::size_t top = members_.size() - wanted + k;
            std::size_t candidate = draws.below(top + 1);
            const auto* end = drawn.begin() + k;
            if (std::find(drawn.cbegin(), end, candidate) != end) candidate = top;
            drawn[k] = candidate;
            // Floyd's order is not uniform, so ties are drawn, not given to the first.
            const std::int64_t gain =
                k == 0 ? 1 : members_[best]->under_way - members_[candidate]->under_way;
            if (gain == 0) ++ties_;
            if (gain > 0) ties_ = 1;
            if (gain > 0 || (gain == 0 && draws.below(ties_) == 0)) best = candidate;
        }
        return best;
    }

    std::size_t pick_idle(const Call& call) {
        Draws draws = stream_.draws(call.demand_key());
        std::size_t chosen = draws.below(members_.size());
        std::uint64_t idle = 0;
        for (std::size_t i = 0; i < members_.size(); ++i) {
            if (members_[i]->under_way == 0 && draws.below(++idle) == 0) chosen = i;
        }
        return chosen;
    }

    // Endpoints that left are kept: calls to them are under way, connections still lead there.
    void refresh() {
        version_ = callee_.version();
        everyone_.clear();
        for (Instance* instance : callee_.endpoints()) {
            Endpoint* known = find(instance->number());
            everyone_.push_back(known != nullptr ? known : &add(*instance));
        }
        choose_members();
    }

    void choose_members() {
        members_ = everyone_;
        if (watch_) {
            std::erase_if(members_, [](const Endpoint* member) { return member->suspect.is_out; });
            const auto all = static_cast<double>(everyone_.size());
            const auto left = static_cast<double>(members_.size());
            if (left < parameters_.panic_threshold.value * all) members_ = everyone_;
        }
        if (!started_) {
            started_ = true;
            turn_ = members_.empty() ? 0 : start_.next().below(members_.size());
        }
        turn_ = members_.empty() ? 0 : turn_ % members_.size();
        const bool shortens = members_.size() == 1 && !hears_replies_;
        only_ = shortens ? members_.front()->head : nullptr;
        only_number_ = shortens ? members_.front()->number : std::uint16_t{0};
        rehash();
    }

    void rehash() {
        const bool on_ring = parameters_.algorithm == Algorithm::ring_hash;
        if (members_.empty() || !(on_ring || parameters_.algorithm == Algorithm::maglev)) return;
        std::vector<Hashed> endpoints;
        for (const Endpoint* member : members_) {
            endpoints.push_back({member->number, member->weight});
        }
        if (on_ring) {
            ring_.fill(endpoints, parameters_.ring_size);
        } else {
            maglev_.fill(endpoints, parameters_.table_size);
        }
    }

    Endpoint& add(Instance& instance) {
        const std::size_t place = instance.number() - 1u;
        const double weight = place < parameters_.weights.size() ? parameters_.weights[place] : 1;
        if (known_.size() <= instance.number()) known_.resize(instance.number() + 1u);
        known_[instance.number()] = std::make_unique<Endpoint>(
            Endpoint{instance.number(), &behind_.next(instance), weight});
        return *known_[instance.number()];
    }

    Endpoint* find(std::uint16_t number) {
        return number < known_.size() ? known_[number].get() : nullptr;
    }

    World& world_;
    const Callee& callee_;
    std::uint64_t version_ = ~std::uint64_t{0};
    Node* only_ = nullptr;  // where every call goes: nothing to choose, and no load to watch
    std::uint16_t only_number_ = 0;
    std::vector<Endpoint*> members_;  // of those that there are, all but the ejected ones
    const Parameters& parameters_;
    Behind behind_;
    Stream stream_;
    Stream start_;
    Stream keys_;
    Popularity popularity_;
    HashRing ring_;
    MaglevTable maglev_;
    ReasonId none_;
    bool hears_replies_;
    std::optional<Watch> watch_;
    std::vector<Endpoint*> everyone_;
    std::vector<std::unique_ptr<Endpoint>> known_;  // by the number of the instance
    std::size_t turn_ = 0;
    std::uint64_t ties_ = 1;
    bool started_ = false;
    Pool<Flight>& flights_ = world_.pools.of<Flight>();
};

}  // namespace

void add_balance(Catalogue& catalogue) {
    add_popularity(catalogue.families);
    catalogue.policy<Balance>("balance", PolicyKind::balancing,
                              "Chooses the endpoint of each call.");
}

}  // namespace prodsim
