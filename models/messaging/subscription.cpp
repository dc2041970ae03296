#include "models/messaging/subscription.hpp"

#include <algorithm>
#include <array>

namespace prodsim {

std::span<const Word> words(Assignment) {
    static constexpr std::array all{
        Word{"shared", Assignment::shared,
             "All consumers take from one line; a failed message steps aside, as in a queue."},
        Word{"exclusive", Assignment::exclusive,
             "A partition has one consumer, and a failed message holds it up, as in a log."},
    };
    return all;
}

std::span<const Word> words(Overflow) {
    static constexpr std::array all{
        Word{"reject", Overflow::reject, "The publication is rejected, for all subscriptions."},
        Word{"drop_oldest", Overflow::drop_oldest, "The message that waits longest is dropped."},
    };
    return all;
}

std::span<const Word> words(Storage) {
    static constexpr std::array all{
        Word{"disk", Storage::disk, "What was stored survives a crash."},
        Word{"memory", Storage::memory, "A crash loses every message."},
    };
    return all;
}

void Topic::describe(Fields& fields) {
    fields("partitions", partitions, "How many consumers can share it exclusively.",
           {.minimum = 1,
            .maximum = 100000,
            .position = 1,
            .source = "Apache Kafka 3.9 num.partitions"});
}

void Redelivery::describe(Fields& fields) {
    fields("after", after, "From the first failure of a message to its next delivery.",
           {.required = true, .position = 1});
    fields("factor", factor, "How much longer after each further failure.", {.minimum = 1});
    fields("longest", longest, "No wait is longer.", {.above = 0, .source = "assumed"});
}

Duration Redelivery::delay(std::uint32_t failures, Draws draws) const {
    double seconds = after.distribution().sample(draws);
    const double most = in_seconds(longest);
    for (std::uint32_t i = 1; i < failures && seconds < most; ++i) {
        if (factor == 1 || seconds == 0) break;
        seconds *= factor;
    }
    return from_seconds(std::min(seconds, most));
}

void SubscriptionTerms::describe(Fields& fields) {
    fields("topic", topic, "Whose messages it gets, a copy of each.", {.required = true});
    describe_consumers(fields);
    describe_failures(fields);
    fields("limit", limit, "Messages that may wait, not counting those being processed.",
           {.minimum = 1, .source = "RabbitMQ 3.13 x-max-length: no limit unless asked for"});
    fields("overflow", overflow, "What happens to the message over the limit.",
           {.source = "RabbitMQ 3.13 x-overflow: drop-head"});
    fields("retention", retention, "How long a message is kept at most.",
           {.above = 0, .source = "Amazon SQS Developer Guide: 4 days; Apache Kafka 3.9 keeps 7"});
    fields("journey", journey,
           "Reports its messages as a journey of this name, from publication to "
           "acknowledgement; not at all if empty.");
    fields.rule(redelivery.has_value() || visibility_timeout.count() > 0, "redelivery",
                "must be given where messages have no visibility timeout",
                "write \"redelivery\": \"1s\"");
    fields.rule(!redelivery || redelivery->after.distribution().mean() > 0 || max_receives,
                "redelivery", "at once and without end would deliver for ever in no time",
                "give \"max_receives\", or write \"redelivery\": \"1s\"");
}

void SubscriptionTerms::describe_consumers(Fields& fields) {
    fields("assignment", assignment, "How consumers share the messages.");
    fields("consumers", consumers,
           "How many there are. Exclusive ones without a partition of their own are idle.",
           {.minimum = 1, .maximum = 100000});
    fields("prefetch", prefetch, "Messages that one consumer works on at the same time.",
           {.minimum = 1, .maximum = 1000000, .source = "assumed: one after another"});
    fields("reconnect", reconnect,
           "How long a consumer pauses when its call was refused or rejected.",
           {.above = 0, .source = "assumed"});
    fields("consumer_timeout", consumer_timeout,
           "Gives up on a call that takes longer; a log calls this the poll interval.",
           {.above = 0,
            .source = "Amazon SQS: none; RabbitMQ 3.13 consumer_timeout 30 min; Apache Kafka "
                      "3.9 max.poll.interval.ms 5 min"});
}

void SubscriptionTerms::describe_failures(Fields& fields) {
    fields(
        "visibility_timeout", visibility_timeout,
        "When a message that was not acknowledged is delivered again; 0 is never.",
        {.minimum = 0, .source = "Amazon SQS Developer Guide; 0 suits RabbitMQ and Apache Kafka"});
    fields("redelivery", redelivery,
           "When a failed message is delivered again; when its visibility timeout ends if not "
           "given.",
           {.source = "Amazon SQS Developer Guide: an error does not end the timeout"});
    fields("max_receives", max_receives,
           "Deliveries after which a failed message is a dead letter; no limit if not given.",
           {.minimum = 1, .source = "Amazon SQS: no redrive policy unless asked for"});
    fields("dead_letters", dead_letters,
           "The topic of this broker that stores dead letters; they are only counted if empty.");
    fields("poison", poison, "The share of messages that fail however often they are delivered.",
           {.minimum = 0, .maximum = 1});
}

}  // namespace prodsim
