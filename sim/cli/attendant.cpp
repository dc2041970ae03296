#include "sim/cli/attendant.hpp"

#include "sim/run/report_numbers.hpp"

#include <algorithm>
#include <cstdio>

namespace prodsim::cli {

namespace {

// Wakes the attendant; otherwise it has no effect on anybody.
constexpr int wake = SIGURG;

// Signals that come this close together, to a process and to its group, ask once.
constexpr double one_request_s = 0.5;

constexpr long look_every_ns = 100'000'000;

}  // namespace

Attendant::Attendant(RunWatch& watch, Duration expected, Progress progress)
    : watch_(watch), expected_(expected), progress_(progress) {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, wake}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, &signals_before_);
    thread_ = std::thread([this] { attend(); });
}

Attendant::~Attendant() {
    done_ = true;
    pthread_kill(thread_.native_handle(), wake);
    thread_.join();
    pthread_sigmask(SIG_SETMASK, &signals_before_, nullptr);
}

void Attendant::attend() {
    const timespec patience{0, look_every_ns};
    double stopped_at_s = 0;
    bool resigned = false;
    while (!done_) {
        const int signal = sigtimedwait(&signals_, nullptr, &patience);
        if (!interrupted_ && (signal == SIGINT || signal == SIGTERM)) {
            interrupted_ = true;
            watch_.stop = true;
            stopped_at_s = elapsed_s();
            if (progress_ == Progress::shown) std::fputs("\r\033[Kstopping\n", stderr);
        }
        if (interrupted_ && !resigned && elapsed_s() > stopped_at_s + one_request_s) {
            resign();
            resigned = true;
        }
        if (!interrupted_ && progress_ == Progress::shown && !done_) show();
    }
    if (progress_ == Progress::shown) std::fputs("\r\033[K", stderr);
}

void Attendant::resign() {
    sigset_t deadly = signals_;
    sigdelset(&deadly, wake);
    sigemptyset(&signals_);
    sigaddset(&signals_, wake);
    pthread_sigmask(SIG_UNBLOCK, &deadly, nullptr);
}

double Attendant::elapsed_s() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
}

void Attendant::show() const {
    const double simulated_s = in_seconds(Duration{watch_.simulated_ns.load()});
    const double expected_s = std::max(in_seconds(expected_), simulated_s);
    if (simulated_s <= 0 || expected_s <= 0) return;
    const double share = simulated_s / expected_s;
    const double left_s = elapsed_s() * (1 - share) / share;
    const auto requests = static_cast<double>(watch_.requests.load());
    std::string line = "\r\033[K" + std::to_string(static_cast<int>(share * 100)) + " %  " +
                       readable_duration(simulated_s) + " simulated  ";
    if (requests > 0) {
        line +=
            readable_count(static_cast<std::uint64_t>(requests / elapsed_s())) + " requests/s  ";
    }
    line += readable_duration(std::max(left_s, 0.1)) + " left";
    std::fputs(line.c_str(), stderr);
    std::fflush(stderr);
}

}  // namespace prodsim::cli
