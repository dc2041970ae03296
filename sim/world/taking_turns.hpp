#pragma once

// What proxies do when nobody tells them how to balance: the instances take turns.

#include "sim/world/chain.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace prodsim {

using Policies = std::vector<Choice<PolicyFamily>>;

/// Chooses one of the words of a field in a description whose type is private to its file.
class Rewording final : public Fields {
public:
    Rewording(std::string_view field, std::string_view word) : field_(field), word_(word) {}

private:
    void visit(const Field& field, const Slot& slot) override {
        const auto* worded = std::get_if<WordSlot>(&slot.type);
        if (field.name != field_ || worded == nullptr) return;
        for (const Word& word : worded->words) {
            if (word.name == word_) worded->assign(worded->word, word.value);
        }
    }

    std::string_view field_;
    std::string_view word_;
};

/// These policies, and where none of them balances, one by which the endpoints take turns.
inline CallParameters taking_turns(const Catalogue& catalogue, Policies policies) {
    const auto balances = [&](const Choice<PolicyFamily>& policy) {
        return catalogue.kind_of(policy.word()) == PolicyKind::balancing;
    };
    if (std::none_of(policies.begin(), policies.end(), balances)) {
        Choice<PolicyFamily> balance;
        balance.chosen() = catalogue.default_balance();
        Rewording in_turn("algorithm", "round_robin");
        balance.chosen().describe(balance.chosen().parameters, in_turn);
        policies.push_back(std::move(balance));
    }
    return {std::move(policies)};
}

}  // namespace prodsim
