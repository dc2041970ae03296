// The hold model: pop the next key and push it back a random increment later, with n keys pending.
// Prints nanoseconds of CPU time per pop and push for every list, and the gain over the standard
// library's heap. Lists take turns in every round; the numbers are medians over the rounds, the
// ratios medians of the ratios within a round.

#include "sim/core/event_list.hpp"
#include "sim/core/plain_heap.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <queue>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

constexpr int rounds = 5;
constexpr std::size_t holds = 3'000'000;

/// What a simulator without a list of its own would use.
class StandardQueue {
public:
    void push(EventKey key) { queue_.push({key, sequence_++}); }

    EventKey pop() {
        const EventKey key = queue_.top().key;
        queue_.pop();
        return key;
    }

private:
    struct Entry {
        EventKey key;
        std::uint64_t sequence;

        bool operator>(const Entry& other) const {
            if (key.time != other.key.time) return key.time > other.key.time;
            return sequence > other.sequence;
        }
    };

    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
    std::uint64_t sequence_ = 0;
};

/// Exponential increments with a mean of one second, drawn ahead: reading them costs nothing.
const std::vector<std::int64_t>& increments() {
    static const std::vector<std::int64_t> drawn = [] {
        std::mt19937_64 generator{20240229};
        std::vector<std::int64_t> values(1 << 16);
        for (auto& value : values) {
            const double uniform = (static_cast<double>(generator() >> 11) + 0.5) * 0x1p-53;
            value = static_cast<std::int64_t>(-std::log(uniform) * 1e9);
        }
        return values;
    }();
    return drawn;
}

double cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class List>
double ns_per_hold(List&& list, std::size_t pending) {
    const std::vector<std::int64_t>& steps = increments();
    const std::size_t mask = steps.size() - 1;
    std::mt19937 generator{7};
    for (std::size_t i = 0; i < pending; ++i) {
        list.push({steps[generator() & mask], static_cast<std::uint32_t>(i), 0});
    }
    std::size_t next = 0;
    const auto hold = [&](std::size_t count) {
        for (const std::size_t end = next + count; next < end; ++next) {
            EventKey key = list.pop();
            key.time += steps[next & mask];
            list.push(key);
        }
    };
    hold(2 * pending);
    const double start = cpu_ns();
    hold(holds);
    return (cpu_ns() - start) / static_cast<double>(holds);
}

struct Contestant {
    std::string name;
    std::function<double(std::size_t pending)> run;
};

std::vector<Contestant> contestants() {
    std::vector<Contestant> all{
        {"std::priority_queue", [](std::size_t n) { return ns_per_hold(StandardQueue{}, n); }},
        {"PlainHeap", [](std::size_t n) { return ns_per_hold(PlainHeap{}, n); }},
    };
    constexpr std::array paths{std::pair{Isa::scalar, "EventList, scalar"},
                               std::pair{Isa::avx2, "EventList, AVX2"},
                               std::pair{Isa::avx512, "EventList, AVX-512"}};
    for (const auto& [isa, name] : paths) {
        if (!available(isa)) continue;
        const auto run = [isa = isa](std::size_t n) { return ns_per_hold(EventList{isa}, n); };
        all.push_back({name, run});
    }
    return all;
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
}

void compare(std::size_t pending) {
    const std::vector<Contestant> lists = contestants();
    std::vector<std::vector<double>> costs(lists.size());
    std::vector<std::vector<double>> gains(lists.size());
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < lists.size(); ++i) {
            costs[i].push_back(lists[i].run(pending));
            gains[i].push_back(costs[0].back() / costs[i].back());
        }
    }
    for (std::size_t i = 0; i < lists.size(); ++i) {
        std::printf("%9zu  %-20s %8.1f ns  %6.2f x\n", pending, lists[i].name.c_str(),
                    median(costs[i]), median(gains[i]));
    }
}

}  // namespace
}  // namespace prodsim

int main() {
    std::printf("  pending  list                 per pop+push   gain\n");
    for (const std::size_t pending : {10, 1'000, 100'000, 1'000'000}) prodsim::compare(pending);
}
