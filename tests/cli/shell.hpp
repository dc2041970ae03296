#pragma once

// The program as a user of a shell meets it: a line goes in, its output and its exit code come out.

#include "tests/catch.hpp"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace prodsim::cli {

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

/// A new folder, gone when the test ends.
class Scratch {
public:
    Scratch() : path_(shell("mktemp -d").out) { path_.pop_back(); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { shell("rm -r '" + path_ + "'"); }

    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

}  // namespace prodsim::cli
