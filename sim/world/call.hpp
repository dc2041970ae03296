#pragma once

#include "sim/core/pool.hpp"
#include "sim/core/random.hpp"
#include "sim/core/time.hpp"
#include "sim/world/outcome.hpp"

#include <cstdint>

namespace prodsim {

struct Call;
class Traces;

/// Everything that can be called. It is called, it hears a reply, and it is told that a caller
/// gave up; a service, a cache, a link, a retry and a breaker differ only in what they do between.
class Node {
public:
    virtual ~Node() = default;

    /// The call is mine until I reply to it.
    virtual void on_call(Call& call) = 0;

    /// A call that I made has ended; it is gone when this returns.
    virtual void on_reply(Call& call, Reply reply) = 0;

    /// Nobody waits for this call any more. It is still mine: I may stop (reply to it, which closes
    /// it) or work on.
    virtual void on_abandon(Call& call) = 0;
};

/// What travels with a request from hop to hop.
struct Request {
    /// Who this is: derived from the journey's number and the steps on the way, the same for every
    /// attempt. What a request asks for (its payload, its cache key) is drawn with it.
    std::uint64_t subject = 0;
    Time deadline = never;          // absolute, of the whole request
    std::uint16_t tries = 0;        // hash of the attempt numbers on the way; 0: all first attempts
    std::uint16_t operation = 0;    // of the component at the end of the chain
    std::uint16_t route = 0;        // the endpoint a connection is pinned to; 0: balance freely
    std::uint8_t traits = 0;        // see Trait
    std::uint8_t priority : 3 = 0;  // lower is served first by lines that care
    std::uint8_t tenant : 5 = 0;    // whose request it is, see World::tenant; 0: nobody said

    static constexpr unsigned most_tenants = 31;

    /// Operations of calls that open a connection, see Trait::greeting.
    static constexpr std::uint16_t knock = 0xffff;  // a round trip, answered by the system
    static constexpr std::uint16_t hello = 0xfffe;  // the first round of TLS, at no cost

    /// The key for what this attempt costs: another attempt draws another demand.
    std::uint64_t demand_key() const { return tries == 0 ? subject : mix(subject, tries); }

    bool has(std::uint8_t trait) const { return (traits & trait) != 0; }

    /// Marks this as attempt `number` (1 is the first) of whatever was asked for, made by the
    /// policy with this salt: attempts of different layers must not look alike.
    void set_attempt(std::uint64_t salt, unsigned number) {
        if (number > 1) tries = static_cast<std::uint16_t>(mix(mix(tries, salt), number) | 1);
    }
};

/// One attempt to have something done. Forwarding opens a child call, so every node on the way
/// owns exactly one; giving up detaches the call from its caller, and the work goes on.
struct Call : Request {
    Node* caller = nullptr;  // who hears the reply; null when nobody waits any more
    Node* callee = nullptr;  // who owns it and hears that the caller gave up
    Time started{};
    std::uint64_t caller_note = 0;  // the caller's own reference: which of its jobs made this call
    std::uint64_t callee_note = 0;  // the callee's own reference

    Call() = default;
    Call(const Request& request, Node& from, Time now)
        : Request(request), caller(&from), started(now) {}

    template <class T>
    T& caller_frame() const {
        return *reinterpret_cast<T*>(caller_note);
    }
    template <class T>
    T& callee_frame() const {
        return *reinterpret_cast<T*>(callee_note);
    }
    bool is_abandoned() const { return caller == nullptr; }
};

static_assert(sizeof(Call) <= 64, "a call fits in one cache line");

/// Marks that travel with a request to the calls made on its behalf.
struct Trait {
    static constexpr std::uint8_t orphan = 1;  // somebody up the chain had already given up
    static constexpr std::uint8_t write = 2;   // changes state at the callee
    static constexpr std::uint8_t traced = 4;  // of a journey whose time is accounted for
    /// Opens a connection and asks for nothing. Its operation is `knock`, `hello`, or what the
    /// callee does to shake hands; an instance makes no calls on its behalf.
    static constexpr std::uint8_t greeting = 8;
};

/// Opens, delivers and closes calls, and keeps their books:
/// opened = answered + wasted + live, at every instant.
class Calls {
public:
    /// The traces outlive the calls.
    explicit Calls(Traces& traces) : traces_(traces) {}

    /// A call made for a request: of a journey, or of a call that is being served.
    Call& open(Node& caller, const Request& request, Time now) {
        ++opened_;
        Call& call = pool_.acquire(request, caller, now);
        if (call.has(Trait::traced)) trace_opened(call, request);
        return call;
    }

    /// Gives the call to its callee. The reply may arrive before this returns.
    void send(Call& call, Node& callee) {
        call.callee = &callee;
        callee.on_call(call);
    }

    /// Ends the call. It must be the last thing that a function does with it.
    void reply(Call& call, Reply reply) {
        if (call.has(Trait::traced)) trace_answered(call);
        if (call.caller != nullptr) {
            ++answered_;
            call.caller->on_reply(call, reply);
        } else {
            ++wasted_;
        }
        pool_.release(call);
    }

    /// The caller stops waiting and will not hear of it again. REQUIRES: not abandoned yet.
    void abandon(Call& call) {
        if (call.has(Trait::traced)) trace_abandoned(call);
        call.caller = nullptr;
        call.traits |= Trait::orphan;
        call.callee->on_abandon(call);
    }

    /// A message of a live call was dropped on its way: unless its caller gives up, it stays live.
    void swallow() { ++swallowed_; }

    /// A swallowed call ends after all.
    void give_back() { --swallowed_; }

    std::uint64_t opened() const { return opened_; }
    std::uint64_t answered() const { return answered_; }
    std::uint64_t wasted() const { return wasted_; }
    std::uint64_t live() const { return pool_.live(); }
    std::uint64_t swallowed() const { return swallowed_; }

private:
    void trace_opened(Call& call, const Request& cause);
    void trace_answered(const Call& call);
    void trace_abandoned(const Call& call);

    Traces& traces_;
    Pool<Call> pool_;
    std::uint64_t opened_ = 0;
    std::uint64_t answered_ = 0;
    std::uint64_t wasted_ = 0;
    std::uint64_t swallowed_ = 0;
};

}  // namespace prodsim
