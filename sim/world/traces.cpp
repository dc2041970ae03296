#include "sim/world/traces.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <span>

namespace prodsim {

namespace {

constexpr std::uint32_t no_span = ~std::uint32_t{0};

}  // namespace

std::string_view name_of(TimeKind kind) {
    static constexpr std::array<std::string_view, 15> names{
        "unaccounted", "cpu", "contention", "queue",    "io",    "commit", "network", "dns",
        "connect",     "tls", "backoff",    "fallback", "pause", "inside", "silence"};
    return names[static_cast<std::size_t>(kind)];
}

void TimeSplit::add(TimeLabelId label, Duration time) {
    if (label >= by_label.size()) by_label.resize(label + std::size_t{1});
    by_label[label] += time;
}

/// The critical path of one journey, found from its end to its beginning.
class Traces::Walk {
public:
    explicit Walk(const Trace& trace) : spans_(trace.spans) {
        for (std::uint32_t i = 1; i < spans_.size(); ++i) {
            if (spans_[i].parent != no_span) children_.push_back(i);
        }
        std::sort(children_.begin(), children_.end(), [this](std::uint32_t a, std::uint32_t b) {
            const Span& one = spans_[a];
            const Span& other = spans_[b];
            if (one.parent != other.parent) return one.parent < other.parent;
            if (one.to != other.to) return one.to > other.to;
            return one.answered != other.answered ? one.answered : a < b;
        });
        for (const Spending& spending : trace.spendings) spendings_.push_back(&spending);
        std::stable_sort(spendings_.begin(), spendings_.end(),
                         [](const Spending* a, const Spending* b) { return a->span < b->span; });
    }

    std::vector<PathPiece> path(Time end) {
        charge(0, end);
        std::reverse(path_.begin(), path_.end());
        return std::move(path_);
    }

private:
    using Children = std::span<const std::uint32_t>;

    /// Those of this span, the last to end first.
    Children children_of(std::uint32_t number) const {
        const auto parent = [this](std::uint32_t child) { return spans_[child].parent; };
        const auto first = std::partition_point(children_.begin(), children_.end(),
                                                [&](auto child) { return parent(child) < number; });
        const auto end = std::find_if(first, children_.end(),
                                      [&](auto child) { return parent(child) != number; });
        return {first, end};
    }

    /// The time of a span from its beginning until `to`.
    void charge(std::uint32_t number, Time to) {
        const Time from = spans_[number].from;
        const Children children = children_of(number);
        std::size_t next = 0;  // children before it are dealt with
        while (from < to) {
            const std::uint32_t child = critical(children, next, to);
            const Time end = child == no_span ? from : std::min(spans_[child].to, to);
            spend(number, std::max(end, from), to);
            if (child == no_span) return;
            charge(child, end);
            to = spans_[child].from;
        }
    }

    /// The child that was under way just before `to`, or the last one before that: rather one that
    /// ended then, which let the span go on, than one that lasted.
    std::uint32_t critical(Children children, std::size_t& next, Time to) const {
        std::uint32_t lasting = no_span;
        for (std::size_t i = next; i < children.size(); ++i) {
            const Span& child = spans_[children[i]];
            if (child.from >= to) {
                if (i == next) ++next;
                continue;
            }
            if (child.to > to) {
                if (lasting == no_span) lasting = children[i];
                continue;
            }
            if (child.to < to && lasting != no_span) return lasting;
            return children[i];
        }
        return lasting;
    }

    /// The span had no call under way in this time.
    void spend(std::uint32_t number, Time from, Time to) {
        auto i = std::partition_point(spendings_.begin(), spendings_.end(),
                                      [=](const Spending* one) { return one->span <= number; });
        while (from < to && i != spendings_.begin() && (*--i)->span == number) {
            const Spending& spending = **i;
            if (spending.from >= to) continue;
            const Time begin = std::max(spending.from, from);
            if (spending.work.count() > 0) {
                const Time running = std::max(begin, to - spending.work);
                add(spending.label, running, to);
                add(static_cast<TimeLabelId>(spending.label + 1), begin, running);
            } else {
                add(spending.label, begin, to);
            }
            to = begin;
        }
        add(0, from, to);
    }

    void add(TimeLabelId label, Time from, Time to) {
        if (from >= to) return;
        if (!path_.empty() && path_.back().label == label) {
            path_.back().from = from;
        } else {
            path_.push_back({label, from, to});
        }
    }

    const std::vector<Span>& spans_;
    std::vector<std::uint32_t> children_;     // of all spans, by parent
    std::vector<const Spending*> spendings_;  // of all spans, by span, in the order of time
    std::vector<PathPiece> path_;
};

// ---- labels and journeys
// ------------------------------------------------------------------------

TimeLabelId Traces::label(std::string_view owner, TimeKind kind) {
    const auto next = static_cast<TimeLabelId>(labels_.size());
    const auto [found, is_new] = label_numbers_.try_emplace({std::string(owner), kind}, next);
    if (!is_new) return found->second;
    assert(labels_.size() < std::numeric_limits<TimeLabelId>::max());
    labels_.push_back(found->first);
    // What a walk finds of work that had to wait is the next label after that of the work.
    if (kind == TimeKind::cpu) labels_.push_back({std::string(owner), TimeKind::contention});
    return next;
}

std::size_t Traces::journey(std::string_view name) {
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
        if (kinds_[i].name == name) return i;
    }
    kinds_.push_back({std::string(name), 0, 1, {}});
    return kinds_.size() - 1;
}

Traces::Trace& Traces::free_trace() {
    if (free_traces_.empty()) return traces_.emplace_back();
    Trace& trace = *free_traces_.back();
    free_traces_.pop_back();
    return trace;
}

void Traces::start(Request& root, Kind& kind) {
    const std::uint64_t number = kind.begun - 1;
    if (number == most_kept * kind.stride) {
        kind.stride *= 2;  // which this number is a multiple of
        std::erase_if(kind.kept, [&](const Kept& kept) { return kept.number % kind.stride != 0; });
    }
    Trace& trace = free_trace();
    trace.kind = &kind;
    trace.number = number;
    trace.generation = ++generation_;
    trace.is_in_window = true;
    trace.spans.assign(1, Span{no_span, engine_.now()});
    trace.spendings.clear();
    root.traits |= Trait::traced;
    places_.put(key_of(root), {&trace, trace.generation, 0});
}

void Traces::finish(const Request& root, Reply reply) {
    const Place* place = find(key_of(root));
    if (place == nullptr) return;
    Trace& trace = *place->trace;
    places_.erase(key_of(root));
    Kind& kind = *trace.kind;
    if (trace.is_in_window && trace.number % kind.stride == 0) {
        const Time started = trace.spans.front().from;
        kind.kept.push_back(
            {trace.number,
             {started, engine_.now() - started, reply, Walk(trace).path(engine_.now())}});
    }
    forget(trace);
}

/// Whoever still works for it is on his own.
void Traces::forget(Trace& trace) {
    trace.generation = 0;
    free_traces_.push_back(&trace);
}

// ---- spans
// ------------------------------------------------------------------------------------

Traces::Place* Traces::find(const void* key) {
    Place* found = places_.find(key);
    if (found == nullptr || found->generation == found->trace->generation) return found;
    places_.erase(key);
    return nullptr;
}

bool Traces::open_span(const void* key, const Request& cause, TimeLabelId label, Duration work) {
    const Place* parent = find(key_of(cause));
    if (parent == nullptr) return false;
    Place place = *parent;
    Trace& trace = *place.trace;
    if (trace.spans.size() == most_spans) {
        forget(trace);
        return false;
    }
    trace.spans.push_back({place.span, engine_.now()});
    place.span = static_cast<std::uint32_t>(trace.spans.size() - 1);
    if (label != 0) trace.spendings.push_back({place.span, label, engine_.now(), work});
    places_.put(key, place);
    return true;
}

void Traces::close_span(const void* key, bool answered) {
    const Place* place = find(key);
    if (place == nullptr) return;
    Span& span = place->trace->spans[place->span];
    if (span.to == never) {
        span.to = engine_.now();
        span.answered = answered;
    }
    if (answered) places_.erase(key);
}

void Traces::enter(const Request& request, TimeLabelId label, Duration work) {
    if (const Place* place = find(key_of(request))) {
        place->trace->spendings.push_back({place->span, label, engine_.now(), work});
    }
}

void Traces::follow(const Request& copy, const Request& original) {
    if (const Place* place = find(key_of(original))) places_.put(key_of(copy), Place(*place));
}

void Traces::untrace(Call& call) {
    if (const Place* place = find(key_of(call))) {
        place->trace->spans[place->span].parent = no_span;
        places_.erase(key_of(call));
    }
    call.traits &= untraced;
}

// ---- results
// ----------------------------------------------------------------------------------

void Traces::reset_window() {
    for (Trace& trace : traces_) trace.is_in_window = false;
    for (Kind& kind : kinds_) {
        kind.begun = 0;
        kind.stride = 1;
        kind.kept.clear();
    }
}

std::vector<Breakdown> Traces::breakdowns() const {
    const auto add = [](TimeSplit& split, const TracedJourney& journey) {
        ++split.journeys;
        split.latency += journey.latency;
        for (const PathPiece& piece : journey.path) split.add(piece.label, piece.to - piece.from);
    };
    std::vector<Breakdown> all;
    for (const Kind& kind : kinds_) {
        Breakdown& made = all.emplace_back();
        made.journey = kind.name;
        std::vector<const TracedJourney*> good;
        const TracedJourney* worst = nullptr;
        for (const Kept& kept : kind.kept) {
            if (kept.journey.reply.good()) {
                good.push_back(&kept.journey);
                add(made.good, kept.journey);
            } else {
                add(made.failed, kept.journey);
                if (worst == nullptr || kept.journey.latency > worst->latency) {
                    worst = &kept.journey;
                }
            }
        }
        std::stable_sort(good.begin(), good.end(), [](const auto* one, const auto* other) {
            return one->latency > other->latency;
        });
        for (std::size_t i = 0; i < good.size() / 20; ++i) add(made.slowest, *good[i]);
        if (!good.empty()) made.examples.push_back(*good.front());
        if (worst != nullptr) made.examples.push_back(*worst);
    }
    return all;
}

}  // namespace prodsim
