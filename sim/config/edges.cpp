#include "sim/config/edges.hpp"

#include <utility>

namespace prodsim {

namespace {

struct References {
    std::vector<Edge> edges;
    std::vector<ZoneName> zones;
};

class ReferenceCollector final : public Fields {
public:
    ReferenceCollector(std::string path, References& found)
        : path_(std::move(path)), found_(found) {}

    void collect(const Slot& slot, std::string_view kind) {
        std::visit([&](const auto& member) { from(member, kind); }, slot.type);
    }

protected:
    void visit(const Field& field, const Slot& slot) override {
        const std::string_view kind = field.options.edge.empty() ? "calls" : field.options.edge;
        below(std::string(field.name)).collect(slot, kind);
    }

private:
    ReferenceCollector below(const std::string& step) const {
        return {path_.empty() ? step : path_ + "." + step, found_};
    }

    template <class Plain>
    void from(const Plain*, std::string_view) {}  // points at nothing
    void from(const LawSlot&, std::string_view) {}
    void from(const WordSlot&, std::string_view) {}

    void from(ComponentName* const& target, std::string_view kind) {
        if (target->empty()) return;
        found_.edges.push_back({path_, target->name, "", std::string(kind), target->place});
    }
    void from(OperationName* const& target, std::string_view kind) {
        if (target->empty()) return;
        found_.edges.push_back(
            {path_, target->component, target->operation, std::string(kind), target->place});
    }
    void from(ZoneName* const& zone, std::string_view) {
        if (!zone->empty()) found_.zones.push_back(*zone);
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
    References& found_;
};

}  // namespace

std::vector<Edge> edges_of_slot(const Slot& slot, std::string_view path) {
    References found;
    ReferenceCollector(std::string(path), found).collect(slot, "calls");
    return std::move(found.edges);
}

std::vector<ZoneName> zones_in_slot(const Slot& slot) {
    References found;
    ReferenceCollector("", found).collect(slot, "calls");
    return std::move(found.zones);
}

}  // namespace prodsim
