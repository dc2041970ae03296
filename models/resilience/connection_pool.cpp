// Keeps connections to the callee and lends them to calls: opens one when none is free, up to
// `size`; beyond that calls wait in the order in which they came.
//
//     call ─▶ line ─▶ free connection? ──yes──▶ call over it ──▶ reply, connection free
//               │           └──no──▶ open one, at its cost ──▲
//               └─ full, or too long ─▶ rejected_pool
//
// A connection leads to one endpoint: the one that was chosen for the first call over it. It
// outlives the membership of that endpoint and dies by use (a reply that says the connection
// broke), by idleness or by age. So after a failover every pooled connection costs one failed call.
//
// When the caller gives up, a connection that carries one call at a time is closed, because the
// reply to nobody would come over it, and the next call opens another; of a connection with several
// streams only the stream ends. A connection that is still being opened is kept for the next call.
//
// With a `transport` a connection is opened by round trips with the endpoint, which works for it
// (sim/world/greeting.hpp); a session that was agreed on there is taken up again for a while,
// unless the endpoint broke a connection since: a process that dies forgets its sessions.
//
// Simplifications: no connection is opened before it is asked for or checked before it is used; a
// process that died and came back
// accepts the connections of its predecessor; an aged or broken connection whose streams have not
// all ended counts as closed; with a policy between the pool and the balancer, streams that begin
// before the first reply may lead to several endpoints.

#include "sim/core/pool.hpp"
#include "sim/world/greeting.hpp"
#include "sim/world/inside.hpp"
#include "sim/world/station.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace prodsim {
namespace {

class ConnectionPool final : public Node, private Greeter::Host {
public:
    struct Parameters {
        std::int64_t size = 10;
        std::int64_t streams = 1;
        Duration wait = std::chrono::seconds(30);
        std::optional<std::int64_t> queue;
        Law<Duration> connect = "0s";
        std::optional<Opening> transport;
        Duration idle = std::chrono::minutes(10);
        Duration lifetime = std::chrono::minutes(30);
        Share lifetime_spread{0.025};

        void describe(Fields& fields) {
            fields("size", size, "How many connections may be open at once.",
                   {.minimum = 1,
                    .maximum = 1000000,
                    .position = 1,
                    .source = "HikariCP 5 maximumPoolSize"});
            fields("streams", streams,
                   "Calls at once over one connection: 1 for HTTP/1 and SQL, more for HTTP/2.",
                   {.minimum = 1, .maximum = 1000000});
            fields("wait", wait, "The longest wait for a connection; 0 turns calls away at once.",
                   {.minimum = 0, .source = "HikariCP 5 connectionTimeout"});
            fields("queue", queue, "How many calls may wait; no limit unless given.",
                   {.minimum = 1});
            fields("connect", connect,
                   "Time it takes to open a connection, before any round trip.");
            fields("transport", transport,
                   "What is opened, by round trips with the endpoint; none if not said.");
            fields("idle", idle, "Closes a connection that was not used for so long; 0 is never.",
                   {.minimum = 0, .source = "HikariCP 5 idleTimeout, where minimumIdle allows it"});
            fields("lifetime", lifetime,
                   "Closes a connection at this age, once it is free; 0 is never.",
                   {.minimum = 0, .source = "HikariCP 5 maxLifetime"});
            fields("lifetime_spread", lifetime_spread,
                   "Each connection lives shorter by a random part of its life up to this share.",
                   {.source = "HikariCP 5 HikariPool.createPoolEntry: up to 2.5 %"});
            fields.rule(!queue || wait.count() > 0, "queue", "nobody waits while \"wait\" is 0");
        }
    };

    ConnectionPool(const Behind& behind, const Parameters& parameters)
        : world_(behind.world()),
          parameters_(parameters),
          line_meters_(world_.meters.shared<StationMeters>(behind.edge(), "pool",
                                                           "a connection of the pool")),
          station_(world_.engine, line_meters_, limits(parameters),
                   action<&ConnectionPool::admit>(*this), action<&ConnectionPool::expire>(*this)),
          next_(behind.next()),
          greeter_(behind, next_, protocol_of(parameters), *this),
          stream_(behind.stream("pool")),
          waiting_(world_.traces.label(behind.edge(), TimeKind::queue)),
          connecting_(world_.traces.label(behind.edge(), TimeKind::connect)),
          full_(world_.reason(behind.edge(), "pool full")),
          waited_(world_.reason(behind.edge(), "pool wait")),
          meters_(world_.meters, behind.edge()) {}

    void on_call(Call& call) override {
        Loan& loan = loans_.acquire();
        loan.call = &call;
        call.callee_note = reinterpret_cast<std::uint64_t>(&loan);
        switch (station_.enter(loan)) {
            case Station::Entry::served:
                lend(loan);
                return;
            case Station::Entry::waits:
                world_.traces.spend(call, waiting_);
                return;
            case Station::Entry::refused:
                turn_away(loan, full_);
                return;
        }
    }

    void on_reply(Call& child, Reply reply) override {
        auto& loan = child.caller_frame<Loan>();
        Call& call = *loan.call;
        loan.answered = true;
        call.route = child.route;
        if (loan.connection->route == 0) loan.connection->route = child.route;
        if (is_broken_by(reply.outcome) && !loan.connection->retired) {
            if (reply.outcome != Outcome::timeout) sessions_.erase(loan.connection->route);
            retire(*loan.connection, meters_.broken);
        }
        end(loan);
        world_.calls.reply(call, reply);
    }

    // Whoever is let in next may fail at once and make the caller give up on a call whose answer is
    // on its way: then there is nothing left to do.
    void on_abandon(Call& call) override {
        auto& loan = call.callee_frame<Loan>();
        if (loan.answered) return;
        if (loan.waiting) {
            station_.withdraw(loan);
            loans_.release(loan);
        } else {
            abandon(loan);
            end(loan);
        }
        world_.calls.reply(call, {Outcome::cancelled, 0});
    }

private:
    struct Connection;

    /// A call and the connection that it has, or waits for.
    struct Loan : Waiter {
        Call* call = nullptr;
        Call* child = nullptr;
        Connection* connection = nullptr;
        Timer opening;
        bool answered = false;
        bool is_early = false;     // its connection is being opened by round trips
        bool* over = nullptr;      // to be set when the loan ends, for whoever looks at it
        Neighbours<Loan> fellows;  // who wait for the same round trips
    };

    /// Its route is the number of the endpoint; 0 until something has gone over it.
    struct Connection : Greeting {
        bool retired = false;     // out of the books, gone when its last stream ends
        bool opening = false;     // by round trips
        std::int64_t in_use = 0;  // streams
        Time ready{};             // it takes until then to open it, or to begin with round trips
        Time used{};              // when a stream of it was last given back
        Time expires = never;
        Connection* previous = nullptr;
        Connection* next = nullptr;
        Timer start;                       // of the round trips
        List<Loan, &Loan::fellows> early;  // who wait for them
        bool held = false;                 // somebody goes through the early ones
        bool over = false;                 // nobody needs it any more
    };

    struct PoolMeters {
        PoolMeters(Meters& meters, std::string_view edge)
            : connections(meters.level(edge, "pool.connections", "Connections that are open.")),
              opened(meters.counter(edge, "pool.opened", "Connections opened.")),
              broken(meters.counter(edge, "pool.closed.broken",
                                    "Connections closed because a call over them broke.")),
              abandoned(meters.counter(edge, "pool.closed.abandoned",
                                       "Connections closed because the caller gave up.")),
              idle(meters.counter(edge, "pool.closed.idle", "Connections closed when idle.")),
              aged(meters.counter(edge, "pool.closed.aged",
                                  "Connections closed at the end of their lifetime.")),
              unopened(meters.counter(edge, "pool.closed.unopened",
                                      "Connections that could not be opened.")) {}

        Level& connections;
        Counter& opened;
        Counter& broken;
        Counter& abandoned;
        Counter& idle;
        Counter& aged;
        Counter& unopened;
    };

    static Transport protocol_of(const Parameters& parameters) {
        return parameters.transport ? parameters.transport->protocol : Transport::none;
    }

    static Station::Limits limits(const Parameters& parameters) {
        const std::int64_t line = parameters.queue.value_or(Station::unlimited);
        return {.servers = parameters.size * parameters.streams,
                .line = parameters.wait.count() == 0 ? 0 : line,
                .patience = parameters.wait};
    }

    /// No connection was made, or it is gone. A timeout behind the pool gave up on the reply,
    /// which would come over the connection: see on_abandon.
    bool is_broken_by(Outcome outcome) const {
        switch (outcome) {
            case Outcome::timeout_connect:
            case Outcome::no_endpoint:
            case Outcome::refused:
            case Outcome::reset:
            case Outcome::unreachable:
                return true;
            case Outcome::timeout:
                return parameters_.streams == 1;
            default:
                return false;
        }
    }

    void admit(Waiter& waiter) { lend(static_cast<Loan&>(waiter)); }
    void expire(Waiter& waiter) { turn_away(static_cast<Loan&>(waiter), waited_); }

    void turn_away(Loan& loan, ReasonId reason) {
        Call& call = *loan.call;
        loans_.release(loan);
        world_.calls.reply(call, {Outcome::rejected_pool, reason});
    }

    // The station lets in no more calls than there can be streams, so there is one or room for it.
    void lend(Loan& loan) {
        while (first_ != nullptr && first_->expires <= world_.now()) retire(*first_, meters_.aged);
        const bool is_new = first_ == nullptr;
        Connection& connection = is_new ? open(*loan.call) : *first_;
        loan.connection = &connection;
        if (++connection.in_use == parameters_.streams) unlink(connection);
        if (connection.opening) {
            loan.is_early = true;
            connection.early.push_back(loan);
            world_.traces.spend(*loan.call, connection.label == 0 ? connecting_ : connection.label);
            if (is_new) start(connection);
        } else if (connection.ready > world_.now()) {
            world_.traces.spend(*loan.call, connecting_);
            loan.opening =
                world_.engine.at(connection.ready, action<&ConnectionPool::send>(*this, loan));
        } else {
            send(loan);
        }
    }

    Connection& open(const Call& call) {
        Connection& connection = connections_.acquire();
        Draws draws = stream_.draws(call.demand_key());
        const Time now = world_.now();
        connection.ready = now + sample_duration(parameters_.connect.distribution(), draws);
        if (parameters_.lifetime.count() > 0) {
            const double shorter = parameters_.lifetime_spread.value * draws.uniform();
            connection.expires =
                now + from_seconds(in_seconds(parameters_.lifetime) * (1 - shorter));
        }
        connection.opening = parameters_.transport.has_value();
        connection.cause = call;
        link(connection);
        meters_.opened.add();
        meters_.connections.add(1, now);
        return connection;
    }

    void start(Connection& connection) {
        if (connection.ready > world_.now()) {
            connection.start = world_.engine.at(connection.ready,
                                                action<&ConnectionPool::greet>(*this, connection));
        } else {
            greet(connection);
        }
    }

    void greet(Connection& connection) {
        connection.start = {};
        const Request cause = connection.cause;
        greeter_.begin(connection, cause);
    }

    void turned(Greeting& greeting) override {
        auto& connection = static_cast<Connection&>(greeting);
        for (Loan* loan = connection.early.first(); loan != nullptr;
             loan = connection.early.after(*loan)) {
            world_.traces.spend(*loan->call, greeting.label);
        }
    }

    bool resumes(const Greeting& greeting) override {
        const auto session = sessions_.find(greeting.route);
        return session != sessions_.end() && session->second >= world_.now();
    }

    void opened(Greeting& greeting) override {
        auto& connection = static_cast<Connection&>(greeting);
        connection.opening = false;
        if (has_keys(parameters_.transport->protocol) && !connection.resumed) {
            sessions_[connection.route] = world_.now() + parameters_.transport->resume;
        }
        for_each_early(connection, [this](Loan& loan) { send(loan); });
    }

    void not_opened(Greeting& greeting, Reply reply) override {
        auto& connection = static_cast<Connection&>(greeting);
        connection.opening = false;
        sessions_.erase(connection.route);
        if (connection.in_use == 0) {
            retire(connection, meters_.unopened);
            return;
        }
        if (!connection.retired) retire(connection, meters_.unopened);
        for_each_early(connection, [this, reply](Loan& loan) {
            Call& call = *loan.call;
            loan.answered = true;
            end(loan);
            world_.calls.reply(call, reply);
        });
    }

    // What becomes of one may be the end of others, and of the connection, which stays until then.
    template <class Visit>
    void for_each_early(Connection& connection, Visit visit) {
        connection.held = true;
        while (!connection.early.empty()) {
            Loan& loan = *connection.early.first();
            connection.early.remove(loan);
            loan.is_early = false;
            visit(loan);
        }
        connection.held = false;
        if (connection.over) connections_.release(connection);
    }

    void send(Loan& loan) {
        loan.opening = {};
        Call& child = world_.calls.open(*this, *loan.call, world_.now());
        loan.child = &child;
        child.caller_note = reinterpret_cast<std::uint64_t>(&loan);
        if (loan.connection->route != 0) {
            child.route = loan.connection->route;
            world_.calls.send(child, next_);
            return;
        }
        bool over = false;
        loan.over = &over;
        world_.calls.send(child, next_);
        if (over) return;
        loan.over = nullptr;
        loan.connection->route = child.route;
    }

    void abandon(Loan& loan) {
        if (loan.is_early) {
            loan.connection->early.remove(loan);
            return;
        }
        if (loan.child == nullptr) {
            world_.engine.cancel(loan.opening);
            return;
        }
        world_.calls.abandon(*loan.child);
        if (parameters_.streams == 1) retire(*loan.connection, meters_.abandoned);
    }

    void end(Loan& loan) {
        if (loan.over != nullptr) *loan.over = true;
        give_back(*loan.connection);
        station_.leave(loan);
        loans_.release(loan);
    }

    void give_back(Connection& connection) {
        const bool was_full = connection.in_use-- == parameters_.streams;
        if (connection.retired) {
            if (connection.in_use == 0) forget(connection);
            return;
        }
        if (was_full) link(connection);
        connection.used = world_.now();
        if (connection.in_use == 0) sweep_at(last_moment(connection));
    }

    // REQUIRES: not retired yet.
    void retire(Connection& connection, Counter& cause) {
        if (connection.in_use < parameters_.streams) unlink(connection);
        cause.add();
        meters_.connections.add(-1, world_.now());
        connection.retired = true;
        if (connection.in_use == 0) forget(connection);
    }

    void forget(Connection& connection) {
        if (connection.opening) {
            world_.engine.cancel(connection.start);
            greeter_.stop(connection);
        }
        connection.over = true;
        if (!connection.held) connections_.release(connection);
    }

    /// When an idle connection is to be closed.
    Time last_moment(const Connection& connection) const {
        if (parameters_.idle.count() == 0) return connection.expires;
        return std::min(connection.used + parameters_.idle, connection.expires);
    }

    void sweep_at(Time when) {
        if (when >= next_sweep_) return;
        world_.engine.cancel(sweep_);
        next_sweep_ = when;
        sweep_ =
            world_.engine.at(std::max(when, world_.now()), action<&ConnectionPool::sweep>(*this));
    }

    // One timer for all idle connections: a timer for each would be set anew by every call.
    void sweep() {
        next_sweep_ = never;
        Time earliest = never;
        for (Connection *connection = first_, *after; connection != nullptr; connection = after) {
            after = connection->next;
            if (connection->in_use != 0) continue;
            const Time last = last_moment(*connection);
            if (last > world_.now()) {
                earliest = std::min(earliest, last);
            } else {
                retire(*connection,
                       connection->expires <= world_.now() ? meters_.aged : meters_.idle);
            }
        }
        sweep_at(earliest);
    }

    // The list of connections with a free stream, those that were full most recently first, so
    // that those nobody needs can grow idle.
    void link(Connection& connection) {
        connection.previous = nullptr;
        connection.next = first_;
        if (first_ != nullptr) first_->previous = &connection;
        first_ = &connection;
    }

    void unlink(Connection& connection) {
        (connection.previous == nullptr ? first_ : connection.previous->next) = connection.next;
        if (connection.next != nullptr) connection.next->previous = connection.previous;
    }

    World& world_;
    const Parameters& parameters_;
    StationMeters& line_meters_;
    Station station_;
    Node& next_;
    Greeter greeter_;
    std::map<std::uint16_t, Time> sessions_;  // by endpoint: until when they are taken up again
    Stream stream_;
    TimeLabelId waiting_;
    TimeLabelId connecting_;
    ReasonId full_;
    ReasonId waited_;
    PoolMeters meters_;
    Connection* first_ = nullptr;
    Time next_sweep_ = never;
    Timer sweep_;
    Pool<Connection>& connections_ = world_.pools.of<Connection>();
    Pool<Loan>& loans_ = world_.pools.of<Loan>();
};

}  // namespace

void add_pool(Catalogue& catalogue) {
    catalogue.policy<ConnectionPool>("pool", PolicyKind::stateful,
                                     "Lends connections to calls and keeps them for the next.");
}

}  // namespace prodsim
