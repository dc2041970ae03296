#include "sim/cli/program.hpp"

int main(int argc, char** argv) { return static_cast<int>(prodsim::cli::run_program(argc, argv)); }
