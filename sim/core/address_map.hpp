#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace prodsim {

/// Values filed under the address of what they belong to. It can be asked and never gone through,
/// so where things lie in memory changes no result. Open addressing with linear probing, at most
/// half full; what is taken out leaves no mark, because those behind it move up (Knuth, "The Art of
/// Computer Programming" 3, section 6.4, algorithm R).
template <class Value>
class AddressMap {
public:
    /// Null if there is none. It moves when another one is put in or taken out.
    Value* find(const void* address) {
        Place& place = places_[place_of(address)];
        return place.address == nullptr ? nullptr : &place.value;
    }

    /// Instead of what was there.
    void put(const void* address, const Value& value) {
        assert(address != nullptr);
        if (2 * (size_ + 1) > places_.size()) grow();
        Place& place = places_[place_of(address)];
        size_ += place.address == nullptr ? 1 : 0;
        place = {address, value};
    }

    /// Nothing happens if there is none.
    void erase(const void* address) {
        std::size_t hole = place_of(address);
        if (places_[hole].address == nullptr) return;
        for (std::size_t i = after(hole); places_[i].address != nullptr; i = after(i)) {
            // Whoever would be found from the hole on takes it.
            const std::size_t home = home_of(places_[i].address);
            const std::size_t mask = places_.size() - 1;
            if (((i - home) & mask) < ((i - hole) & mask)) continue;
            places_[hole] = places_[i];
            hole = i;
        }
        places_[hole].address = nullptr;
        --size_;
    }

    std::size_t size() const { return size_; }

private:
    struct Place {
        const void* address = nullptr;
        Value value{};
    };

    std::size_t home_of(const void* address) const {
        const auto word = reinterpret_cast<std::uintptr_t>(address);
        return (word * 0x9e37'79b9'7f4a'7c15) >> (64 - std::bit_width(places_.size() - 1));
    }

    std::size_t after(std::size_t place) const { return (place + 1) & (places_.size() - 1); }

    /// Where it is, or would be.
    std::size_t place_of(const void* address) const {
        std::size_t place = home_of(address);
        while (places_[place].address != nullptr && places_[place].address != address) {
            place = after(place);
        }
        return place;
    }

    void grow() {
        const std::vector<Place> before =
            std::exchange(places_, std::vector<Place>(2 * places_.size()));
        for (const Place& place : before) {
            if (place.address != nullptr) places_[place_of(place.address)] = place;
        }
    }

    std::vector<Place> places_ = std::vector<Place>(16);  // a power of two
    std::size_t size_ = 0;
};

}  // namespace prodsim
