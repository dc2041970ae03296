#include "sim/config/law.hpp"

#include "sim/config/echo.hpp"
#include "sim/config/expression.hpp"
#include "sim/config/laws.hpp"
#include "sim/config/reader.hpp"

#include <cassert>
#include <type_traits>
#include <utility>
#include <vector>

namespace prodsim {

namespace {

using laws::Made;
using laws::Making;

/// The laws for one kind of quantity, and how each becomes a sampler.
struct Laws {
    using Make = Made (*)(const std::any& parameters, const Making& making);

    Family family;
    std::vector<Make> makes;  ///< beside family.alternatives

    template <class Parameters>
    void add(std::string word, std::string doc) {
        family.add<Parameters>(std::move(word), std::move(doc));
        makes.push_back([](const std::any& parameters, const Making& making) {
            return std::any_cast<const Parameters&>(parameters).make(making);
        });
    }
};

template <class Quantity>
Laws all_laws(std::string name, std::string doc) {
    using namespace laws;
    Laws all;
    all.family.name = std::move(name);
    all.family.doc = std::move(doc);
    all.add<Constant<Quantity>>("constant", "Always the same; the bare value says it as well.");
    all.add<Uniform<Quantity>>("uniform", "Evenly spread between two values.");
    all.add<Exponential<Quantity>>("exp", "Exponential: memoryless, cv 1.");
    if constexpr (std::is_same_v<Quantity, double>) {
        all.add<Geometric>("geometric", "Tries until the first success: 1, 2, 3 ...");
    }
    all.add<Erlang<Quantity>>("erlang", "The sum of k exponentials: cv 1 / sqrt(k).");
    all.add<Hyperexponential<Quantity>>("hyperexp", "One of several exponentials: cv 1 or more.");
    all.add<Lognormal<Quantity>>("lognormal", "The usual shape of service times.");
    all.add<Gamma<Quantity>>("gamma", "Any cv, with a tail that falls exponentially.");
    all.add<Weibull<Quantity>>("weibull", "From heavy-tailed to almost regular, by its shape.");
    all.add<Pareto<Quantity>>("pareto", "A power law without an upper end.");
    all.add<BoundedPareto<Quantity>>("bounded_pareto", "A power law between two values.");
    all.add<Quantiles<Quantity>>("quantiles", "Straight lines between measured percentiles.");
    all.add<Discrete<Quantity>>("discrete", "One of a few values.");
    all.add<Mixture<Quantity>>("mixture", "One of several laws, each with its weight.");
    all.add<Samples<Quantity>>("samples", "Draws from measured observations in a file.");
    return all;
}

const Laws& laws_of(Dimension dimension) {
    static const Laws durations =
        all_laws<Duration>("duration_law", "A law of chance for durations.");
    static const Laws bytes = all_laws<Bytes>("bytes_law", "A law of chance for amounts of bytes.");
    static const Laws numbers = all_laws<double>("number_law", "A law of chance for numbers.");
    if (dimension == Dimension::duration) return durations;
    return dimension == Dimension::bytes ? bytes : numbers;
}

template <class Quantity>
Chosen constant_of(Quantity value) {
    return Chosen::of("constant", laws::Constant<Quantity>{value});
}

}  // namespace

const Family& law_family(Dimension dimension) { return laws_of(dimension).family; }

LawContent constant_law(double value, Dimension dimension) {
    const Distribution distribution = Distribution::constant(laws::sampled(value, dimension));
    if (dimension == Dimension::duration) {
        const Duration duration(static_cast<std::int64_t>(value));
        return {constant_of(duration), Distribution::constant(laws::plain(duration))};
    }
    if (dimension == Dimension::bytes) {
        return {constant_of(Bytes{static_cast<std::int64_t>(value)}), distribution};
    }
    return {constant_of(value), distribution};
}

LawContent law_from_text(std::string_view text, Dimension dimension) {
    LawContent law = constant_law(0, dimension);
    Problems problems;
    const Families families;
    Reading reading{families, problems};
    read_slot(Value(text), {LawSlot{&law, dimension}}, "law", reading);
    assert(problems.empty() && "a law in an initialiser is right");
    return law;
}

std::optional<Distribution> make_distribution(const Chosen& chosen, Dimension dimension,
                                              const OpenFile& open, Problems& problems) {
    const Laws& known = laws_of(dimension);
    const Alternative* alternative = known.family.find(chosen.word);
    assert(alternative && "the word is a law");
    const auto index = static_cast<std::size_t>(alternative - known.family.alternatives.data());
    return known.makes[index](chosen.parameters, {open, problems, chosen.place});
}

Value written_law(const LawContent& law) {
    LawContent copy = law;
    const Value object = echo_slot({ChoiceSlot{&copy.chosen, ""}});
    if (copy.chosen.word == "constant") return *object.find("value");
    const std::optional<std::string> text = written_expression(object);
    return text ? Value(*text) : object;
}

}  // namespace prodsim
