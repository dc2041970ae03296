#include "sim/config/place.hpp"

#include <algorithm>
#include <utility>

namespace prodsim {

std::uint32_t Sources::add(std::string name, std::string text) {
    documents_.push_back({std::move(name), std::move(text)});
    return static_cast<std::uint32_t>(documents_.size() - 1);
}

Sources::Position Sources::position(Place place) const {
    const std::string_view text = documents_[place.document].text;
    const std::size_t offset = std::min<std::size_t>(place.offset, text.size());
    const std::string_view before = text.substr(0, offset);
    const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
    const std::size_t previous_break = before.rfind('\n');
    const std::size_t start = previous_break == std::string_view::npos ? 0 : previous_break + 1;
    std::size_t end = std::min(text.find('\n', offset), text.size());
    if (end > start && text[end - 1] == '\r') --end;
    const std::size_t inside = std::min(offset, end) - start;
    const std::string_view whole = text.substr(start, end - start);
    return {line, characters(whole.substr(0, inside)) + 1, whole, inside};
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;  // not a continuation byte
    }));
}

}  // namespace prodsim
