#include "sim/config/schema.hpp"

#include "sim/config/echo.hpp"
#include "sim/config/element.hpp"

namespace prodsim {

namespace {

Value any_of(std::vector<Value> alternatives) {
    return Value::object({{"anyOf", Value::array(std::move(alternatives))}});
}

Value reference(std::string_view family) {
    return Value::object({{"$ref", "#/definitions/" + std::string(family)}});
}

Value text_like(std::string pattern) {
    return Value::object({{"type", "string"}, {"pattern", std::move(pattern)}});
}

Value free_keys() { return Value::object({{"^x-", Value::object()}}); }

Value schema_of_member(const Slot& slot, const FieldOptions& options);

/// The schema of one described struct: `properties` and what is required.
class RecordSchema final : public Fields {
public:
    /// An object in which the field with position 1 may be called `key_of_first`.
    explicit RecordSchema(std::string_view key_of_first = {}) : key_(key_of_first) {}

    Value& properties() { return properties_; }
    Value& required() { return required_; }
    const std::optional<Value>& first() const { return first_; }

    Value object() const {
        Value properties = properties_;
        if (!properties.find("about")) {
            properties.put("about", Value::object({{"type", "string"}}));
        }
        Value schema = Value::object({{"type", "object"}, {"properties", std::move(properties)}});
        if (!required_.items().empty()) schema.put("required", required_);
        schema.put("patternProperties", free_keys());
        schema.put("additionalProperties", false);
        return schema;
    }

protected:
    void visit(const Field& field, const Slot& slot) override {
        Value initial = echo_slot(slot);
        Value schema = schema_of_member(slot, field.options);
        if (field.options.position == 1) first_ = schema;
        // Draft 07 ignores what stands beside a $ref.
        if (schema.find("$ref")) schema = Value::object({{"allOf", Value::array({schema})}});
        std::string description(field.doc);
        if (!field.options.source.empty()) {
            description += " Default: " + std::string(field.options.source) + ".";
        }
        schema.put("description", std::move(description));
        const bool first = field.options.position == 1 && !key_.empty();
        const std::string_view name = first ? key_ : field.name;
        if (field.options.required || first) {
            required_.append(name);
        } else if (!initial.is_null()) {
            schema.put("default", std::move(initial));
        }
        properties_.put(name, std::move(schema));
    }

private:
    std::string_view key_;
    Value properties_ = Value::object();
    Value required_ = Value::array();
    std::optional<Value> first_;
};

Value number_schema(std::string_view type, const FieldOptions& options) {
    Value schema = Value::object({{"type", type}});
    const auto limit = [&](std::string_view key, const std::optional<Limit>& value) {
        if (value) schema.put(key, value->value);
    };
    limit("minimum", options.minimum);
    limit("exclusiveMinimum", options.above);
    limit("maximum", options.maximum);
    limit("exclusiveMaximum", options.below);
    return schema;
}

Value quantity_schema(Dimension dimension, const FieldOptions& options) {
    Value bare = Value::object({{"const", 0}});
    if (dimension == Dimension::share) bare = number_schema("number", {.minimum = 0, .maximum = 1});
    if (dimension == Dimension::number) return number_schema("number", options);
    return any_of({text_like(unit_pattern(dimension)), std::move(bare)});
}

Value schema_of(const bool*, const FieldOptions&) { return Value::object({{"type", "boolean"}}); }
Value schema_of(const std::int64_t*, const FieldOptions& options) {
    return number_schema("integer", options);
}
Value schema_of(const double*, const FieldOptions& options) {
    return number_schema("number", options);
}
Value schema_of(const Share*, const FieldOptions& options) {
    return quantity_schema(Dimension::share, options);
}
Value schema_of(const Duration*, const FieldOptions& options) {
    return quantity_schema(Dimension::duration, options);
}
Value schema_of(const Rate*, const FieldOptions& options) {
    return quantity_schema(Dimension::rate, options);
}
Value schema_of(const Bytes*, const FieldOptions& options) {
    return quantity_schema(Dimension::bytes, options);
}
Value schema_of(const BitRate*, const FieldOptions& options) {
    return quantity_schema(Dimension::bit_rate, options);
}
Value schema_of(const std::string*, const FieldOptions&) {
    return Value::object({{"type", "string"}});
}
Value schema_of(const ComponentName*, const FieldOptions&) { return text_like("."); }
Value schema_of(const OperationName*, const FieldOptions&) { return text_like(R"(^[^.]+\..+$)"); }
Value schema_of(const ZoneName*, const FieldOptions&) { return text_like("."); }
Value schema_of(const FileName*, const FieldOptions&) { return text_like("."); }
Value schema_of(const LawSlot& slot, const FieldOptions&) {
    return reference(law_family(slot.dimension).name);
}
Value schema_of(const ChoiceSlot& slot, const FieldOptions&) { return reference(slot.family); }

Value schema_of(const WordSlot& slot, const FieldOptions&) {
    Value words = Value::array();
    for (const Word& word : slot.words) {
        words.append(Value::object({{"const", word.name}, {"description", word.doc}}));
    }
    return Value::object({{"oneOf", std::move(words)}});
}

Value schema_of(const OptionalSlot& slot, const FieldOptions& options) {
    Value inner =
        with_element(slot, [&](const Slot& value) { return schema_of_member(value, options); });
    if (options.none.empty()) {
        return any_of({std::move(inner), Value::object({{"type", "null"}})});
    }
    return any_of({std::move(inner), Value::object({{"const", options.none}})});
}

Value schema_of(const ListSlot& slot, const FieldOptions& options) {
    Value items =
        with_element(slot, [&](const Slot& item) { return schema_of_member(item, options); });
    return Value::object({{"type", "array"}, {"items", std::move(items)}});
}

Value schema_of(const NamedSlot& slot, const FieldOptions& options) {
    Value entry =
        with_element(slot, [&](const Slot& item) { return schema_of_member(item, options); });
    return Value::object({{"type", "object"},
                          {"patternProperties", free_keys()},
                          {"additionalProperties", std::move(entry)}});
}

Value schema_of(const RecordSlot& slot, const FieldOptions&) {
    RecordSchema schema;
    slot.describe(slot.record, schema);
    // A bare value stands for the first field.
    return schema.first() ? any_of({schema.object(), *schema.first()}) : schema.object();
}

Value schema_of_member(const Slot& slot, const FieldOptions& options) {
    return std::visit([&](const auto& member) { return schema_of(member, options); }, slot.type);
}

Value typed_object(const Family& family, const Alternative& alternative) {
    Chosen sample = family.make(alternative);
    RecordSchema schema;
    schema.properties().put("type", Value::object({{"const", alternative.word}}));
    schema.required().append("type");
    sample.describe(sample.parameters, schema);
    Value object = schema.object();
    object.put("title", alternative.word);
    object.put("description", alternative.doc);
    return object;
}

Value keyed_object(const Family& family, const Alternative& alternative) {
    Chosen sample = family.make(alternative);
    RecordSchema schema(alternative.word);
    sample.describe(sample.parameters, schema);
    Value object = schema.object();
    object.put("description", alternative.doc);
    return object;
}

/// "retry", "retry(...)": what is inside the brackets only the reader knows.
Value expressions_of(const Family& family) {
    std::string words;
    for (const Alternative& alternative : family.alternatives) {
        words += (words.empty() ? "" : "|") + alternative.word;
    }
    return text_like(R"(^\s*()" + words + R"()\s*(\(.*\))?\s*$)");
}

Value family_schema(const Family& family, std::vector<Value> also) {
    std::vector<Value> alternatives = std::move(also);
    alternatives.push_back(expressions_of(family));
    for (const Alternative& alternative : family.alternatives) {
        alternatives.push_back(typed_object(family, alternative));
        if (family.tag == Tag::key) alternatives.push_back(keyed_object(family, alternative));
    }
    Value schema = any_of(std::move(alternatives));
    schema.put("description", family.doc);
    return schema;
}

}  // namespace

Value schema_of_slot(const Slot& root, const Families& families, std::string_view title) {
    Value schema =
        Value::object({{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", title}});
    const Value body = schema_of_member(root, {});
    for (const Value::Member& member : body.members()) schema.put(member.key, member.value);
    Value definitions = Value::object();
    for (Dimension dimension : {Dimension::duration, Dimension::bytes, Dimension::number}) {
        const Family& laws = law_family(dimension);
        definitions.put(laws.name, family_schema(laws, {quantity_schema(dimension, {})}));
    }
    for (const Family& family : families.all()) {
        definitions.put(family.name, family_schema(family, {}));
    }
    schema.put("definitions", std::move(definitions));
    return schema;
}

}  // namespace prodsim
