#include "sim/run/validation.hpp"

#include "sim/config/json_reader.hpp"
#include "sim/config/reader.hpp"
#include "sim/run/metric.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace prodsim {

namespace {

// Shares and ratios of counts that are known exactly are compared exactly, but for their rounding.
constexpr double rounding = 1e-9;

std::string stem_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
    return path.substr(begin, path.rfind('.') - begin);
}

double quantity(const std::string& text, Dimension dimension) {
    const double value = parse_quantity(text, dimension).value;
    return dimension == Dimension::duration ? value * 1e-9 : value;
}

/// What the runs of one scenario say, as they come in: a run is forgotten when it has been read.
class Trials {
public:
    explicit Trials(const Scenario& scenario)
        : scenario_(scenario), known_(*scenario.parameters().validate) {
        for (const auto& item : known_.values) metrics_.push_back(*Metric::parse(item.name));
        plans_ = plans_of(scenario, FaultSelection::all());
        readings_.resize(plans_.size());
    }

    std::size_t size() const { return plans_.size(); }

    /// Different numbers may run at the same time.
    void run(std::size_t number, RunWatch& watch) {
        const Replication run = simulate(scenario_, plans_[number], watch);
        Reading& reading = readings_[number];
        reading.complete = !run.interrupted;
        for (const Metric& metric : metrics_) reading.values.push_back(metric.of(run));
        for (const Audit& audit : run.audits) {
            if (!audit.holds) reading.broken_law = audit.law + ", " + audit.subject;
        }
    }

    ValidatedScenario result() const {
        ValidatedScenario result;
        result.name = stem_of(scenario_.path());
        result.about = scenario_.parameters().about;
        result.id = known_.id;
        result.source = known_.source;
        for (const Reading& reading : readings_) {
            result.complete = result.complete && reading.complete;
            if (!reading.broken_law.empty()) result.broken_law = reading.broken_law;
        }
        for (std::size_t i = 0; result.complete && i < metrics_.size(); ++i) {
            result.values.push_back(compared(i));
        }
        return result;
    }

private:
    struct Reading {
        std::vector<std::optional<double>> values;
        std::string broken_law;
        bool complete = false;
    };

    ComparedValue compared(std::size_t number) const {
        const KnownValue& known = known_.values[number].value;
        ComparedValue result;
        result.metric = metrics_[number].name();
        result.dimension = metrics_[number].dimension();
        result.known = quantity(known.value, result.dimension);
        const double share = known.tolerance.value_or(known_.tolerance).value;
        result.tolerance = known.within.empty() ? share * std::abs(result.known)
                                                : quantity(known.within, result.dimension);
        std::vector<double> values;
        for (const Reading& reading : readings_) {
            if (reading.values[number]) values.push_back(*reading.values[number]);
        }
        result.simulated = estimate_mean(values);
        result.agreement = agreement(result);
        return result;
    }

    static Agreement agreement(const ComparedValue& value) {
        if (!value.simulated.has_interval()) return Agreement::too_wide;
        const double allowed = value.tolerance + rounding * std::abs(value.known);
        const double off = std::abs(value.simulated.mean - value.known);
        const double half_width = value.simulated.half_width;
        if (off > allowed + half_width) return Agreement::outside;
        if (3 * half_width > allowed) return Agreement::too_wide;
        return off <= allowed ? Agreement::inside : Agreement::outside;
    }

    const Scenario& scenario_;
    const KnownCase& known_;
    std::vector<Metric> metrics_;
    std::vector<RunPlan> plans_;
    std::vector<Reading> readings_;
};

/// Runs of all scenarios in one line, so that no thread waits at the end of a scenario.
void run_all(std::vector<Trials>& trials, unsigned threads, RunWatch& watch) {
    std::vector<std::pair<Trials*, std::size_t>> line;
    for (Trials& scenario : trials) {
        for (std::size_t i = 0; i < scenario.size(); ++i) line.emplace_back(&scenario, i);
    }
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_mutex;
    const auto work = [&] {
        for (std::size_t i = next++; i < line.size() && !watch.stop; i = next++) {
            try {
                line[i].first->run(line[i].second, watch);
            } catch (...) {
                const std::lock_guard lock(failure_mutex);
                if (failure == nullptr) failure = std::current_exception();
                watch.stop = true;
            }
        }
    };
    std::vector<std::thread> others;
    for (unsigned i = 1; i < std::min<std::size_t>(threads, line.size()); ++i) {
        others.emplace_back(work);
    }
    work();
    for (std::thread& other : others) other.join();
    if (failure != nullptr) std::rethrow_exception(failure);
}

template <class Case>
struct CaseList {
    std::vector<Case> cases;
    void describe(Fields& fields) {
        fields("cases", cases, "Cases of the bank that are no scenarios.");
    }
};

template <class Case>
std::vector<Case> read_cases(const std::string& path, std::string text) {
    Sources sources;
    Problems problems;
    const Value value = read_json(sources, path, std::move(text), problems);
    problems.raise(sources);
    const Families families;
    Reading reading{families, problems, {}, {}};
    CaseList<Case> all;
    read(value, all, reading);
    problems.raise(sources);
    return all.cases;
}

}  // namespace

std::string_view name_of(Agreement agreement) {
    switch (agreement) {
        case Agreement::inside:
            return "inside";
        case Agreement::outside:
            return "outside";
        case Agreement::too_wide:
            break;
    }
    return "too wide";
}

std::size_t Validation::count(Agreement agreement) const {
    std::size_t count = 0;
    for (const ValidatedScenario& scenario : scenarios) {
        for (const ComparedValue& value : scenario.values) count += value.agreement == agreement;
    }
    return count;
}

bool Validation::all_laws_hold() const {
    return std::all_of(scenarios.begin(), scenarios.end(), [](const ValidatedScenario& scenario) {
        return scenario.broken_law.empty();
    });
}

Validation validate_model(std::span<const std::unique_ptr<const Scenario>> scenarios,
                          unsigned threads, RunWatch& watch) {
    std::vector<Trials> trials;
    for (const auto& scenario : scenarios) trials.emplace_back(*scenario);
    run_all(trials, threads, watch);
    Validation validation;
    for (const Trials& scenario : trials) validation.scenarios.push_back(scenario.result());
    return validation;
}

void MissingCase::describe(Fields& fields) {
    fields("case", id, "What the case is called in the bank.", {.required = true});
    fields("title", about, "What it is about.", {.required = true});
    fields("missing", missing, "The word that scenarios do not have yet.", {.required = true});
}

void TestedCase::describe(Fields& fields) {
    fields("case", id, "What the case is called in the bank.", {.required = true});
    fields("title", about, "What it is about.", {.required = true});
    fields("tests", tests, "The tests that hold it, as ctest calls them.", {.required = true});
}

std::vector<MissingCase> read_missing_cases(const std::string& path, std::string text) {
    return read_cases<MissingCase>(path, std::move(text));
}

std::vector<TestedCase> read_tested_cases(const std::string& path, std::string text) {
    return read_cases<TestedCase>(path, std::move(text));
}

}  // namespace prodsim
