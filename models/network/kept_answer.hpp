#pragma once

// What one resolver holds for one name, and for how long: an answer, a stale answer, or that there
// is none.

#include "sim/core/time.hpp"

#include <cstddef>
#include <cstdint>

namespace prodsim {

/// How long things are kept.
struct KeepingRules {
    Duration life;          // of a good answer
    Duration negative_ttl;  // that there is no such name
    Duration failure_ttl;   // that no server answered
    Duration serve_stale;   // how long past its end an answer counts while no server answers
};

class KeptAnswer {
public:
    enum class Denial : std::uint8_t { none, no_such_name, no_server };

    /// Keeps its first answer for ever: it ignores the time to live.
    void ignore_ttl() { ignores_ttl_ = true; }

    bool is_held(Time now) const { return now < expires_; }

    /// Why there is no record to go to. What `record` says counts only where it is `none`.
    Denial denial() const { return denial_; }
    std::size_t record() const { return record_; }
    bool is_stale() const { return is_stale_; }

    bool may_serve_stale(Time now) const { return now < good_until_; }

    void keep(std::size_t record, Time now, const KeepingRules& rules) {
        record_ = record;
        denial_ = Denial::none;
        is_stale_ = false;
        expires_ = ignores_ttl_ ? never : now + rules.life;
        good_until_ = ignores_ttl_ ? never : expires_ + rules.serve_stale;
    }

    /// It was kept so long ago.
    void age(Duration passed) {
        if (ignores_ttl_) return;
        expires_ -= passed;
        good_until_ -= passed;
    }

    /// A server has answered that there is no such name. It is an answer, and replaces the last.
    void deny_name(Time now, const KeepingRules& rules) {
        deny(Denial::no_such_name, now + rules.negative_ttl);
        good_until_ = start_of_run;
    }

    /// No server has answered. REQUIRES for a stale answer: there may be one.
    void serve_stale(Time now) {
        denial_ = Denial::none;
        is_stale_ = true;
        expires_ = now + stale_for;
    }
    void deny_service(Time now, const KeepingRules& rules) {
        deny(Denial::no_server, now + rules.failure_ttl);
    }

    void forget() { expires_ = good_until_ = start_of_run; }

private:
    static constexpr Duration stale_for = std::chrono::seconds(30);  // RFC 8767 section 5

    void deny(Denial denial, Time until) {
        denial_ = denial;
        is_stale_ = false;
        expires_ = until;
    }

    std::size_t record_ = 0;
    Time expires_ = start_of_run;
    Time good_until_ = start_of_run;  // of the last good answer, a stale one included
    Denial denial_ = Denial::none;
    bool is_stale_ = false;
    bool ignores_ttl_ = false;
};

}  // namespace prodsim
