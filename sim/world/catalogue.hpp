#pragma once

#include "sim/config/families.hpp"
#include "sim/world/component.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace prodsim {

class Behind;
class World;

/// The families of alternatives that scenarios choose from.
struct ComponentFamily {
    static constexpr std::string_view name = "component";
};
struct PolicyFamily {
    static constexpr std::string_view name = "policy";
};
struct StepFamily {
    static constexpr std::string_view name = "step";
};

/// What the loader must know of a policy to check a chain.
enum class PolicyKind : std::uint8_t {
    stateless,  // the same for every call: safe to share among the users of an open arrival stream
    stateful,   // learns from earlier calls (budget, breaker, pool): belongs to one caller
    balancing,  // chooses the endpoint; what stands behind it exists once for each endpoint
};

/// What exists: the kinds of components, policies and steps, each with its description and the way
/// to make one. Filled once by models/catalogue.cpp, read by everyone.
class Catalogue {
public:
    Catalogue();

    /// A kind of component: `Type::Parameters` has a `describe`, and `Type(World&, std::string
    /// name, const Parameters&)` makes one. The parameters outlive the component.
    template <class Type>
    void component(std::string word, std::string doc) {
        using Parameters = typename Type::Parameters;
        families[ComponentFamily::name].add<Parameters>(word, std::move(doc));
        components_[word] = [](World& world, std::string name, const Chosen& chosen) {
            return std::unique_ptr<Component>(std::make_unique<Type>(
                world, std::move(name), std::any_cast<const Parameters&>(chosen.parameters)));
        };
    }

    /// A kind of policy: `Type(const Behind&, const Parameters&)` makes the node. Where the kind
    /// depends on the parameters, `Type::kind_of(const Parameters&)` says which it is.
    template <class Type>
    void policy(std::string word, PolicyKind kind, std::string doc) {
        using Parameters = typename Type::Parameters;
        families[PolicyFamily::name].add<Parameters>(word, std::move(doc));
        if (kind == PolicyKind::balancing) default_balance_ = Chosen::of(word, Parameters{});
        PolicyMaker& maker = policies_[word];
        maker.kind = kind;
        maker.make = [](const Behind& behind, const Chosen& chosen) {
            return std::unique_ptr<Node>(std::make_unique<Type>(
                behind, std::any_cast<const Parameters&>(chosen.parameters)));
        };
        if constexpr (requires(const Parameters& parameters) { Type::kind_of(parameters); }) {
            maker.kind_of = [](const Chosen& chosen) {
                return Type::kind_of(std::any_cast<const Parameters&>(chosen.parameters));
            };
        }
    }

    std::unique_ptr<Component> make_component(World& world, std::string name,
                                              const Chosen& chosen) const {
        return components_.find(chosen.word)->second(world, std::move(name), chosen);
    }
    std::unique_ptr<Node> make_policy(const Behind& behind, const Chosen& chosen) const {
        return policies_.find(chosen.word)->second.make(behind, chosen);
    }
    PolicyKind kind_of(const Chosen& chosen) const {
        const PolicyMaker& maker = policies_.find(chosen.word)->second;
        return maker.kind_of == nullptr ? maker.kind : maker.kind_of(chosen);
    }
    PolicyKind kind_of(std::string_view word) const { return policies_.find(word)->second.kind; }

    /// What balances when the architect said nothing: the policy "balance" with its defaults.
    const Chosen& default_balance() const { return default_balance_; }

    Families families;

    /// Lists of policies that are the defaults of a real product: documents with "about", "source"
    /// and "policy". A scenario writes "preset(envoy)" in the place of its policies.
    std::map<std::string, std::string, std::less<>> presets;

private:
    using MakeComponent = std::unique_ptr<Component> (*)(World&, std::string, const Chosen&);
    struct PolicyMaker {
        PolicyKind kind{};
        PolicyKind (*kind_of)(const Chosen&) = nullptr;
        std::unique_ptr<Node> (*make)(const Behind&, const Chosen&) = nullptr;
    };
    std::map<std::string, MakeComponent, std::less<>> components_;
    std::map<std::string, PolicyMaker, std::less<>> policies_;
    Chosen default_balance_;
};

}  // namespace prodsim
