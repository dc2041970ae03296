#pragma once

#include "sim/core/time.hpp"
#include "sim/stats/histogram.hpp"
#include "sim/stats/level.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace prodsim {

/// How often something happened, in the whole run and since the window began.
class Counter {
public:
    void add(std::uint64_t times = 1) { total_ += times; }

    std::uint64_t total() const { return total_; }
    std::uint64_t in_window() const { return total_ - before_window_; }
    void reset_window() { before_window_ = total_; }

private:
    std::uint64_t total_ = 0;
    std::uint64_t before_window_ = 0;
};

/// The stays of those who left a level, summed at the exits. Together with the stays of those who
/// are still there it must equal the level's integral, to the nanosecond: Little's law, with each
/// side counted at a different place.
class StayBook {
public:
    void add(Duration stay) { sum_ += Wide{stay.count()}; }

    Wide sum() const { return sum_; }

private:
    Wide sum_ = 0;
};

/// Processor work of one component in nanoseconds at full speed: what was asked for by those who
/// finished, and what the processors did. They must agree: the utilisation law.
struct WorkBook {
    double asked = 0;
    double done = 0;
    std::uint64_t pieces = 0;
    std::int64_t unfinished = 0;
};

/// What one meter is.
struct MeterName {
    std::string owner;  // the component, or "caller -> callee" for an edge
    std::string name;
    std::string doc;

    friend auto operator<=>(const MeterName& a, const MeterName& b) {
        if (const auto order = a.owner <=> b.owner; order != 0) return order;
        return a.name <=> b.name;
    }
    friend bool operator==(const MeterName& a, const MeterName& b) {
        return a.owner == b.owner && a.name == b.name;
    }
};

/// All meters of one replication. A meter has one home that never moves: asking again for the same
/// owner and name answers the same meter, so instances of a component share it. Meters that are
/// counted together had better live together, in few cache lines: they may have their home in a
/// block of their own, which is enlisted here. Iteration is in the order of the names, never of
/// creation.
class Meters {
public:
    Counter& counter(std::string_view owner, std::string_view name, std::string_view doc);
    Level& level(std::string_view owner, std::string_view name, std::string_view doc);
    Histogram& histogram(std::string_view owner, std::string_view name, std::string_view doc);

    /// The exits that belong to a level; asking for it makes the level part of the audit.
    StayBook& stays(const Level& level);

    WorkBook& work(std::string_view owner);

    /// Meters whose home is elsewhere, for as long as this lives.
    /// REQUIRES: their names are new.
    void enlist(Counter& counter, MeterName name);
    void enlist(Level& level, MeterName name);
    void enlist(Histogram& histogram, MeterName name);
    void enlist(StayBook& book, const Level& level);
    void enlist(WorkBook& book, std::string_view owner);

    /// The block of all who ask with this owner and part; the first one makes it.
    template <class Block>
    Block& shared(std::string_view owner, std::string_view part, std::string_view doc) {
        std::unique_ptr<Box>& box = boxes_[{std::string(owner), std::string(part)}];
        if (box == nullptr) box = std::make_unique<BoxOf<Block>>(*this, owner, part, doc);
        return static_cast<BoxOf<Block>&>(*box).block;
    }

    /// Everything seen so far belongs to the warm-up.
    void reset_window(Time now);

    template <class T>
    using Shelf = std::map<MeterName, T*>;

    const Shelf<Counter>& counters() const { return counters_; }
    const Shelf<Level>& levels() const { return levels_; }
    const Shelf<Histogram>& histograms() const { return histograms_; }
    const std::map<const Level*, StayBook*>& stay_books() const { return stays_; }
    const std::map<std::string, WorkBook*, std::less<>>& work_books() const { return work_; }

private:
    struct Box {
        virtual ~Box() = default;
    };
    template <class Block>
    struct BoxOf final : Box {
        BoxOf(Meters& meters, std::string_view owner, std::string_view part, std::string_view doc)
            : block(meters, owner, part, doc) {}
        Block block;
    };

    Shelf<Counter> counters_;
    Shelf<Level> levels_;
    Shelf<Histogram> histograms_;
    // Apart from the names: what one component counts lies side by side, in few cache lines.
    std::deque<Counter> counter_homes_;
    std::deque<Level> level_homes_;
    std::deque<Histogram> histogram_homes_;
    std::deque<StayBook> stay_homes_;
    std::deque<WorkBook> work_homes_;
    std::map<const Level*, StayBook*> stays_;
    std::map<std::string, WorkBook*, std::less<>> work_;
    std::map<std::pair<std::string, std::string>, std::unique_ptr<Box>> boxes_;
};

}  // namespace prodsim
