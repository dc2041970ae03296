#include "sim/run/heavy_laws.hpp"

#include "sim/config/json_writer.hpp"

#include <variant>

namespace prodsim {

namespace {

constexpr double heavy_cv = 2.5;

/// The cv of a Pareto law with alpha = 3: 1 / sqrt(alpha (alpha - 2)).
constexpr double heavy_pareto_cv_squared = 1.0 / 3;

bool is_heavy(const LawContent& law) {
    const std::string& word = law.chosen.word;
    const double cv = law.distribution.cv();
    if (word == "pareto") return !(cv * cv < heavy_pareto_cv_squared);
    return (word == "lognormal" || word == "weibull") && cv >= heavy_cv;
}

/// Finds the heavy law with the largest cv below one slot.
class HeavyLaws final : public Fields {
public:
    void look(const Slot& slot) {
        std::visit([this](const auto& member) { into(member); }, slot.type);
    }

    const std::string& heaviest() const { return heaviest_; }

protected:
    void visit(const Field&, const Slot& slot) override { look(slot); }

private:
    template <class Plain>
    void into(const Plain*) {}
    void into(const WordSlot&) {}

    void into(const LawSlot& slot) {
        if (!is_heavy(*slot.law)) return;
        const double cv = slot.law->distribution.cv();
        if (!heaviest_.empty() && !(cv > cv_)) return;
        const Value written = written_law(*slot.law);
        heaviest_ = written.is_text() ? written.text() : compact_json(written);
        cv_ = cv;
    }
    void into(const OptionalSlot& slot) {
        if (slot.has_value(slot.optional)) look(slot.value(slot.optional));
    }
    void into(const ListSlot& slot) {
        for (std::size_t i = 0; i < slot.size(slot.list); ++i) look(slot.item(slot.list, i));
    }
    void into(const NamedSlot& slot) {
        for (std::size_t i = 0; i < slot.size(slot.map); ++i) look(slot.item(slot.map, i));
    }
    void into(const RecordSlot& slot) { slot.describe(slot.record, *this); }
    void into(const ChoiceSlot& slot) {
        Chosen& chosen = *slot.chosen;
        if (!chosen.empty()) chosen.describe(chosen.parameters, *this);
    }

    std::string heaviest_;
    double cv_ = 0;
};

}  // namespace

std::string heaviest_law(const Scenario& scenario) {
    for (const auto& component : scenario.parameters().components) {
        Choice<ComponentFamily> copy = component.value;  // a description may change what it visits
        HeavyLaws laws;
        laws.look(slot_of(copy));
        if (!laws.heaviest().empty()) return component.name + ": " + laws.heaviest();
    }
    return {};
}

}  // namespace prodsim
