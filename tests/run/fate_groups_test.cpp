#include "sim/run/fate_groups.hpp"

#include "sim/run/simulation.hpp"
#include "sim/run/topology.hpp"
#include "tests/catch.hpp"
#include "tests/everything.hpp"
#include "tests/models/probes.hpp"

#include <string>
#include <utility>
#include <vector>

namespace prodsim {
namespace {

using testing::everything;

/// A hundred calls a second, one after the other to each instance of the shop.
std::string shop_with(const std::string& shop, const std::string& more) {
    return R"j({
        "run": {"duration": "100s", "warm_up": "0s", "replications": 1},
        "places": {"here": ["a", "b"]},
        "components": {
            "users": {"type": "clients", "arrivals": "paced(100/s)", "per": "device_pool",
                      "journeys": {"order": {"call": "shop.order"}},
                      "calls": {"shop": {"policy": ["balance(round_robin)"]}}},
            "shop": {"type": "service", )j" +
           shop + R"j("operations": {"order": {"steps": []}}})j" + more + "}";
}

Replication run_of(const std::string& text) {
    const auto scenario = Scenario::parse(text, "test", everything());
    RunWatch watch;
    return simulate(*scenario, plans_of(*scenario, FaultSelection::all())[0], watch);
}

double lost(const Replication& run, double from_s, double to_s) {
    const Span span{start_of_run + from_seconds(from_s), start_of_run + from_seconds(to_s)};
    return *Metric::parse("order.loss")->of(run, span);
}

std::vector<std::string> shared_fates(const std::string& text) {
    std::vector<std::string> sentences;
    for (const Finding& finding : analyse(*Scenario::parse(text, "test", everything())).findings) {
        if (finding.rule != "shared_fate") continue;
        sentences.push_back((finding.severity == Severity::warning ? "! " : "") + finding.sentence);
    }
    return sentences;
}

std::string complaint_about(const std::string& text) {
    try {
        Scenario::parse(text, "test", everything());
        return "none";
    } catch (const InvalidInput& wrong) {
        return wrong.problems().kept().begin()->message;
    }
}

}  // namespace

TEST_CASE("a fault of a group hits those who belong and nobody else") {
    const auto group = [](const std::string& member, const std::string& target) {
        return shop_with(R"("instances": 8, )", R"j(}, "groups": {"canary": [)j" + member +
                                                    R"j(]}, "faults": [{"at": "20s", "for": "20s",
                         "errors": "100%", "target": {"group": "canary")j" +
                                                    target + "}}]");
    };
    const auto during = [&](const std::string& member, const std::string& target = "") {
        const Replication run = run_of(group(member, target));
        CHECK(lost(run, 0, 20) == 0);
        CHECK(lost(run, 41, 100) == 0);
        return lost(run, 21, 39);
    };
    // In turn: of 18 s x 100 calls an instance gets 225. All eight see as many.
    CHECK(during(R"("shop")") == 1);
    CHECK(during(R"({"component": "shop", "zone": "a"})") == testing::within(0.005, 4. / 8));
    CHECK(during(R"({"component": "shop", "share": "25%"})") == testing::within(0.005, 2. / 8));
    CHECK(during(R"({"component": "shop", "instances": 3})") == testing::within(0.005, 3. / 8));
    SECTION("who belongs twice is hit once") {
        const char* both = R"({"component": "shop", "instances": 3},
                              {"component": "shop", "share": "50%"})";
        CHECK(during(both) == testing::within(0.005, 4. / 8));
    }
    SECTION("a target narrows the group down") {
        CHECK(during(R"("shop")", R"(, "zone": "b")") == testing::within(0.005, 4. / 8));
        CHECK(during(R"("shop")", R"(, "instances": 1)") == testing::within(0.005, 1. / 8));
    }
}

TEST_CASE("the new release of a rollout is a group, of which an undone rollout leaves nothing") {
    const std::string text = shop_with(R"("instances": 4, )", R"j(,
        "release": {"type": "rollout", "target": "shop", "at": "20s", "ready_after": "1s",
                    "undo_at": "60s"}},
        "groups": {"v2": {"kind": "version", "members": ["release"]}},
        "faults": [{"at": "0s", "errors": "100%", "target": {"group": "v2"}}])j");
    const Replication run = run_of(text);
    // A surge of one and one that may be missing: two at a time, so two seconds each way.
    CHECK(lost(run, 0, 20) == 0);
    CHECK(lost(run, 25, 60) == 1);
    CHECK(lost(run, 65, 100) == 0);
}

TEST_CASE("who joins while a fault of its group lasts is hit as the others are") {
    const auto text = [](const std::string& member) {
        return shop_with(R"("instances": 4, )", R"j(,
            "release": {"type": "rollout", "target": "shop", "at": "20s", "ready_after": "1s"}},
            "groups": {"account": {"kind": "quota", "members": [)j" +
                                                    member + R"j(]}},
            "faults": [{"at": "10s", "errors": "100%", "target": {"group": "account"}}])j");
    };
    CHECK(lost(run_of(text(R"("shop")")), 30, 100) == 1);
    // The first two were chosen when the fault began, and have gone since.
    CHECK(lost(run_of(text(R"({"component": "shop", "instances": 2})")), 30, 100) == 0);
}

TEST_CASE("the architect hears which journeys fall together, before anything runs") {
    const auto with_groups = [](const std::string& groups) {
        return R"j({"components": {
            "users": {"type": "clients", "arrivals": "poisson(1/s)", "journeys": {
                "look": {"steps": [{"try": [{"call": "first.get"}],
                                    "otherwise": [{"call": "second.get"}]}]},
                "buy": {"call": "shop.buy"}}},
            "first": {"type": "service", "operations": {"get": {"steps": []}}},
            "second": {"type": "service", "operations": {"get": {"steps": []}}},
            "shop": {"type": "service", "instances": 6, "operations": {
                "buy": {"steps": [{"call": "ledger.write"}]}}},
            "ledger": {"type": "service", "operations": {"write": {"steps": []}}},
            "spare": {"type": "service", "operations": {"get": {"steps": []}}}},
            "places": {"here": ["a", "b", "c"]},
            "groups": {)j" +
               groups + "}}";
    };
    using Sentences = std::vector<std::string>;
    CHECK(shared_fates(with_groups(R"("x": ["first", "second"])")) ==
          Sentences{"! group x joins first and second: look falls with it, and with none of them "
                    "alone"});
    CHECK(shared_fates(with_groups(
              R"("edge": {"kind": "certificate", "members": ["ledger", "first", "second"]})")) ==
          Sentences{"! certificate edge joins first, second and ledger: look and buy fall together "
                    "with it, and with none of them alone"});
    CHECK(shared_fates(with_groups(R"("db": {"kind": "dns_zone", "members": ["ledger"]})")) ==
          Sentences{"dns zone db concerns ledger: buy falls with it"});
    CHECK(shared_fates(with_groups(R"("x": ["shop", "ledger"])")) ==
          Sentences{"! group x joins shop and ledger: buy falls with it, in every zone"});
    CHECK(shared_fates(with_groups(R"("x": [{"component": "shop", "zone": "b"}, "spare"])")) ==
          Sentences{"group x joins 2 of the 6 instances of shop and spare: no journey falls when "
                    "all of that does"});
}

TEST_CASE("groups that cannot be are told of") {
    const auto shop = [](const std::string& more) {
        return shop_with(R"("instances": 4, )", "}, " + more);
    };
    CHECK(complaint_about(shop(R"("groups": {"x": ["shpo"]})")) ==
          "there is no component \"shpo\"");
    CHECK(complaint_about(shop(R"("groups": {"x": []})")) ==
          "\"members\" must have at least one member");
    CHECK(complaint_about(shop(R"("groups": {"x": ["shop"]}, "faults": [
              {"at": "0s", "crash": true, "target": {"group": "y"}}])")) ==
          "there is no fate group \"y\"");
    CHECK(complaint_about(shop(R"("groups": {"x": ["shop"]}, "faults": [
              {"at": "0s", "partition": true, "target": {"group": "x"}}])")) ==
          "\"target\" names a fate group, which has no network of its own");
}

}  // namespace prodsim
