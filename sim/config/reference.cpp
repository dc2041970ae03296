#include "sim/config/reference.hpp"

#include "sim/config/echo.hpp"
#include "sim/config/element.hpp"
#include "sim/config/json_writer.hpp"

#include <algorithm>

namespace prodsim {

namespace {

/// What the innermost type of a slot has to say: for "list of duration", the duration.
struct TypeText {
    std::string name;
    Dimension dimension = Dimension::number;
    std::vector<Word> words = {};
    std::vector<FieldReference> nested = {};  ///< of structs; names relative to the struct
    std::string step = {};                    ///< "[]" in a list, ".*" in a map
};

TypeText type_of_slot(const Slot& slot);

TypeText type_of(const bool*) { return {"true or false"}; }
TypeText type_of(const std::int64_t*) { return {"whole number"}; }
TypeText type_of(const double*) { return {"number"}; }
TypeText type_of(const Share*) { return {"share", Dimension::share}; }
TypeText type_of(const Duration*) { return {"duration", Dimension::duration}; }
TypeText type_of(const Rate*) { return {"rate", Dimension::rate}; }
TypeText type_of(const Bytes*) { return {"bytes", Dimension::bytes}; }
TypeText type_of(const BitRate*) { return {"bit rate", Dimension::bit_rate}; }
TypeText type_of(const std::string*) { return {"text"}; }
TypeText type_of(const ComponentName*) { return {"component"}; }
TypeText type_of(const OperationName*) { return {"component.operation"}; }
TypeText type_of(const ZoneName*) { return {"zone"}; }
TypeText type_of(const FileName*) { return {"file"}; }
TypeText type_of(const LawSlot& slot) { return {law_family(slot.dimension).name}; }
TypeText type_of(const ChoiceSlot& slot) { return {std::string(slot.family)}; }
TypeText type_of(const OptionalSlot& slot) { return with_element(slot, type_of_slot); }

TypeText type_of(const WordSlot& slot) {
    TypeText type{"one of "};
    for (const Word& word : slot.words) {
        if (!type.words.empty()) type.name += ", ";
        type.name += word.name;
        type.words.push_back(word);
    }
    return type;
}

TypeText type_of(const ListSlot& slot) {
    TypeText type = with_element(slot, type_of_slot);
    type.name = "list of " + type.name;
    type.step = "[]" + type.step;
    return type;
}

TypeText type_of(const NamedSlot& slot) {
    TypeText type = with_element(slot, type_of_slot);
    type.name = "map of " + type.name;
    type.step = ".*" + type.step;
    return type;
}

TypeText type_of(const RecordSlot& slot) {
    return {"object", Dimension::number, {}, fields_of_slot({slot})};
}

TypeText type_of_slot(const Slot& slot) {
    return std::visit([](const auto& member) { return type_of(member); }, slot.type);
}

std::string text_of_default(const Slot& slot) {
    const Value value = echo_slot(slot);
    if (value.is_null() || value == Value::array() || value == Value::object()) return "none";
    if (!value.is_text()) return compact_json(value);
    return value.text().empty() ? "none" : value.text();
}

class FieldCollector final : public Fields {
public:
    std::vector<FieldReference> take() { return std::move(fields_); }

protected:
    void visit(const Field& field, const Slot& slot) override {
        const std::string name(field.name);
        std::string initial = field.options.required ? "required" : text_of_default(slot);
        TypeText type = type_of_slot(slot);
        if (!field.options.none.empty()) type.name += " or " + std::string(field.options.none);
        const bool record = !type.nested.empty() && type.name == "object";
        if (record && !field.options.required) initial = "";
        fields_.push_back({name, std::move(type.name), std::move(initial),
                           limits_text(field.options, type.dimension), std::string(field.doc),
                           std::string(field.options.source), std::move(type.words)});
        for (FieldReference& nested : type.nested) {
            nested.name = name + type.step + "." + nested.name;
            fields_.push_back(std::move(nested));
        }
    }

private:
    std::vector<FieldReference> fields_;
};

FamilyReference family_reference(const Family& family) {
    FamilyReference reference{family.name, family.doc, {}};
    for (const Alternative& alternative : family.alternatives) {
        Chosen sample = family.make(alternative);
        FieldCollector collector;
        sample.describe(sample.parameters, collector);
        reference.alternatives.push_back({alternative.word, alternative.doc, collector.take()});
    }
    return reference;
}

/// A cell of a Markdown table.
std::string cell(std::string_view text) {
    std::string out;
    for (char byte : text) {
        if (byte == '|') out += '\\';
        out += byte;
    }
    return out;
}

std::string in_backticks(std::string_view text) { return "`" + cell(text) + "`"; }

std::string table_of(const std::vector<FieldReference>& fields) {
    std::string out =
        "| field | type | default | limits | meaning | source of the default |\n"
        "| --- | --- | --- | --- | --- | --- |\n";
    for (const FieldReference& field : fields) {
        const bool plain =
            field.initial.empty() || field.initial == "required" || field.initial == "none";
        out += "| " + in_backticks(field.name) + " | " + cell(field.type) + " | " +
               (plain ? field.initial : in_backticks(field.initial)) + " | " + cell(field.limits) +
               " | " + cell(field.doc) + " | " + cell(field.source) + " |\n";
    }
    return out;
}

std::string sentence_of(const FieldReference& field) {
    std::string out = field.doc + "\n  " + field.type;
    if (!field.limits.empty()) out += ", " + field.limits;
    if (!field.initial.empty()) {
        out += field.initial == "required" ? "; required" : "; default " + field.initial;
    }
    if (!field.source.empty()) out += " (" + field.source + ")";
    for (const Word& word : field.words) {
        out += "\n  " + std::string(word.name) + ": " + std::string(word.doc);
    }
    return out + "\n";
}

/// "queue.limit" is found as "limit" as well.
std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

std::string explain_alternative(const FamilyReference& family,
                                const AlternativeReference& alternative) {
    std::string out = alternative.word + " (" + family.name + "): " + alternative.doc + "\n";
    for (const FieldReference& field : alternative.fields) {
        out += "\n" + alternative.word + "." + field.name + ": " + sentence_of(field);
    }
    return out;
}

std::string explain_fields(std::string_view word, const AlternativeReference& alternative) {
    std::string out;
    for (const FieldReference& field : alternative.fields) {
        const std::string full = alternative.word + "." + field.name;
        const std::string entry = full + ": " + sentence_of(field);
        if (word == full || word == field.name || word == last_part(field.name)) {
            out += (out.empty() ? "" : "\n") + entry;
            continue;
        }
        for (const Word& one : field.words) {
            if (one.name != word) continue;
            out += (out.empty() ? "" : "\n") + std::string(one.name) + " (" + full +
                   "): " + std::string(one.doc) + "\n";
        }
    }
    return out;
}

}  // namespace

std::vector<FieldReference> fields_of_slot(const Slot& record) {
    FieldCollector collector;
    const auto& slot = std::get<RecordSlot>(record.type);
    slot.describe(slot.record, collector);
    return collector.take();
}

Reference reference_of(const Families& families) {
    Reference reference;
    for (const Family& family : families.all()) reference.push_back(family_reference(family));
    reference.push_back(family_reference(law_family(Dimension::duration)));
    return reference;
}

std::string markdown_page(const Reference& reference) {
    std::string out;
    for (const FamilyReference& family : reference) {
        if (!out.empty()) out += "\n";
        out += "## " + family.name + "\n\n" + family.doc + "\n";
        for (const AlternativeReference& alternative : family.alternatives) {
            out += "\n### " + alternative.word + "\n\n" + alternative.doc + "\n";
            if (!alternative.fields.empty()) out += "\n" + table_of(alternative.fields);
        }
    }
    return out;
}

std::optional<std::string> explain(std::string_view word, const Reference& reference) {
    std::string out;
    const auto add = [&](const std::string& entry) {
        if (!out.empty() && !entry.empty()) out += "\n";
        out += entry;
    };
    for (const FamilyReference& family : reference) {
        if (family.name == word) {
            std::string entry = family.name + ": " + family.doc + "\n";
            for (const AlternativeReference& alternative : family.alternatives) {
                entry += "  " + alternative.word + ": " + alternative.doc + "\n";
            }
            add(entry);
        }
        for (const AlternativeReference& alternative : family.alternatives) {
            if (alternative.word == word) add(explain_alternative(family, alternative));
            add(explain_fields(word, alternative));
        }
    }
    return out.empty() ? std::nullopt : std::optional(out);
}

std::vector<std::string> explainable_words(const Reference& reference) {
    std::vector<std::string> words;
    for (const FamilyReference& family : reference) {
        words.push_back(family.name);
        for (const AlternativeReference& alternative : family.alternatives) {
            words.push_back(alternative.word);
            for (const FieldReference& field : alternative.fields) {
                words.push_back(alternative.word + "." + field.name);
                words.emplace_back(last_part(field.name));
                for (const Word& word : field.words) words.emplace_back(word.name);
            }
        }
    }
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    return words;
}

}  // namespace prodsim
