#pragma once

#include <string>
#include <string_view>

namespace prodsim::cli {

/// A folder for results. Files appear whole or not at all.
class Folder {
public:
    /// Makes it where it is missing; throws at once when nothing could be written there, rather
    /// than after a long run.
    explicit Folder(std::string path);

    void write(const std::string& name, std::string_view content) const;

private:
    std::string path_;
};

/// Writes one file wherever it is to be, and makes the folders on the way.
void write_file(const std::string& path, std::string_view content);

}  // namespace prodsim::cli
