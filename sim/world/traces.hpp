#pragma once

// Where the time of journeys goes. A sample of them is traced: every call made on their behalf is a
// span, which says what its time is spent on whenever no call below it is under way. When a traced
// journey ends, the critical path is walked backwards from its end: at every instant the time
// belongs to the span whose end let the journey go on, so the parts add up to the latency to the
// nanosecond. A request that is not traced pays for one test of a bit.
//
// The sample is every 1st, 2nd, 4th ... journey of its kind, so that between 128 and 256 of them
// are kept however long the run is, evenly spread over it.
//
// Simplifications: journeys of more than 10 000 calls are left out of the sample; a journey that
// gives up on a call is charged with whatever the call was doing until then; processor work in
// progress at that instant counts as running as far as its demand goes.

#include "sim/core/address_map.hpp"
#include "sim/core/engine.hpp"
#include "sim/core/time.hpp"
#include "sim/world/call.hpp"
#include "sim/world/outcome.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

/// What time is spent on.
enum class TimeKind : std::uint8_t {
    unaccounted,  // nobody said
    cpu,          // running, at the speed of the scenario's demands
    contention,   // runnable, but others run, or the processor is slow
    queue,        // in a line, or waiting for a permit, a token or a connection
    io,
    commit,
    network,
    dns,  // finding the address
    connect,
    tls,       // agreeing on keys
    backoff,   // between attempts
    fallback,  // making a lesser answer
    pause,     // a step that waits
    inside,    // in the component, which does not say more
    silence    // at an instance that hangs or is gone
};

std::string_view name_of(TimeKind kind);

/// Whose time it is, and what it is spent on.
struct TimeLabel {
    std::string owner;  // a component or an edge
    TimeKind kind;

    friend auto operator<=>(const TimeLabel&, const TimeLabel&) = default;
};

using TimeLabelId = std::uint16_t;

/// How the time of some journeys splits: the sums are exact.
struct TimeSplit {
    std::uint64_t journeys = 0;
    Duration latency{};
    std::vector<Duration> by_label;  // as long as the highest label that occurs

    void add(TimeLabelId label, Duration time);
};

/// A piece of the critical path of one journey.
struct PathPiece {
    TimeLabelId label;
    Time from;
    Time to;
};

/// The critical path of one journey, as a piece of evidence.
struct TracedJourney {
    Time started{};
    Duration latency{};
    Reply reply;
    std::vector<PathPiece> path;  // in the order of time; neighbours with the same label are one
};

/// What was traced of one kind of journey.
struct Breakdown {
    std::string journey;
    TimeSplit good;
    TimeSplit slowest;  // the slowest twentieth of the good ones
    TimeSplit failed;
    std::vector<TracedJourney> examples;  // the slowest good one, the slowest failed one
};

class Traces {
public:
    explicit Traces(const Engine& engine) : engine_(engine) {}
    Traces(const Traces&) = delete;
    Traces& operator=(const Traces&) = delete;

    /// The number of a label, the same for the same words.
    TimeLabelId label(std::string_view owner, TimeKind kind);
    const std::vector<TimeLabel>& labels() const { return labels_; }

    // ---- journeys ----

    /// The number of a kind of journey, the same for the same name.
    std::size_t journey(std::string_view name);

    /// A journey of this kind begins now; whether it is traced is marked on its request, which
    /// stays where it is until `end`.
    void begin(Request& root, std::size_t journey) {
        Kind& kind = kinds_[journey];
        if ((kind.begun++ & (kind.stride - 1)) == 0) start(root, kind);
    }
    void end(const Request& root, Reply reply) {
        if (root.has(Trait::traced)) finish(root, reply);
    }

    // ---- what happens to their calls ----

    /// From now on the request's time goes there, except while it waits for a call of its own.
    /// `work`, if any, is how long it would take alone on a processor.
    void spend(const Request& request, TimeLabelId label, Duration work = {}) {
        if (request.has(Trait::traced)) enter(request, label, work);
    }

    /// One of several lines of control of a request is busy with this; `over` ends it.
    void branch(const void* line, const Request& request, TimeLabelId label, Duration work = {}) {
        if (request.has(Trait::traced)) open_span(line, request, label, work);
    }
    void over(const void* line, const Request& request) {
        if (request.has(Trait::traced)) close_span(line, true);
    }

    /// `copy` stands for `original` from now on: calls made for it are calls of that one.
    void adopt(const Request& copy, const Request& original) {
        if (original.has(Trait::traced)) follow(copy, original);
    }

    /// Nobody waits for this call: its time is nobody's.
    void drop(Call& call) {
        if (call.has(Trait::traced)) untrace(call);
    }

    void opened(Call& call, const Request& cause) {
        if (!open_span(key_of(call), cause, 0, {})) call.traits &= untraced;
    }
    void answered(const Call& call) { close_span(key_of(call), true); }
    void abandoned(const Call& call) { close_span(key_of(call), false); }

    // ---- what came of it ----

    /// Everything so far belongs to the warm-up.
    void reset_window();

    /// Of the journeys that ended in the window, in the order of their first beginnings.
    std::vector<Breakdown> breakdowns() const;

private:
    static constexpr auto untraced = static_cast<std::uint8_t>(~Trait::traced);
    static constexpr std::size_t most_kept = 256;
    static constexpr std::size_t most_spans = 10000;

    /// A call, or a line of control, on behalf of one journey.
    struct Span {
        std::uint32_t parent;
        Time from;
        Time to = never;
        bool answered = false;
    };
    struct Spending {
        std::uint32_t span;
        TimeLabelId label;
        Time from;
        Duration work;
    };
    struct Kind;
    /// One journey under way. The books are used again for another one.
    struct Trace {
        Kind* kind = nullptr;
        std::uint64_t number = 0;  // among those of its kind
        std::uint64_t generation = 0;
        bool is_in_window = true;  // it began after the warm-up
        std::vector<Span> spans;
        std::vector<Spending> spendings;
    };
    struct Place {
        Trace* trace = nullptr;
        std::uint64_t generation = 0;
        std::uint32_t span = 0;
    };
    struct Kept {
        std::uint64_t number;
        TracedJourney journey;
    };
    struct Kind {
        std::string name;
        std::uint64_t begun = 0;
        std::uint64_t stride = 1;  // a power of two
        std::vector<Kept> kept;
    };
    class Walk;

    /// Calls are found by the request that they are, as its copies are.
    static const void* key_of(const Request& request) { return &request; }

    Trace& free_trace();
    Place* find(const void* key);
    void forget(Trace& trace);
    bool open_span(const void* key, const Request& cause, TimeLabelId label, Duration work);
    void close_span(const void* key, bool answered);
    void enter(const Request& request, TimeLabelId label, Duration work);
    void follow(const Request& copy, const Request& original);
    void untrace(Call& call);
    void start(Request& root, Kind& kind);
    void finish(const Request& root, Reply reply);

    const Engine& engine_;
    std::vector<TimeLabel> labels_{{"", TimeKind::unaccounted}};
    std::map<TimeLabel, TimeLabelId> label_numbers_;
    std::deque<Kind> kinds_;
    std::deque<Trace> traces_;
    std::vector<Trace*> free_traces_;
    AddressMap<Place> places_;
    std::uint64_t generation_ = 0;
};

}  // namespace prodsim
