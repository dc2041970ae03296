#pragma once

// Who has which keys by consistent hashing: a ring of points, and the table of Maglev. They know
// endpoints by their numbers and weights, and nothing of calls.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace prodsim {

/// An endpoint as hashing sees it.
struct Hashed {
    std::uint16_t number;
    double weight;
};

/// Every endpoint has points on a circle of hashes, in proportion to its weight; a key belongs to
/// the first point from its own hash on. Who comes takes about 1/n of the keys of n endpoints, each
/// from its successors (Karger et al. 1997; ketama). As in Envoy the points of an endpoint become
/// fewer as endpoints come, which moves up to 1/n of the keys between those who stay.
class HashRing {
public:
    /// As Envoy does it: the least weight has a whole number of points.
    void fill(std::span<const Hashed> endpoints, std::int64_t least_size);

    /// The place of the endpoint that has the key; that of the first when none has a weight.
    std::size_t pick(std::uint64_t key) const;

private:
    struct Point {
        std::uint64_t hash;
        std::uint32_t place;
        bool operator<(const Point& other) const;
    };

    std::vector<Point> points_;
};

/// A table of a prime size in which endpoints take turns: each takes the next free place of its own
/// permutation, so their shares differ by one place at most, and when the endpoints change most
/// places keep theirs (Eisenbud et al. 2016, "Maglev", section 3.4; weights as in Envoy).
class MaglevTable {
public:
    void fill(std::span<const Hashed> endpoints, std::int64_t size);

    /// The place of the endpoint that has the key; that of the first when none has a weight.
    std::size_t pick(std::uint64_t key) const {
        const std::uint16_t place = table_[key % table_.size()];
        return place == nobody ? 0 : place;
    }

private:
    static constexpr std::uint16_t nobody = 0xffff;

    struct Claim {
        std::size_t place;
        std::size_t skip;
        double due;  // its weight, times the turns so far, when it may take the next place
    };

    Claim claim_of(const Hashed& endpoint) const;
    void advance(Claim& claim) const { claim.place = (claim.place + claim.skip) % table_.size(); }

    std::vector<std::uint16_t> table_;
};

}  // namespace prodsim
