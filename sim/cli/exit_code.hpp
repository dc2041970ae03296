#pragma once

namespace prodsim::cli {

/// What the program says by its exit code.
enum class ExitCode {
    fine = 0,
    failed = 1,        // a requirement or an expectation does not hold
    invalid = 2,       // the scenario or the command line is wrong
    broken = 3,        // the simulator is, or a file could not be written
    inconclusive = 4,  // an interval spans its limit, or a precision is not reached
    interrupted = 130,
};

}  // namespace prodsim::cli
