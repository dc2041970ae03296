#pragma once

// A slot is one place in a parameter struct, with its type made visible to code that is no
// template. The set of types is closed: whoever visits slots (the reader, the echo, the schema ...)
// handles each of them, and the compiler says so when one is missing. A slot is valid while the
// struct stands still.

#include "sim/config/law.hpp"
#include "sim/config/reference_names.hpp"
#include "sim/config/units.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace prodsim {

class Fields;
struct Chosen;
struct Slot;

/// One word of an enumeration: `{"round_robin", Balancing::round_robin, "Each in turn."}`.
struct Word {
    template <class Enum>
    constexpr Word(std::string_view the_name, Enum the_value, std::string_view the_doc)
        : name(the_name), value(static_cast<std::int64_t>(the_value)), doc(the_doc) {}

    std::string_view name;
    std::int64_t value;
    std::string_view doc;
};

struct LawSlot {
    LawContent* law;
    Dimension dimension;
};

struct WordSlot {
    void* word;
    std::int64_t (*value)(const void* word);
    void (*assign)(void* word, std::int64_t value);
    std::span<const Word> words;
};

struct OptionalSlot {
    void* optional;
    bool (*has_value)(const void* optional);
    Slot (*value)(void* optional);
    Slot (*emplace)(void* optional);
    void (*reset)(void* optional);
};

struct ListSlot {
    void* list;
    std::size_t (*size)(const void* list);
    Slot (*item)(void* list, std::size_t index);
    Slot (*append)(void* list);
    void (*remove_last)(void* list);
};

struct NamedSlot {
    void* map;
    std::size_t (*size)(const void* map);
    const std::string& (*name)(const void* map, std::size_t index);
    Slot (*item)(void* map, std::size_t index);
    Slot (*append)(void* map, std::string name, Place place);
    void (*remove_last)(void* map);
};

/// A nested struct with a `describe`.
struct RecordSlot {
    void* record;
    void (*describe)(void* record, Fields& fields);
};

/// One alternative out of a family: `{"type": "retry", ...}`.
struct ChoiceSlot {
    Chosen* chosen;
    std::string_view family;
};

struct Slot {
    using Type =
        std::variant<bool*, std::int64_t*, double*, Share*, Duration*, Rate*, Bytes*, BitRate*,
                     std::string*, ComponentName*, OperationName*, ZoneName*, FileName*, LawSlot,
                     WordSlot, OptionalSlot, ListSlot, NamedSlot, RecordSlot, ChoiceSlot>;
    Type type;
};

}  // namespace prodsim
