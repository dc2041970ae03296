#include "sim/world/link.hpp"

#include "sim/world/world.hpp"

#include <algorithm>
#include <string>

namespace prodsim {

namespace {

// Linux TCP_RTO_MIN; RFC 6298 would be 1 s. Doubles with every further loss of the same message.
constexpr Duration retransmission_timeout = std::chrono::milliseconds(200);

// Linux TCP_RTO_MAX.
constexpr Duration longest_timeout = std::chrono::seconds(120);

// Linux tcp_retries2: after this many losses in a row the connection is given up (924 s).
constexpr int most_retransmissions = 15;

constexpr std::uint64_t outward = 1;
constexpr std::uint64_t homeward = 2;
constexpr std::uint64_t news = 3;

}  // namespace

std::unique_ptr<Node> Link::make(World& world, std::string_view caller, std::string_view callee,
                                 ZoneId from, ZoneId to, Node& end) {
    const Network& network = world.network;
    const Direction there{&network.path(from, to), network.condition(from, to),
                          network.condition(caller, callee)};
    const Direction back{&network.path(to, from), network.condition(to, from),
                         network.condition(callee, caller)};
    const auto idle = [](const Direction& direction) {
        return direction.path->is_free() && direction.zones == nullptr && direction.edge == nullptr;
    };
    if (idle(there) && idle(back)) return nullptr;
    const std::string edge = std::string(caller) + " -> " + std::string(callee);
    return std::unique_ptr<Node>(new Link(world, there, back, end,
                                          world.reason(edge, "network loss"),
                                          world.reason(edge, "network partition"),
                                          world.traces.label(edge, TimeKind::network)));
}

Link::Link(World& world, Direction there, Direction back, Node& end, ReasonId lost,
           ReasonId rejected, TimeLabelId under_way)
    : world_(world),
      there_(there),
      back_(back),
      end_(end),
      lost_(lost),
      rejected_(rejected),
      under_way_(under_way),
      stream_(world.stream("network")),
      passages_(world.pools.of<Passage>()) {}

Link::Fate Link::fate(const Direction& direction, const Request& request, std::uint64_t leg) {
    Draws draws = stream_.draws(mix(request.demand_key(), leg));
    Fate result{PathCondition::Cut::no, sample_duration(direction.path->latency, draws)};
    double arrives = 1 - direction.path->loss;
    for (const PathCondition* condition : {direction.zones, direction.edge}) {
        if (condition == nullptr) continue;
        result.cut = std::max(result.cut, condition->cut);
        result.delay += condition->extra_latency;
        arrives *= 1 - condition->loss;
    }
    if (arrives >= 1) return result;
    Duration timeout = retransmission_timeout;
    for (int losses = 0; !draws.chance(arrives); ++losses) {
        if (losses == most_retransmissions) return {PathCondition::Cut::drops, {}};
        result.delay += timeout;
        timeout = std::min(2 * timeout, longest_timeout);
    }
    return result;
}

void Link::on_call(Call& call) {
    Passage& passage = passages_.acquire(Passage{&call, nullptr, {}, {}, never, false});
    call.callee_note = reinterpret_cast<std::uint64_t>(&passage);
    world_.traces.spend(call, under_way_);
    const Fate outcome = fate(there_, call, outward);
    if (outcome.cut == PathCondition::Cut::rejects) {
        finish(passage, {Outcome::unreachable, rejected_});
    } else if (outcome.cut == PathCondition::Cut::drops) {
        vanish(passage);
    } else if (outcome.delay.count() == 0) {
        deliver(passage);
    } else {
        passage.next = world_.engine.after(outcome.delay, action<&Link::deliver>(*this, passage));
    }
}

void Link::deliver(Passage& passage) {
    passage.next = {};
    passage.child = &world_.calls.open(*this, *passage.call, world_.now());
    passage.child->caller_note = reinterpret_cast<std::uint64_t>(&passage);
    expect_news(passage, std::max(passage.news, world_.now()));  // it never overtakes the message
    world_.calls.send(*passage.child, end_);
}

void Link::on_reply(Call& call, Reply reply) {
    auto& passage = call.caller_frame<Passage>();
    passage.child = nullptr;
    passage.reply = reply;
    passage.call->route = call.route;
    if (passage.next.is_set()) world_.engine.cancel(passage.next);  // the news is not needed
    const Fate outcome = fate(back_, call, homeward);
    if (outcome.cut != PathCondition::Cut::no) {
        vanish(passage);
        if (passage.call->is_abandoned()) finish(passage, reply);
    } else if (outcome.delay.count() == 0) {
        finish(passage, reply);
    } else {
        passage.next =
            world_.engine.after(outcome.delay, action<&Link::bring_back>(*this, passage));
    }
}

void Link::bring_back(Passage& passage) { finish(passage, passage.reply); }

void Link::on_abandon(Call& call) {
    auto& passage = call.callee_frame<Passage>();
    if (passage.vanished) {
        finish(passage, {Outcome::cancelled, lost_});
        return;
    }
    const Time due = news_due(passage);
    if (passage.child != nullptr) {
        expect_news(passage, due);
    } else {
        passage.news = due;
    }
}

Time Link::news_due(const Passage& passage) {
    const Fate outcome = fate(there_, *passage.call, news);
    return outcome.cut == PathCondition::Cut::no ? world_.now() + outcome.delay : never;
}

void Link::expect_news(Passage& passage, Time due) {
    if (due == never) return;
    passage.next = world_.engine.at(due, action<&Link::news_arrives>(*this, passage));
}

void Link::news_arrives(Passage& passage) {
    Call& child = *passage.child;
    finish(passage, {Outcome::cancelled, 0});
    world_.calls.abandon(child);
}

void Link::vanish(Passage& passage) {
    passage.vanished = true;
    world_.calls.swallow();
}

void Link::finish(Passage& passage, Reply reply) {
    Call& call = *passage.call;
    if (passage.vanished) world_.calls.give_back();
    passages_.release(passage);
    world_.calls.reply(call, reply);
}

}  // namespace prodsim
