#pragma once

#include "sim/config/fields.hpp"
#include "sim/config/problem.hpp"
#include "sim/config/reader.hpp"
#include "sim/config/value.hpp"
#include "sim/run/bill.hpp"
#include "sim/run/fate_groups.hpp"
#include "sim/world/catalogue.hpp"
#include "sim/world/component.hpp"
#include "sim/world/world.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace prodsim {

/// How long, how often and from which seed. Times are simulated.
struct RunParameters {
    Duration duration = std::chrono::minutes(10);
    std::optional<Duration> warm_up = std::chrono::minutes(1);  // none: to be found by pilots
    std::int64_t seed = 1;
    std::int64_t replications = 10;
    void describe(Fields& fields);
};

struct Region {
    std::vector<std::string> zones;
    void describe(Fields& fields);
};

/// One direction, or both, between two zones or regions.
struct PathParameters {
    std::string from;
    std::string to;
    Law<Duration> latency = "0s";
    Share loss;
    bool both_ways = true;
    Place place;
    void describe(Fields& fields);
};

struct NetworkParameters {
    Law<Duration> within_zone = "0s";
    Law<Duration> between_zones = "0s";
    Law<Duration> between_regions = "0s";
    std::vector<PathParameters> paths;
    void describe(Fields& fields);
};

/// What a fault hits. An empty field selects everything; the fields narrow one another down.
struct FaultTarget {
    std::string component;
    std::string zone;
    std::string group;
    std::string user_class;
    std::string tenant;
    Share share{1};
    std::optional<std::int64_t> instances;
    std::string to;  // with `component`: the edge to that component; with `zone`: to that zone
    Place place;
    void describe(Fields& fields);

    /// Whether the load of these users is meant; who is in no region by name is everywhere.
    bool drives(const Cohort& cohort) const;
};

struct FaultShapeFamily {
    static constexpr std::string_view name = "fault_shape";
};

/// One disturbance, with a beginning, usually an end, and what it does. Several effects may be
/// given together.
struct FaultParameters {
    std::string name;
    FaultTarget target;
    Duration at{};
    std::optional<Duration> length;
    Choice<FaultShapeFamily> shape;
    bool crash = false;
    bool black_hole = false;
    bool hang = false;
    bool expired = false;
    double slow = 1;
    Share errors;
    Share capacity_loss;
    bool partition = false;
    bool one_way = false;
    bool reject = false;
    Duration latency{};
    Share loss;
    bool flush = false;
    double load = 1;
    void describe(Fields& fields);

    /// Its name, or one made of what it does and to whom.
    std::string title(std::size_t number) const;
};

/// Which part of a run a requirement or an expectation looks at.
enum class Scope : std::uint8_t {
    steady,  // the run of the same seed without any fault
    during,  // while faults last
    all,     // the whole run with everything in it
};
std::span<const Word> words(Scope);

/// What the business demands: a metric and its limit.
struct Requirement {
    std::string limit;  // ">= 99.9%", "<= 800ms"
    Scope scope = Scope::steady;
    void describe(Fields& fields);
};

/// What the author claims that the scenario shows.
/// A stretch of simulated time.
struct Span {
    Time from;
    Time to;
};

struct Expectation {
    std::string metric;
    std::optional<Duration> at;
    std::optional<Duration> from;
    std::optional<Duration> to;
    std::string at_least;
    std::string at_most;
    std::string because;
    Scope scope = Scope::all;
    Share of_seeds{0.9};
    bool only_with_faults = false;
    void describe(Fields& fields);

    /// Where it looks, if it says so: an instant, or a stretch that begins with the window and ends
    /// with it where nothing else is said.
    std::optional<Span> span(Duration warm_up, Duration duration) const;
};

/// One number that is known from elsewhere, and how far a run may lie from it.
struct KnownValue {
    std::string value;               // in the unit of its metric: "5s", "80%", "4"
    std::optional<Share> tolerance;  // of the value; that of the whole if not said
    std::string within;              // instead of it, in the unit of the metric: "0.3%"
    void describe(Fields& fields);
};

/// What somebody else has proved or published about this scenario: a case of the validation bank.
struct KnownCase {
    std::string id;
    std::string source;
    Share tolerance{0.03};
    Named<KnownValue> values;
    void describe(Fields& fields);
};

struct ScenarioParameters {
    std::int64_t version = 1;
    std::string about;
    RunParameters run;
    Named<Region> places;
    NetworkParameters network;
    Named<Choice<ComponentFamily>> components;
    Named<FateGroup> groups;
    Named<Price> prices;
    std::vector<FaultParameters> faults;
    Named<Requirement> requirements;
    std::vector<Expectation> expect;
    std::optional<KnownCase> validate;
    void describe(Fields& fields);
};

/// A warm-up that pilot runs chose (sim/run/warm_up.hpp).
struct FoundWarmUp {
    Duration length{};
    bool found = true;  // false: the runs are too short to tell, and it is half of them
    std::string by;     // what needs it longest, or what is too short
    std::uint64_t pilots = 0;
};

/// The families that scenarios add to those of the catalogue.
void add_scenario_families(Families& families);

/// Input for `load_scenario`.
struct ScenarioSource {
    std::string path;                   // "-" is standard input
    std::vector<std::string> settings;  // "components.shop.instances=5", applied in order
};

/// A scenario that has been read, checked and understood: immutable, shared by all replications.
class Scenario {
public:
    /// Throws InvalidInput with every problem of the files at once.
    static std::unique_ptr<const Scenario> load(const ScenarioSource& source,
                                                const Catalogue& catalogue);

    /// The same for text that stands in no file; `name` is for messages.
    static std::unique_ptr<const Scenario> parse(std::string text, const std::string& name,
                                                 const Catalogue& catalogue);

    const ScenarioParameters& parameters() const { return parameters_; }
    const Catalogue& catalogue() const { return catalogue_; }
    const std::string& path() const { return path_; }

    /// The scenario with every default in its place.
    const Value& effective() const { return effective_; }

    /// Every default that was not set.
    const std::vector<Assumption>& assumptions() const { return assumptions_; }

    /// The same scenario with the warm-up that its pilots found.
    std::unique_ptr<const Scenario> with_warm_up(FoundWarmUp found) const;
    const std::optional<FoundWarmUp>& found_warm_up() const { return found_warm_up_; }

    /// The zones and paths, before faults watch any of them.
    Network network() const;

    /// A world with all components made, not yet connected.
    std::unique_ptr<World> world(std::uint64_t seed, std::uint64_t replication) const;

private:
    static std::unique_ptr<const Scenario> make(Value value, const std::string& path,
                                                const Catalogue& catalogue, Sources& sources,
                                                Problems& problems);

    explicit Scenario(const Catalogue& catalogue) : catalogue_(catalogue) {}
    Scenario(const Scenario&) = default;

    const Catalogue& catalogue_;
    std::string path_;
    ScenarioParameters parameters_;
    Value effective_;
    std::vector<Assumption> assumptions_;
    std::optional<FoundWarmUp> found_warm_up_;
};

}  // namespace prodsim
