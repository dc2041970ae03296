#pragma once

#include "sim/config/fields.hpp"
#include "sim/world/catalogue.hpp"
#include "sim/world/world.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim {

class Chain;

/// How a component calls another: its policies in their order, outermost first.
struct CallParameters {
    std::vector<Choice<PolicyFamily>> policy;
    void describe(Fields& fields);
};

/// Whose chain it is: the component, which of its instances, and where that stands.
struct Caller {
    std::string_view component;
    std::uint64_t instance;
    ZoneId zone;
    bool is_stub = false;  // of the callee, whose instances it calls
};

/// What a policy node is told when it is made: whose chain it is in and what stands behind it.
class Behind {
public:
    World& world() const;

    /// "shop -> orders-pg": the owner of the policy's meters and reasons.
    const std::string& edge() const;
    Callee& callee() const;
    ZoneId zone() const;

    /// Chance keyed by requests: the same whichever instance makes the call.
    Stream stream(std::string_view use) const;

    /// Chance in sequence, of this calling instance alone.
    Stream own_stream(std::string_view use) const;

    /// Tells this policy apart from every other, also on the same edge: for Request::set_attempt.
    std::uint64_t salt() const;

    /// The rest of the chain. One node each time: ask once.
    Node& next() const;

    /// The rest of the chain towards one endpoint: for the policy that balances.
    Node& next(Instance& endpoint) const;

private:
    friend class Chain;
    Behind(Chain& chain, std::size_t index, Instance* endpoint)
        : chain_(&chain), index_(index), endpoint_(endpoint) {}

    Chain* chain_;
    std::size_t index_;
    Instance* endpoint_;
};

/// All nodes between one calling instance and a component: its policies, a balancer, and for each
/// endpoint the policies behind the balancer and the link that leads there. Every calling instance
/// has its own, because in production every client has only its own view.
class Chain {
public:
    /// The policies outlive the chain. Without a balancing policy the chain ends in
    /// `balance(random)`. It ends in the stub of a callee that has one: a stub does the choosing,
    /// and policies that would are left out.
    Chain(World& world, const CallParameters& parameters, const Caller& caller, Callee& callee);
    Chain(const Chain&) = delete;
    Chain& operator=(const Chain&) = delete;

    Node& head() { return *head_; }

private:
    friend class Behind;

    Node& make(std::size_t index, Instance* endpoint);
    Node& keep(std::unique_ptr<Node> node);
    bool is_balancing(std::size_t index) const;
    Node& end_at(Instance& endpoint);
    const Chosen* policy(std::size_t index, const Instance* endpoint) const;

    World& world_;
    const CallParameters& parameters_;
    std::string caller_;
    std::string edge_;
    std::uint64_t instance_;
    ZoneId zone_;
    Callee& callee_;
    bool balances_ = false;
    std::unique_ptr<Node> stub_;
    std::vector<std::unique_ptr<Node>> nodes_;
    Node* head_ = nullptr;
};

}  // namespace prodsim
