#include "models/resilience/hashing.hpp"

#include "sim/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace prodsim {

namespace {

std::uint64_t hash(const Hashed& endpoint, std::uint64_t salt) {
    return mix(endpoint.number, salt);
}

}  // namespace

bool HashRing::Point::operator<(const Point& other) const {
    return std::pair{hash, place} < std::pair{other.hash, other.place};
}

void HashRing::fill(std::span<const Hashed> endpoints, std::int64_t least_size) {
    double sum = 0;
    double least = std::numeric_limits<double>::max();
    for (const Hashed& endpoint : endpoints) {
        sum += endpoint.weight;
        if (endpoint.weight > 0) least = std::min(least, endpoint.weight);
    }
    points_.clear();
    if (sum == 0) return;
    const double fewest = std::ceil(least * static_cast<double>(least_size) / sum);
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        const double wanted = endpoints[i].weight / least * fewest;
        for (std::uint64_t point = 1; static_cast<double>(point) <= wanted + 0.5; ++point) {
            points_.push_back({hash(endpoints[i], point), static_cast<std::uint32_t>(i)});
        }
    }
    std::sort(points_.begin(), points_.end());
}

std::size_t HashRing::pick(std::uint64_t key) const {
    if (points_.empty()) return 0;
    const auto point = std::lower_bound(points_.begin(), points_.end(), Point{key, 0});
    return (point == points_.end() ? points_.front() : *point).place;
}

void MaglevTable::fill(std::span<const Hashed> endpoints, std::int64_t size) {
    table_.assign(static_cast<std::size_t>(size), nobody);
    double most = 0;
    for (const Hashed& endpoint : endpoints) most = std::max(most, endpoint.weight);
    std::vector<Claim> claims;
    for (const Hashed& endpoint : endpoints) claims.push_back(claim_of(endpoint));
    if (most == 0) return;
    for (std::size_t taken = 0, turn = 1; taken < table_.size(); ++turn) {
        for (std::size_t i = 0; i < claims.size() && taken < table_.size(); ++i) {
            Claim& claim = claims[i];
            const double weight = endpoints[i].weight;
            if (weight == 0 || static_cast<double>(turn) * weight < claim.due) continue;
            claim.due += most;
            while (table_[claim.place] != nobody) advance(claim);
            table_[claim.place] = static_cast<std::uint16_t>(i);
            ++taken;
        }
    }
}

MaglevTable::Claim MaglevTable::claim_of(const Hashed& endpoint) const {
    return {hash(endpoint, 1) % table_.size(), hash(endpoint, 2) % (table_.size() - 1) + 1,
            endpoint.weight};
}

}  // namespace prodsim
