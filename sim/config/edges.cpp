#include "sim/config/edges.hpp"

#include <utility>

namespace prodsim {

namespace {

class EdgeCollector final : public Fields {
public:
    EdgeCollector(std::string path, std::vector<Edge>& edges)
        : path_(std::move(path)), edges_(edges) {}

    void collect(const Slot& slot, std::string_view kind) {
        std::visit([&](const auto& member) { from(member, kind); }, slot.type);
    }

protected:
    void visit(const Field& field, const Slot& slot) override {
        const std::string_view kind = field.options.edge.empty() ? "calls" : field.options.edge;
        below(std::string(field.name)).collect(slot, kind);
    }

private:
    EdgeCollector below(const std::string& step) const {
        return {path_.empty() ? step : path_ + "." + step, edges_};
    }

    template <class Plain>
    void from(const Plain*, std::string_view) {}  // points at nothing
    void from(const LawSlot&, std::string_view) {}
    void from(const WordSlot&, std::string_view) {}

    void from(ComponentName* const& target, std::string_view kind) {
        if (target->empty()) return;
        edges_.push_back({path_, target->name, "", std::string(kind), target->place});
    }
    void from(OperationName* const& target, std::string_view kind) {
        if (target->empty()) return;
        edges_.push_back(
            {path_, target->component, target->operation, std::string(kind), target->place});
    }
    void from(const OptionalSlot& slot, std::string_view kind) {
        if (slot.has_value(slot.optional)) collect(slot.value(slot.optional), kind);
    }
    void from(const ListSlot& slot, std::string_view kind) {
        for (std::size_t i = 0; i < slot.size(slot.list); ++i) {
            below(std::to_string(i)).collect(slot.item(slot.list, i), kind);
        }
    }
    void from(const NamedSlot& slot, std::string_view kind) {
        for (std::size_t i = 0; i < slot.size(slot.map); ++i) {
            below(slot.name(slot.map, i)).collect(slot.item(slot.map, i), kind);
        }
    }
    void from(const RecordSlot& slot, std::string_view) { slot.describe(slot.record, *this); }
    void from(const ChoiceSlot& slot, std::string_view) {
        Chosen& chosen = *slot.chosen;
        if (!chosen.empty()) chosen.describe(chosen.parameters, *this);
    }

    std::string path_;
    std::vector<Edge>& edges_;
};

}  // namespace

std::vector<Edge> edges_of_slot(const Slot& slot, std::string_view path) {
    std::vector<Edge> edges;
    EdgeCollector(std::string(path), edges).collect(slot, "calls");
    return edges;
}

}  // namespace prodsim
