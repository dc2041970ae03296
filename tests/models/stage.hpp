#pragma once

// A stage for one component: it stands there as "it", written in JSON as users write it, with a
// backend to call, and is driven by a client whose every instant is known.
//
//     Stage stage(R"({"type": "third_party", "operations": {"pay": {"latency": "1s"}}})");
//     stage.call("pay", 1);
//     stage.run();
//     REQUIRE(stage.answered_at() == Instants{1s});

#include "sim/config/echo.hpp"
#include "sim/config/json_reader.hpp"
#include "sim/stats/meters.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"
#include "tests/models/bench.hpp"

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace prodsim::testing {

/// A world with the component "it", written as in a scenario, and a backend of one instance.
class Stage {
public:
    explicit Stage(const std::string& json, int endpoints = 1) : Stage(json, endpoints, 1) {}

    Stage(const std::string& json, int endpoints, std::uint64_t seed)
        : world(everything(), seed, 0, Network{}) {
        Sources sources;
        Problems problems;
        read_choice(json, sources, problems);
        problems.raise(sources);
        backend_ = &static_cast<Backend&>(world.add(std::make_unique<Backend>(world)));
        for (int i = 0; i < endpoints; ++i) backend_->add_instance(0);
        world.add(everything().make_component(world, "it", component_.chosen()));
        world.start();
        client_ = std::make_unique<Client>(world, CallParameters{}, 1, it());
    }

    /// What the loader would say of this component.
    static std::string problems_of(const std::string& json) {
        Stage stage;
        Sources sources;
        Problems problems;
        stage.read_choice(json, sources, problems);
        return problems.render(sources);
    }

    /// Its description with every default in its place.
    Value echoed() { return echo_slot(slot_of(component_)); }

    Backend& backend() { return *backend_; }
    Client& client() { return *client_; }
    Callee& it() { return static_cast<Callee&>(*world.find("it")); }

    std::size_t call(const std::string& operation, std::uint64_t subject) {
        return client_->call(request(operation, subject));
    }
    std::size_t call(const std::string& operation = "op") { return call(operation, ++subjects_); }

    Request request(const std::string& operation, std::uint64_t subject) {
        return {.subject = subject, .operation = it().operation(operation).value()};
    }

    void run(Duration until = 24h) { world.engine.run_until(Time{until}); }
    void give_up(std::size_t number) { client_->give_up(number); }

    void set(const Condition& condition, std::size_t instance = 0) {
        it().instances()[instance]->set_condition(condition);
    }
    void hang() { set({.mode = Condition::Mode::hanging}); }
    void crash() { set({.mode = Condition::Mode::refusing}); }
    void recover() { set({}); }

    std::uint64_t count(std::string_view meter) const {
        for (const auto& [name, named] : world.meters.counters()) {
            if (name.owner == "it" && name.name == meter) return named->total();
        }
        FAIL("there is no such counter: " << meter);
        return 0;
    }

    std::int64_t level(std::string_view meter) const {
        for (const auto& [name, named] : world.meters.levels()) {
            if (name.owner == "it" && name.name == meter) return named->value();
        }
        FAIL("there is no such level: " << meter);
        return 0;
    }

    /// When the answers came, in their order.
    Instants answered_at() const {
        Instants instants;
        for (const Answer& answer : client_->answers()) instants.push_back(answer.at);
        return instants;
    }

    /// Every call was answered, was wasted or lives, and where nobody is left the stays add up to
    /// the integral of the level, to the nanosecond (Little's law).
    bool balanced() const {
        const Calls& calls = world.calls;
        if (calls.opened() != calls.answered() + calls.wasted() + calls.live()) return false;
        for (const auto& [level, stays] : world.meters.stay_books()) {
            if (level->value() != 0) continue;
            if (level->integral(world.now()) != stays->sum()) return false;
        }
        return true;
    }

private:
    Stage() : world(everything(), 1, 0, Network{}) {}

    void read_choice(const std::string& json, Sources& sources, Problems& problems) {
        const Value value = read_json(sources, "component", json, problems);
        Reading reading{everything().families, problems};
        read(value, component_, reading);
    }

    Choice<ComponentFamily> component_;

public:
    World world;

private:
    Backend* backend_ = nullptr;
    std::unique_ptr<Client> client_;
    std::uint64_t subjects_ = 0;
};

/// Keeps whole replies, and may do something about each.
class Listener final : public Node {
public:
    explicit Listener(World& world) : world_(world) {}

    Call& call(const Request& request, Instance& instance) {
        Call& made = world_.calls.open(*this, request, world_.now());
        under_way.insert(&made);
        world_.calls.send(made, instance);
        return made;
    }

    void on_call(Call&) override {}
    void on_abandon(Call&) override {}
    void on_reply(Call& call, Reply reply) override {
        under_way.erase(&call);
        replies.push_back(reply);
        if (gives_up_another && !under_way.empty()) {
            Call& other = **under_way.begin();
            under_way.erase(&other);
            world_.calls.abandon(other);
        }
    }

    std::set<Call*> under_way;
    std::vector<Reply> replies;
    bool gives_up_another = false;

private:
    World& world_;
};

}  // namespace prodsim::testing
