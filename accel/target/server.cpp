// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/server.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/blocked_signals.h"
#include "base/error.h"
#include "target/connection.h"
#include "target/private_socket.h"
#include "target/session.h"

namespace pyk {
namespace {

// Becomes readable, and stays so, with the first notify().
class StopEvent {
 public:
    StopEvent() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (fd_) return;
        throw Error("cannot make an eventfd: " + std::generic_category().message(errno));
    }
    void notify() const noexcept { ::eventfd_write(fd_.get(), 1); }
    int fd() const { return fd_.get(); }

 private:
    UniqueFd fd_;
};

// A connection of this process; no file when it is time to stop.
UniqueFd accept_one(const PrivateSocket& socket, int stop_fd) {
    while (wait_for(socket.fd(), POLLIN, stop_fd)) {
        if (UniqueFd peer = socket.accept()) return peer;
        // Out of file descriptors, say: the connection still waits, and poll() returns at once.
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return UniqueFd();
}

}  // namespace

struct TargetServer::Impl {
    std::unique_ptr<MemoryReader> memory;
    const Architecture& arch;
    std::shared_ptr<ThreadTable> threads;
    TargetCounters counters{};
    std::mutex starting_or_stopping{};
    std::unique_ptr<StopEvent> stop_event{};
    std::thread thread{};
    std::atomic<bool> running{false};
    std::atomic<bool> connected{false};

    void run(std::unique_ptr<PrivateSocket> socket) noexcept;
    void serve(std::unique_ptr<PrivateSocket> socket);
    void start_thread(std::unique_ptr<PrivateSocket> socket);
    void join() noexcept;
};

void TargetServer::Impl::run(std::unique_ptr<PrivateSocket> socket) noexcept {
    ::pthread_setname_np(::pthread_self(), "pykdump-target");
    try {
        serve(std::move(socket));
    } catch (const std::exception&) {  // GDB sees the connection end
    }
    connected = false;
    running = false;
}

void TargetServer::Impl::serve(std::unique_ptr<PrivateSocket> socket) {
    UniqueFd peer = accept_one(*socket, stop_event->fd());
    connected = static_cast<bool>(peer);
    socket.reset();
    if (!peer) return;
    Session session(*memory, arch, *threads, counters);
    Connection(std::move(peer), stop_event->fd(), session).serve();
}

void TargetServer::Impl::start_thread(std::unique_ptr<PrivateSocket> socket) {
    const BlockedSignals blocked;
    running = true;
    try {
        thread = std::thread(&Impl::run, this, std::move(socket));
    } catch (const std::system_error& error) {
        running = false;
        throw Error(std::string("cannot start the server's thread: ") + error.what());
    }
}

void TargetServer::Impl::join() noexcept {
    if (!thread.joinable()) return;
    stop_event->notify();
    thread.join();
}

TargetServer::TargetServer(std::unique_ptr<MemoryReader> memory, const Architecture& arch,
                           std::shared_ptr<ThreadTable> threads)
    : impl_(new Impl{std::move(memory), arch, std::move(threads)}) {}

TargetServer::~TargetServer() {
    stop();
}

std::string TargetServer::start(const std::string& directory) {
    const std::lock_guard lock(impl_->starting_or_stopping);
    if (impl_->running) throw Error("the server is running already; stop it first");
    impl_->join();
    auto socket = std::make_unique<PrivateSocket>(directory);
    std::string path = socket->path();
    impl_->stop_event = std::make_unique<StopEvent>();
    impl_->start_thread(std::move(socket));
    return path;
}

void TargetServer::stop() noexcept {
    const std::lock_guard lock(impl_->starting_or_stopping);
    impl_->join();
}

bool TargetServer::connected() const noexcept {
    return impl_->connected;
}

TargetServer::Stats TargetServer::stats() const noexcept {
    const TargetCounters& counters = impl_->counters;
    return {counters.packets, counters.memory_packets, counters.bytes_read, counters.failed_reads};
}

}  // namespace pyk
