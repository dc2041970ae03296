#pragma once

// What it takes to open a connection before the first call can go over it: round trips with the
// endpoint, one after the other, and there the work of agreeing on keys. The endpoint of the first
// round is that of all later ones and of the connection.
//
// Simplifications: nothing is sent along with a greeting (no TCP Fast Open, no early data); the
// client's own work is not counted; certificates are not sent piece by piece; what is predicted
// before a run leaves handshakes out.

#include "sim/config/fields.hpp"
#include "sim/world/chain.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace prodsim {

enum class Transport : std::uint8_t { none, tcp, tls_1_2, tls_1_3, quic };

std::span<const Word> words(Transport);

/// How the connections of a pool are opened.
struct Opening {
    Transport protocol = Transport::tls_1_3;
    Duration resume = std::chrono::minutes(5);
    void describe(Fields& fields);
};

constexpr bool has_keys(Transport transport) { return transport > Transport::tcp; }

/// A connection that is being opened.
struct Greeting {
    Request cause;  // on whose behalf
    Call* round = nullptr;
    std::uint8_t rounds_made = 0;
    bool resumed = false;
    std::uint16_t route = 0;  // the endpoint, once one has answered
    TimeLabelId label = 0;    // what its time is spent on
};

/// Opens the connections of one policy.
class Greeter final : public Node {
public:
    class Host {
    public:
        virtual ~Host() = default;
        /// The time of the greeting goes elsewhere from now on: see its label.
        virtual void turned(Greeting& greeting) = 0;
        /// Whether the endpoint, if it is known yet, takes up an earlier session.
        virtual bool resumes(const Greeting& greeting) = 0;
        virtual void opened(Greeting& greeting) = 0;
        virtual void not_opened(Greeting& greeting, Reply reply) = 0;
    };

    /// `next` leads to the endpoints; the host outlives this.
    Greeter(const Behind& behind, Node& next, Transport transport, Host& host);

    /// The host may hear of the end before this returns.
    void begin(Greeting& greeting, const Request& cause);

    /// Nobody needs it any more: the host will not hear of it again.
    void stop(Greeting& greeting);

    void on_call(Call&) override {}  // it makes calls and takes none
    void on_reply(Call& round, Reply reply) override;
    void on_abandon(Call&) override {}

private:
    static constexpr std::size_t most_rounds = 3;

    void go_on(Greeting& greeting);
    std::span<const std::uint16_t> rounds(bool resumed) const;

    World& world_;
    Node& next_;
    Host& host_;
    std::uint64_t salt_;
    TimeLabelId connecting_;
    TimeLabelId agreeing_;
    std::array<std::uint16_t, most_rounds> full_{};  // operations, in their order
    std::array<std::uint16_t, most_rounds> short_{};
    std::size_t full_rounds_ = 0;
    std::size_t short_rounds_ = 0;
    bool knocks_;
    bool agrees_;
};

}  // namespace prodsim
