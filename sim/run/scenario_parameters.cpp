// The words of the scenario language that belong to no component: the run, the places, the network,
// faults, requirements and expectations.

#include "sim/run/fault_shape.hpp"
#include "sim/run/scenario.hpp"

#include <array>

namespace prodsim {

std::span<const Word> words(Scope) {
    static constexpr std::array all{
        Word{"steady", Scope::steady, "The run of the same seed without any fault."},
        Word{"during", Scope::during, "While faults last, in the run with all of them."},
        Word{"all", Scope::all, "The whole run with all faults, after the warm-up."},
    };
    return all;
}

void RunParameters::describe(Fields& fields) {
    fields("duration", duration, "How much time is simulated, the warm-up included.",
           {.above = 0, .maximum = std::chrono::hours(24 * 365)});
    fields("warm_up", warm_up,
           "What is left out of all statistics at the beginning; auto: found by pilot runs.",
           {.minimum = 0, .none = "auto"});
    fields("seed", seed, "Names the experiment: the same seed gives the same numbers.",
           {.minimum = 0});
    fields("replications", replications, "Independent runs, over which intervals are taken.",
           {.minimum = 1, .maximum = 1000000});
    fields.rule(!warm_up || *warm_up < duration, "warm_up", "must be shorter than the duration");
}

void Region::describe(Fields& fields) {
    fields("zones", zones, "The zones (availability zones, data centres) of the region.",
           {.required = true, .position = 1});
}

void PathParameters::describe(Fields& fields) {
    fields.locate(place);
    fields("from", from, "A zone or a region.", {.required = true});
    fields("to", to, "A zone or a region.", {.required = true});
    fields("latency", latency, "One way, jitter included.", {.required = true});
    fields("loss", loss, "Share of messages lost, each sent again after the timeout of TCP.",
           {.below = 1});
    fields("both_ways", both_ways, "The way back is the same.");
}

void NetworkParameters::describe(Fields& fields) {
    fields("within_zone", within_zone, "Latency between instances of one zone, one way.");
    fields("between_zones", between_zones, "Latency between zones of one region, one way.");
    fields("between_regions", between_regions, "Latency between regions, one way.");
    fields("paths", paths, "What is different between particular zones or regions.");
}

void FaultTarget::describe(Fields& fields) {
    fields.locate(place);
    fields("component", component, "Only instances of this component.", {.position = 1});
    fields("zone", zone, "Only instances in this zone.");
    fields("group", group, "Only instances that belong to this fate group.");
    fields("class", user_class, "For a load: only clients of this class.");
    fields("tenant", tenant, "For a load: only clients of this tenant.");
    fields("share", share, "This share of the instances that match, in their order, rounded up.",
           {.above = 0});
    fields("instances", instances, "This many of the instances that match, in their order.",
           {.minimum = 1});
    fields("to", to, "For the network: traffic from the component (or zone) to this one.");
}

bool FaultTarget::drives(const Cohort& cohort) const {
    return (zone.empty() || cohort.region.empty() || zone == cohort.region) &&
           (user_class.empty() || user_class == cohort.user_class) &&
           (tenant.empty() || tenant == cohort.tenant);
}

void FaultParameters::describe(Fields& fields) {
    fields("name", name, "What the report calls it.");
    fields("target", target, "What it hits.");
    fields("at", at, "When it begins.", {.minimum = 0, .required = true});
    fields("for", length, "How long it lasts; to the end if not said.", {.above = 0});
    fields("shape", shape, "How it comes and goes; at once and steadily if not said.");
    fields("crash", crash, "The process dies: calls inside are reset, new ones refused.");
    fields("black_hole", black_hole, "The machine is gone: calls inside and new ones vanish.");
    fields("hang", hang, "Accepts calls and answers none while it lasts, then goes on.");
    fields("expired", expired,
           "The certificate has expired: TLS connections that are open live on.");
    fields("slow", slow, "Every piece of work takes longer by this factor.", {.minimum = 1});
    fields("errors", errors, "This share of calls is answered with an error at once.");
    fields("capacity_loss", capacity_loss, "This share of the capacity (cores) is gone.",
           {.below = 1});
    fields("partition", partition, "Messages are dropped, both ways unless `one_way`.");
    fields("one_way", one_way, "The partition cuts only the direction of the target.");
    fields("reject", reject, "The partition says so at once, instead of dropping in silence.");
    fields("latency", latency, "Added to every message, one way.", {.minimum = 0});
    fields("loss", loss, "Added share of messages lost.", {.below = 1});
    fields("flush", flush, "Caches forget everything, once, when the fault begins.");
    fields("load", load, "The load of clients is multiplied by this.", {.minimum = 0});
    const bool of_network = partition || latency.count() > 0 || loss.value > 0;
    const bool of_users = !target.user_class.empty() || !target.tenant.empty();
    fields.rule(!of_users || load != 1, "target",
                "names a class or a tenant, which has no instances",
                "give a \"load\", or name a component, a zone or a group");
    fields.rule(target.group.empty() || !of_network, "target",
                "names a fate group, which has no network of its own",
                "name a component or a zone");
}

std::string FaultParameters::title(std::size_t number) const {
    if (!name.empty()) return name;
    std::string what;
    const auto say = [&what](bool does, std::string_view words) {
        if (!does) return;
        if (!what.empty()) what += ", ";
        what += words;
    };
    say(crash, "crash");
    say(black_hole, "black hole");
    say(hang, "hang");
    say(expired, "certificate expired");
    say(slow != 1, "slow x" + to_text(slow));
    say(errors.value > 0, to_text(errors) + " errors");
    say(capacity_loss.value > 0, to_text(capacity_loss) + " capacity lost");
    say(partition, "partition");
    say(latency.count() > 0, to_text(latency) + " latency");
    say(loss.value > 0, to_text(loss) + " loss");
    say(flush, "flush");
    say(load != 1, "load x" + to_text(load));
    std::string whom = target.component.empty() ? target.zone : target.component;
    for (const std::string* part : {&target.group, &target.user_class, &target.tenant}) {
        if (whom.empty()) whom = *part;
    }
    if (!target.to.empty()) whom += " -> " + target.to;
    if (whom.empty()) whom = "everything";
    if (what.empty()) what = "fault " + to_text(static_cast<std::int64_t>(number + 1));
    return whom + ": " + what;
}

void Requirement::describe(Fields& fields) {
    fields("limit", limit, "A comparison and a quantity: \">= 99.9%\", \"<= 800ms\".",
           {.required = true, .position = 1});
    fields("scope", scope, "Which part of the run it looks at.");
}

void Expectation::describe(Fields& fields) {
    fields("metric", metric, "What is looked at: \"order.goodput\".", {.required = true});
    fields("at", at, "At this instant: the level of a component.", {.minimum = 0});
    fields("from", from, "Only from this time on.", {.minimum = 0});
    fields("to", to, "Only up to this time.");
    fields("at_least", at_least, "The metric is at least this.");
    fields("at_most", at_most, "The metric is at most this.");
    fields("because", because, "Why the author expects it.", {.required = true});
    fields("scope", scope, "Which part of the run it looks at.");
    fields("of_seeds", of_seeds, "In at least this share of the replications.", {.above = 0});
    fields("only_with_faults", only_with_faults,
           "The faults cause it: in as many runs without them the opposite holds.");
    fields.rule(!at_least.empty() || !at_most.empty(), "metric",
                "needs \"at_least\" or \"at_most\"");
    fields.rule(!at || (!from && !to), "at",
                "is an instant, and leaves nothing to \"from\" and \"to\"");
}

std::optional<Span> Expectation::span(Duration warm_up, Duration duration) const {
    if (at) return Span{start_of_run + *at, start_of_run + *at};
    if (!from && !to) return std::nullopt;
    return Span{start_of_run + from.value_or(warm_up), start_of_run + to.value_or(duration)};
}

void KnownValue::describe(Fields& fields) {
    fields("value", value, "What is known, in the unit of the metric: \"5s\", \"80%\", \"4\".",
           {.required = true, .position = 1});
    fields("tolerance", tolerance, "How far a run may be off, as a share of the value.");
    fields("within", within, "How far it may be off, in the unit of the metric.");
    fields.rule(!tolerance || within.empty(), "within", "is another way to say \"tolerance\"");
}

void KnownCase::describe(Fields& fields) {
    fields("case", id, "What the case is called in the bank.", {.required = true});
    fields("source", source, "Who has proved or published it, and where.", {.required = true});
    fields("tolerance", tolerance, "How far a run may be off, as a share of each value.");
    fields("values", values, "What is known, by metric.", {.required = true});
}

void ScenarioParameters::describe(Fields& fields) {
    fields("version", version, "Of the scenario language.", {.minimum = 1, .maximum = 1});
    fields("about", about, "What the scenario shows, in a sentence.");
    fields("run", run, "How long, how often and from which seed.");
    fields("places", places, "Regions and their zones; one unnamed zone if empty.");
    fields("network", network, "What it takes to get from place to place.");
    fields("components", components, "The boxes of the architecture.", {.required = true});
    fields("groups", groups, "What shares a fate, whatever the architecture says.");
    fields("prices", prices, "What components cost, in any one currency.");
    fields("faults", faults, "What goes wrong, and when.");
    fields("requirements", requirements, "What the business demands, by metric.");
    fields("expect", expect, "What the author claims that the scenario shows.");
    fields("validate", validate, "What is known about it, for `prodsim validate-model`.");
}

void add_scenario_families(Families& families) {
    add_fault_shapes(
        families.declare(std::string(FaultShapeFamily::name), "How a fault comes and goes."));
}

}  // namespace prodsim
