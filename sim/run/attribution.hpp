#pragma once

// What failed requests point at. Each has one root cause, named where it failed
// (sim/world/causes.hpp): a fault, or a cause of the system's own. That is held against paired
// runs: a request that fails without the faults as well has causes of its own, and of those that
// fail only with a fault nearly all must point at it.
//
// Where two runs differ, some requests fail by chance in the one and others in the other. Those
// that fail in one of two runs only cancel out, by journey and reason; what is left is in excess.
// Of many failed requests an even part is looked at (Failures), and counts are scaled up.

#include "sim/run/trial.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace prodsim {

/// What some failed requests ended of.
struct MechanismShare {
    Reason reason;
    double share;
};

/// One root cause, with every fault in the runs.
struct CauseReport {
    std::string cause;  // the title of a fault; empty for causes of the system's own
    double failed = 0;
    double share = 0;                        // of all that failed
    std::vector<MechanismShare> mechanisms;  // the most frequent first
};

/// One fault alone, beside its pair.
struct FaultBlame {
    std::string fault;
    double failed = 0;
    double fails_anyway = 0;  // of them, those that fail without the fault too
    double in_excess = 0;     // that fail because of it
    double pointing = 0;      // of those in excess, those that point at it
    /// The same with all faults in one run: of the requests that fail there and with this fault
    /// alone, but not with another one alone nor with none.
    double among_all = 0;
    double pointing_among_all = 0;
};

struct Attribution {
    std::vector<CauseReport> causes;  // the most frequent first; empty where nothing failed
    std::vector<FaultBlame> faults;   // in the order of the scenario
};

/// REQUIRES: a title for each fault of the trial; nothing is attributed where there are none.
Attribution attribute(const Trial& trial, const std::vector<std::string>& titles);

}  // namespace prodsim
