#include "sim/world/chain.hpp"

#include "sim/world/link.hpp"

#include <string>

namespace prodsim {

void CallParameters::describe(Fields& fields) {
    fields("policy", policy, "What the caller does around its calls, outermost first.",
           {.position = 1});
}

World& Behind::world() const { return chain_->world_; }
const std::string& Behind::edge() const { return chain_->edge_; }
Callee& Behind::callee() const { return chain_->callee_; }
ZoneId Behind::zone() const { return chain_->zone_; }
Stream Behind::stream(std::string_view use) const {
    return world().stream(edge() + "/" + std::string(use));
}

Stream Behind::own_stream(std::string_view use) const {
    return world().stream(edge() + "/" + std::string(use) + "#" +
                          std::to_string(chain_->instance_));
}

std::uint64_t Behind::salt() const { return mix(hash_of(edge()), index_); }

Node& Behind::next() const { return chain_->make(index_ + 1, endpoint_); }
Node& Behind::next(Instance& endpoint) const { return chain_->make(index_ + 1, &endpoint); }

Chain::Chain(World& world, const CallParameters& parameters, const Caller& caller, Callee& callee)
    : world_(world),
      parameters_(parameters),
      caller_(caller.component),
      edge_(caller_ + " -> " + callee.name()),
      instance_(caller.instance),
      zone_(caller.zone),
      callee_(callee),
      stub_(caller.is_stub ? nullptr : callee.stub(caller)) {
    for (std::size_t i = 0; i < parameters.policy.size(); ++i) balances_ |= is_balancing(i);
    head_ = &make(0, nullptr);
}

const Chosen* Chain::policy(std::size_t index, const Instance* endpoint) const {
    if (index < parameters_.policy.size()) return &parameters_.policy[index].chosen();
    if (!balances_ && endpoint == nullptr) return &world_.catalogue.default_balance();
    return nullptr;
}

bool Chain::is_balancing(std::size_t index) const {
    const Chosen& chosen = parameters_.policy[index].chosen();
    return world_.catalogue.kind_of(chosen) == PolicyKind::balancing;
}

Node& Chain::make(std::size_t index, Instance* endpoint) {
    if (stub_ != nullptr) {
        if (index == parameters_.policy.size()) return *stub_;
        if (is_balancing(index)) return make(index + 1, nullptr);
    }
    const Chosen* chosen = policy(index, endpoint);
    if (chosen == nullptr) return end_at(*endpoint);
    return keep(world_.catalogue.make_policy(Behind(*this, index, endpoint), *chosen));
}

Node& Chain::end_at(Instance& endpoint) {
    std::unique_ptr<Node> link =
        Link::make(world_, caller_, callee_.name(), zone_, endpoint.zone(), endpoint);
    if (link == nullptr) return endpoint;
    return keep(std::move(link));
}

Node& Chain::keep(std::unique_ptr<Node> node) {
    nodes_.push_back(std::move(node));
    return *nodes_.back();
}

}  // namespace prodsim
