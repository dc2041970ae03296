#pragma once

#include "sim/core/engine.hpp"
#include "sim/core/pool.hpp"
#include "sim/world/call.hpp"
#include "sim/world/network.hpp"
#include "sim/world/traces.hpp"

#include <memory>
#include <string_view>

namespace prodsim {

class World;

/// The way from a caller to an endpoint and back. Every message has its own delay; a lost one is
/// sent again after the retransmission timeout, which doubles; a cut path drops messages, or
/// rejects them at once. The news that a caller gave up travels like any message.
///
/// Simplifications: delays of successive messages are independent (a later one may overtake), and
/// nothing queues for bandwidth.
class Link final : public Node {
public:
    /// Null when the path is free and no fault may touch it: then nothing needs to be there.
    static std::unique_ptr<Node> make(World& world, std::string_view caller,
                                      std::string_view callee, ZoneId from, ZoneId to, Node& end);

    void on_call(Call& call) override;
    void on_reply(Call& call, Reply reply) override;
    void on_abandon(Call& call) override;

private:
    /// One direction: the geography and what faults do to it.
    struct Direction {
        const Path* path;
        const PathCondition* zones;
        const PathCondition* edge;
    };

    /// A call on its way through.
    struct Passage {
        Call* call;
        Call* child;
        Reply reply;
        Timer next;  // the arrival of the message, of the reply or of the news
        Time news;   // when the news arrives that set out while the message was on its way
        bool vanished;
    };

    Link(World& world, Direction there, Direction back, Node& end, ReasonId lost,
         ReasonId rejected, TimeLabelId under_way);

    struct Fate {
        PathCondition::Cut cut;
        Duration delay;
    };
    Fate fate(const Direction& direction, const Request& request, std::uint64_t leg);
    void deliver(Passage& passage);
    void bring_back(Passage& passage);
    Time news_due(const Passage& passage);
    void expect_news(Passage& passage, Time due);
    void news_arrives(Passage& passage);
    void vanish(Passage& passage);
    void finish(Passage& passage, Reply reply);

    World& world_;
    Direction there_;
    Direction back_;
    Node& end_;
    ReasonId lost_;
    ReasonId rejected_;
    TimeLabelId under_way_;
    Stream stream_;
    Pool<Passage>& passages_;
};

}  // namespace prodsim
