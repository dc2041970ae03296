#include "sim/config/families.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace prodsim {

const Alternative* Family::find(std::string_view word) const {
    const auto found =
        std::find_if(alternatives.begin(), alternatives.end(),
                     [&](const Alternative& alternative) { return alternative.word == word; });
    return found == alternatives.end() ? nullptr : &*found;
}

std::vector<std::string_view> Family::words() const {
    std::vector<std::string_view> words;
    for (const Alternative& alternative : alternatives) words.push_back(alternative.word);
    return words;
}

Chosen Family::make(const Alternative& alternative) const {
    Chosen chosen = alternative.make(alternative.word);
    chosen.tag = tag;
    return chosen;
}

void Family::insert(Alternative alternative) {
    assert(!alternative.doc.empty() && "an alternative is described by a sentence");
    assert(!find(alternative.word) && "a word means one thing in its family");
    alternatives.push_back(std::move(alternative));
}

Family& Families::declare(std::string name, std::string doc, Tag tag) {
    assert(!find(name) && "a family is declared once");
    Family& family = families_.emplace_back();
    family.name = std::move(name);
    family.doc = std::move(doc);
    family.tag = tag;
    return family;
}

const Family* Families::find(std::string_view name) const {
    const auto found = std::find_if(families_.begin(), families_.end(),
                                    [&](const Family& family) { return family.name == name; });
    return found == families_.end() ? nullptr : &*found;
}

Family& Families::operator[](std::string_view name) {
    const Family* family = find(name);
    assert(family && "a family is declared before it is filled");
    return const_cast<Family&>(*family);
}

}  // namespace prodsim
