#include "sim/world/greeting.hpp"

#include "sim/world/component.hpp"

#include <utility>

namespace prodsim {

std::span<const Word> words(Transport) {
    static constexpr std::array all{
        Word{"none", Transport::none, "Nothing: it is there when it is needed."},
        Word{"tcp", Transport::tcp, "One round trip (RFC 9293, section 3.5)."},
        Word{"tls_1_2", Transport::tls_1_2,
             "TCP, then two round trips; one to resume a session (RFC 5246, section 7.3)."},
        Word{"tls_1_3", Transport::tls_1_3, "TCP, then one round trip (RFC 8446, section 2)."},
        Word{"quic", Transport::quic, "One round trip for both (RFC 9001, section 4)."},
    };
    return all;
}

void Opening::describe(Fields& fields) {
    fields("protocol", protocol, "What is opened.", {.position = 1});
    fields("resume", resume,
           "How long after a full handshake the endpoint takes up that session again.",
           {.minimum = 0, .source = "nginx 1.27 ssl_session_timeout"});
}

Greeter::Greeter(const Behind& behind, Node& next, Transport transport, Host& host)
    : world_(behind.world()),
      next_(next),
      host_(host),
      salt_(behind.salt()),
      connecting_(world_.traces.label(behind.edge(), TimeKind::connect)),
      agreeing_(world_.traces.label(behind.edge(), TimeKind::tls)),
      knocks_(transport != Transport::none && transport != Transport::quic),
      agrees_(has_keys(transport)) {
    const auto add = [&](std::uint16_t operation) {
        full_[full_rounds_++] = operation;
        short_[short_rounds_++] = operation;
    };
    if (knocks_) add(Request::knock);
    if (!agrees_) return;
    const Callee& callee = behind.callee();
    full_[full_rounds_++] = callee.handshake(Handshake::full).value_or(Request::hello);
    short_[short_rounds_++] = callee.handshake(Handshake::resumed).value_or(Request::hello);
    // The last round of TLS 1.2 confirms what the first has agreed on.
    if (transport == Transport::tls_1_2) full_[full_rounds_++] = Request::knock;
}

std::span<const std::uint16_t> Greeter::rounds(bool resumed) const {
    return resumed ? std::span(short_.data(), short_rounds_)
                   : std::span(full_.data(), full_rounds_);
}

void Greeter::begin(Greeting& greeting, const Request& cause) {
    greeting.cause = cause;
    go_on(greeting);
}

void Greeter::go_on(Greeting& greeting) {
    const bool agrees_next = greeting.rounds_made == (knocks_ ? 1 : 0);
    if (agrees_next && agrees_) greeting.resumed = host_.resumes(greeting);
    const auto operations = rounds(greeting.resumed);
    if (greeting.rounds_made == operations.size()) {
        host_.opened(greeting);
        return;
    }
    const std::size_t number = greeting.rounds_made++;
    greeting.label = knocks_ && number == 0 ? connecting_ : agreeing_;
    host_.turned(greeting);
    Request request = greeting.cause;
    request.subject = mix(mix(request.demand_key(), salt_), number + 1);
    request.tries = 0;
    request.traits = Trait::greeting;
    request.operation = operations[number];
    request.route = greeting.route;
    Call& round = world_.calls.open(*this, request, world_.now());
    round.caller_note = reinterpret_cast<std::uint64_t>(&greeting);
    greeting.round = &round;
    world_.calls.send(round, next_);
}

void Greeter::on_reply(Call& round, Reply reply) {
    auto& greeting = round.caller_frame<Greeting>();
    greeting.round = nullptr;
    greeting.route = round.route;
    if (reply.good()) {
        go_on(greeting);
    } else {
        host_.not_opened(greeting, reply);
    }
}

void Greeter::stop(Greeting& greeting) {
    if (greeting.round != nullptr) {
        world_.calls.abandon(*std::exchange(greeting.round, nullptr));
    }
}

}  // namespace prodsim
