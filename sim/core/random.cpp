#include "sim/core/random.hpp"

namespace prodsim {

// Everything is hashed: seeds are often neighbours, and seeds that differ by a multiple of the
// golden gamma would otherwise give shifted copies of the same sequence.
Stream::Stream(std::uint64_t seed, std::uint64_t replication, std::string_view name)
    : keyed_{mix(mix(seed, replication), hash_of(name))}, sequence_{mix(keyed_)} {}

}  // namespace prodsim
