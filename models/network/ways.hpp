#pragma once

// Numbers for the endpoints of several components together.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace prodsim {

/// What connections lead to. Callers know an endpoint by one number, so a record and the number of
/// an instance of it together get a number here.
class Ways {
public:
    struct Way {
        std::size_t record;
        std::uint16_t endpoint;
    };

    explicit Ways(std::size_t records) : numbers_(records) {}

    const Way& operator[](std::uint16_t number) const { return ways_[number - 1u]; }

    /// 0 is nowhere in particular, here and there.
    std::uint16_t number(Way way) {
        if (way.endpoint == 0) return 0;
        auto& numbers = numbers_[way.record];
        if (numbers.size() <= way.endpoint) numbers.resize(way.endpoint + 1u);
        std::uint16_t& number = numbers[way.endpoint];
        if (number == 0) {
            ways_.push_back(way);
            number = static_cast<std::uint16_t>(ways_.size());
        }
        return number;
    }

private:
    std::vector<Way> ways_;
    std::vector<std::vector<std::uint16_t>> numbers_;
};

}  // namespace prodsim
