#pragma once

// Policies in any order, with limits that bite.

#include "sim/config/value.hpp"
#include "tests/property/dice.hpp"

#include <cstdint>
#include <string>

namespace prodsim::testing {

class PolicyAuthor : public Dice {
public:
    using Dice::Dice;

    // Those that remember nothing come first.
    static constexpr std::size_t stateless_policies = 6;
    static constexpr std::size_t every_policy = 12;

    Value policies(std::size_t kinds) {
        Value list = Value::array();
        bool balanced = false;
        for (std::size_t i = below(4); i > 0; --i) {
            const bool balances = !balanced && chance(0.3);
            balanced |= balances;
            list.append(balances ? balance() : policy(kinds));
        }
        return list;
    }

private:
    std::string balance() {
        return "balance(" +
               one_of({"random", "round_robin", "least_request", "power_of_choices, choices=2",
                       "join_idle_queue", "weighted, weights=[1, 3]", "ring_hash, keys=5",
                       "maglev, weights=[2, 1], table_size=101"}) +
               ")";
    }

    std::string policy(std::size_t kinds) {
        switch (below(kinds)) {
            case 0:
                return "timeout(" + one_of({"5ms", "30ms", "200ms"}) + ")";
            case 1:
            case 2:
                return retry("");
            case 3:
                return one_of({"hedge(10ms)", "hedge(20ms, attempts=3, writes=true)", "hedge(0s)"});
            case 4:
                return "deadline(" + one_of({"20ms", "300ms"}) + ")";
            case 5:
                return one_of({"fallback(0s)", "fallback(1ms)", "connect(tcp)",
                               "connect(tls_1_2, resumed=50%)"});
            case 6:
                return retry(one_of({", budget=ratio(20%)", ", budget=concurrent(20%)",
                                     ", budget=tokens(50)", ", budget=throttling(10)"}));
            case 7:
                return "hedge(after_percentile=90%, least_seen=20)";
            case 8:
                return one_of({"breaker(calls, minimum_calls=10, open_for=200ms)",
                               "breaker(time, minimum_calls=5, open_for=100ms)",
                               "breaker(consecutive, open_for=300ms, automatic=true)"});
            case 9:
                return one_of({"bulkhead(3)", "bulkhead(2, wait=20ms, queue=4)"});
            case 10:
                return one_of({"rate_limit(30/s)", "rate_limit(20/s, wait=50ms)",
                               "rate_limit(20/s, algorithm=fixed_window)",
                               "rate_limit(20/s, algorithm=sliding_log)", "throttle(2)"});
            default:
                return one_of(
                    {"pool(3, wait=30ms)", "pool(2, streams=2, wait=0s)",
                     "pool(2, transport=tls_1_3, idle=50ms, wait=100ms)",
                     "pool(1, streams=3, transport=quic, connect=1ms, lifetime=300ms, wait=50ms)",
                     "pool(4, connect=2ms, idle=100ms, lifetime=500ms, queue=3, wait=1s)"});
        }
    }

    std::string retry(const std::string& budget) {
        return "retry(" + number(2, 3) + ", base=" + one_of({"0s", "5ms"}) + ", backoff=" +
               one_of({"none", "fixed", "exponential", "full_jitter", "equal_jitter",
                       "decorrelated", "symmetric_jitter"}) +
               budget + ")";
    }
};

}  // namespace prodsim::testing
