#include "sim/cli/folder.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace prodsim::cli {

namespace {

[[noreturn]] void fail(const std::string& path, int error) {
    throw std::runtime_error("cannot write \"" + path + "\": " + std::strerror(error));
}

}  // namespace

Folder::Folder(std::string path) : path_(std::move(path)) {
    std::error_code error;
    std::filesystem::create_directories(path_, error);
    if (error) fail(path_, error.value());
    if (access(path_.c_str(), W_OK | X_OK) != 0) fail(path_, errno);
}

void Folder::write(const std::string& name, std::string_view content) const {
    const std::string path = (std::filesystem::path(path_) / name).string();
    const std::string unfinished = path + ".unfinished";
    std::FILE* file = std::fopen(unfinished.c_str(), "wb");
    if (file == nullptr) fail(path, errno);
    bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
    int error = errno;
    if (std::fclose(file) != 0) {
        if (written) error = errno;
        written = false;
    }
    if (written && std::rename(unfinished.c_str(), path.c_str()) == 0) return;
    if (written) error = errno;
    std::remove(unfinished.c_str());
    fail(path, error);
}

void write_file(const std::string& path, std::string_view content) {
    const std::filesystem::path whole(path);
    const std::string folder = whole.parent_path().string();
    Folder(folder.empty() ? "." : folder).write(whole.filename().string(), content);
}

}  // namespace prodsim::cli
