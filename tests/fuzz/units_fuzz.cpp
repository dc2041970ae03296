// libFuzzer's way into one target; tests/fuzz/README.md says how to run it.

#include "tests/fuzz/config_targets.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    prodsim::testing::fuzz_units({reinterpret_cast<const char*>(data), size});
    return 0;
}
