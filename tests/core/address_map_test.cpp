#include "sim/core/address_map.hpp"

#include "sim/core/random.hpp"
#include "tests/catch.hpp"

#include <array>
#include <map>

using namespace prodsim;

TEST_CASE("an address map answers as an ordered map does, however values come and go") {
    // Few addresses, so that neighbours meet, wrap around and are taken out of the middle.
    std::array<std::array<std::byte, 64>, 200> objects{};
    AddressMap<int> map;
    std::map<const void*, int> reference;
    Draws chance{42};
    for (int step = 0; step < 20000; ++step) {
        const void* address = &objects[chance.below(objects.size())];
        if (chance.chance(0.5)) {
            map.put(address, step);
            reference[address] = step;
        } else {
            map.erase(address);
            reference.erase(address);
        }
        REQUIRE(map.size() == reference.size());
        const void* asked = &objects[chance.below(objects.size())];
        const int* found = map.find(asked);
        const auto expected = reference.find(asked);
        REQUIRE((found != nullptr) == (expected != reference.end()));
        if (found != nullptr) REQUIRE(*found == expected->second);
    }
}
