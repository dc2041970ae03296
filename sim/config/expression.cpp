#include "sim/config/expression.hpp"

#include "sim/config/units.hpp"

#include <charconv>
#include <cmath>

namespace prodsim {

namespace {

constexpr int depth_limit = 20;
constexpr std::string_view special = ",()=[]'";

bool is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\n'; }

bool is_name(std::string_view word) {
    const auto letter = [](char byte) {
        return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
    };
    if (word.empty() || !letter(word.front())) return false;
    for (char byte : word) {
        if (!letter(byte) && byte != '-' && !(byte >= '0' && byte <= '9')) return false;
    }
    return true;
}

/// The whole word as a number, if it is one; NaN and infinity are not.
std::optional<Value> as_number(std::string_view word) {
    const char* const end = word.data() + word.size();
    std::int64_t whole = 0;
    if (const auto result = std::from_chars(word.data(), end, whole);
        result.ec == std::errc() && result.ptr == end) {
        return Value(whole);
    }
    double real = 0;
    const auto result = std::from_chars(word.data(), end, real);
    if (result.ec != std::errc() || result.ptr != end || !std::isfinite(real)) return std::nullopt;
    return Value(real);
}

/// Recursive descent; after the first mistake nothing is certain, so it stops there.
class Parser {
public:
    Parser(const Value& text, Problems& problems)
        : text_(text.text()), place_(text.place()), problems_(problems) {}

    std::optional<Value> whole() {
        std::optional<Value> object = expression();
        if (!object) return std::nullopt;
        skip_spaces();
        if (at_ < text_.size()) return fail(at_, "unexpected " + in_quotes(text_.substr(at_)));
        return object;
    }

private:
    struct Word {
        std::string_view text;
        std::size_t start;
    };

    Place place(std::size_t start, std::size_t length) const {
        return place_.part(1 + start, length);  // 1 for the opening quote of the JSON text
    }

    std::nullopt_t fail(std::size_t at, std::string message, std::string cure = {}) {
        problems_.add(place(at, 1), std::move(message), std::move(cure));
        return std::nullopt;
    }

    void skip_spaces() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }

    bool take(char byte) {
        skip_spaces();
        if (at_ == text_.size() || text_[at_] != byte) return false;
        ++at_;
        return true;
    }

    /// Everything up to the next special character, without the spaces around it.
    Word word() {
        skip_spaces();
        const std::size_t start = at_;
        while (at_ < text_.size() && special.find(text_[at_]) == std::string_view::npos) ++at_;
        std::string_view text = text_.substr(start, at_ - start);
        while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
        return {text, start};
    }

    std::optional<Value> expression() {
        const Word name = word();
        return expression(name);
    }

    std::optional<Value> expression(const Word& name) {
        if (!is_name(name.text)) {
            const std::string found = name.text.empty() ? "" : ", not " + in_quotes(name.text);
            return fail(name.start, "expected a name" + found, "as in \"retry(attempts=3)\"");
        }
        Value object = Value::object({{"type", Value(name.text)}});
        object.find("type")->at(place(name.start, name.text.size()));
        if (take('(') && !arguments(object, at_ - 1)) return std::nullopt;
        return object.at(place(name.start, at_ - name.start));
    }

    bool arguments(Value& object, std::size_t bracket) {
        if (++depth_ > depth_limit)
            return fail(bracket, "too many brackets within brackets"), false;
        int position = 0;
        while (!take(')')) {
            if (position > 0 && !take(',')) {
                return fail(bracket, "this bracket is not closed", "add a )"), false;
            }
            ++position;
            if (!argument(object, position)) return false;
        }
        --depth_;
        return true;
    }

    bool argument(Value& object, int position) {
        const Word first = word();
        std::string key = position_key(position);
        Place key_place = place(first.start, first.text.size());
        std::optional<Value> argument;
        if (take('=')) {
            if (!is_name(first.text)) {
                return fail(first.start, in_quotes(first.text) + " is no name of an argument"),
                       false;
            }
            key = first.text;
            argument = value(word());
        } else {
            argument = value(first);
        }
        if (!argument) return false;
        if (object.find(key)) {
            return fail(first.start, "the argument " + in_quotes(key) + " is here twice"), false;
        }
        object.append(std::move(key), std::move(*argument), key_place);
        return true;
    }

    std::optional<Value> value(const Word& first) {
        if (first.text.empty() && take('[')) return list();
        if (first.text.empty() && take('\'')) return quoted_text();
        if (first.text.empty()) return fail(at_, "a value is missing");
        if (at_ < text_.size() && text_[at_] == '(') return expression(first);
        const Place where = place(first.start, first.text.size());
        if (first.text == "true" || first.text == "false") {
            return Value(first.text == "true").at(where);
        }
        if (std::optional<Value> number = as_number(first.text)) return number->at(where);
        return Value(first.text).at(where);
    }

    std::optional<Value> list() {
        const std::size_t bracket = at_ - 1;
        if (++depth_ > depth_limit) return fail(bracket, "too many brackets within brackets");
        Value items = Value::array();
        while (!take(']')) {
            if (!items.items().empty() && !take(',')) {
                return fail(bracket, "this bracket is not closed", "add a ]");
            }
            std::optional<Value> item = value(word());
            if (!item) return std::nullopt;
            items.append(std::move(*item));
        }
        --depth_;
        return items.at(place(bracket, at_ - bracket));
    }

    std::optional<Value> quoted_text() {
        const std::size_t start = at_;
        const std::size_t end = text_.find('\'', start);
        if (end == std::string_view::npos) return fail(start - 1, "this quote is not closed");
        at_ = end + 1;
        return Value(text_.substr(start, end - start)).at(place(start - 1, at_ - start + 1));
    }

    std::string_view text_;
    Place place_;
    Problems& problems_;
    std::size_t at_ = 0;
    int depth_ = 0;
};

std::optional<std::string> written(const Value& value);

std::optional<std::string> written_text(const std::string& text) {
    const bool bare = !text.empty() && text.find_first_of(special) == std::string::npos &&
                      !is_space(text.front()) && !is_space(text.back()) && text != "true" &&
                      text != "false" && !as_number(text);
    if (bare) return text;
    if (text.find('\'') != std::string::npos) return std::nullopt;
    return "'" + text + "'";
}

std::optional<std::string> written_list(const std::vector<Value>& items) {
    std::string out = "[";
    for (const Value& item : items) {
        const std::optional<std::string> text = written(item);
        if (!text) return std::nullopt;
        if (out.size() > 1) out += ", ";
        out += *text;
    }
    return out + "]";
}

std::optional<std::string> written(const Value& value) {
    switch (value.kind()) {
        case Value::Kind::null:
            return std::nullopt;
        case Value::Kind::boolean:
            return value.truth() ? "true" : "false";
        case Value::Kind::number:
            return to_text(value.number());
        case Value::Kind::text:
            return written_text(value.text());
        case Value::Kind::array:
            return written_list(value.items());
        case Value::Kind::object:
            return written_expression(value);
    }
    return std::nullopt;
}

}  // namespace

std::optional<Value> parse_expression(const Value& text, Problems& problems) {
    return Parser(text, problems).whole();
}

std::optional<std::string> written_expression(const Value& object) {
    const Value* type = object.find("type");
    if (!type || !type->is_text() || !is_name(type->text())) return std::nullopt;
    std::string arguments;
    for (const Value::Member& member : object.members()) {
        if (member.key == "type") continue;
        const std::optional<std::string> text = written(member.value);
        if (!text || !is_name(member.key)) return std::nullopt;
        if (!arguments.empty()) arguments += ", ";
        arguments += member.key + "=" + *text;
    }
    return arguments.empty() ? type->text() : type->text() + "(" + arguments + ")";
}

std::string position_key(int position) { return "#" + std::to_string(position); }

}  // namespace prodsim
