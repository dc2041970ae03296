// Waits for a reply for a fixed time, from the moment the call is made, connecting and queueing
// included; then it says *timed out* upwards and tells its callee that nobody waits. Whether the
// callee stops is the callee's affair: abandoning is not cancelling.

#include "sim/world/patience.hpp"

namespace prodsim {
namespace {

class Timeout final : public Patience {
public:
    struct Parameters {
        Duration limit = std::chrono::seconds(1);

        void describe(Fields& fields) {
            fields("limit", limit, "How long the caller waits for one attempt.",
                   {.above = 0, .required = true, .position = 1});
        }
    };

    Timeout(const Behind& behind, const Parameters& parameters)
        : Patience(behind, {Outcome::timeout, "timeout", "timeout.expired",
                            "Attempts that were not answered in time."}),
          limit_(parameters.limit) {}

    void on_call(Call& call) override { send(open(call), world_.now() + limit_); }

private:
    Duration limit_;
};

}  // namespace

void add_timeout(Catalogue& catalogue) {
    catalogue.policy<Timeout>("timeout", PolicyKind::stateless,
                              "Gives up on an attempt after a fixed time.");
}

}  // namespace prodsim
