#pragma once

#include "sim/cli/exit_code.hpp"

namespace prodsim::cli {

/// Finds the command that the user asks for and runs it. Everything that goes wrong ends here, as
/// a message on stderr and an exit code.
ExitCode run_program(int argc, char** argv);

}  // namespace prodsim::cli
