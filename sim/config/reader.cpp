#include "sim/config/reader.hpp"

#include "sim/config/echo.hpp"
#include "sim/config/expression.hpp"
#include "sim/config/json_writer.hpp"

#include <algorithm>
#include <cassert>

namespace prodsim {

namespace {

/// A value on its way into a slot, with what the messages about it need.
struct Target {
    const Value& value;
    std::string path;
    std::string subject;  ///< how the sentence starts: "threads" in quotes, or "item 2 of ..."
    const FieldOptions& options;
};

const FieldOptions no_options{};

/// "shop.threads"; a name with a dot in it makes the path ambiguous, but it is read by people.
std::string joined(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : std::string(path) + "." + std::string(name);
}

bool is_free(const Value::Member& member) {
    return member.key.starts_with("x-") || (member.key == "about" && member.value.is_text());
}

/// The text, or nothing if it is none.
std::string_view text_in(const Value& value) {
    if (value.is_text()) return value.text();
    return {};
}

/// "a duration law", "an arrival"
std::string noun_of(const Family& family) {
    std::string noun = family.name;
    std::replace(noun.begin(), noun.end(), '_', ' ');
    return noun;
}

std::string with_article(const std::string& noun) {
    const bool vowel = std::string_view("aeiou").find(noun.front()) != std::string_view::npos;
    return (vowel ? "an " : "a ") + noun;
}

class SlotReader {
public:
    explicit SlotReader(Reading& reading) : reading_(reading) {}

    void read(const Target& target, const Slot& slot) {
        std::visit([&](const auto& member) { into(target, member); }, slot.type);
    }

    void problem(const Target& target, std::string message, std::string cure = {}) {
        reading_.problems.add(
            {target.value.place(), std::move(message), std::move(cure), target.path});
    }

    /// "threads" must be ..., not a list.
    void expected(const Target& target, std::string_view what, std::string cure = {}) {
        const Value& value = target.value;
        const std::string found = value.is_text()     ? in_quotes(value.text())
                                  : value.is_number() ? to_text(value.number())
                                                      : std::string(article_and_kind(value));
        problem(target, target.subject + " must be " + std::string(what) + ", not " + found,
                std::move(cure));
    }

    void record(const Target& target, const RecordSlot& slot);
    void choice(const Target& target, const Family& family, Chosen& chosen);

private:
    void into(const Target& target, bool* truth) {
        if (target.value.kind() != Value::Kind::boolean) return expected(target, "true or false");
        *truth = target.value.truth();
    }

    void into(const Target& target, std::int64_t* number) {
        const std::optional<std::int64_t> whole = target.value.whole_number();
        if (!whole) return expected(target, "a whole number");
        if (within_limits(target, static_cast<double>(*whole), Dimension::number)) *number = *whole;
    }

    void into(const Target& target, double* number) {
        if (!target.value.is_number()) return expected(target, "a number");
        if (within_limits(target, target.value.number(), Dimension::number)) {
            *number = target.value.number();
        }
    }

    void into(const Target& target, Share* share) {
        if (const auto value = quantity(target, Dimension::share)) share->value = *value;
    }
    void into(const Target& target, Duration* duration) {
        if (const auto value = quantity(target, Dimension::duration)) {
            *duration = Duration(static_cast<std::int64_t>(*value));
        }
    }
    void into(const Target& target, Rate* rate) {
        if (const auto value = quantity(target, Dimension::rate)) rate->per_second = *value;
    }
    void into(const Target& target, Bytes* bytes) {
        if (const auto value = quantity(target, Dimension::bytes)) {
            bytes->count = static_cast<std::int64_t>(*value);
        }
    }
    void into(const Target& target, BitRate* rate) {
        if (const auto value = quantity(target, Dimension::bit_rate))
            rate->bits_per_second = *value;
    }

    void into(const Target& target, std::string* text) {
        if (!target.value.is_text()) return expected(target, "a text");
        *text = target.value.text();
    }

    void into(const Target& target, ComponentName* component) {
        if (!target.value.is_text() || target.value.text().empty()) {
            return expected(target, "the name of a component");
        }
        *component = {target.value.text(), target.value.place()};
    }

    void into(const Target& target, ZoneName* zone) {
        if (!target.value.is_text() || target.value.text().empty()) {
            return expected(target, "the name of a zone or region");
        }
        *zone = {target.value.text(), target.value.place()};
    }

    void into(const Target& target, OperationName* name) {
        const std::string_view text = text_in(target.value);
        const std::size_t dot = text.find('.');
        if (dot == 0 || dot == std::string_view::npos || dot + 1 == text.size()) {
            return expected(target, "an operation", "write \"component.operation\"");
        }
        *name = {std::string(text.substr(0, dot)), std::string(text.substr(dot + 1)),
                 target.value.place()};
    }

    void into(const Target& target, FileName* file) {
        if (!target.value.is_text() || target.value.text().empty()) {
            return expected(target, "the name of a file");
        }
        *file = {target.value.text(), target.value.place()};
    }

    void into(const Target& target, const WordSlot& slot) {
        std::vector<std::string_view> names;
        for (const Word& word : slot.words) {
            if (target.value.is_text() && target.value.text() == word.name) {
                return slot.assign(slot.word, word.value);
            }
            names.push_back(word.name);
        }
        const std::string_view said = text_in(target.value);
        std::string list;
        for (std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
        const std::string_view meant = closest(said, names);
        expected(target, "one of " + list,
                 meant.empty() ? std::string(target.options.cure) : suggestion(said, names));
    }

    void into(const Target& target, const OptionalSlot& slot) {
        const std::string_view none = target.options.none;
        const bool is_none = !none.empty() && text_in(target.value) == none;
        if (target.value.is_null() || is_none) return slot.reset(slot.optional);
        read(target, slot.emplace(slot.optional));
    }

    void into(const Target& target, const ListSlot& slot) {
        if (!target.value.is_array()) return expected(target, "a list", "write it in [ ]");
        while (slot.size(slot.list) > 0) slot.remove_last(slot.list);
        std::size_t index = 0;
        for (const Value& item : target.value.items()) {
            const std::string subject =
                "item " + std::to_string(index + 1) + " of " + target.subject;
            read({item, joined(target.path, std::to_string(index)), subject, target.options},
                 slot.append(slot.list));
            ++index;
        }
    }

    void into(const Target& target, const NamedSlot& slot) {
        if (!target.value.is_object()) return expected(target, "an object");
        while (slot.size(slot.map) > 0) slot.remove_last(slot.map);
        for (const Value::Member& member : target.value.members()) {
            if (member.key.starts_with("x-")) continue;
            read({member.value, joined(target.path, member.key), in_quotes(member.key),
                  target.options},
                 slot.append(slot.map, member.key, member.key_place));
        }
    }

    void into(const Target& target, const RecordSlot& slot) { record(target, slot); }

    void into(const Target& target, const ChoiceSlot& slot) {
        const Family* family = reading_.families.find(slot.family);
        assert(family && "the family of a field is declared");
        choice(target, *family, *slot.chosen);
    }

    void into(const Target& target, const LawSlot& slot);

    std::optional<double> quantity(const Target& target, Dimension dimension) {
        const Value& value = target.value;
        if (!value.is_text() && !value.is_number()) {
            expected(target, noun_of(dimension), "the units are " + unit_list(dimension));
            return std::nullopt;
        }
        const ParsedQuantity parsed = value.is_text() ? parse_quantity(value.text(), dimension)
                                                      : bare_number(value.number(), dimension);
        if (!parsed.good()) {
            problem(target, target.subject + " " + parsed.message, parsed.cure);
            return std::nullopt;
        }
        if (!within_limits(target, parsed.value, dimension)) return std::nullopt;
        return parsed.value;
    }

    bool within_limits(const Target& target, double value, Dimension dimension) {
        const std::string broken = broken_limit(target.options, value, dimension);
        if (broken.empty()) return true;
        problem(target,
                target.subject + " must be " + broken + ", not " + to_text(value, dimension));
        return false;
    }

    Reading& reading_;
};

/// Reads the members of one object, in the order of the description.
class RecordReader final : public Fields {
public:
    RecordReader(const Target& target, Reading& reading)
        : target_(target), reading_(reading), problems_before_(reading.problems.size()) {}

    void rule(bool holds, std::string_view field, std::string_view message,
              std::string_view cure) override {
        if (holds) return;
        const Value* value = target_.value.find(field);
        const std::string subject = field.empty() ? target_.subject : in_quotes(field);
        broken_rules_.push_back({(value ? *value : target_.value).place(),
                                 subject + " " + std::string(message), std::string(cure),
                                 joined(target_.path, field)});
    }

    void locate(Place& place) override { place = target_.value.place(); }

    bool took_position(int position) const {
        return std::find(known_.begin(), known_.end(), position_key(position)) != known_.end();
    }

    /// After the description: what was not described, and the rules that are broken.
    void finish() {
        refuse_the_rest();
        // A default that stands in for a wrong field may break a rule that nobody broke.
        if (reading_.problems.size() > problems_before_) return;
        for (Problem& problem : broken_rules_) reading_.problems.add(std::move(problem));
    }

protected:
    void visit(const Field& field, const Slot& slot) override {
        assert(!field.doc.empty() && "a field is described by a sentence");
        const std::string path = joined(target_.path, field.name);
        known_.emplace_back(field.name);
        const Value* value = target_.value.find(field.name);
        if (field.options.position > 0) {
            const std::string key = position_key(field.options.position);
            known_.push_back(key);
            const Value* positional = target_.value.find(key);
            if (positional && value) {
                reading_.problems.add(
                    {positional->place(), in_quotes(field.name) + " is given twice", "", path});
            }
            if (!value) value = positional;
        }
        if (!value) return absent(field, slot, path);
        const std::string subject = in_quotes(field.name);
        SlotReader(reading_).read({*value, path, subject, field.options}, slot);
    }

private:
    /// Unknown keys, and arguments too many.
    void refuse_the_rest() {
        std::vector<std::string_view> names;
        for (const std::string& name : known_) {
            if (name.front() != '#') names.push_back(name);
        }
        for (const Value::Member& member : target_.value.members()) {
            const bool known = std::find(known_.begin(), known_.end(), member.key) != known_.end();
            if (known || member.key == "type" || is_free(member)) continue;
            const std::string path = joined(target_.path, member.key);
            if (member.key.front() == '#') {
                reading_.problems.add(
                    {member.value.place(),
                     target_.subject + " has no argument number " + member.key.substr(1),
                     suggestion("", names), path});
            } else {
                reading_.problems.add({member.key_place, "unknown key " + in_quotes(member.key),
                                       suggestion(member.key, names), path});
            }
        }
    }

    void absent(const Field& field, const Slot& slot, const std::string& path) {
        if (field.options.required) {
            reading_.problems.add({target_.value.place(),
                                   target_.subject + " needs " + in_quotes(field.name),
                                   std::string(field.doc), path});
            return;
        }
        if (const auto* record = std::get_if<RecordSlot>(&slot.type)) {
            const Value nothing = Value::object().at(target_.value.place());
            SlotReader(reading_).record({nothing, path, in_quotes(field.name), no_options},
                                        *record);
            return;
        }
        assume(field, slot, path);
    }

    /// Only what stands for a number or a decision is an assumption; an empty list is neither.
    void assume(const Field& field, const Slot& slot, const std::string& path) {
        const Value value = echo_slot(slot);
        const bool empty = value.is_null() || value == Value::array() || value == Value::object() ||
                           value == Value("");
        if (empty && field.options.source.empty()) return;
        std::string text = value.is_text() ? value.text() : compact_json(value);
        if (empty) text = "none";
        reading_.assumptions.push_back(
            {path, std::move(text), std::string(field.doc), std::string(field.options.source)});
    }

    const Target& target_;
    Reading& reading_;
    std::size_t problems_before_;
    std::vector<std::string> known_;
    std::vector<Problem> broken_rules_;
};

void SlotReader::record(const Target& target, const RecordSlot& slot) {
    if (target.value.is_object()) {
        RecordReader reader(target, reading_);
        slot.describe(slot.record, reader);
        reader.finish();
        return;
    }
    // A bare value stands for the field with position 1, where there is one.
    if (target.value.is_null()) return expected(target, "an object");
    Value object = Value::object().at(target.value.place());
    object.append(position_key(1), target.value, target.value.place());
    const Target wrapped{object, target.path, target.subject, target.options};
    RecordReader reader(wrapped, reading_);
    const std::size_t before = reading_.problems.size();
    slot.describe(slot.record, reader);
    if (reader.took_position(1)) return reader.finish();
    if (reading_.problems.size() == before) expected(target, "an object");
}

/// {"cpu": "4ms"} as {"type": "cpu", "#1": "4ms"}; the object itself where it has a "type".
Value with_type(const Value& object, const Family& family) {
    if (family.tag == Tag::type || object.find("type")) return object;
    Value typed = Value::object().at(object.place());
    for (const Value::Member& member : object.members()) {
        if (!typed.find("type") && family.find(member.key)) {
            typed.append("type", Value(member.key).at(member.key_place), member.key_place);
            typed.append(position_key(1), member.value, member.key_place);
        } else {
            typed.append(member.key, member.value, member.key_place);
        }
    }
    return typed;
}

void SlotReader::choice(const Target& target, const Family& family, Chosen& chosen) {
    std::optional<Value> object;
    if (target.value.is_text()) {
        object = parse_expression(target.value, reading_.problems);
        if (!object) return;
    } else if (target.value.is_object()) {
        object = with_type(target.value, family);
    } else {
        return expected(target, with_article(noun_of(family)), suggestion("", family.words()));
    }
    const Value* type = object->find("type");
    if (!type || !type->is_text()) {
        const std::string said =
            family.tag == Tag::type ? " needs \"type\"" : " is no " + noun_of(family);
        return problem(target, target.subject + said, suggestion("", family.words()));
    }
    const Alternative* alternative = family.find(type->text());
    if (!alternative) {
        reading_.problems.add({type->place(),
                               "there is no " + noun_of(family) + " " + in_quotes(type->text()),
                               suggestion(type->text(), family.words()), target.path});
        return;
    }
    chosen = family.make(*alternative);
    chosen.place = type->place();
    const std::string subject = in_quotes(chosen.word);
    const Target inside{*object, target.path, subject, no_options};
    record(inside, {&chosen, [](void* any, Fields& fields) {
                        auto* alternative_chosen = static_cast<Chosen*>(any);
                        alternative_chosen->describe(alternative_chosen->parameters, fields);
                    }});
}

void SlotReader::into(const Target& target, const LawSlot& slot) {
    const Value& value = target.value;
    const bool letter = value.is_text() && !value.text().empty() &&
                        ((value.text()[0] >= 'a' && value.text()[0] <= 'z') ||
                         (value.text()[0] >= 'A' && value.text()[0] <= 'Z'));
    if (value.is_number() || (value.is_text() && !letter)) {
        if (const auto constant = quantity(target, slot.dimension)) {
            *slot.law = constant_law(*constant, slot.dimension);
        }
        return;
    }
    const std::size_t before = reading_.problems.size();
    Chosen chosen;
    choice(target, law_family(slot.dimension), chosen);
    if (reading_.problems.size() > before) return;
    chosen.place = value.place();
    auto distribution = make_distribution(chosen, slot.dimension, reading_.open, reading_.problems);
    if (distribution) *slot.law = {std::move(chosen), std::move(*distribution)};
}

}  // namespace

void read_slot(const Value& value, const Slot& slot, std::string_view path, Reading& reading) {
    const std::string name(path.substr(path.find_last_of('.') + 1));
    const std::string subject = path.empty() ? "the document" : in_quotes(name);
    SlotReader(reading).read({value, std::string(path), subject, no_options}, slot);
}

}  // namespace prodsim
