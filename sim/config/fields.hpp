#pragma once

// A parameter is described once. A parameter struct writes `void describe(Fields& fields)`, one
// line a field, and from that line come parsing, checking, the JSON Schema, the reference page,
// `explain`, the echoed scenario, the ledger of assumptions and the edges of the service graph.
// Defaults are the initialisers of the struct. This header is the only one with templates, and they
// are thin: they turn a member into a Slot. docs/how_to_add_a_component shows the whole.

#include "sim/config/families.hpp"
#include "sim/config/named.hpp"
#include "sim/config/slot.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace prodsim {

/// A limit in the unit of its field: 1, 0.5, 10ms, Bytes{1024}, Rate{0.1}.
struct Limit {
    constexpr Limit(int number) : value(number) {}
    constexpr Limit(std::int64_t number) : value(static_cast<double>(number)) {}
    constexpr Limit(double number) : value(number) {}
    constexpr Limit(Bytes bytes) : value(static_cast<double>(bytes.count)) {}
    constexpr Limit(Rate rate) : value(rate.per_second) {}
    constexpr Limit(BitRate rate) : value(rate.bits_per_second) {}
    template <class Rep, class Period>
    constexpr Limit(std::chrono::duration<Rep, Period> duration)
        : value(static_cast<double>(Duration(duration).count())) {}

    double value;
};

/// What there is to say about a field beyond its name, type, default and meaning. On a list, a map
/// or an optional the limits hold for each element.
struct FieldOptions {
    std::optional<Limit> minimum = {};  ///< at least
    std::optional<Limit> above = {};    ///< more than
    std::optional<Limit> maximum = {};  ///< at most
    std::optional<Limit> below = {};    ///< less than
    bool required = false;
    /// In "retry(3, base=100ms)" the 3 goes to the field with position 1. A struct that is not
    /// a choice may be written as the bare value of that field.
    int position = 0;
    /// Where the default comes from: product and version, or document.
    std::string_view source = {};
    /// For references: the kind of edge, "calls" unless said otherwise.
    std::string_view edge = {};
    /// For words: how to write what those may have meant who wrote no word at all.
    std::string_view cure = {};
    /// For optionals: the word that says that the program finds a value: "auto".
    std::string_view none = {};
};

/// "at least 1, at most 10"; empty without limits.
std::string limits_text(const FieldOptions& options, Dimension dimension);

/// "at least 1" if the value breaks that limit; empty if all is well.
std::string broken_limit(const FieldOptions& options, double value, Dimension dimension);

struct Field {
    std::string_view name;
    std::string_view doc;
    const FieldOptions& options;
};

class Fields {
public:
    virtual ~Fields() = default;

    /// Describes one field. `doc` is one sentence, and mandatory.
    template <class T>
    void operator()(std::string_view name, T& value, std::string_view doc,
                    const FieldOptions& options = {});

    /// A rule between fields, said after them. It is told to the user at the place of `field`:
    /// `fields.rule(minimum <= maximum, "minimum", "must not be more than \"maximum\"")`.
    virtual void rule(bool holds, std::string_view field, std::string_view message,
                      std::string_view cure = {});

    /// Tells where the struct is written to whoever wants to complain about it later.
    virtual void locate(Place&) {}

protected:
    virtual void visit(const Field& field, const Slot& slot) = 0;
};

// ---- from a member to its slot
// -------------------------------------------------------------------

/// Every T that is a struct with `void describe(Fields&)`.
template <class T>
concept Described = requires(T& record, Fields& fields) {
    record.describe(fields);
};

/// Every enumeration with `std::span<const Word> words(T)` beside it.
template <class T>
concept Worded = std::is_enum_v<T> && requires(T value) {
    { words(value) } -> std::convertible_to<std::span<const Word>>;
};

template <class T>
concept Plain = std::is_constructible_v<Slot::Type, T*> && !std::is_enum_v<T>;

template <Plain T>
Slot slot_of(T& value);
template <Worded T>
Slot slot_of(T& value);
template <Described T>
Slot slot_of(T& value);
template <class T>
Slot slot_of(std::optional<T>& value);
template <class T>
Slot slot_of(std::vector<T>& value);
template <class T>
Slot slot_of(Named<T>& value);
template <class Quantity>
Slot slot_of(Law<Quantity>& value);
template <class Family>
Slot slot_of(Choice<Family>& value);

template <Plain T>
Slot slot_of(T& value) {
    return {&value};
}

template <Worded T>
Slot slot_of(T& value) {
    return {WordSlot{
        &value,
        [](const void* word) { return static_cast<std::int64_t>(*static_cast<const T*>(word)); },
        [](void* word, std::int64_t chosen) { *static_cast<T*>(word) = static_cast<T>(chosen); },
        words(value)}};
}

template <Described T>
Slot slot_of(T& value) {
    return {RecordSlot{
        &value, [](void* record, Fields& fields) { static_cast<T*>(record)->describe(fields); }}};
}

template <class T>
Slot slot_of(std::optional<T>& value) {
    using Optional = std::optional<T>;
    return {OptionalSlot{
        &value,
        [](const void* optional) { return static_cast<const Optional*>(optional)->has_value(); },
        [](void* optional) { return slot_of(**static_cast<Optional*>(optional)); },
        [](void* optional) { return slot_of(static_cast<Optional*>(optional)->emplace()); },
        [](void* optional) { static_cast<Optional*>(optional)->reset(); }}};
}

template <class T>
Slot slot_of(std::vector<T>& value) {
    static_assert(!std::is_same_v<T, bool>, "a list of bools has no elements to point at");
    using List = std::vector<T>;
    return {ListSlot{
        &value, [](const void* list) { return static_cast<const List*>(list)->size(); },
        [](void* list, std::size_t index) { return slot_of((*static_cast<List*>(list))[index]); },
        [](void* list) { return slot_of(static_cast<List*>(list)->emplace_back()); },
        [](void* list) { static_cast<List*>(list)->pop_back(); }}};
}

template <class T>
Slot slot_of(Named<T>& value) {
    using Map = Named<T>;
    return {NamedSlot{&value, [](const void* map) { return static_cast<const Map*>(map)->size(); },
                      [](const void* map, std::size_t index) -> const std::string& {
                          return (*static_cast<const Map*>(map))[index].name;
                      },
                      [](void* map, std::size_t index) {
                          return slot_of((*static_cast<Map*>(map))[index].value);
                      },
                      [](void* map, std::string name, Place place) {
                          return slot_of(static_cast<Map*>(map)->add(std::move(name), T{}, place));
                      },
                      [](void* map) { static_cast<Map*>(map)->remove_last(); }}};
}

template <class Quantity>
Slot slot_of(Law<Quantity>& value) {
    return {LawSlot{&value.content(), dimension_of<Quantity>()}};
}

template <class Family>
Slot slot_of(Choice<Family>& value) {
    return {ChoiceSlot{&value.chosen(), Family::name}};
}

template <class T>
void Fields::operator()(std::string_view name, T& value, std::string_view doc,
                        const FieldOptions& options) {
    visit(Field{name, doc, options}, slot_of(value));
}

}  // namespace prodsim
