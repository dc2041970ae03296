// Sheds load where it begins: a client that sees its calls turned away makes fewer of them, by
// chance, with the probability that the callee does not accept more than 1/K of what it is sent
// (Google SRE book, chapter 21, equation 21-1):
//
//     P(reject) = max(0, (requests - K accepts) / (requests + 1))
//
// Requests are all calls of the last two minutes, those turned away here included; accepts are
// those that the callee took on. When the caller gives up, the call was not accepted.
//
// Simplification: the window moves on in steps of a twelfth of it.

#include "sim/core/pool.hpp"
#include "sim/world/chain.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace prodsim {

namespace {

class Throttle final : public Node {
public:
    struct Parameters {
        double k = 2;
        Duration window = std::chrono::minutes(2);
        std::vector<Outcome> turned_away{Outcome::timeout,         Outcome::timeout_queue,
                                         Outcome::timeout_connect, Outcome::rejected_overload,
                                         Outcome::rejected_rate,   Outcome::rejected_bulkhead,
                                         Outcome::rejected_pool,   Outcome::no_endpoint,
                                         Outcome::refused,         Outcome::reset,
                                         Outcome::unreachable};

        void describe(Fields& fields) {
            fields("k", k, "Calls that are let through for each that the callee accepts.",
                   {.minimum = 1, .position = 1, .source = "Google SRE book, chapter 21"});
            fields("window", window, "How far back calls count.",
                   {.minimum = std::chrono::seconds(1), .source = "Google SRE book, chapter 21"});
            fields("turned_away", turned_away,
                   "The failures with which the callee did not take the call on.");
        }
    };

    Throttle(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          parameters_(parameters),
          slice_(parameters.window / static_cast<std::int64_t>(slices)),
          next_(behind.next()),
          stream_(behind.stream("throttle")),
          reason_(world_.reason(behind.edge(), "throttle")),
          rejected_(world_.meters.counter(behind.edge(), "throttle.rejected",
                                          "Calls that were not made, to spare the callee.")) {
        for (const Outcome outcome : parameters.turned_away) turned_away_ |= bit(outcome);
    }

    void on_call(Call& call) override {
        move_on();
        const double chance = rejection();
        count(1, 0);
        if (chance > 0 && stream_.draws(call.demand_key()).chance(chance)) {
            rejected_.add();
            world_.calls.reply(call, {Outcome::rejected_rate, reason_});
            return;
        }
        Call& child = world_.calls.open(*this, call, world_.now());
        child.caller_note = reinterpret_cast<std::uint64_t>(&call);
        call.callee_note = reinterpret_cast<std::uint64_t>(&child);
        world_.calls.send(child, next_);
    }

    void on_reply(Call& child, Reply reply) override {
        Call& call = child.caller_frame<Call>();
        move_on();
        if ((turned_away_ & bit(reply.outcome)) == 0) count(0, 1);
        call.route = child.route;
        world_.calls.reply(call, reply);
    }

    void on_abandon(Call& call) override {
        world_.calls.abandon(call.callee_frame<Call>());
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    static constexpr std::size_t slices = 12;

    struct Tally {
        std::int64_t requests = 0;
        std::int64_t accepts = 0;
    };

    static constexpr std::uint32_t bit(Outcome outcome) {
        return std::uint32_t{1} << static_cast<unsigned>(outcome);
    }

    double rejection() const {
        const auto requests = static_cast<double>(sum_.requests);
        const auto accepts = static_cast<double>(sum_.accepts);
        return std::max(0.0, (requests - parameters_.k * accepts) / (requests + 1));
    }

    void count(std::int64_t requests, std::int64_t accepts) {
        for (Tally* tally : {&sum_, &tallies_[last_ % slices]}) {
            tally->requests += requests;
            tally->accepts += accepts;
        }
    }

    // Empties the slices that have passed out of the window.
    void move_on() {
        const auto present = static_cast<std::uint64_t>(world_.now().time_since_epoch() / slice_);
        for (std::size_t i = 0; i < slices && last_ + i < present; ++i) {
            const Tally old = std::exchange(tallies_[(present - i) % slices], Tally{});
            sum_.requests -= old.requests;
            sum_.accepts -= old.accepts;
        }
        last_ = present;
    }

    World& world_;
    const Parameters& parameters_;
    Duration slice_;
    Node& next_;
    Stream stream_;
    ReasonId reason_;
    Counter& rejected_;
    std::uint32_t turned_away_ = 0;  // a bit for each outcome
    std::uint64_t last_ = 0;         // the slice that counts at present
    std::array<Tally, slices> tallies_{};
    Tally sum_;
};

}  // namespace

void add_throttle(Catalogue& catalogue) {
    catalogue.policy<Throttle>("throttle", PolicyKind::stateful,
                               "Makes fewer calls while the callee turns them away.");
}

}  // namespace prodsim
