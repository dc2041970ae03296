#include "sim/study/forecast.hpp"

#include "sim/run/service_graph.hpp"
#include "sim/study/queueing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace prodsim {

namespace {

using Rates = std::vector<double>;  // by operation, in the order of the graph
using Arcs = std::vector<ServiceGraph::Arc>;

/// `solve` takes about a second for this many steps.
constexpr double most_work = 3e8;

bool is_near(double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(b); }
bool is_whole(double number) { return number >= 1 && number == std::floor(number); }

/// One resource of one component, and the operations that use it.
struct Line {
    std::size_t component;
    const Resource* resource;

    struct User {
        std::size_t vertex;
        double amount;  // of one call
        std::optional<double> cv;
    };
    std::vector<User> users;
    std::optional<double> wait_s;
    bool in_turn = false;

    /// How long a call is there, wait included.
    double time_s(double amount, double mean) const {
        if (amount == 0) return 0;
        return in_turn ? amount + *wait_s : amount * (1 + *wait_s / mean);
    }
};

/// A line as theory takes it: equal servers, and how they are shared. No servers: see `objection`.
struct Model {
    std::int64_t servers = 0;
    double speed = 1;  // of a server
    bool in_turn = false;
    std::string objection;
};

class Forecaster {
public:
    explicit Forecaster(const Scenario& scenario)
        : scenario_(scenario),
          topology_(analyse(scenario)),
          world_(scenario.world(0, 0)),
          graph_(service_graph(scenario.parameters(), *world_)) {}

    Forecast forecast() && {
        find_rates();
        if (!topology_.loads.empty()) list_lines();
        find_sources();
        for (Line& line : lines_) add_resource(line);
        for (std::size_t i = 0; i < graph_.journeys.size(); ++i) add_journey(i);
        for (const std::size_t source : closed_) add_population(source);
        std::stable_sort(forecast_.resources.begin(), forecast_.resources.end(),
                         [](const auto& a, const auto& b) { return share(a) > share(b); });
        state_assumptions();
        return std::move(forecast_);
    }

private:
    static double share(const ResourceForecast& resource) {
        if (resource.use.available > 0) return resource.use.share();
        return std::numeric_limits<double>::infinity();
    }

    const std::string& name(std::size_t component) const {
        return graph_.components[component].name;
    }

    // ---- what comes where ----

    void find_rates() {
        rates_.assign(graph_.vertices.size(), 0);
        for (std::size_t i = 0; i < rates_.size() && i < topology_.loads.size(); ++i) {
            rates_[i] = topology_.loads[i].per_s;
        }
    }

    /// How often every operation is called in one pass over the arcs: the calls, the calls of these
    /// calls, and so on until no more come. REQUIRES: calls do not multiply without end.
    template <class Follows>
    Rates visits(const Arcs& arcs, double times, Follows follows) const {
        Rates all(graph_.vertices.size(), 0);
        Rates now = all;
        const auto call = [&](Rates& to, const Arcs& from, double count) {
            for (const auto& arc : from) {
                if (follows(arc)) to[arc.to] += count * arc.calls.count;
            }
        };
        call(now, arcs, times);
        constexpr double negligible = 1e-13;
        for (bool more = true; more;) {
            more = false;
            Rates next(now.size(), 0);
            for (std::size_t i = 0; i < now.size(); ++i) {
                if (now[i] == 0) continue;
                all[i] += now[i];
                call(next, graph_.vertices[i].arcs, now[i]);
                more = more || now[i] > negligible * all[i];
            }
            now = std::move(next);
        }
        return all;
    }

    void list_lines() {
        for (std::size_t i = 0; i < graph_.components.size(); ++i) {
            const Workload& work = graph_.components[i].work;
            for (const Resource& resource : work.resources) {
                Line line{i, &resource, {}, {}};
                for (std::size_t v = 0; v < graph_.vertices.size(); ++v) add_user(line, v);
                if (!line.users.empty()) lines_.push_back(std::move(line));
            }
        }
    }

    void add_user(Line& line, std::size_t vertex) const {
        if (graph_.vertices[vertex].component != line.component) return;
        const Workload& work = graph_.components[line.component].work;
        for (std::size_t k = 0; k < work.operations.size(); ++k) {
            if (work.operations[k].name != graph_.vertices[vertex].operation) continue;
            const double amount = line.resource->per_call[k];
            const bool is_cpu = line.resource->name == "cores";
            if (amount == 0) continue;
            line.users.push_back(
                {vertex, amount, is_cpu ? work.operations[k].demand.cpu_cv : std::nullopt});
        }
    }

    void find_sources() {
        for (std::size_t i = 0; i < graph_.components.size(); ++i) {
            const LoadSource& source = graph_.components[i].work.source;
            if (source.users > 0) closed_.push_back(i);
            if (source.journeys.empty() || source.users > 0) continue;
            ++open_;
            const Value* law =
                scenario_.effective().find_path("/components/" + name(i) + "/arrivals/type");
            if (law == nullptr || !law->is_text() || law->text() != "poisson") {
                not_poisson_ = "the arrivals of " + name(i) + " are no Poisson stream";
            }
        }
    }

    // ---- resources ----

    void add_resource(Line& line) {
        double needed = 0;
        for (const Line::User& user : line.users) needed += rates_[user.vertex] * user.amount;
        ResourceForecast told{use_of(line, needed), {}, {}, {}};
        if (closed_.empty() && told.use.needed > 0) {
            told.full_at = told.use.available / told.use.needed;
        }
        const Model model = model_of(line);
        describe(line, model, told);
        if (!model.objection.empty()) {
            told.basis = model.objection;
        } else if (!closed_.empty()) {
            told.basis = "see the population";
        } else if (!not_poisson_.empty()) {
            told.basis = not_poisson_;
        } else if (told.use.at_most) {
            told.basis = "only a bound of its load is known";
        } else if (has_no_line(line, model)) {
            find_loss(model, told);
        } else if (told.use.needed >= told.use.available) {
            told.basis = "it cannot keep up: the wait grows until calls are refused or give up";
        } else {
            find_wait(line, model, told);
        }
        line.wait_s = told.wait_s;
        line.in_turn = model.in_turn;
        forecast_.resources.push_back(std::move(told));
    }

    void describe(const Line& line, const Model& model, ResourceForecast& told) const {
        told.servers = model.servers;
        told.in_turn = model.in_turn;
        told.sets = line.resource->servers ? line.resource->servers->sets : 1;
        for (const Line::User& user : line.users) told.per_s += rates_[user.vertex];
    }

    /// Who finds no thread is refused.
    bool has_no_line(const Line& line, const Model& model) const {
        const Workload& work = graph_.components[line.component].work;
        return model.in_turn && work.threads && work.inside == work.threads;
    }

    static void find_loss(const Model& model, ResourceForecast& told) {
        const double offered = told.use.needed / static_cast<double>(told.sets) / model.speed;
        told.loss = erlang_b(model.servers, offered);
        told.wait_s = 0;
        told.basis = "M/G/" + std::to_string(model.servers) + " without a line, Erlang B";
    }

    PredictedUse use_of(const Line& line, double needed) const {
        for (const PredictedUse& use : topology_.uses) {
            if (use.component == name(line.component) && use.resource == line.resource->name) {
                return use;
            }
        }
        return {name(line.component), line.resource->name, needed, line.resource->available, false};
    }

    Model model_of(const Line& line) const {
        if (!line.resource->holds_up) {
            return {.objection =
                        "what exceeds it waits; messages take longer than this if calls wait"};
        }
        if (!line.resource->servers) return {.objection = "a limit: what exceeds it is refused"};
        if (line.resource->available == 0) return {.objection = "there is none of it"};
        const Servers& servers = *line.resource->servers;
        const auto threads = graph_.components[line.component].work.threads;
        Model model{.in_turn = servers.in_turn, .objection = {}};
        if (threads && static_cast<double>(*threads) <= servers.each) {
            if (!only_computes(line)) {
                model.objection = "a call holds its thread while it waits for others";
                return model;
            }
            model.servers = *threads;
            model.in_turn = true;
        } else if (servers.each < 1) {
            model.servers = 1;
            model.speed = servers.each;
        } else if (is_whole(servers.each)) {
            model.servers = static_cast<std::int64_t>(servers.each);
        } else {
            model.objection = "no law is known for a part of a core beside whole ones";
        }
        return model;
    }

    bool only_computes(const Line& line) const {
        return std::all_of(line.users.begin(), line.users.end(), [&](const Line::User& user) {
            const auto& vertex = graph_.vertices[user.vertex];
            const bool calls =
                std::any_of(vertex.arcs.begin(), vertex.arcs.end(),
                            [](const ServiceGraph::Arc& arc) { return arc.calls.awaited; });
            return !calls && vertex.demand.wait_s == 0.0;
        });
    }

    /// Whether all pieces of work are exponential with one mean.
    static bool is_exponential(const Line& line) {
        return std::all_of(line.users.begin(), line.users.end(), [&](const Line::User& user) {
            return user.cv && is_near(*user.cv, 1) && is_near(user.amount, line.users[0].amount);
        });
    }

    void find_wait(const Line& line, const Model& model, ResourceForecast& told) const {
        const double sets = static_cast<double>(line.resource->servers->sets);
        double rate = 0;
        double second_moment = 0;
        bool has_laws = true;
        for (const Line::User& user : line.users) {
            const double amount = user.amount / model.speed;
            rate += rates_[user.vertex] / sets;
            has_laws = has_laws && user.cv.has_value();
            second_moment += rates_[user.vertex] / sets * amount * amount *
                             (1 + user.cv.value_or(0) * user.cv.value_or(0));
        }
        if (rate == 0) {
            told.basis = "no load comes here";
            return;
        }
        const double mean = told.use.needed / sets / model.speed / rate;
        if (rate * mean >= static_cast<double>(model.servers)) {
            told.basis = "its " + std::to_string(model.servers) + " threads cannot keep up";
            return;
        }
        const std::string servers = std::to_string(model.servers);
        if (!model.in_turn) {
            told.wait_s = multi_server_wait(model.servers, rate, mean);
            told.basis = "M/G/" + servers + " shared" + (model.servers > 1 ? ", Erlang C" : "");
        } else if (is_exponential(line)) {
            told.wait_s = multi_server_wait(model.servers, rate, mean);
            told.basis = "M/M/" + servers + (model.servers > 1 ? ", Erlang C" : "");
        } else if (model.servers > 1) {
            told.basis = "no exact law is known for " + servers +
                         " servers in turn whose times are not exponential";
        } else if (!has_laws) {
            told.basis = "several pieces of work in one call, served in turn";
        } else {
            told.wait_s = single_server_wait(rate, mean, second_moment / rate);
            told.basis = "M/G/1 in turn, Pollaczek-Khinchine";
        }
    }

    // ---- journeys ----

    /// One way between any two instances, where that is the same for all.
    std::optional<double> message_s() const {
        const std::size_t count = world_->network.zones().size();
        const std::size_t first = count > 1 ? 1 : 0;  // the unnamed zone, if it is the only one
        const auto mean = [&](std::size_t from, std::size_t to) {
            return world_->network.path(static_cast<ZoneId>(from), static_cast<ZoneId>(to))
                .latency.mean();
        };
        for (std::size_t from = first; from < count; ++from) {
            for (std::size_t to = first; to < count; ++to) {
                if (mean(from, to) != mean(first, first)) return std::nullopt;
            }
        }
        return mean(first, first);
    }

    static bool is_awaited(const ServiceGraph::Arc& arc) {
        return arc.calls.awaited && arc.calls.count > 0;
    }

    /// Why the times of a journey do not add up to its latency; empty if they do.
    std::string objection_to(const Arcs& arcs, const Demand& demand, const std::string& who) const {
        if (!demand.in_sequence) return who + " does several things at the same time";
        if (!demand.wait_s) return who + " waits for what is shared with others";
        for (const auto& arc : arcs) {
            if (arc.calls.at_most) {
                return "how often " + who + " calls " + graph_.name_of(arc.to) + " is only bounded";
            }
        }
        return demand.at_most ? "of the work of " + who + " only a bound is known" : "";
    }

    std::string objection_to(std::size_t vertex) const {
        const auto& one = graph_.vertices[vertex];
        const auto& box = graph_.components[one.component];
        if (box.is_silent()) return "what " + box.name + " does is not known";
        return objection_to(one.arcs, one.demand, graph_.name_of(vertex));
    }

    const Demand& demand_of_journey(std::size_t number) const {
        const auto& journey = graph_.journeys[number];
        for (const auto& demand : graph_.components[journey.component].work.source.journeys) {
            if (demand.name == journey.name) return demand.demand;
        }
        static const Demand none;
        return none;
    }

    std::string objection_to_journey(std::size_t number, const Rates& times) const {
        if (topology_.loads.empty() && !graph_.vertices.empty()) {
            return "calls multiply without end";
        }
        if (!message_s()) return "messages take different times from zone to zone";
        const auto& journey = graph_.journeys[number];
        std::string why = objection_to(journey.arcs, demand_of_journey(number), journey.name);
        for (std::size_t i = 0; i < times.size() && why.empty(); ++i) {
            if (times[i] > 0) why = objection_to(i);
        }
        return why;
    }

    /// What passes without a resource in one journey.
    double delay_s(std::size_t number, const Rates& times) const {
        double sum = *demand_of_journey(number).wait_s;
        double calls = 0;
        for (std::size_t i = 0; i < times.size(); ++i) {
            if (times[i] == 0) continue;  // and how long it waits there need not be known
            const Workload& work = graph_.components[graph_.vertices[i].component].work;
            sum += times[i] * (*graph_.vertices[i].demand.wait_s + work.passes_in_s);
            calls += times[i];
        }
        return sum + 2 * *message_s() * calls;
    }

    Rates times_of(std::size_t journey) const {
        if (topology_.loads.empty()) return Rates(graph_.vertices.size(), 0);
        return visits(graph_.journeys[journey].arcs, 1, is_awaited);
    }

    void add_journey(std::size_t number) {
        const JourneyTopology& told = topology_.journeys[number];
        JourneyForecast journey{told.name, told.per_s, told.at_most, {}, {}};
        const Rates times = times_of(number);
        journey.basis = objection_to_journey(number, times);
        if (journey.basis.empty()) find_latency(number, times, journey);
        forecast_.journeys.push_back(std::move(journey));
    }

    void find_latency(std::size_t number, const Rates& times, JourneyForecast& journey) const {
        if (!closed_.empty()) {
            journey.basis = "see the population";
            return;
        }
        double sum = delay_s(number, times);
        for (const Line& line : lines_) {
            if (!line.resource->servers) continue;
            double rate = 0;
            double needed = 0;
            for (const Line::User& user : line.users) {
                rate += rates_[user.vertex];
                needed += rates_[user.vertex] * user.amount;
            }
            for (const Line::User& user : line.users) {
                if (times[user.vertex] == 0) continue;
                if (!line.wait_s) {
                    journey.basis = "the wait at " + name(line.component) + " is not known";
                    return;
                }
                const double speed = std::min(1.0, line.resource->servers->each);
                sum += times[user.vertex] * line.time_s(user.amount / speed, needed / rate / speed);
            }
        }
        journey.latency_s = sum;
        journey.basis = "the sum of what it visits";
    }

    // ---- closed populations ----

    void add_population(std::size_t source) {
        const LoadSource& load = graph_.components[source].work.source;
        PopulationForecast told{name(source), load.users, load.think_s, 0.0, {},
                                {},           {},         {},           {},  {}};
        ClosedNetwork network{load.think_s, {}};
        double delays = 0;
        Rates turn(graph_.vertices.size(), 0);
        for (std::size_t i = 0; i < graph_.journeys.size(); ++i) {
            const auto& journey = graph_.journeys[i];
            if (journey.component != source) continue;
            add_bound(topology_.journeys[i].per_s, told);
            const Rates times = times_of(i);
            if (told.basis.empty()) told.basis = objection_to_journey(i, times);
            if (!told.basis.empty()) continue;
            delays += journey.share * delay_s(i, times);
            for (std::size_t v = 0; v < turn.size(); ++v) turn[v] += journey.share * times[v];
        }
        if (told.basis.empty()) describe(network, turn, told);
        network.think_s += delays;
        if (told.demand_s) finish(network, delays, told);
        if (told.per_s) make_exact(turn, *told.per_s);
        forecast_.populations.push_back(std::move(told));
    }

    /// The uses were bounds as long as the load was one.
    void make_exact(const Rates& turn, double per_s) {
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            double demand = 0;
            for (const Line::User& user : lines_[i].users) {
                demand += turn[user.vertex] * user.amount;
            }
            forecast_.resources[i].use.needed = per_s * demand;
            forecast_.resources[i].use.at_most = false;
        }
    }

    static void add_bound(std::optional<double> per_s, PopulationForecast& told) {
        told.most_per_s =
            per_s && told.most_per_s ? std::optional(*told.most_per_s + *per_s) : std::nullopt;
    }

    /// The centres that a turn visits, and in `basis` why their means are not known exactly.
    void describe(ClosedNetwork& network, const Rates& turn, PopulationForecast& told) const {
        told.demand_s = 0;
        if (closed_.size() + open_ > 1) told.basis = "there is other load than this";
        for (const Line& line : lines_) {
            double demand = 0;
            for (const Line::User& user : line.users) demand += turn[user.vertex] * user.amount;
            if (demand == 0) continue;
            std::string why = objection_to_centre(line, told.users);
            const Model model = model_of(line);
            if (model.servers == 0 && line.resource->servers) {
                told.basis = std::move(why);
                told.demand_s.reset();
                return;
            }
            if (model.servers > 0) {
                const std::int64_t copies = line.resource->servers->sets;
                network.centres.push_back(
                    {demand / model.speed / static_cast<double>(copies), model.servers, copies});
            }
            if (told.basis.empty()) told.basis = std::move(why);
        }
        for (std::size_t i = 0; i < turn.size(); ++i) {
            for (const auto& arc : graph_.vertices[i].arcs) {
                if (turn[i] == 0 || arc.calls.awaited || !told.basis.empty()) continue;
                told.basis = graph_.name_of(i) + " begins what goes on without it";
            }
        }
    }

    std::string objection_to_centre(const Line& line, std::int64_t users) const {
        const Model model = model_of(line);
        const std::string& who = name(line.component);
        if (!model.objection.empty()) return who + ": " + model.objection;
        if (model.in_turn && !is_exponential(line)) {
            return who + " serves in turn, and not for exponential times of one mean";
        }
        const auto threads = graph_.components[line.component].work.threads;
        if (!model.in_turn && threads && users > *threads) {
            return "users may have to wait for one of the " + std::to_string(*threads) +
                   " threads of " + who;
        }
        return {};
    }

    static void finish(const ClosedNetwork& network, double delays, PopulationForecast& told) {
        told.demand_s = network.demand_s() + delays;
        told.least_latency_s = network.least_response_s(told.users) + delays;
        const double alone = network.think_s + network.demand_s();
        if (alone > 0) {
            const double most = network.most_per_s(told.users);
            told.most_per_s = std::min(told.most_per_s.value_or(most), most);
        }
        if (network.centres.empty()) return;
        told.knee = network.knee();
        if (!told.basis.empty()) return;
        if (work_of(network, told.users) > most_work) {
            told.basis = "the population is too large to be counted through";
            return;
        }
        const ClosedSolution solution = solve(network, told.users);
        told.per_s = solution.per_s.back();
        told.latency_s = solution.response_s() + delays;
        told.basis = "exact mean-value analysis";
    }

    // ---- words ----

    void state_assumptions() {
        auto& list = forecast_.assumptions;
        list.emplace_back(
            "Nothing fails, is refused, given up or tried again, and no call waits for a thread, a "
            "connection or a place in a pool, unless a line above is that wait.");
        list.emplace_back(
            "Calls of a component with several instances are spread at random; those that are "
            "balanced better wait less.");
        if (open_ > 0) {
            list.emplace_back(
                "Calls come independently of one another, as Poisson streams, at the load before "
                "any shape.");
        }
        if (!closed_.empty()) {
            list.emplace_back(
                "Users think and are served for independent times; shared servers may have any "
                "law, "
                "servers in turn have exponential times.");
        }
        if (!topology_.cycles.empty()) {
            list.emplace_back(
                "Calls go in circles: what each call holds while it waits for the next is not in "
                "these numbers.");
        }
        for (const Finding& finding : topology_.findings) {
            const bool matters = finding.rule == "overload" || finding.rule == "calls_multiply" ||
                                 finding.rule == "not_predicted" || finding.rule == "cycle";
            if (matters) forecast_.findings.push_back(finding);
        }
    }

    const Scenario& scenario_;
    Topology topology_;
    std::unique_ptr<World> world_;
    ServiceGraph graph_;
    Rates rates_;
    std::vector<Line> lines_;
    std::vector<std::size_t> closed_;
    std::size_t open_ = 0;
    std::string not_poisson_;
    Forecast forecast_;
};

}  // namespace

Forecast forecast(const Scenario& scenario) { return Forecaster(scenario).forecast(); }

}  // namespace prodsim
