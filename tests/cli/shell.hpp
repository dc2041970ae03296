#pragma once

// The program as a user runs it, from a shell.

#include "tests/catch.hpp"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace prodsim::testing {

inline std::string program() {
    const char* path = std::getenv("PRODSIM_PROGRAM");
    return path == nullptr ? "build/dev/prodsim" : path;
}

struct Ended {
    int code;
    std::string out;
};

/// Runs a line of the shell in which $P is the program.
inline Ended shell(const std::string& line) {
    const std::string command = "P='" + program() + "'; " + line;
    std::FILE* pipe = popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    Ended ended{0, {}};
    std::array<char, 4096> buffer{};
    for (std::size_t n = 1; n > 0;) {
        n = std::fread(buffer.data(), 1, buffer.size(), pipe);
        ended.out.append(buffer.data(), n);
    }
    const int status = pclose(pipe);
    ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ended;
}

inline std::string file_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace prodsim::testing
