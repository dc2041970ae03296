#pragma once

// What a broker, its topics and its subscriptions can be told: how consumers share messages, what
// becomes of those that fail, and how many are kept for how long.

#include "sim/config/fields.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace prodsim {

enum class Assignment : std::uint8_t { shared, exclusive };
std::span<const Word> words(Assignment);

enum class Overflow : std::uint8_t { reject, drop_oldest };
std::span<const Word> words(Overflow);

enum class Storage : std::uint8_t { disk, memory };
std::span<const Word> words(Storage);

struct Topic {
    std::int64_t partitions = 1;

    void describe(Fields& fields);
};

struct Redelivery {
    Law<Duration> after;
    double factor = 1;
    Duration longest = std::chrono::minutes(15);

    void describe(Fields& fields);

    /// How long a message waits that has failed so often.
    Duration delay(std::uint32_t failures, Draws draws) const;
};

/// All of a subscription but what it calls.
struct SubscriptionTerms {
    std::string topic;
    Assignment assignment = Assignment::shared;
    std::int64_t consumers = 1;
    std::int64_t prefetch = 1;
    Duration visibility_timeout = std::chrono::seconds(30);
    std::optional<Duration> consumer_timeout;
    std::optional<Redelivery> redelivery;
    std::optional<std::int64_t> max_receives;
    std::string dead_letters;
    std::optional<std::int64_t> limit;
    Overflow overflow = Overflow::drop_oldest;
    Duration retention = std::chrono::hours(96);
    Duration reconnect = std::chrono::seconds(1);
    Share poison{0};
    std::string journey;

    void describe(Fields& fields);

    bool feeds(std::string_view wanted) const { return topic == wanted; }

    /// How many messages all consumers together work on at the same time.
    std::int64_t at_a_time(std::int64_t partitions) const {
        const bool exclusive = assignment == Assignment::exclusive;
        return (exclusive ? std::min(consumers, partitions) : consumers) * prefetch;
    }

private:
    void describe_consumers(Fields& fields);
    void describe_failures(Fields& fields);
};

}  // namespace prodsim
