// Sets the instant after which nobody needs the answer. It travels with the call to everything that
// is called on its behalf, so callees may decline to start what would be late. At the instant
// itself the caller gives up. A call whose deadline has passed is not sent. When the caller gives
// up earlier, so does this.
//
// Simplification: clocks agree; a deadline loses nothing on its way from one machine to another.

#include "sim/world/patience.hpp"

#include <algorithm>

namespace prodsim {
namespace {

class Deadline final : public Patience {
public:
    struct Parameters {
        Duration limit = std::chrono::seconds(1);

        void describe(Fields& fields) {
            fields("limit", limit,
                   "How long the whole request may take from here; an earlier deadline stands.",
                   {.above = 0, .required = true, .position = 1});
        }
    };

    Deadline(const Behind& behind, const Parameters& parameters)
        : Patience(behind, {Outcome::deadline_exceeded, "deadline", "deadline.exceeded",
                            "Calls that were given up at their deadline."}),
          limit_(parameters.limit),
          unsent_(world_.meters.counter(behind.edge(), "deadline.unsent",
                                        "Calls not made because their deadline had passed.")) {}

    void on_call(Call& call) override {
        if (call.deadline <= world_.now()) {
            unsent_.add();
            world_.calls.reply(call, too_late());
            return;
        }
        Call& child = open(call);
        child.deadline = std::min(call.deadline, world_.now() + limit_);
        send(child, child.deadline);
    }

private:
    Duration limit_;
    Counter& unsent_;
};

}  // namespace

void add_deadline(Catalogue& catalogue) {
    catalogue.policy<Deadline>("deadline", PolicyKind::stateless,
                               "Bounds the whole request; callees know the bound.");
}

}  // namespace prodsim
