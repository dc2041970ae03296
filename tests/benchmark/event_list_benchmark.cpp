// The hold model: pop the next key and push it back a random increment later, with n keys pending.
// Prints nanoseconds of CPU time per pop and push for every list, and the gain over the standard
// library's heap. Lists take turns in every round; the numbers are medians over the rounds, the
// ratios medians of the ratios within a round.

#include "sim/core/event_list.hpp"
#include "sim/core/plain_heap.hpp"
#include "tests/benchmark/page.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
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

using benchmark::cpu_ns;

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

using benchmark::digits;
using benchmark::Must;
using benchmark::Page;
using benchmark::ratio_of;
using benchmark::Spread;
using benchmark::spread_of;
using benchmark::text_of;

/// What the last list, which is the best path of this processor, and the scalar path must gain.
struct ListMusts {
    std::size_t pending;
    double best;
    double scalar;
};

constexpr std::array<ListMusts, 4> musts{
    {{10, 0, 0}, {1'000, 4, 2.5}, {100'000, 5, 3}, {1'000'000, 7, 5}}};

/// What a list costs in every round, in the order of `lists`.
using Costs = std::vector<std::vector<double>>;

void write_row(const Page& page, const std::string& list, const ListMusts& must, const Spread& cost,
               const Spread& gain, double limit) {
    const std::string where = list + " with " + std::to_string(must.pending) + " pending events";
    const char* result = limit > 0 ? benchmark::verdict(gain.median, Must::reach, limit) : "";
    std::printf("| %zu | %s | %.1f | %s | %s | %s |\n", must.pending, list.c_str(), cost.median,
                text_of(gain).c_str(), limit > 0 ? (">= " + digits(limit, 1)).c_str() : "", result);
    if (limit > 0 && gain.median < limit)
        page.lose(where + ": " + digits(gain.median) +
                  " times as fast as std::priority_queue, and must be at least " +
                  digits(limit, 1) + " times.");
}

void write(const Page& page, const ListMusts& must, const std::vector<Contestant>& lists,
           const Costs& costs) {
    for (std::size_t i = 0; i < lists.size(); ++i) {
        const std::string& name = lists[i].name;
        const bool scalar = name == "EventList, scalar";
        const double limit = i + 1 == lists.size() ? must.best : scalar ? must.scalar : 0;
        write_row(page, name, must, spread_of(costs[i]), ratio_of(costs[0], costs[i]), limit);
        const Spread heap = ratio_of(costs[1], costs[i]);
        if (i > 1 && heap.median < 1)
            page.lose(name + " with " + std::to_string(must.pending) +
                      " pending events: a plain heap takes " + digits(heap.median) +
                      " times our time.");
    }
}

void print(std::size_t pending, const std::vector<Contestant>& lists, const Costs& costs) {
    for (std::size_t i = 0; i < lists.size(); ++i) {
        std::printf("%9zu  %-20s %8.1f ns  %6.2f x\n", pending, lists[i].name.c_str(),
                    spread_of(costs[i]).median, ratio_of(costs[0], costs[i]).median);
    }
}

void compare(const ListMusts& must, const std::optional<Page>& page) {
    const std::vector<Contestant> lists = contestants();
    Costs costs(lists.size());
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < lists.size(); ++i) {
            costs[i].push_back(lists[i].run(must.pending));
        }
    }
    if (page) {
        write(*page, must, lists, costs);
    } else {
        print(must.pending, lists, costs);
    }
}

void run(const std::optional<Page>& page) {
    std::printf(page
                    ? "## Event list\n\nThe hold model: pop the next key and push it back a random "
                      "increment later, with n keys\npending. The gain is over "
                      "`std::priority_queue`.\n\n"
                      "| pending | list | ns per pop and push | gain | must | |\n"
                      "|---:|---|---:|---:|---:|---|\n"
                    : "  pending  list                 per pop+push   gain\n");
    for (const ListMusts& must : musts) compare(must, page);
}

}  // namespace
}  // namespace prodsim

int main(int count, char** arguments) {
    prodsim::run(prodsim::benchmark::page_asked_for(count, arguments));
}
