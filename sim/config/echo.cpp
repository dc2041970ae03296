#include "sim/config/echo.hpp"

namespace prodsim {

namespace {

class Echo final : public Fields {
public:
    /// For an alternative of a family with Tag::key the word takes the name of the first field.
    Echo(Value& object, std::string_view key_of_first) : object_(object), key_(key_of_first) {}

protected:
    void visit(const Field& field, const Slot& slot) override {
        Value value = echo_slot(slot);
        if (value.is_null() && !field.options.none.empty()) value = field.options.none;
        if (value.is_null()) return;  // an optional that is empty
        const bool first = field.options.position == 1 && !key_.empty();
        object_.put(first ? key_ : field.name, std::move(value));
    }

private:
    Value& object_;
    std::string_view key_;
};

Value echo_of(Chosen& chosen) {
    if (chosen.empty()) return {};
    Value object = Value::object();
    if (chosen.tag == Tag::key) {
        Echo echo(object, chosen.word);
        chosen.describe(chosen.parameters, echo);
        if (object.find(chosen.word)) return object;
    }
    object = Value::object({{"type", Value(chosen.word)}});
    Echo echo(object, {});
    chosen.describe(chosen.parameters, echo);
    return object;
}

Value echo_of(const WordSlot& slot) {
    const std::int64_t value = slot.value(slot.word);
    for (const Word& word : slot.words) {
        if (word.value == value) return Value(word.name);
    }
    return {};
}

Value echo_of(const OptionalSlot& slot) {
    return slot.has_value(slot.optional) ? echo_slot(slot.value(slot.optional)) : Value();
}

Value echo_of(const ListSlot& slot) {
    Value items = Value::array();
    for (std::size_t i = 0; i < slot.size(slot.list); ++i) {
        items.append(echo_slot(slot.item(slot.list, i)));
    }
    return items;
}

Value echo_of(const NamedSlot& slot) {
    Value object = Value::object();
    for (std::size_t i = 0; i < slot.size(slot.map); ++i) {
        object.append(slot.name(slot.map, i), echo_slot(slot.item(slot.map, i)), nowhere);
    }
    return object;
}

Value echo_of(const RecordSlot& slot) {
    Value object = Value::object();
    Echo echo(object, {});
    slot.describe(slot.record, echo);
    return object;
}

/// A reference that points nowhere was not given.
Value unless_empty(const std::string& text) { return text.empty() ? Value() : Value(text); }

Value echo_of(const bool* truth) { return *truth; }
Value echo_of(const std::int64_t* number) { return *number; }
Value echo_of(const double* number) { return *number; }
Value echo_of(const Duration* duration) { return to_text(*duration); }
Value echo_of(const Rate* rate) { return to_text(*rate); }
Value echo_of(const Bytes* bytes) { return to_text(*bytes); }
Value echo_of(const BitRate* rate) { return to_text(*rate); }
Value echo_of(const std::string* text) { return *text; }
Value echo_of(const ComponentName* component) { return unless_empty(component->name); }
Value echo_of(const OperationName* operation) { return unless_empty(operation->text()); }
Value echo_of(const ZoneName* zone) { return unless_empty(zone->name); }
Value echo_of(const FileName* file) { return unless_empty(file->path); }
Value echo_of(const LawSlot& slot) { return written_law(*slot.law); }
Value echo_of(const ChoiceSlot& slot) { return echo_of(*slot.chosen); }
Value echo_of(const Share* share) {
    const std::string text = to_text(*share);
    return text.back() == '%' ? Value(text) : Value(share->value);
}

}  // namespace

Value echo_slot(const Slot& slot) {
    return std::visit([](const auto& member) { return echo_of(member); }, slot.type);
}

}  // namespace prodsim
