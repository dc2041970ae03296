#include "sim/run/scenario.hpp"

#include "sim/config/echo.hpp"
#include "sim/config/edges.hpp"
#include "sim/config/json_reader.hpp"
#include "sim/run/judgement.hpp"
#include "sim/run/topology.hpp"
#include "sim/world/chain.hpp"
#include "sim/world/component.hpp"

#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <utility>

namespace prodsim {

namespace {

// A scenario may extend one that extends another; deeper than this it is a circle.
constexpr int deepest_extension = 16;

std::string quoted(const std::string& word) { return '"' + word + '"'; }

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

std::optional<std::string> contents_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string text;
    // One byte beyond the limit is enough to see that it is too large.
    constexpr std::size_t block = 1 << 16;
    std::string buffer(block, '\0');
    while (text.size() <= json_size_limit && file) {
        file.read(buffer.data(), static_cast<std::streamsize>(block));
        text.append(buffer, 0, static_cast<std::size_t>(file.gcount()));
    }
    if (file.bad()) return std::nullopt;
    return text;
}

/// Puts the document together: what it extends, its own words, its overrides, the settings.
class Assembly {
public:
    Assembly(Sources& sources, Problems& problems) : sources_(sources), problems_(problems) {}

    Value file(const std::string& path, Place wanted_at, int depth) {
        std::optional<std::string> text =
            path == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {})
                        : contents_of(path);
        if (!text) {
            problems_.add(wanted_at, "cannot read " + quoted(path),
                          "check the name and that the file may be read");
            return {};
        }
        return document(path, std::move(*text), depth);
    }

    Value document(const std::string& path, std::string text, int depth) {
        Value value = read_json(sources_, path, std::move(text), problems_);
        if (value.is_null()) return value;
        if (!value.is_object()) {
            problems_.add(value.place(),
                          "a scenario is an object, not " + std::string(article_and_kind(value)));
            return {};
        }
        value.remove("$schema");
        return extend(path, std::move(value), depth);
    }

    void set(Value& value, const std::string& setting) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0) {
            problems_.add(nowhere, "--set " + quoted(setting) + " has no value",
                          "write --set components.shop.instances=5");
            return;
        }
        const std::string text = setting.substr(equals + 1);
        value.set_path(setting.substr(0, equals), setting_value(setting, text), problems_);
    }

private:
    Value extend(const std::string& path, Value value, int depth) {
        const Value* base_name = value.find("extends");
        const Value* overrides = value.find("override");
        if (base_name == nullptr && overrides == nullptr) return value;
        Value result = value;
        result.remove("extends");
        result.remove("override");
        if (base_name != nullptr) {
            if (!base_name->is_text()) {
                problems_.add(base_name->place(), "\"extends\" is the name of a file");
            } else if (depth == deepest_extension) {
                problems_.add(base_name->place(), "scenarios extend one another in a circle");
            } else {
                result = merge_patch(
                    file(folder_of(path) + base_name->text(), base_name->place(), depth + 1),
                    result);
            }
        }
        if (overrides != nullptr) {
            if (!overrides->is_object()) {
                problems_.add(overrides->place(), "\"override\" is an object of paths");
                return result;
            }
            for (const auto& member : overrides->members()) {
                result.set_path(member.key, member.value, problems_);
            }
        }
        return result;
    }

    // A setting is JSON where it can be read as such, and text where not: instances=5, about=busy.
    Value setting_value(const std::string& setting, const std::string& text) {
        Problems unreadable;
        Sources aside;
        if (!read_json(aside, "", text, unreadable).is_null() && unreadable.empty()) {
            return read_json(sources_, "--set " + setting, text, problems_);
        }
        const std::uint32_t document = sources_.add("--set " + setting, text);
        return Value(text).at({document, 0, static_cast<std::uint32_t>(text.size())});
    }

    Sources& sources_;
    Problems& problems_;
};

/// Puts the policies of presets in their place: "policy": ["preset(hikaricp)", "timeout(1s)"].
class Presets {
public:
    Presets(const Catalogue& catalogue, Sources& sources, Problems& problems)
        : catalogue_(catalogue), sources_(sources), problems_(problems) {}

    void expand(Value& value) {
        if (value.is_array()) {
            for (Value& item : value.items()) expand(item);
        }
        if (!value.is_object()) return;
        std::vector<std::string> keys;
        for (const auto& member : value.members()) keys.push_back(member.key);
        for (const std::string& key : keys) {
            Value& member = *value.find(key);
            if (key == "policy" && member.is_array()) {
                expand_list(member);
            } else {
                expand(member);
            }
        }
    }

private:
    void expand_list(Value& list) {
        std::vector<Value> items;
        for (Value& item : list.items()) {
            const std::string name = preset_named(item);
            if (name.empty()) {
                items.push_back(std::move(item));
            } else {
                add(name, item.place(), items);
            }
        }
        list = Value::array(std::move(items)).at(list.place());
    }

    static std::string preset_named(const Value& item) {
        if (!item.is_text()) return {};
        const std::string& text = item.text();
        constexpr std::string_view start = "preset(";
        if (text.compare(0, start.size(), start) != 0 || text.back() != ')') return {};
        return text.substr(start.size(), text.size() - start.size() - 1);
    }

    void add(const std::string& name, Place place, std::vector<Value>& items) {
        const auto found = catalogue_.presets.find(name);
        if (found == catalogue_.presets.end()) {
            std::vector<std::string_view> words;
            for (const auto& [word, text] : catalogue_.presets) words.push_back(word);
            problems_.add(place, "there is no preset " + quoted(name), suggestion(name, words));
            return;
        }
        const Value preset = read_json(sources_, "preset " + name, found->second, problems_);
        const Value* policies = preset.find("policy");
        if (policies == nullptr || !policies->is_array()) return;
        for (const Value& policy : policies->items()) items.push_back(policy);
    }

    const Catalogue& catalogue_;
    Sources& sources_;
    Problems& problems_;
};

/// What only shows when everything has been read: names that lead nowhere, policies that do not
/// fit, delays that are none.
class CrossCheck {
public:
    CrossCheck(ScenarioParameters& parameters, Problems& problems)
        : parameters_(parameters), problems_(problems) {}

    void names() {
        std::vector<std::string_view> zones;
        for (const auto& region : parameters_.places) {
            for (const std::string& zone : region.value.zones) {
                if (!zones_.insert(zone).second) {
                    problems_.add(region.place, "zone " + quoted(zone) + " is given twice");
                }
            }
            zones_and_regions_.insert(region.name);
        }
        zones_and_regions_.insert(zones_.begin(), zones_.end());
        for (const auto& component : parameters_.components) {
            components_.insert(component.name);
            if (component.name.find('.') != std::string::npos) {
                problems_.add(component.place,
                              "the name " + quoted(component.name) + " must not contain a dot");
            }
        }
    }

    void faults() {
        for (const FaultParameters& fault : parameters_.faults) {
            const FaultTarget& target = fault.target;
            known(target.component, components_, "component", target.place);
            known(target.zone, zones_and_regions_, "zone or region", target.place);
            known(target.group, groups_, "fate group", target.place);
            known(target.user_class, classes_, "class of clients", target.place);
            known(target.tenant, tenants_, "tenant of clients", target.place);
            if (target.component.empty()) {
                known(target.to, zones_and_regions_, "zone or region", target.place);
            } else {
                known(target.to, components_, "component", target.place);
            }
        }
        for (const PathParameters& path : parameters_.network.paths) {
            known(path.from, zones_and_regions_, "zone or region", path.place);
            known(path.to, zones_and_regions_, "zone or region", path.place);
        }
    }

    void groups() {
        for (const auto& group : parameters_.groups) {
            groups_.insert(group.name);
            for (const FateMember& member : group.value.members) {
                known(member.component, components_, "component", member.place);
                known(member.zone, zones_and_regions_, "zone or region", member.place);
            }
        }
    }

    /// Regions, classes and tenants share their names in the books: "order@gold".
    void cohorts(const World& world) {
        std::map<std::string, std::string> kinds;
        const auto note = [&](const Named<Choice<ComponentFamily>>::Item& item,
                              const std::string& name, const char* kind) {
            const auto [place, is_new] = kinds.try_emplace(name, kind);
            if (name.empty() || place->second == kind) return;
            problems_.add(item.place, quoted(name) + " is a " + place->second + " and a " + kind,
                          "give them different names");
        };
        for (const auto& item : parameters_.components) {
            const Cohort cohort = world.find(item.name)->cohort();
            note(item, cohort.region, "region");
            note(item, cohort.user_class, "class");
            note(item, cohort.tenant, "tenant");
            if (!cohort.region.empty() && parameters_.places.find(cohort.region) == nullptr) {
                problems_.add(item.place, "there is no region " + quoted(cohort.region));
            }
            if (!cohort.user_class.empty()) classes_.insert(cohort.user_class);
            if (cohort.tenant.empty() || !tenants_.insert(cohort.tenant).second) continue;
            if (tenants_.size() != Request::most_tenants + std::size_t{1}) continue;
            problems_.add(item.place, "there are more than 31 tenants",
                          "let those share one that are alike");
        }
    }

    /// `world` has every component, made of these parameters.
    void references(const World& world) {
        for (auto& component : parameters_.components) {
            const std::string path = "components." + component.name;
            for (const Edge& edge : edges_of(component.value, path)) check(edge, world);
            for (const ZoneName& zone : zones_in(component.value)) {
                known(zone.name, zones_and_regions_, "zone or region", zone.place);
            }
            const auto [problem, cure] = world.find(component.name)->objection();
            if (!problem.empty()) problems_.add(component.place, problem, cure);
        }
    }

private:
    void known(const std::string& name, const std::set<std::string, std::less<>>& all,
               const std::string& what, Place place) {
        if (name.empty() || all.count(name) > 0) return;
        const std::vector<std::string_view> words(all.begin(), all.end());
        problems_.add(place, "there is no " + what + " " + quoted(name), suggestion(name, words));
    }

    void check(const Edge& edge, const World& world) {
        const Component* component = world.find(edge.component);
        if (component == nullptr) {
            const std::vector<std::string_view> words(components_.begin(), components_.end());
            problems_.add(edge.place, "there is no component " + quoted(edge.component),
                          suggestion(edge.component, words));
            return;
        }
        const auto* callee = dynamic_cast<const Callee*>(component);
        if (callee == nullptr) {
            problems_.add(edge.place, quoted(edge.component) + " cannot be called");
        } else if (!edge.operation.empty() && !callee->operation(edge.operation)) {
            problems_.add(edge.place,
                          quoted(edge.component) + " has no operation " + quoted(edge.operation));
        }
    }

    ScenarioParameters& parameters_;
    Problems& problems_;
    std::set<std::string, std::less<>> zones_;
    std::set<std::string, std::less<>> zones_and_regions_;
    std::set<std::string, std::less<>> components_;
    std::set<std::string, std::less<>> groups_;
    std::set<std::string, std::less<>> classes_;
    std::set<std::string, std::less<>> tenants_;
};

Path path_of(const Law<Duration>& latency, Share loss = {}) {
    return {latency.distribution(), loss.value};
}

bool is_at(const Zone& zone, const std::string& name) {
    return zone.name == name || zone.region == name;
}

}  // namespace

std::unique_ptr<const Scenario> Scenario::load(const ScenarioSource& source,
                                               const Catalogue& catalogue) {
    Sources sources;
    Problems problems;
    Assembly assembly(sources, problems);
    Value value = assembly.file(source.path, nowhere, 0);
    if (!value.is_null()) {
        for (const std::string& setting : source.settings) assembly.set(value, setting);
    }
    return make(std::move(value), source.path, catalogue, sources, problems);
}

std::unique_ptr<const Scenario> Scenario::parse(std::string text, const std::string& name,
                                                const Catalogue& catalogue) {
    Sources sources;
    Problems problems;
    Value value = Assembly(sources, problems).document(name, std::move(text), 0);
    return make(std::move(value), name, catalogue, sources, problems);
}

std::unique_ptr<const Scenario> Scenario::make(Value value, const std::string& path,
                                               const Catalogue& catalogue, Sources& sources,
                                               Problems& problems) {
    if (value.is_null()) problems.raise(sources);
    Presets(catalogue, sources, problems).expand(value);
    auto scenario = std::unique_ptr<Scenario>(new Scenario(catalogue));
    scenario->path_ = path;
    Reading reading{catalogue.families, problems, {}, [&path](const std::string& file) {
                        return contents_of(folder_of(path) + file);
                    }};
    read(value, scenario->parameters_, reading);
    problems.raise(sources);  // names are checked only in what could be read
    CrossCheck check(scenario->parameters_, problems);
    check.names();
    check.groups();
    const std::unique_ptr<const World> world = scenario->world(0, 0);
    check.cohorts(*world);
    check.faults();
    check.references(*world);
    problems.raise(sources);  // circles are looked for only where references lead somewhere
    for (Problem& circle : find_instant_cycles(scenario->parameters_, *world)) {
        problems.add(std::move(circle));
    }
    problems.raise(sources);
    check_prices(scenario->parameters_.prices, *world, problems);
    problems.raise(sources);
    check_metrics(*scenario, problems);
    problems.raise(sources);
    scenario->assumptions_ = std::move(reading.assumptions);
    scenario->effective_ = echo(scenario->parameters_);
    return scenario;
}

std::unique_ptr<const Scenario> Scenario::with_warm_up(FoundWarmUp found) const {
    auto scenario = std::unique_ptr<Scenario>(new Scenario(*this));
    scenario->parameters_.run.warm_up = found.length;
    scenario->effective_ = echo(scenario->parameters_);
    scenario->assumptions_.push_back(
        {"run.warm_up", to_text(found.length),
         "What is left out of all statistics at the beginning.",
         "MSER-5 (White 1997) in " + std::to_string(found.pilots) + " pilot runs"});
    scenario->found_warm_up_ = std::move(found);
    return scenario;
}

Network Scenario::network() const {
    Network network;
    for (const auto& region : parameters_.places) {
        for (const std::string& zone : region.value.zones) {
            network.add_zone({zone, region.name});
        }
    }
    const auto& zones = network.zones();
    const NetworkParameters& rules = parameters_.network;
    for (ZoneId from = 0; from < zones.size(); ++from) {
        for (ZoneId to = 0; to < zones.size(); ++to) {
            const bool near = zones[from].region == zones[to].region;
            network.set_path(from, to,
                             path_of(from == to ? rules.within_zone
                                     : near     ? rules.between_zones
                                                : rules.between_regions));
            for (const PathParameters& path : rules.paths) {
                const bool there = is_at(zones[from], path.from) && is_at(zones[to], path.to);
                const bool back = is_at(zones[from], path.to) && is_at(zones[to], path.from);
                if (there || (back && path.both_ways)) {
                    network.set_path(from, to, path_of(path.latency, path.loss));
                }
            }
        }
    }
    return network;
}

std::unique_ptr<World> Scenario::world(std::uint64_t seed, std::uint64_t replication) const {
    auto world = std::make_unique<World>(catalogue_, seed, replication, network());
    for (const auto& component : parameters_.components) {
        world->add(catalogue_.make_component(*world, component.name, component.value.chosen()));
    }
    return world;
}

}  // namespace prodsim
