#pragma once

// An ordered map from names to values: the operations of a service, the components of a scenario.
// The order is the order of the file, so nothing in a run depends on hashing or on spelling.

#include "sim/config/place.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim {

template <class T>
class Named {
public:
    struct Item {
        std::string name;
        Place place;
        T value;
    };

    T& add(std::string name, T value, Place place = nowhere) {
        items_.push_back({std::move(name), place, std::move(value)});
        return items_.back().value;
    }
    void remove_last() { items_.pop_back(); }

    const T* find(std::string_view name) const {
        for (const Item& item : items_) {
            if (item.name == name) return &item.value;
        }
        return nullptr;
    }

    std::size_t size() const { return items_.size(); }
    bool empty() const { return items_.empty(); }
    const Item& operator[](std::size_t index) const { return items_[index]; }
    Item& operator[](std::size_t index) { return items_[index]; }
    auto begin() const { return items_.begin(); }
    auto end() const { return items_.end(); }
    auto begin() { return items_.begin(); }
    auto end() { return items_.end(); }

private:
    std::vector<Item> items_;
};

}  // namespace prodsim
