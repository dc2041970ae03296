#pragma once

// Who is to blame for a journey that failed. Where a failure was born, and by which mechanism,
// travels with every reply as its reason; what was wrong in the world is known here. Together they
// name one root cause, and only a journey that fails pays for it.
//
// A disturbance explains failures while it lasts, and afterwards as long as failures that it
// explains keep coming: lines that have built up, open breakers and cold caches are its
// consequences. Where several explain a failure, the one with the plainest way to it is blamed.
//
// Simplifications: two disturbances whose ways are alike are not told apart, and the later one is
// blamed; a journey that would have failed anyway is blamed on whatever was there: only the run
// without it knows better (sim/run/attribution.hpp).

#include "sim/core/time.hpp"
#include "sim/world/outcome.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

/// Which component and mechanism made a call fail.
struct Reason {
    std::string component;
    std::string mechanism;
};

/// Disturbances from outside have numbers from 1 on; 0 stands for causes of the system's own:
/// chance, and more load than it can take.
using CauseId = std::uint16_t;
inline constexpr CauseId own_cause = 0;

/// How a disturbance comes to a component, the plainest way first.
enum class Way : std::uint8_t {
    waits,    // it is disturbed itself, or asks who is
    flooded,  // it is asked more than usual
    beside,   // it shares callers with those
};

struct Reach {
    Way way;
    std::uint16_t hops;

    auto operator<=>(const Reach&) const = default;
};

/// What somebody does to the world from outside.
struct Disturbance {
    CauseId cause;
    std::map<std::string, Reach, std::less<>> components;  // those that it may make fail
    std::set<std::string> strangers;  // journeys that ask nothing of what it disturbs
};

/// A journey that failed.
struct Failed {
    const std::string& journey;
    Time started;
    Time ended;
    ReasonId reason;
};

class Causes {
public:
    /// The register of reasons outlives the causes, and grows.
    explicit Causes(const std::vector<Reason>& reasons) : reasons_(reasons) {}
    Causes(const Causes&) = delete;
    Causes& operator=(const Causes&) = delete;

    /// It may begin later on. REQUIRES: in the order of their numbers.
    void announce(Disturbance disturbance);

    /// From now on it is there, or gone.
    void set_present(CauseId cause, bool present, Time now);

    /// The root cause of this failure, which keeps the consequences of that cause alive.
    CauseId of(const Failed& failed);

private:
    struct Known {
        Disturbance disturbance;
        Time began = never;
        Time ended = never;    // never while it is there
        Time blamed = Time{};  // for the last time
    };

    static bool may_explain(const Known& known, const Failed& failed);
    static std::optional<Reach> reach(const Known& known, std::string_view place);

    const std::vector<Reason>& reasons_;
    std::vector<Known> known_;
};

}  // namespace prodsim
