#pragma once

// Tagged alternatives. A family ("policy", "component", "arrivals", "step") has alternatives, each
// a described struct under a word; "retry(3)" and {"type": "retry", "attempts": 3} choose one.
// Families are filled when the program starts, so whoever adds an alternative touches no list but
// its own.

#include "sim/config/place.hpp"

#include <any>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

class Fields;

/// How an object says which alternative it is.
enum class Tag {
    /// By its member "type": {"type": "retry", "attempts": 3}.
    type,
    /// By the first key that is a word of the family, whose value goes to the field with position
    /// 1:
    /// {"cpu": "4ms"}, {"call": "shop.order", "share": "10%"}. "type" is understood as well.
    key,
};

/// One alternative with its parameters: the content of a Choice.
struct Chosen {
    std::string word;
    Place place;
    Tag tag = Tag::type;
    std::any parameters;
    void (*describe)(std::any& parameters, Fields& fields) = nullptr;

    bool empty() const { return describe == nullptr; }

    template <class Parameters>
    static Chosen of(std::string word, Parameters parameters) {
        return {std::move(word), nowhere, Tag::type, std::move(parameters),
                [](std::any& any, Fields& fields) {
                    std::any_cast<Parameters&>(any).describe(fields);
                }};
    }
};

/// A field that holds one alternative of a family. The family is named by a type:
/// `struct Policy { static constexpr std::string_view name = "policy"; };  Choice<Policy> policy;`
template <class Family>
class Choice {
public:
    Choice() = default;
    /// For defaults: `Choice<Arrivals> arrivals{"poisson", Poisson{.rate = {700}}};`
    template <class Parameters>
    Choice(std::string word, Parameters parameters)
        : chosen_(Chosen::of(std::move(word), std::move(parameters))) {}

    bool empty() const { return chosen_.empty(); }
    const std::string& word() const { return chosen_.word; }
    Place place() const { return chosen_.place; }

    /// The parameters if they are of this type, null pointer if not.
    template <class Parameters>
    const Parameters* as() const {
        return std::any_cast<Parameters>(&chosen_.parameters);
    }

    Chosen& chosen() { return chosen_; }
    const Chosen& chosen() const { return chosen_; }

private:
    Chosen chosen_;
};

struct Alternative {
    std::string word;
    std::string doc;
    Chosen (*make)(const std::string& word);
};

struct Family {
    std::string name;
    std::string doc;
    Tag tag = Tag::type;
    std::vector<Alternative> alternatives;

    const Alternative* find(std::string_view word) const;
    std::vector<std::string_view> words() const;

    /// The alternative with its defaults.
    Chosen make(const Alternative& alternative) const;

    /// Adds an alternative. REQUIRES: there is none with this word.
    template <class Parameters>
    void add(std::string word, std::string what_it_is) {
        insert({std::move(word), std::move(what_it_is),
                [](const std::string& chosen) { return Chosen::of(chosen, Parameters{}); }});
    }

private:
    void insert(Alternative alternative);
};

class Families {
public:
    /// Declares a family. REQUIRES: there is none with this name. The reference stays valid.
    Family& declare(std::string name, std::string doc, Tag tag = Tag::type);

    /// REQUIRES: the family is declared.
    Family& operator[](std::string_view name);

    const Family* find(std::string_view name) const;
    const std::deque<Family>& all() const { return families_; }

private:
    std::deque<Family> families_;
};

}  // namespace prodsim
