// `prodsim analyze` as its users meet it.

#include "tests/catch.hpp"
#include "tests/cli/shell.hpp"

namespace prodsim::cli {
namespace {

TEST_CASE("analyze says in three formats what follows before a run") {
    const Ended text = shell("$P analyze scenarios/hello.json");
    REQUIRE(text.code == 0);
    // 160/s x 10 ms of 2 cores; Erlang's C(2, 1.6) is 0.711, the wait 0.711 x 10 ms / 0.4.
    REQUIRE_THAT(text.out, ContainsSubstring("1.25 x the load    17.8 ms  M/M/2, Erlang C"));
    REQUIRE_THAT(shell("$P analyze scenarios/hello.json --format markdown").out,
                 ContainsSubstring("## Resources"));
    const Ended json = shell("$P analyze scenarios/hello.json --format json");
    REQUIRE_THAT(json.out, ContainsSubstring("\"full_at_load\": 1.25"));
}

TEST_CASE("analyze says what cannot keep up") {
    const Ended overload = shell(
        "$P analyze scenarios/hello.json --set 'components.shoppers.arrivals=poisson(300/s)'");
    REQUIRE(overload.code == 0);
    REQUIRE_THAT(overload.out, ContainsSubstring("cannot keep up"));
}

}  // namespace
}  // namespace prodsim::cli
