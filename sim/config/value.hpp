#pragma once

// A parsed document: null, bool, number, text, array or object. Members keep their order, and every
// value and key knows its place. A Value is a value: it copies deeply and compares by content
// alone.

#include "sim/config/place.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace prodsim {

class Problems;

class Value {
public:
    enum class Kind { null, boolean, number, text, array, object };
    struct Member;

    Value();
    Value(bool truth);
    Value(int number);
    Value(std::int64_t number);
    Value(double number);
    Value(const char* text);
    Value(std::string_view text);
    Value(std::string text);

    Value(const Value& other);
    Value(Value&& other) noexcept;
    Value& operator=(const Value& other);
    Value& operator=(Value&& other) noexcept;
    ~Value();

    static Value array(std::vector<Value> items = {});
    static Value object(std::initializer_list<std::pair<std::string_view, Value>> members = {});

    Kind kind() const { return static_cast<Kind>(kind_of_[content_.index()]); }
    bool is_null() const { return kind() == Kind::null; }
    bool is_number() const { return kind() == Kind::number; }
    bool is_text() const { return kind() == Kind::text; }
    bool is_array() const { return kind() == Kind::array; }
    bool is_object() const { return kind() == Kind::object; }

    // REQUIRES of the next six: the value is of that kind.
    bool truth() const { return std::get<bool>(content_); }
    double number() const;
    const std::string& text() const { return std::get<std::string>(content_); }
    const std::vector<Value>& items() const { return std::get<std::vector<Value>>(content_); }
    std::vector<Value>& items() { return std::get<std::vector<Value>>(content_); }
    const std::vector<Member>& members() const { return std::get<std::vector<Member>>(content_); }

    /// The number if it is whole and fits; also 3.0 and 1e6.
    std::optional<std::int64_t> whole_number() const;

    /// The member of an object, null pointer if there is none or this is no object.
    const Value* find(std::string_view key) const;
    Value* find(std::string_view key);
    const Member* find_member(std::string_view key) const;

    /// Appends the member, or replaces the value of the one with this key (keeping its position).
    Value& put(std::string_view key, Value value, Place key_place = nowhere);
    /// Appends the member. REQUIRES: there is none with this key yet.
    Value& append(std::string key, Value value, Place key_place);
    void append(Value item);
    void remove(std::string_view key);

    /// Follows "components.shop.instances", "faults.0.at", or "/requirements/order.p99" where a
    /// name contains a dot.
    const Value* find_path(std::string_view path) const;

    /// Sets what the path leads to; objects on the way are made where they are missing. A path
    /// through a text or past the end of an array is a problem.
    void set_path(std::string_view path, Value value, Problems& problems);

    Place place() const { return place_; }
    Value& at(Place place) {
        place_ = place;
        return *this;
    }

    /// Content alone: places and the order of members do not matter, 3 equals 3.0.
    bool operator==(const Value& other) const;

private:
    // Whole numbers are kept as such: a seed of 63 bits must survive.
    using Content = std::variant<std::monostate, bool, std::int64_t, double, std::string,
                                 std::vector<Value>, std::vector<Member>>;
    static constexpr Kind kind_of_[] = {Kind::null, Kind::boolean, Kind::number, Kind::number,
                                        Kind::text, Kind::array,   Kind::object};
    Content content_;
    Place place_;
};

struct Value::Member {
    std::string key;
    Place key_place;
    Value value;
};

/// "an object", "a number": for messages.
std::string_view article_and_kind(const Value& value);

/// RFC 7396: objects are merged member by member, null removes, all else replaces.
Value merge_patch(Value base, const Value& patch);

}  // namespace prodsim
