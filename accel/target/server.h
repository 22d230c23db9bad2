// SPDX-License-Identifier: GPL-2.0-or-later
// The server that GDB's `target remote` connects to: a thread of this process that answers from the
// dump. It never touches Python, never exits the process and lets no exception out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "arch/architecture.h"
#include "dump/memory_reader.h"
#include "target/thread_table.h"

namespace pyk {

class TargetServer {
 public:
    // `memory` becomes the server thread's own reader.
    TargetServer(std::unique_ptr<MemoryReader> memory, const Architecture& arch,
                 std::shared_ptr<ThreadTable> threads);
    ~TargetServer();  // stops
    TargetServer(const TargetServer&) = delete;
    TargetServer& operator=(const TargetServer&) = delete;

    // Listens on a socket in a new private directory below `directory` and starts the thread.
    // Returns the socket's path, for `target remote`. Only this process, in which GDB runs, is let
    // in. The socket and its folder are gone as soon as it has connected, or when the server stops.
    // When GDB has left, start() gives it a new socket. Throws Error when no socket can be had.
    std::string start(const std::string& directory);

    // Ends the connection and joins the thread; safe to call twice.
    void stop() noexcept;

    bool connected() const noexcept;  // a peer is being served

    struct Stats {
        std::uint64_t packets = 0, memory_packets = 0, bytes_read = 0, failed_reads = 0;
    };
    Stats stats() const noexcept;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pyk
