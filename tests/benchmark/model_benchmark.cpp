// Five models, each run as a scenario by the general engine and as programs written by hand, all
// of which take turns in every round. A mean that is wrong makes the program fail; a ratio that
// misses its limit is reported and does not, because the machine is shared with others.
//
//     model_benchmark            all models
//     model_benchmark a e        some of them

#include "models/catalogue.hpp"
#include "sim/core/event_list.hpp"
#include "sim/core/plain_heap.hpp"
#include "sim/run/scenario.hpp"
#include "sim/run/simulation.hpp"
#include "tests/benchmark/floor.hpp"
#include "tests/benchmark/measure.hpp"
#include "tests/benchmark/naive.hpp"
#include "tests/benchmark/page.hpp"
#include "tests/benchmark/thousand_services.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace prodsim::benchmark {
namespace {

constexpr std::uint64_t rounds = 7;

/// What one contestant did in one round.
struct Run {
    double ns;      // of processor time per completed request
    double mean_s;  // from arrival to reply
};

/// One way to run a model, and what it did in every round so far.
struct Contestant {
    std::string name;
    std::function<Run(std::uint64_t round)> run;
    std::vector<double> ns{};
    std::vector<double> means{};
};

/// REQUIRES: the first contestants are the floor, the floor on a plain heap and prodsim.
struct Model {
    std::string name;
    double rate;  // requests a second
    std::uint64_t requests;
    double must;  // prodsim divided by its floor stays below this
    std::optional<double> theory_s;
    std::vector<Contestant> contestants{};
    std::map<std::string, double> peer_musts{};  // the peers divided by prodsim reach these

    const Contestant& floor() const { return contestants[0]; }
    const Contestant& plain_heap() const { return contestants[1]; }
    const Contestant& prodsim() const { return contestants[2]; }
};

// ---- contestants --------------------------------------------------------------------------------

template <class Floor>
Contestant floor_program(std::string name, std::uint64_t requests, Floor floor) {
    return {std::move(name), [requests, floor](std::uint64_t round) {
                Histogram latency;
                const double ns = cpu_ns_of([&] { latency = floor(round + 1); });
                return Run{ns / static_cast<double>(requests), latency.mean_s()};
            }};
}

/// Both floors; `make(list)` answers the program for a type of list.
template <class Make>
void add_floors(Model& model, Make make) {
    const auto add = [&](std::string name, auto list) {
        model.contestants.push_back(
            floor_program(std::move(name), model.requests,
                          [make, list, requests = model.requests](std::uint64_t seed) {
                              return make(list, seed, requests);
                          }));
    };
    add("floor", std::type_identity<EventList>{});
    add("floor, plain heap", std::type_identity<PlainHeap>{});
}

/// The general engine with everything that the report needs. Making and forgetting the world is
/// not part of a request. The first tenth is warm-up: without it the mean would lack the long
/// latencies of those who have not ended, and have those of an empty system.
void add_prodsim(Model& model, std::shared_ptr<const Scenario> scenario) {
    const Duration length = from_seconds(static_cast<double>(model.requests) / model.rate);
    model.contestants.push_back(
        {"prodsim", [scenario, length](std::uint64_t round) {
             RunWatch watch;
             const RunPlan plan{1, round, FaultSelection::all(), length / 10, length};
             const double making = cpu_ns_of([&] { nothing_yet(*scenario); });
             std::optional<Replication> result;
             const double ns = cpu_ns_of([&] { result = simulate(*scenario, plan, watch); });
             const Journey& journey = result->journeys.front();
             return Run{(ns - making) / static_cast<double>(journey.ended().total()),
                        journey.latency_good().mean_s()};
         }});
}

void add_naive(Model& model, const std::function<double(std::uint64_t, std::size_t)>& program) {
    const std::uint64_t requests = model.requests / 4;
    model.contestants.push_back({"naive C++", [=](std::uint64_t round) {
                                     double mean = 0;
                                     const double ns =
                                         cpu_ns_of([&] { mean = program(round + 1, requests); });
                                     return Run{ns / static_cast<double>(requests), mean};
                                 }});
}

/// A program of its own, which takes model, requests and seed, and prints what a `Run` holds.
struct Peer {
    std::string name;
    std::string program;
    std::uint64_t requests;
    std::string check;  // a command that succeeds where the peer is installed
};

/// `folder` is where this program and those of the peers are built.
std::vector<Peer> peers(const std::string& folder) {
    const std::string python = "/usr/bin/python3";
    const std::string ns3 = folder + "/ns3_models";
    const std::string simgrid = folder + "/simgrid_models";
    return {{"SimPy", python + " tests/benchmark/peers/simpy_models.py", 10'000,
             python + " -c 'import simpy' 2>/dev/null"},
            {"ns-3", ns3, 50'000, "test -x " + ns3},
            {"SimGrid", simgrid, 20'000, "test -x " + simgrid}};
}

/// The peers that are there; the others are named.
std::vector<Peer> installed(std::vector<Peer> all) {
    std::erase_if(all, [](const Peer& peer) {
        const bool missing = std::system(peer.check.c_str()) != 0;
        if (missing) std::fprintf(stderr, "skipped %s: not installed here\n", peer.name.c_str());
        return missing;
    });
    return all;
}

void add_peer(Model& model, const Peer& peer) {
    const std::string command =
        peer.program + " " + model.name.substr(0, 1) + " " + std::to_string(peer.requests) + " ";
    model.contestants.push_back(
        {peer.name, [command, name = peer.name](std::uint64_t round) {
             Run run{};
             FILE* output = popen((command + std::to_string(round + 1)).c_str(), "r");
             const bool read =
                 output != nullptr && std::fscanf(output, "%lf %lf", &run.ns, &run.mean_s) == 2;
             if (output != nullptr) pclose(output);
             if (!read) std::fprintf(stderr, "the %s program printed no result\n", name.c_str());
             return run;
         }});
}

// ---- models -------------------------------------------------------------------------------------

/// The mean time in an M/M/k station (Erlang's C formula).
double mean_time(unsigned workers, double arrivals_per_s, double service_s) {
    const double offered = arrivals_per_s * service_s;
    double blocked = 1;
    for (unsigned k = 1; k <= workers; ++k) blocked = offered * blocked / (k + offered * blocked);
    const double load = offered / workers;
    const double waits = blocked / (1 - load * (1 - blocked));
    return service_s + waits * service_s / (workers * (1 - load));
}

std::shared_ptr<const Scenario> scenario_of(const char* file, const Catalogue& catalogue) {
    const std::string path = std::string("tests/benchmark/scenarios/") + file;
    return Scenario::load({path, {}}, catalogue);
}

Model one_station(Model model, const char* file, std::uint32_t workers,
                  const Catalogue& catalogue) {
    model.theory_s = mean_time(workers, model.rate, 1);
    add_floors(model,
               [=, rate = model.rate](auto list, std::uint64_t seed, std::uint64_t requests) {
                   using List = typename decltype(list)::type;
                   return one_station_floor<List>(seed, requests, workers, rate, 1);
               });
    add_prodsim(model, scenario_of(file, catalogue));
    add_naive(model, [=, rate = model.rate](std::uint64_t seed, std::size_t requests) {
        return naive_one_station(seed, requests, static_cast<int>(workers), rate);
    });
    return model;
}

Model three_tier(Model model, const Catalogue& catalogue) {
    model.theory_s = mean_time(1, 100, 0.008) + mean_time(20, 1000, 0.016);
    add_floors(model, [](auto list, std::uint64_t seed, std::uint64_t requests) {
        return three_tier_floor<typename decltype(list)::type>(seed, requests);
    });
    add_prodsim(model, scenario_of("c_three_tier.json", catalogue));
    add_naive(model, naive_three_tier);
    return model;
}

Model life_cycle(Model model, const Catalogue& catalogue) {
    add_floors(model, [](auto list, std::uint64_t seed, std::uint64_t requests) {
        return LifeCycleFloor<typename decltype(list)::type>(seed, requests).run();
    });
    add_prodsim(model, scenario_of("d_life_cycle.json", catalogue));
    add_naive(model, naive_life_cycle);
    model.peer_musts = {{"naive C++", 4}, {"SimPy", 75}, {"ns-3", 5}};
    return model;
}

/// Jobs hold no worker while they wait for the next service, so the network has the product form.
Model graph_of_services(Model model, const Catalogue& catalogue) {
    namespace graph = thousand_services;
    model.theory_s =
        graph::depth * mean_time(graph::workers, graph::load * graph::workers / graph::service_s,
                                 graph::service_s);
    add_floors(model, [](auto list, std::uint64_t seed, std::uint64_t requests) {
        return thousand_services_floor<typename decltype(list)::type>(seed, requests);
    });
    add_prodsim(model, Scenario::parse(graph::scenario(), "a thousand services", catalogue));
    return model;
}

std::vector<Model> models(const std::string& wanted, const Catalogue& catalogue) {
    const auto want = [&](char letter) { return wanted.find(letter) != std::string::npos; };
    std::vector<Model> all;
    if (want('a'))
        all.push_back(one_station({"a M/M/1", 0.8, 300'000, 2.0, {}}, "a_mm1.json", 1, catalogue));
    if (want('b'))
        all.push_back(
            one_station({"b M/M/16", 12.8, 300'000, 2.0, {}}, "b_mm16.json", 16, catalogue));
    if (want('c')) all.push_back(three_tier({"c three tiers", 1000, 200'000, 1.8, {}}, catalogue));
    if (want('d')) all.push_back(life_cycle({"d life cycle", 1000, 100'000, 1.6, {}}, catalogue));
    if (want('e')) {
        all.push_back(graph_of_services(
            {"e 1000 services", thousand_services::arrivals, 200'000, 1.6, {}}, catalogue));
    }
    return all;
}

// ---- rounds and tables --------------------------------------------------------------------------

void run_rounds(Model& model) {
    for (std::uint64_t round = 0; round < rounds; ++round) {
        for (Contestant& contestant : model.contestants) {
            const Run run = contestant.run(round);
            contestant.ns.push_back(run.ns);
            contestant.means.push_back(run.mean_s);
        }
    }
}

/// Whether every mean is that of the theory, or of the floor where there is none, within four of
/// its own standard errors.
bool is_valid(const Model& model) {
    const Estimate expected =
        model.theory_s ? Estimate{*model.theory_s, 0} : estimate_of(model.floor().means);
    bool valid = true;
    for (const Contestant& contestant : model.contestants) {
        const Estimate measured = estimate_of(contestant.means);
        if (agree(measured, expected)) continue;
        valid = false;
        std::fprintf(stderr, "WRONG: %s, %s: the mean is %.6f s +- %.6f s instead of %.6f s\n",
                     model.name.c_str(), contestant.name.c_str(), measured.mean,
                     measured.standard_error, expected.mean);
    }
    return valid;
}

void print_floors(const std::vector<Model>& all) {
    std::printf(
        "\nCPU time per completed request; ratios are medians of %d rounds [least, most]\n\n"
        "model            theory s    mean s    floor ns  heap ns  prodsim ns  "
        "prodsim/floor       must  /heap\n",
        static_cast<int>(rounds));
    for (const Model& model : all) {
        const Spread ratio = ratio_of(model.prodsim().ns, model.floor().ns);
        const Spread heap = ratio_of(model.prodsim().ns, model.plain_heap().ns);
        std::printf(
            "%-15s  %8.5f  %8.5f  %10.1f  %7.1f  %10.1f  %4.2f [%4.2f, %4.2f]  %4.1f  "
            "%5.2f  %s\n",
            model.name.c_str(), model.theory_s.value_or(estimate_of(model.floor().means).mean),
            estimate_of(model.prodsim().means).mean, spread_of(model.floor().ns).median,
            spread_of(model.plain_heap().ns).median, spread_of(model.prodsim().ns).median,
            ratio.median, ratio.least, ratio.most, model.must, heap.median,
            verdict(ratio.median, Must::stay_below, model.must));
    }
}

void print_peers(const std::vector<Model>& all) {
    std::printf("\nmodel            peer          peer ns  peer/prodsim             must\n");
    for (const Model& model : all) {
        for (std::size_t i = 3; i < model.contestants.size(); ++i) {
            const Contestant& peer = model.contestants[i];
            const Spread ratio = ratio_of(peer.ns, model.prodsim().ns);
            const auto must = model.peer_musts.find(peer.name);
            std::printf("%-15s  %-10s  %9.0f  %6.1f [%5.1f, %5.1f]", model.name.c_str(),
                        peer.name.c_str(), spread_of(peer.ns).median, ratio.median, ratio.least,
                        ratio.most);
            if (must != model.peer_musts.end())
                std::printf("  %6.0f  %s", must->second,
                            verdict(ratio.median, Must::reach, must->second));
            std::printf("\n");
        }
    }
}

// ---- the page -----------------------------------------------------------------------------------

constexpr std::array columns{"floor",  "floor, plain heap", "prodsim", "naive C++", "SimPy", "ns-3",
                             "SimGrid"};

const Contestant* find(const Model& model, std::string_view name) {
    for (const Contestant& contestant : model.contestants) {
        if (contestant.name == name) return &contestant;
    }
    return nullptr;
}

void write_costs(const std::vector<Model>& all) {
    std::printf("### Nanoseconds of processor time per completed request, medians\n\n| model |");
    for (const char* column : columns) std::printf(" %s |", column);
    std::printf("\n|---|");
    for (std::size_t i = 0; i < columns.size(); ++i) std::printf("---:|");
    for (const Model& model : all) {
        std::printf("\n| %s |", model.name.c_str());
        for (const char* column : columns) {
            const Contestant* contestant = find(model, column);
            std::printf(" %s |", contestant == nullptr
                                     ? "–"
                                     : digits(spread_of(contestant->ns).median, 0).c_str());
        }
    }
    std::printf("\n\n");
}

void write_floors(const std::vector<Model>& all, const Page& page) {
    std::printf(
        "### prodsim divided by its floor\n\n"
        "| model | mean, s | expected, s | prodsim / floor | must | | prodsim / plain heap |\n"
        "|---|---:|---:|---:|---:|---|---:|\n");
    for (const Model& model : all) {
        const Spread ratio = ratio_of(model.prodsim().ns, model.floor().ns);
        const Spread heap = ratio_of(model.prodsim().ns, model.plain_heap().ns);
        const Spread lists = ratio_of(model.floor().ns, model.plain_heap().ns);
        const std::string& name = model.name;
        const double expected =
            model.theory_s ? *model.theory_s : estimate_of(model.floor().means).mean;
        std::printf("| %s | %.5f | %.5f | %s | <= %.1f | %s | %s |\n", name.c_str(),
                    estimate_of(model.prodsim().means).mean, expected, text_of(ratio).c_str(),
                    model.must, verdict(ratio.median, Must::stay_below, model.must),
                    text_of(heap).c_str());
        if (ratio.median > model.must)
            page.lose(name + ": prodsim takes " + digits(ratio.median) +
                      " times its floor, and must not take more than " + digits(model.must, 1) +
                      " times.");
        if (heap.median > 1)
            page.lose(name + ": a loop written by hand on a plain heap needs " +
                      digits(100 / heap.median, 0) + " % of our time.");
        if (lists.median > 1)
            page.lose(name +
                      ": the floor is faster with a plain heap; with our event list it takes " +
                      digits(lists.median) + " times as long.");
    }
    std::printf("\n");
}

void write_peers(const std::vector<Model>& all, const Page& page) {
    std::printf(
        "### Peers divided by prodsim\n\n| model | peer | peer / prodsim | must | |\n"
        "|---|---|---:|---:|---|\n");
    for (const Model& model : all) {
        for (std::size_t i = 3; i < model.contestants.size(); ++i) {
            const Contestant& peer = model.contestants[i];
            const Spread ratio = ratio_of(peer.ns, model.prodsim().ns);
            const auto must = model.peer_musts.find(peer.name);
            const bool has_must = must != model.peer_musts.end();
            const std::string limit = has_must ? ">= " + digits(must->second, 0) : "";
            std::printf("| %s | %s | %s | %s | %s |\n", model.name.c_str(), peer.name.c_str(),
                        text_of(ratio).c_str(), limit.c_str(),
                        has_must ? verdict(ratio.median, Must::reach, must->second) : "");
            if (ratio.median < 1)
                page.lose(model.name + ": " + peer.name + " takes " + digits(ratio.median) +
                          " times our time.");
            if (has_must && ratio.median < must->second)
                page.lose(model.name + ": " + peer.name + " takes " + digits(ratio.median) +
                          " times our time, and must take at least " + digits(must->second, 0) +
                          " times.");
        }
    }
}

void write(const std::vector<Model>& all, const Page& page) {
    std::printf("## Models\n\nRatios are medians of %d rounds [least, most].\n\n",
                static_cast<int>(rounds));
    write_costs(all);
    write_floors(all, page);
    write_peers(all, page);
}

int run(const std::string& folder, const std::string& wanted, const std::optional<Page>& page) {
    Catalogue catalogue = full_catalogue();
    add_scenario_families(catalogue.families);
    std::vector<Model> all = models(wanted, catalogue);
    const std::vector<Peer> rivals = installed(peers(folder));
    bool valid = true;
    for (Model& model : all) {
        if (model.name[0] != 'e') {
            for (const Peer& peer : rivals) add_peer(model, peer);
        }
        run_rounds(model);
        valid &= is_valid(model);
    }
    if (page) {
        write(all, *page);
    } else {
        print_floors(all);
        print_peers(all);
    }
    return valid ? 0 : 1;
}

}  // namespace
}  // namespace prodsim::benchmark

int main(int count, char** arguments) {
    const auto page = prodsim::benchmark::page_asked_for(count, arguments);
    std::string wanted;
    for (int i = 1; i < count; ++i) wanted += arguments[i];
    const auto folder = std::filesystem::path(arguments[0]).parent_path();
    return prodsim::benchmark::run(folder.string(), wanted.empty() ? "abcde" : wanted, page);
}
