#pragma once

#include "sim/run/simulation.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

namespace prodsim::cli {

enum class Progress { silent, shown };

/// Attends a run from a thread of its own: shows on stderr how far it is, and stops it when the
/// user presses Ctrl-C or the system asks for an end. Half a second after that the signals have
/// their usual effect again, so a second Ctrl-C kills.
class Attendant {
public:
    /// REQUIRES: made before the threads of the run, which inherit that signals are kept waiting.
    Attendant(RunWatch& watch, Duration expected, Progress progress);
    Attendant(const Attendant&) = delete;
    Attendant& operator=(const Attendant&) = delete;
    ~Attendant();

    bool interrupted() const { return interrupted_; }
    double elapsed_s() const;

private:
    void attend();
    void resign();
    void show() const;

    RunWatch& watch_;
    Duration expected_;  // simulated time of all runs
    Progress progress_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    sigset_t signals_{};
    sigset_t signals_before_{};
    std::atomic<bool> done_{false};
    std::atomic<bool> interrupted_{false};
    std::thread thread_;
};

}  // namespace prodsim::cli
