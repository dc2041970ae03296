#include "sim/config/json_reader.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

namespace prodsim {

namespace {

using Json = nlohmann::json;

/// nlohmann's events carry no positions. This walks the same text one token behind each event; the
/// library has checked the token by then, so finding its ends takes no grammar.
class Tokens {
public:
    Tokens(std::string_view text, std::uint32_t document) : text_(text), document_(document) {
        if (text_.substr(0, 3) == "\xef\xbb\xbf") end_ = 3;  // a byte order mark
    }

    Place next() {
        const std::size_t start = start_of_token();
        end_ = start + length_of_token(start);
        return {document_, static_cast<std::uint32_t>(start),
                static_cast<std::uint32_t>(end_ - start)};
    }

private:
    std::size_t start_of_token() const {
        std::size_t at = end_;
        while (at < text_.size()) {
            if (text_.substr(at, 2) == "//") {
                at = std::min(text_.find('\n', at), text_.size());
            } else if (text_.substr(at, 2) == "/*") {
                at = text_.find("*/", at) + 2;
            } else if (std::string_view(" \t\r\n,:").find(text_[at]) != std::string_view::npos) {
                ++at;
            } else {
                break;
            }
        }
        return at;
    }

    std::size_t length_of_token(std::size_t start) const {
        if (text_[start] == '"') {
            std::size_t at = start + 1;
            while (text_[at] != '"') at += text_[at] == '\\' ? 2 : 1;
            return at + 1 - start;
        }
        if (std::string_view("{}[]").find(text_[start]) != std::string_view::npos) return 1;
        const std::size_t end =
            std::min(text_.find_first_of(" \t\r\n,:/{}[]", start), text_.size());
        return end - start;
    }

    std::string_view text_;
    std::uint32_t document_;
    std::size_t end_ = 0;
};

bool is_word_byte(char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') ||
           std::string_view("+-._").find(byte) != std::string_view::npos;
}

/// The word around the byte where the library stopped.
Place place_of_failure(std::string_view text, std::uint32_t document, std::size_t position) {
    std::size_t at = std::min(position == 0 ? 0 : position - 1, text.size());
    if (at == text.size()) return {document, static_cast<std::uint32_t>(at), 0};
    std::size_t end = at + 1;
    if (is_word_byte(text[at])) {
        while (at > 0 && is_word_byte(text[at - 1])) --at;
        while (end < text.size() && is_word_byte(text[end])) ++end;
    }
    return {document, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end - at)};
}

std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
    const std::size_t start = text.find(before);
    if (start == std::string_view::npos) return {};
    text.remove_prefix(start + before.size());
    return text.substr(0, text.find(after));
}

bool comma_before(std::string_view text, std::size_t offset) {
    const std::size_t last = text.substr(0, offset).find_last_not_of(" \t\r\n");
    return last != std::string_view::npos && text[last] == ',';
}

/// What users get wrong most often, in words that say how to put it right.
Problem syntax_problem(std::string_view text, std::uint32_t document, std::size_t position,
                       std::string_view library_says) {
    const Place place = place_of_failure(text, document, position);
    const std::string_view word = text.substr(place.offset, place.length);
    const std::string_view reason = between(library_says, " - ", "; last read");
    const auto says = [&](std::string_view part) {
        return library_says.find(part) != std::string_view::npos;
    };
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return {place, "the document is empty", "a scenario is a JSON object: { ... }", ""};
    }
    if (says("UTF-8")) {
        return {{document, place.offset, 1},
                "this text is not valid UTF-8",
                "save the file in UTF-8",
                ""};
    }
    if (says("missing closing quote") || says("control character U+000A")) {
        return {{document, place.offset, 1}, "this text has no closing quote", "", ""};
    }
    if (says("invalid string") || says("invalid comment")) {
        return {{document, place.offset, 1}, std::string(reason), "", ""};
    }
    if (place.offset == text.size()) {
        return {place, "the document ends too early", "a closing } or ] is missing", ""};
    }
    if (word == "NaN" || word == "nan" || word == "Infinity" || word == "-Infinity") {
        return {place, std::string(word) + " is not a number in JSON", "", ""};
    }
    if ((word == "}" || word == "]") && comma_before(text, place.offset)) {
        return {place, "a comma must be followed by another item",
                "remove the comma before " + std::string(word), ""};
    }
    const std::string_view expected = between(library_says, "; expected ", "\n");
    std::string message = "unexpected " + std::string(word);
    if (!expected.empty()) message += ", expected " + std::string(expected);
    if (says("object key")) return {place, message, "keys stand in double quotes", ""};
    return {place, message, says("invalid literal") ? "texts stand in double quotes" : "", ""};
}

/// Builds the Value from the events of the parser.
class Builder final : public nlohmann::json_sax<Json> {
public:
    Builder(std::string_view text, std::uint32_t document, Problems& problems)
        : text_(text), document_(document), tokens_(text, document), problems_(problems) {}

    Value take() { return std::move(root_); }

    bool null() override { return add(Value()); }
    bool boolean(bool truth) override { return add(Value(truth)); }
    bool number_integer(number_integer_t number) override {
        return add(Value(std::int64_t{number}));
    }
    bool number_unsigned(number_unsigned_t number) override {
        if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            return add(Value(static_cast<double>(number)));
        }
        return add(Value(static_cast<std::int64_t>(number)));
    }
    bool number_float(number_float_t number, const string_t&) override {
        return add(Value(number));
    }
    bool string(string_t& text) override { return add(Value(std::move(text))); }
    bool binary(binary_t&) override { return false; }

    bool start_object(std::size_t) override { return open(Value::object()); }
    bool start_array(std::size_t) override { return open(Value::array()); }
    bool key(string_t& key) override {
        open_.back().key = std::move(key);
        open_.back().key_place = tokens_.next();
        return true;
    }
    bool end_array() override { return close(); }
    bool end_object() override {
        drop_duplicates(open_.back().value);
        return close();
    }

    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception& error) override {
        constexpr int number_overflow = 406;
        if (error.id == number_overflow) {
            problems_.add(place_of_failure(text_, document_, position), "this number is too large");
        } else {
            problems_.add(syntax_problem(text_, document_, position, error.what()));
        }
        return false;
    }

private:
    struct Open {
        Value value;
        std::string key;  ///< of the member that comes next
        Place key_place;
    };

    bool add(Value value) {
        value.at(tokens_.next());
        put(std::move(value));
        return true;
    }

    bool open(Value value) {
        value.at(tokens_.next());
        if (open_.size() == json_depth_limit) {
            problems_.add(value.place(), "this is nested more than " +
                                             std::to_string(json_depth_limit) + " levels deep");
            return false;
        }
        open_.push_back({std::move(value), "", nowhere});
        return true;
    }

    bool close() {
        tokens_.next();
        Value value = std::move(open_.back().value);
        open_.pop_back();
        put(std::move(value));
        return true;
    }

    void put(Value value) {
        if (open_.empty()) {
            root_ = std::move(value);
        } else if (Open& parent = open_.back(); parent.value.is_array()) {
            parent.value.append(std::move(value));
        } else {
            parent.value.append(std::move(parent.key), std::move(value), parent.key_place);
        }
    }

    /// Most readers of JSON take the last of two equal keys in silence. Here the first is kept and
    /// the second is a problem. Sorted once an object, so a million keys cost no million squared.
    void drop_duplicates(Value& object) {
        const std::vector<Value::Member>& members = object.members();
        std::vector<std::size_t> order(members.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return members[a].key < members[b].key;
        });
        std::vector<bool> repeated(members.size());
        std::size_t first = 0;
        for (std::size_t i = 1; i < order.size(); ++i) {
            const Value::Member& member = members[order[i]];
            if (member.key != members[order[first]].key) {
                first = i;
                continue;
            }
            repeated[order[i]] = true;
            problems_.add(member.key_place, "the key " + in_quotes(member.key) + " is here twice",
                          "remove one of the two");
        }
        if (std::find(repeated.begin(), repeated.end(), true) == repeated.end()) return;
        Value kept = Value::object().at(object.place());
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (!repeated[i]) kept.append(members[i].key, members[i].value, members[i].key_place);
        }
        object = std::move(kept);
    }

    std::string_view text_;
    std::uint32_t document_;
    Tokens tokens_;
    Problems& problems_;
    std::vector<Open> open_;
    Value root_;
};

}  // namespace

Value read_json(Sources& sources, std::string name, std::string text, Problems& problems) {
    if (text.size() > json_size_limit) {
        const std::string size = std::to_string(text.size() >> 20);
        const std::uint32_t document = sources.add(std::move(name), "");
        problems.add({document, 0, 0}, "the document has " + size + " MiB; the limit is " +
                                           std::to_string(json_size_limit >> 20) + " MiB");
        return {};
    }
    const std::uint32_t document = sources.add(std::move(name), std::move(text));
    const std::string& kept = sources.text(document);
    Builder builder(kept, document, problems);
    const bool whole =
        Json::sax_parse(kept.begin(), kept.end(), &builder, Json::input_format_t::json, true, true);
    return whole ? builder.take() : Value();
}

}  // namespace prodsim
