#include "models/resilience/limiter.hpp"

#include <array>

namespace prodsim {

std::span<const Word> words(LimitAlgorithm) {
    static constexpr std::array all{
        Word{"token_bucket", LimitAlgorithm::token_bucket,
             "Tokens come at the rate and up to `burst` are kept; a call takes one."},
        Word{"fixed_window", LimitAlgorithm::fixed_window,
             "So many calls in each window since the start of the run; twice as many may pass "
             "around the boundary of two."},
        Word{"sliding_log", LimitAlgorithm::sliding_log,
             "So many calls in any window, by the instants of the last ones."},
    };
    return all;
}

std::span<const Word> words(LimitPer) {
    static constexpr std::array all{
        Word{"tenant", LimitPer::tenant, "Each tenant of the clients has the whole rate."},
    };
    return all;
}

void RateLaw::describe(Fields& fields) {
    fields("rate", rate, "How many calls pass in the long run.",
           {.minimum = Rate{ExactRate::lowest},
            .maximum = Rate{ExactRate::highest},
            .required = true,
            .position = 1});
    fields("algorithm", algorithm, "How the rate is kept.");
    fields("per", per, "Who is counted apart from others; nobody if not said.");
    fields("burst", burst, "How many tokens a full token_bucket holds.",
           {.minimum = 1, .maximum = 1000000000});
    fields("window", window,
           "The window of fixed_window and sliding_log: the rate times this, rounded "
           "down, is how many calls it lets through.",
           {.above = 0});
    const std::int64_t most = ExactRate(rate).calls_in(window);
    const bool counts = algorithm != LimitAlgorithm::token_bucket;
    fields.rule(!counts || most >= 1, "window", "is too short for one call at this rate",
                "make it longer, or the rate higher");
    fields.rule(algorithm != LimitAlgorithm::sliding_log || most <= longest_log, "window",
                "lets more than a million calls through: too many to remember each",
                "write algorithm=fixed_window");
}

Limiter::Kept Limiter::made(const RateLaw& law) {
    const ExactRate rate(law.rate);
    switch (law.algorithm) {
        case LimitAlgorithm::token_bucket:
            break;
        case LimitAlgorithm::fixed_window:
            return FixedWindow(rate.calls_in(law.window), law.window);
        case LimitAlgorithm::sliding_log:
            return SlidingLog(rate.calls_in(law.window), law.window);
    }
    return TokenBucket(rate, law.burst);
}

}  // namespace prodsim
