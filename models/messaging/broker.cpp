// Keeps messages until a consumer has processed them: each topic is an operation that stores a
// message, and each subscription of the topic calls an operation elsewhere with its own copy.
//
//     publish ─▶ stored, ok ─▶ waiting ─consumer free─▶ call ─good▶ acknowledged, gone
//        │                      ▲  ▲  └─retention▶ expired │ failed, or the visibility timeout
//        └ full ▶ rejected      │  └──── redelivery ───────┤
//                               └─ never came in ──────────┴─ max_receives ▶ dead letter
//
// Delivery is at least once: whatever is not acknowledged in time is delivered again, also while a
// consumer still works on it. Such a consumer stays busy, and its acknowledgement comes too late;
// `late` counts the work done twice. A call that was refused or rejected was never received: it
// does not count as one, and the consumer pauses before it takes the next message.
//
// When a publisher gives up, the message is stored all the same. A crash dooms publications under
// way and gives up on deliveries; what was stored on disk is there afterwards.
//
// Simplifications: it is one instance, a cluster that never elects a leader and never rebalances;
// it runs out of neither throughput nor bytes, limits count messages; consumers are called, where
// real ones fetch, and fetching costs nothing; partitions are equally loaded, and a consumer takes
// from its own in the order of publication; what comes back goes to the front; nothing is
// deduplicated; dead letters are stored without regard to limits; while it hangs, time limits run
// on, and answers are heard when it goes on.

#include "models/messaging/subscription.hpp"
#include "sim/world/callees.hpp"
#include "sim/world/demand.hpp"
#include "sim/world/inside.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

struct Subscription : SubscriptionTerms {
    OperationName call;
    std::vector<Choice<PolicyFamily>> policy;

    void describe(Fields& fields) {
        fields("call", call, "What a consumer does with a message: calls this operation.",
               {.required = true, .edge = "publishes"});
        fields("policy", policy, "What is done around the call, outermost first.");
        SubscriptionTerms::describe(fields);
    }
};

class Broker final : public Callee {
public:
    struct Parameters {
        std::vector<ZoneName> zones;
        Law<Duration> publish_time = "2ms";
        Storage storage = Storage::disk;
        Named<Topic> topics;
        Named<Subscription> subscriptions;

        void describe(Fields& fields) {
            fields("zones", zones, "It stands in the first of these; of all zones if empty.");
            fields("publish_time", publish_time, "What it takes to store a message safely.",
                   {.source = "assumed: replicated within a region"});
            fields("storage", storage, "What a crash does to messages.");
            fields("topics", topics, "What can be published to: each is an operation.",
                   {.required = true});
            fields("subscriptions", subscriptions, "Who gets the messages of a topic.");
            for (const auto& item : subscriptions) {
                const Subscription& subscription = item.value;
                fields.rule(topics.find(subscription.topic) != nullptr, "subscriptions",
                            "the topic of \"" + item.name + "\" is not one of \"topics\"");
                fields.rule(subscription.dead_letters.empty() ||
                                (topics.find(subscription.dead_letters) != nullptr &&
                                 !subscription.feeds(subscription.dead_letters)),
                            "subscriptions",
                            "the dead letters of \"" + item.name +
                                "\" need another topic, one of \"topics\"");
            }
        }
    };

    Broker(World& world, std::string name, const Parameters& parameters)
        : Callee(world, std::move(name)), parameters_(parameters) {}

    std::optional<std::uint16_t> operation(std::string_view wanted) const override {
        for (std::size_t i = 0; i < parameters_.topics.size(); ++i) {
            if (parameters_.topics[i].name == wanted) return static_cast<std::uint16_t>(i);
        }
        return std::nullopt;
    }

    void start() override { add_instances(1, zones_of(world_, parameters_.zones)); }

    Workload workload() const override {
        Workload work{.instances = 1};
        const bool at_once = parameters_.publish_time.distribution().mean() == 0;
        for (const auto& topic : parameters_.topics) {
            OperationDemand operation{topic.name, {}};
            for (const auto& item : parameters_.subscriptions) {
                if (!item.value.feeds(topic.name)) continue;
                operation.demand.calls.push_back({.target = item.value.call,
                                                  .needed = false,
                                                  .at_once = at_once,
                                                  .awaited = false});
                work.consumers.push_back({item.name, topic.name, item.value.call,
                                          item.value.at_a_time(topic.value.partitions)});
            }
            work.operations.push_back(std::move(operation));
        }
        return work;
    }

private:
    struct TopicMeters {
        TopicMeters(Meters& meters, std::string_view owner, const std::string& topic)
            : published(meters.counter(owner, topic + ".published", "Messages stored.")),
              rejected(meters.counter(owner, topic + ".rejected",
                                      "Publications over the limit of a subscription.")) {}

        Counter& published;
        Counter& rejected;
    };

    struct GroupMeters {
        GroupMeters(Meters& meters, std::string_view owner, const std::string& part)
            : present(meters.level(owner, part + ".present", "Messages not yet done with.")),
              waiting(meters.level(owner, part + ".waiting", "The backlog: ready to deliver.")),
              in_flight(meters.level(owner, part + ".in_flight", "Messages with a consumer.")),
              stays(meters.stays(present)),
              age(meters.histogram(owner, part + ".age",
                                   "From a message's publication to its acknowledgement.")),
              wait(meters.histogram(owner, part + ".wait",
                                    "From a message's publication to its first delivery.")),
              deliveries(meters.counter(owner, part + ".deliveries", "Calls of the target.")),
              turned_away(meters.counter(owner, part + ".turned_away",
                                         "Deliveries refused or rejected: not received.")),
              acknowledged(meters.counter(owner, part + ".acknowledged", "Messages processed.")),
              failed(meters.counter(owner, part + ".failed", "Deliveries that failed.")),
              timed_out(meters.counter(owner, part + ".timed_out",
                                       "Deliveries not acknowledged in time.")),
              late(meters.counter(owner, part + ".late",
                                  "Deliveries processed after their time: done for nothing.")),
              dead(meters.counter(owner, part + ".dead", "Messages given up as dead letters.")),
              dropped(meters.counter(owner, part + ".dropped", "Messages over the limit.")),
              expired(meters.counter(owner, part + ".expired", "Messages kept too long.")),
              lost(meters.counter(owner, part + ".lost", "Messages lost by a crash.")) {}

        Level& present;
        Level& waiting;
        Level& in_flight;
        StayBook& stays;
        Histogram& age;
        Histogram& wait;
        Counter& deliveries;
        Counter& turned_away;
        Counter& acknowledged;
        Counter& failed;
        Counter& timed_out;
        Counter& late;
        Counter& dead;
        Counter& dropped;
        Counter& expired;
        Counter& lost;
    };

    struct Line;

    /// The copy of one subscription.
    struct Message {
        std::uint64_t subject = 0;
        Time published{};
        Line* line = nullptr;
        std::uint32_t receives = 0;
        std::uint8_t priority = 0;
        Timer again;                 // while it stands aside
        Neighbours<Message> others;  // who wait, or stand aside, in its line
    };

    /// A call of the target.
    struct Delivery {
        Message* message = nullptr;  // none once its time was over
        Line* line = nullptr;
        Call* call = nullptr;  // none once it has ended
        Time since{};
        Timer visibility;
        Timer patience;
        Reply reply;  // heard while the broker hung
        Neighbours<Delivery> others;
    };

    struct Group;

    /// Consumers and the messages that they alone take.
    struct Line {
        Group* group = nullptr;
        std::int64_t room = 0;  // for deliveries
        std::int64_t busy = 0;  // with a delivery, or pausing
        List<Message, &Message::others> waiting;
        List<Message, &Message::others> aside;
        Timer expiry;
        bool serving = false;
    };

    /// One subscription at work.
    struct Group {
        Group(World& world, const Broker& broker, const Named<Subscription>::Item& item,
              Instance& from, Callee& callee)
            : parameters(item.value),
              salt(hash_of(item.name)),
              partitions(static_cast<std::uint64_t>(
                  broker.parameters_.topics.find(item.value.topic)->partitions)),
              meters(world.meters, broker.name(), item.name),
              journey(item.value.journey.empty() ? nullptr : &world.journey(item.value.journey)),
              calling{item.value.policy},
              chain(world, calling, {broker.name(), from.number(), from.zone()}, callee),
              operation(callee.operation(item.value.call.operation).value()),
              poison(world.stream(broker.name() + "/" + item.name + "/poison")),
              delays(world.stream(broker.name() + "/" + item.name + "/redelivery")) {
            const bool exclusive = parameters.assignment == Assignment::exclusive;
            const auto most = static_cast<std::int64_t>(partitions);
            lines.resize(exclusive ? std::size_t(std::min(parameters.consumers, most)) : 1);
            for (Line& line : lines) {
                line.group = this;
                line.room = parameters.at_a_time(most) / static_cast<std::int64_t>(lines.size());
            }
        }

        /// Where messages about this go: always to the same.
        Line& line_for(std::uint64_t subject) {
            if (lines.size() == 1) return lines.front();
            return lines[mix(subject, salt) % partitions % lines.size()];
        }

        bool is_full() const {
            return parameters.limit && meters.waiting.value() >= *parameters.limit;
        }

        const Subscription& parameters;
        std::uint64_t salt;
        std::uint64_t partitions;
        GroupMeters meters;
        Journey* journey;
        CallParameters calling;
        Chain chain;
        std::uint16_t operation;
        Stream poison;
        Stream delays;
        std::vector<Line> lines;
        std::optional<std::size_t> dead_letters;  // the number of the topic
    };

    struct Publication {
        Call* call = nullptr;
        Timer end;
        Neighbours<Publication> others;
    };

    class Cluster final : public Instance {
    public:
        Cluster(Broker& broker, ZoneId zone, std::uint16_t number)
            : Instance(broker.world_, broker.name(), zone, number),
              parameters_(broker.parameters_),
              times_(world_.stream(broker.name() + "/publish")),
              full_(world_.reason(broker.name(), "queue full")),
              slow_consumer_(world_.reason(broker.name(), "consumer timeout")),
              dead_(world_.reason(broker.name(), "dead letter")),
              dropped_(world_.reason(broker.name(), "dropped")),
              expired_(world_.reason(broker.name(), "retention")),
              lost_(world_.reason(broker.name(), "crash")) {
            for (const auto& topic : parameters_.topics) {
                topics_.push_back({TopicMeters(world_.meters, broker.name(), topic.name), {}});
            }
            for (const auto& item : parameters_.subscriptions) {
                auto* callee = dynamic_cast<Callee*>(world_.find(item.value.call.component));
                assert(callee != nullptr && "the loader has checked that it can be called");
                Group& group = groups_.emplace_back(world_, broker, item, *this, *callee);
                topics_[broker.operation(item.value.topic).value()].groups.push_back(&group);
                group.dead_letters = broker.operation(item.value.dead_letters);
            }
        }

        // Deliveries end here.
        void on_reply(Call& call, Reply reply) override {
            auto& delivery = call.caller_frame<Delivery>();
            delivery.call = nullptr;
            world_.engine.cancel(delivery.patience);
            if (condition().mode == Condition::Mode::hanging) {
                delivery.reply = reply;
                heard_.add(delivery);
            } else {
                end(delivery, reply);
            }
        }

    private:
        struct TopicState {
            TopicMeters meters;
            std::vector<Group*> groups;
        };

        // ---- from the publisher ----

        void accept(Call& call) override {
            Publication& publication = publications_.acquire();
            publication.call = &call;
            call.callee_note = reinterpret_cast<std::uint64_t>(&publication);
            inside_.push_back(publication);
            Draws draws = times_.draws(call.demand_key());
            const double seconds = parameters_.publish_time.distribution().sample(draws);
            publication.end = world_.engine.after(from_seconds(seconds * condition().slow),
                                                  action<&Cluster::written>(*this, publication));
        }

        void written(Publication& publication) {
            publication.end = {};
            if (condition().mode == Condition::Mode::hanging) {
                stalled_.add(publication);
            } else {
                publish(publication);
            }
        }

        // The publisher goes on before any consumer does.
        void publish(Publication& publication) {
            Call& call = *publication.call;
            const Request request = call;
            TopicState& topic = topics_[request.operation];
            forget(publication);
            if (refuses(topic)) {
                topic.meters.rejected.add();
                world_.calls.reply(call, {Outcome::rejected_overload, full_});
                return;
            }
            store(topic, request);
            world_.calls.reply(call, {});
            for (Group* group : topic.groups) serve(group->line_for(request.subject));
        }

        static bool refuses(const TopicState& topic) {
            return std::any_of(topic.groups.begin(), topic.groups.end(), [](const Group* group) {
                return group->parameters.overflow == Overflow::reject && group->is_full();
            });
        }

        void store(TopicState& topic, const Request& request) {
            topic.meters.published.add();
            for (Group* group : topic.groups) {
                while (group->is_full()) drop_oldest(*group);
                Message& message = messages_.acquire();
                message.subject = request.subject;
                message.published = world_.now();
                message.line = &group->line_for(request.subject);
                message.priority = request.priority;
                group->meters.present.add(1, world_.now());
                if (group->journey != nullptr) group->journey->begin(world_.now());
                group->meters.waiting.add(1, world_.now());
                message.line->waiting.push_back(message);
                watch_age(*message.line);
            }
        }

        void drop_oldest(Group& group) {
            Message* oldest = nullptr;
            for (const Line& line : group.lines) {
                Message* first = line.waiting.first();
                if (first == nullptr) continue;
                if (oldest == nullptr || first->published < oldest->published) oldest = first;
            }
            group.meters.dropped.add();
            take_out(*oldest);
            leave(*oldest, {Outcome::error, dropped_});
        }

        // ---- to the consumers ----

        // A consumer may answer at once: then the loop goes on, and nothing is stacked up.
        void serve(Line& line) {
            if (std::exchange(line.serving, true)) return;
            while (!line.waiting.empty() && line.busy < line.room &&
                   condition().mode == Condition::Mode::up) {
                deliver(line, *line.waiting.first());
            }
            line.serving = false;
        }

        void deliver(Line& line, Message& message) {
            Group& group = *line.group;
            take_out(message);
            ++line.busy;
            if (++message.receives == 1) {
                group.meters.wait.record(world_.now() - message.published);
            }
            group.meters.deliveries.add();
            group.meters.in_flight.add(1, world_.now());
            Delivery& delivery = deliveries_.acquire();
            delivery.message = &message;
            delivery.line = &line;
            delivery.since = world_.now();
            under_way_.push_back(delivery);
            set_limits(delivery, group.parameters);
            Call& call = world_.calls.open(*this, request_for(message), world_.now());
            call.caller_note = reinterpret_cast<std::uint64_t>(&delivery);
            delivery.call = &call;
            world_.calls.send(call, group.chain.head());
        }

        void set_limits(Delivery& delivery, const Subscription& limits) {
            if (limits.visibility_timeout.count() > 0) {
                delivery.visibility = world_.engine.after(
                    limits.visibility_timeout, action<&Cluster::show_again>(*this, delivery));
            }
            if (limits.consumer_timeout) {
                delivery.patience = world_.engine.after(
                    *limits.consumer_timeout, action<&Cluster::lose_patience>(*this, delivery));
            }
        }

        static Request request_for(const Message& message) {
            const Group& group = *message.line->group;
            Request request;
            request.subject = mix(message.subject, group.salt);
            request.operation = group.operation;
            request.traits = Trait::write;
            request.priority = message.priority;
            request.set_attempt(group.salt, message.receives);
            return request;
        }

        void end(Delivery& delivery, Reply reply) {
            Line& line = *delivery.line;
            Message* message = delivery.message;
            const Time since = delivery.since;
            forget(delivery);
            if (message == nullptr) {
                if (reply.good()) line.group->meters.late.add();
                free_consumer(line);
                return;
            }
            line.group->meters.in_flight.add(-1, world_.now());
            if (never_came_in(reply.outcome)) {
                turn_back(*message);
            } else if (reply.good() && !is_poison(*message)) {
                line.group->meters.acknowledged.add();
                leave(*message, {});
                free_consumer(line);
            } else {
                line.group->meters.failed.add();
                fail(*message, since);
            }
        }

        void free_consumer(Line& line) {
            --line.busy;
            serve(line);
        }

        static bool never_came_in(Outcome outcome) {
            return is_rejection(outcome) || outcome == Outcome::unreachable ||
                   outcome == Outcome::timeout_connect;
        }

        static bool is_poison(const Message& message) {
            const Group& group = *message.line->group;
            if (group.parameters.poison.value == 0) return false;
            return group.poison.draws(message.subject).chance(group.parameters.poison.value);
        }

        void turn_back(Message& message) {
            message.line->group->meters.turned_away.add();
            --message.receives;
            Line& line = *message.line;
            put_in_front(message);
            pause(line, line.group->parameters.reconnect);
        }

        void fail(Message& message, Time since) {
            Line& line = *message.line;
            if (is_spent(message)) {
                bury(message);
                free_consumer(line);
            } else if (line.group->parameters.assignment == Assignment::exclusive) {
                const Duration delay = delay_of(message, since);
                put_in_front(message);
                pause(line, delay);
            } else {
                message.again = world_.engine.after(delay_of(message, since),
                                                    action<&Cluster::step_back_in>(*this, message));
                line.aside.push_back(message);
                free_consumer(line);
            }
        }

        Duration delay_of(const Message& message, Time since) const {
            const Group& group = *message.line->group;
            const Subscription& parameters = group.parameters;
            if (!parameters.redelivery) {
                return std::max(Duration{0}, since + parameters.visibility_timeout - world_.now());
            }
            return parameters.redelivery->delay(
                message.receives, group.delays.draws(mix(message.subject, message.receives)));
        }

        void step_back_in(Message& message) {
            Line& line = *message.line;
            line.aside.remove(message);
            put_in_front(message);
            serve(line);
        }

        void pause(Line& line, Duration length) {
            world_.engine.after(length, action<&Cluster::free_consumer>(*this, line));
        }

        // ---- time limits ----

        void show_again(Delivery& delivery) {
            delivery.visibility = {};
            Message& message = *std::exchange(delivery.message, nullptr);
            Line& line = *delivery.line;
            line.group->meters.in_flight.add(-1, world_.now());
            line.group->meters.timed_out.add();
            if (is_spent(message)) {
                bury(message);
            } else {
                put_in_front(message);
                serve(line);
            }
        }

        void lose_patience(Delivery& delivery) {
            world_.calls.abandon(*std::exchange(delivery.call, nullptr));
            end(delivery, {Outcome::timeout, slow_consumer_});
        }

        static bool is_spent(const Message& message) {
            const Subscription& parameters = message.line->group->parameters;
            return parameters.max_receives && message.receives >= *parameters.max_receives;
        }

        void bury(Message& message) {
            Group& group = *message.line->group;
            Request request;
            request.subject = message.subject;
            request.priority = message.priority;
            group.meters.dead.add();
            leave(message, {Outcome::error, dead_});
            if (!group.dead_letters) return;
            TopicState& topic = topics_[*group.dead_letters];
            store(topic, request);
            for (Group* other : topic.groups) serve(other->line_for(request.subject));
        }

        // One timer a line: the first message is the oldest, but for some that came back.
        void watch_age(Line& line) {
            if (line.expiry.is_set() || line.waiting.empty()) return;
            const Time end = line.waiting.first()->published + line.group->parameters.retention;
            line.expiry = world_.engine.at(std::max(world_.now(), end),
                                           action<&Cluster::expire_oldest>(*this, line));
        }

        void expire_oldest(Line& line) {
            line.expiry = {};
            const Time limit = world_.now() - line.group->parameters.retention;
            while (!line.waiting.empty() && line.waiting.first()->published <= limit) {
                Message& message = *line.waiting.first();
                line.group->meters.expired.add();
                take_out(message);
                leave(message, {Outcome::error, expired_});
            }
            watch_age(line);
        }

        // ---- in and out of the line ----

        void put_in_front(Message& message) {
            message.again = {};
            message.line->group->meters.waiting.add(1, world_.now());
            message.line->waiting.push_front(message);
            watch_age(*message.line);
        }

        void take_out(Message& message) {
            message.line->group->meters.waiting.add(-1, world_.now());
            message.line->waiting.remove(message);
        }

        void leave(Message& message, Reply reply) {
            Group& group = *message.line->group;
            const Ending ending{message.subject, message.published, world_.now(), reply};
            const Duration age = ending.ended - ending.started;
            messages_.release(message);
            group.meters.present.add(-1, world_.now());
            group.meters.stays.add(age);
            if (reply.good()) group.meters.age.record(age);
            if (group.journey != nullptr) group.journey->end(ending, world_.causes);
        }

        void forget(Publication& publication) {
            inside_.remove(publication);
            publications_.release(publication);
        }

        void forget(Delivery& delivery) {
            world_.engine.cancel(delivery.visibility);
            world_.engine.cancel(delivery.patience);
            under_way_.remove(delivery);
            deliveries_.release(delivery);
        }

        // ---- what befalls it ----

        void give_up(Call&) override {}  // the message is stored all the same

        void condition_changed(const Condition&) override {
            if (condition().mode != Condition::Mode::up) return;
            stalled_.release([this](Publication& publication) { publish(publication); });
            heard_.release([this](Delivery& delivery) { end(delivery, delivery.reply); });
            for (Group& group : groups_) {
                for (Line& line : group.lines) serve(line);
            }
        }

        void crash() override {
            stalled_.clear();
            heard_.clear();
            while (!inside_.empty()) {
                Publication& publication = *inside_.first();
                world_.engine.cancel(publication.end);
                doom(*publication.call);
                forget(publication);
            }
            while (!under_way_.empty()) take_back(*under_way_.first());
            if (parameters_.storage == Storage::disk) return;
            for (Group& group : groups_) {
                for (Line& line : group.lines) lose(line);
            }
        }

        void take_back(Delivery& delivery) {
            Line& line = *delivery.line;
            Message* message = delivery.message;
            Call* call = delivery.call;
            forget(delivery);
            --line.busy;
            if (message != nullptr) {
                line.group->meters.in_flight.add(-1, world_.now());
                put_in_front(*message);
            }
            if (call != nullptr) world_.calls.abandon(*call);
        }

        void lose(Line& line) {
            while (!line.aside.empty()) {
                Message& message = *line.aside.first();
                world_.engine.cancel(message.again);
                line.aside.remove(message);
                put_in_front(message);
            }
            while (!line.waiting.empty()) {
                Message& message = *line.waiting.first();
                line.group->meters.lost.add();
                take_out(message);
                leave(message, {Outcome::error, lost_});
            }
        }

        const Parameters& parameters_;
        Stream times_;
        ReasonId full_;
        ReasonId slow_consumer_;
        ReasonId dead_;
        ReasonId dropped_;
        ReasonId expired_;
        ReasonId lost_;
        std::vector<TopicState> topics_;
        std::deque<Group> groups_;
        Pool<Publication>& publications_ = world_.pools.of<Publication>();
        Pool<Message>& messages_ = world_.pools.of<Message>();
        Pool<Delivery>& deliveries_ = world_.pools.of<Delivery>();
        List<Publication, &Publication::others> inside_;
        List<Delivery, &Delivery::others> under_way_;
        Stalled<Publication> stalled_;
        Stalled<Delivery> heard_;
    };

    std::unique_ptr<Instance> make_instance(ZoneId zone, std::uint16_t number) override {
        return std::make_unique<Cluster>(*this, zone, number);
    }

    const Parameters& parameters_;
};

}  // namespace

void add_broker(Catalogue& catalogue) {
    catalogue.component<Broker>("broker", "Keeps messages until consumers have processed them.");
}

}  // namespace prodsim
