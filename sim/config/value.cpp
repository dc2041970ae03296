#include "sim/config/value.hpp"

#include "sim/config/problem.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace prodsim {

namespace {

/// "a.b.0" or "/a/b/0" cut into its steps.
std::vector<std::string> steps_of(std::string_view path) {
    const bool pointer = !path.empty() && path.front() == '/';
    const char separator = pointer ? '/' : '.';
    if (pointer) path.remove_prefix(1);
    std::vector<std::string> steps{""};
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == separator) {
            steps.emplace_back();
        } else if (pointer && path[i] == '~' && i + 1 < path.size() &&
                   (path[i + 1] == '0' || path[i + 1] == '1')) {
            steps.back() += path[++i] == '0' ? '~' : '/';
        } else {
            steps.back() += path[i];
        }
    }
    return steps;
}

std::optional<std::size_t> index_of(std::string_view step) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
    if (error != std::errc() || end != step.data() + step.size()) return std::nullopt;
    return index;
}

const Value* child(const Value& value, std::string_view step) {
    if (!value.is_array()) return value.find(step);
    const std::optional<std::size_t> index = index_of(step);
    return index && *index < value.items().size() ? &value.items()[*index] : nullptr;
}

}  // namespace

Value::Value() = default;
Value::Value(bool truth) : content_(truth) {}
Value::Value(int number) : content_(std::int64_t{number}) {}
Value::Value(std::int64_t number) : content_(number) {}
Value::Value(double number) : content_(number) {}
Value::Value(const char* text) : content_(std::string(text)) {}
Value::Value(std::string_view text) : content_(std::string(text)) {}
Value::Value(std::string text) : content_(std::move(text)) {}

Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

Value Value::array(std::vector<Value> items) {
    Value value;
    value.content_ = std::move(items);
    return value;
}

Value Value::object(std::initializer_list<std::pair<std::string_view, Value>> members) {
    Value value;
    value.content_ = std::vector<Member>();
    for (const auto& [key, member] : members) value.put(key, member);
    return value;
}

double Value::number() const {
    if (const auto* whole = std::get_if<std::int64_t>(&content_))
        return static_cast<double>(*whole);
    return std::get<double>(content_);
}

std::optional<std::int64_t> Value::whole_number() const {
    if (const auto* whole = std::get_if<std::int64_t>(&content_)) return *whole;
    const auto* real = std::get_if<double>(&content_);
    constexpr double two_to_the_63 = 9223372036854775808.0;
    if (!real || std::floor(*real) != *real || !(std::fabs(*real) < two_to_the_63)) return {};
    return static_cast<std::int64_t>(*real);
}

const Value::Member* Value::find_member(std::string_view key) const {
    if (!is_object()) return nullptr;
    const auto found = std::find_if(members().begin(), members().end(),
                                    [&](const Member& member) { return member.key == key; });
    return found == members().end() ? nullptr : &*found;
}

const Value* Value::find(std::string_view key) const {
    const Member* member = find_member(key);
    return member ? &member->value : nullptr;
}

Value* Value::find(std::string_view key) {
    return const_cast<Value*>(std::as_const(*this).find(key));
}

Value& Value::put(std::string_view key, Value value, Place key_place) {
    if (Value* existing = find(key)) return *existing = std::move(value);
    return append(std::string(key), std::move(value), key_place);
}

Value& Value::append(std::string key, Value value, Place key_place) {
    auto& members = std::get<std::vector<Member>>(content_);
    members.push_back({std::move(key), key_place, std::move(value)});
    return members.back().value;
}

void Value::remove(std::string_view key) {
    if (!is_object()) return;
    std::erase_if(std::get<std::vector<Member>>(content_),
                  [&](const Member& member) { return member.key == key; });
}

void Value::append(Value item) { items().push_back(std::move(item)); }

const Value* Value::find_path(std::string_view path) const {
    const Value* value = this;
    if (path.empty()) return value;
    for (const std::string& step : steps_of(path)) {
        value = child(*value, step);
        if (!value) return nullptr;
    }
    return value;
}

void Value::set_path(std::string_view path, Value value, Problems& problems) {
    Value* target = this;
    const Place place = value.place();
    for (const std::string& step : steps_of(path)) {
        if (target->is_null()) target->content_ = std::vector<Member>();
        if (target->is_object()) {
            Value* next = target->find(step);
            target = next ? next : &target->put(step, Value(), place);
            continue;
        }
        const Value* next = child(*target, step);
        if (!next) {
            const std::string size =
                target->is_array() ? " of " + std::to_string(target->items().size()) : "";
            problems.add({place,
                          "cannot set " + in_quotes(path) + ": " + in_quotes(step) +
                              " would be inside " + std::string(article_and_kind(*target)) + size,
                          "", std::string(path)});
            return;
        }
        target = const_cast<Value*>(next);
    }
    *target = std::move(value);
}

bool Value::operator==(const Value& other) const {
    if (kind() != other.kind()) return false;
    if (is_number()) {
        const auto* whole = std::get_if<std::int64_t>(&content_);
        const auto* other_whole = std::get_if<std::int64_t>(&other.content_);
        return whole && other_whole ? *whole == *other_whole : number() == other.number();
    }
    if (is_array()) return items() == other.items();
    if (is_object()) {
        return members().size() == other.members().size() &&
               std::all_of(members().begin(), members().end(), [&](const Member& member) {
                   const Value* twin = other.find(member.key);
                   return twin && member.value == *twin;
               });
    }
    return is_null() || (is_text() ? text() == other.text() : truth() == other.truth());
}

std::string_view article_and_kind(const Value& value) {
    switch (value.kind()) {
        case Value::Kind::null:
            return "null";
        case Value::Kind::boolean:
            return value.truth() ? "true" : "false";
        case Value::Kind::number:
            return "a number";
        case Value::Kind::text:
            return "a text";
        case Value::Kind::array:
            return "a list";
        case Value::Kind::object:
            return "an object";
    }
    return "";
}

Value merge_patch(Value base, const Value& patch) {
    if (!patch.is_object()) return patch;
    if (!base.is_object()) base = Value::object().at(patch.place());
    for (const Value::Member& member : patch.members()) {
        if (member.value.is_null()) {
            base.remove(member.key);
            continue;
        }
        const Value* existing = base.find(member.key);
        base.put(member.key, merge_patch(existing ? *existing : Value(), member.value),
                 member.key_place);
    }
    return base;
}

}  // namespace prodsim
