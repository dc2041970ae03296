#include "sim/config/json_writer.hpp"

#include "sim/config/units.hpp"

#include <cmath>

namespace prodsim {

namespace {

constexpr std::size_t line_width = 100;
constexpr std::size_t no_limit = static_cast<std::size_t>(-1);

void write_text(std::string_view text, std::string& out) {
    constexpr std::string_view hex = "0123456789abcdef";
    out += '"';
    for (char byte : text) {
        const auto code = static_cast<unsigned char>(byte);
        if (byte == '"' || byte == '\\') {
            out += '\\';
            out += byte;
        } else if (byte == '\n') {
            out += "\\n";
        } else if (byte == '\t') {
            out += "\\t";
        } else if (code < 0x20) {
            out += "\\u00";
            out += hex[code >> 4];
            out += hex[code & 15];
        } else {
            out += byte;
        }
    }
    out += '"';
}

void write_scalar(const Value& value, std::string& out) {
    switch (value.kind()) {
        case Value::Kind::boolean:
            out += value.truth() ? "true" : "false";
            return;
        case Value::Kind::text:
            write_text(value.text(), out);
            return;
        case Value::Kind::number:
            if (const auto whole = value.whole_number()) {
                out += to_text(*whole);
            } else {
                out += std::isfinite(value.number()) ? to_text(value.number()) : "null";
            }
            return;
        default:
            out += "null";
            return;
    }
}

struct Spaces {
    std::string_view after_colon;
    std::string_view after_comma;
    std::string_view inside_braces;
};
constexpr Spaces none{"", "", ""};
constexpr Spaces readable{" ", " ", " "};

/// Writes on one line and stops soon after `limit` bytes: then it does not fit, and says so.
bool write_line(const Value& value, const Spaces& spaces, std::size_t limit, std::string& out) {
    if (value.is_array()) {
        out += '[';
        for (const Value& item : value.items()) {
            if (&item != value.items().data()) (out += ',') += spaces.after_comma;
            if (!write_line(item, spaces, limit, out)) return false;
        }
        out += ']';
    } else if (value.is_object()) {
        const std::string_view inside = value.members().empty() ? "" : spaces.inside_braces;
        (out += '{') += inside;
        for (const Value::Member& member : value.members()) {
            if (&member != value.members().data()) (out += ',') += spaces.after_comma;
            write_text(member.key, out);
            (out += ':') += spaces.after_colon;
            if (!write_line(member.value, spaces, limit, out)) return false;
        }
        (out += inside) += '}';
    } else {
        write_scalar(value, out);
    }
    return out.size() <= limit;
}

void write_pretty(const Value& value, std::size_t indent, std::size_t column, std::string& out) {
    std::string line;
    const std::size_t room = column < line_width ? line_width - column : 0;
    if (write_line(value, readable, room, line) || (!value.is_array() && !value.is_object())) {
        out += line;
        return;
    }
    const std::string margin(indent + 2, ' ');
    out += value.is_array() ? '[' : '{';
    bool first = true;
    const auto start_item = [&] {
        out += first ? "\n" : ",\n";
        out += margin;
        first = false;
    };
    if (value.is_array()) {
        for (const Value& item : value.items()) {
            start_item();
            write_pretty(item, indent + 2, indent + 3, out);
        }
    } else {
        for (const Value::Member& member : value.members()) {
            start_item();
            const std::size_t before = out.size();
            write_text(member.key, out);
            out += ": ";
            write_pretty(member.value, indent + 2, indent + 3 + out.size() - before, out);
        }
    }
    out += '\n' + std::string(indent, ' ');
    out += value.is_array() ? ']' : '}';
}

}  // namespace

std::string compact_json(const Value& value) {
    std::string out;
    write_line(value, none, no_limit, out);
    return out;
}

std::string pretty_json(const Value& value) {
    std::string out;
    write_pretty(value, 0, 0, out);
    return out + "\n";
}

}  // namespace prodsim
