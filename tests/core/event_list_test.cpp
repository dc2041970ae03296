// The event list against the plain heap: the same pushes, pops and sweeps must give the same keys
// in the same order, on every path that this machine can run and whatever the ties.

#include "sim/core/event_list.hpp"

#include "sim/core/plain_heap.hpp"
#include "tests/catch.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

using namespace prodsim;

namespace {

constexpr std::int64_t second = 1'000'000'000;

std::vector<Isa> paths() {
    std::vector<Isa> all{Isa::scalar};
    for (const Isa isa : {Isa::avx2, Isa::avx512}) {
        if (available(isa)) all.push_back(isa);
    }
    return all;
}

/// The splitmix64 generator of Steele, Lea and Flood: tests need no better one.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    /// A whole number from 0 to `limit` - 1.
    std::int64_t below(std::int64_t limit) {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return static_cast<std::int64_t>((z ^ (z >> 31)) % static_cast<std::uint64_t>(limit));
    }

private:
    std::uint64_t state_;
};

/// How far ahead of the clock a key is pushed: eight ways to tie, from hardly ever to always.
struct Delays {
    std::int64_t pattern;
    Dice& dice;

    std::int64_t draw(std::int64_t now) {
        switch (pattern) {
            case 0:
                return dice.below(second);  // hardly any tie
            case 1:
                return dice.below(1000);  // some ties
            case 2:
                return dice.below(4);  // nearly all tie
            case 3:
                return 0;  // now, for ever
            case 4:
                return 100 - now % 100;  // the next tick
            case 5:
                return dice.below(10) == 0 ? dice.below(second) : 0;  // bursts
            case 6:
                return dice.below(5) * second;  // few, far apart
            default:
                return 1 + (dice.below(3) == 0 ? dice.below(50) : 7);  // a constant and jitter
        }
    }
};

constexpr std::int64_t patterns = 8;

/// Both lists, kept in step; every pop is compared.
class Pair {
public:
    explicit Pair(Isa isa) : list_(isa) {}

    void push(std::int64_t time) {
        const EventKey key{time, next_slot_, next_slot_ * 7};
        ++next_slot_;
        list_.push(key);
        heap_.push(key);
    }

    void pop() {
        if (list_.next_time() != heap_.next_time()) agree_ = false;
        const EventKey key = list_.pop();
        if (key != heap_.pop() || list_.size() != heap_.size()) agree_ = false;
        now_ = key.time;
    }

    template <class Alive>
    void sweep(Alive alive) {
        list_.sweep(alive);
        heap_.sweep(alive);
        if (list_.size() != heap_.size()) agree_ = false;
    }

    void drain() {
        while (!list_.empty() && agree_) pop();
        if (!heap_.empty()) agree_ = false;
    }

    bool empty() const { return list_.empty(); }
    std::int64_t now() const { return now_; }
    bool agree() const { return agree_; }

private:
    EventList list_;
    PlainHeap heap_;
    std::int64_t now_ = 0;
    std::uint32_t next_slot_ = 1;
    bool agree_ = true;
};

/// A walk of pushes and pops whose mean length first grows and then shrinks, with sweeps between.
bool agree_on_a_random_mix(Isa isa, std::int64_t pattern, std::uint64_t seed) {
    Dice dice{seed};
    Delays delays{pattern, dice};
    Pair lists{isa};
    const std::int64_t operations = 3000 + dice.below(3000);
    const std::int64_t sweeps = dice.below(4);
    for (std::int64_t i = 0; i < operations && lists.agree(); ++i) {
        const std::int64_t pushes_in_ten = i < operations / 2 ? 6 : 4;
        if (lists.empty() || dice.below(10) < pushes_in_ten) {
            lists.push(lists.now() + delays.draw(lists.now()));
        } else {
            lists.pop();
        }
        if (dice.below(1000) < sweeps) {
            const std::int64_t one_in = 2 + dice.below(5);
            lists.sweep([&](const EventKey& key) { return key.slot % one_in != 0; });
        }
    }
    lists.drain();
    return lists.agree();
}

std::vector<std::uint32_t> slots_in_order(EventList& list) {
    std::vector<std::uint32_t> slots;
    while (!list.empty()) slots.push_back(list.pop().slot);
    return slots;
}

}  // namespace

TEST_CASE("keys leave by time, and keys of the same time in the order in which they came") {
    EventList list;
    list.push({.time = 20, .slot = 1});
    list.push({.time = 10, .slot = 2});
    list.push({.time = 20, .slot = 3});
    list.push({.time = 10, .slot = 4});
    REQUIRE(list.next_time() == 10);
    REQUIRE(list.size() == 4);
    REQUIRE(slots_in_order(list) == std::vector<std::uint32_t>{2, 4, 1, 3});
}

TEST_CASE("a key comes back as it was pushed") {
    const EventKey key{.time = 5, .slot = 0xffffffff, .generation = 0x80000001};
    EventList list;
    list.push(key);
    REQUIRE(list.pop() == key);
    REQUIRE(list.empty());
}

TEST_CASE("every path orders random mixes with ties as the plain heap does") {
    for (const Isa isa : paths()) {
        for (std::uint64_t run = 0; run < 400; ++run) {
            const std::int64_t pattern = static_cast<std::int64_t>(run) % patterns;
            CAPTURE(static_cast<int>(isa), pattern, run);
            REQUIRE(agree_on_a_random_mix(isa, pattern, run));
        }
    }
}

TEST_CASE("a million keys of one time leave in the order in which they came") {
    constexpr std::uint32_t keys = 1'000'000;
    for (const Isa isa : paths()) {
        EventList list{isa};
        for (std::uint32_t i = 0; i < keys; ++i) list.push({.time = second, .slot = i});
        std::uint32_t in_order = 0;
        while (!list.empty() && list.pop().slot == in_order) ++in_order;
        REQUIRE(in_order == keys);
    }
}

TEST_CASE("an instant that causes itself a million times takes turns") {
    for (const Isa isa : paths()) {
        EventList list{isa};
        for (std::uint32_t i = 0; i < 500; ++i) list.push({.time = 0, .slot = i});
        std::uint32_t in_order = 0;
        for (; in_order < 1'000'000 && list.next_time() == 0; ++in_order) {
            const EventKey key = list.pop();
            if (key.slot != in_order % 500) break;
            list.push(key);
        }
        REQUIRE(in_order == 1'000'000);
    }
}

TEST_CASE("schedules that descend, ascend or alternate before the first pop are ordered") {
    constexpr std::int64_t keys = 100'000;
    for (const Isa isa : paths()) {
        Pair descending{isa};
        Pair ascending{isa};
        Pair saw{isa};
        Pair descending_ties{isa};
        for (std::int64_t i = 0; i < keys; ++i) {
            descending.push(keys - i);
            ascending.push(i);
            saw.push(i % 2 == 0 ? i : keys - i);
            descending_ties.push((keys - i) / 100);
        }
        for (Pair* lists : {&descending, &ascending, &saw, &descending_ties}) {
            lists->drain();
            REQUIRE(lists->agree());
        }
    }
}

TEST_CASE("bursts of descending schedules on top of each other are ordered") {
    for (const Isa isa : paths()) {
        Pair lists{isa};
        for (std::int64_t burst = 0; burst < 8; ++burst) {
            const std::int64_t earliest = lists.now();
            for (std::int64_t i = 20'000; i > 0; --i) lists.push(earliest + i * (10 - burst));
            lists.pop();
        }
        lists.drain();
        REQUIRE(lists.agree());
    }
}

TEST_CASE("times may be as far apart as time itself") {
    constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max() - 1;
    for (const Isa isa : paths()) {
        Pair lists{isa};
        for (std::int64_t i = 0; i < 200; ++i) {
            lists.push(last);
            lists.push(i);
            lists.push(last - i % 3);
        }
        lists.drain();
        REQUIRE(lists.agree());
        REQUIRE(lists.now() == last);
    }
}

TEST_CASE("a sweep drops the dead and moves nobody else") {
    for (const Isa isa : paths()) {
        EventList list{isa};
        for (std::uint32_t i = 0; i < 10'000; ++i) list.push({.time = i % 97, .slot = i});
        list.sweep([](const EventKey& key) { return key.slot % 3 == 0; });
        REQUIRE(list.size() == 3334);
        EventKey before{};
        while (!list.empty()) {
            const EventKey key = list.pop();
            REQUIRE(key.slot % 3 == 0);
            REQUIRE((before.time < key.time || before.slot <= key.slot));
            before = key;
        }
    }
}

TEST_CASE("a sweep that leaves nothing leaves an empty list, ready for use") {
    EventList list;
    for (std::uint32_t i = 0; i < 1000; ++i) list.push({.time = i, .slot = i});
    list.sweep([](const EventKey&) { return false; });
    REQUIRE(list.empty());
    REQUIRE(list.size() == 0);
    list.push({.time = 3, .slot = 8});
    list.push({.time = 2, .slot = 9});
    REQUIRE(slots_in_order(list) == std::vector<std::uint32_t>{9, 8});
}

TEST_CASE("PRODSIM_ISA chooses the path of a new list") {
    constexpr std::array known{std::pair{"scalar", Isa::scalar}, std::pair{"avx2", Isa::avx2},
                               std::pair{"avx512", Isa::avx512}};
    for (const auto& [name, isa] : known) {
        if (!available(isa)) continue;
        setenv("PRODSIM_ISA", name, 1);
        CHECK(best_isa() == isa);
    }
    unsetenv("PRODSIM_ISA");
    CHECK(best_isa() == paths().back());
}

TEST_CASE("a path the processor lacks falls back to one it has") {
    for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
        EventList list{isa};
        list.push({.time = 1, .slot = 1});
        REQUIRE(list.pop().slot == 1);
    }
    REQUIRE(available(Isa::scalar));
    REQUIRE(available(best_isa()));
}
