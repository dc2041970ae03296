#include "sim/core/wanted_isa.hpp"

#include <cstdlib>

namespace prodsim {

std::string_view wanted_isa() {
    const char* value = std::getenv("PRODSIM_ISA");
    return value == nullptr ? std::string_view{} : std::string_view{value};
}

std::optional<Isa> isa_named(std::string_view name) {
    if (name == "scalar") return Isa::scalar;
    if (name == "avx2") return Isa::avx2;
    if (name == "avx512") return Isa::avx512;
    return std::nullopt;
}

}  // namespace prodsim
