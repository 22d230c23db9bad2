// SPDX-License-Identifier: GPL-2.0-or-later
// One session of GDB: the answers to its requests, out of the dump. Knows nothing of sockets.
#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/architecture.h"
#include "dump/memory_reader.h"
#include "target/request.h"
#include "target/thread_table.h"

namespace pyk {

// Counted by the server thread, read by any.
struct TargetCounters {
    std::atomic<std::uint64_t> packets{0}, memory_packets{0}, bytes_read{0}, failed_reads{0};
};

class Session {
 public:
    Session(const MemoryReader& memory, const Architecture& arch, const ThreadTable& threads,
            TargetCounters& counters);

    // The payload of the reply; nothing for the requests that have none.
    std::optional<std::string> answer(std::string_view payload);

    // GDB asked for packets without acknowledgements, from the next packet on.
    bool no_ack() const { return no_ack_; }

 private:
    using Reply = std::optional<std::string>;

    Reply to(const request::Unknown&);
    Reply to(const request::Malformed&);
    Reply to(const request::Supported& offer);
    Reply to(const request::StartNoAck&);
    Reply to(const request::ReadTargetXml& part);
    Reply to(const request::ReadThreads& part);
    Reply to(const request::FirstThreads&);
    Reply to(const request::NextThreads&);
    Reply to(const request::StopReason&);
    Reply to(const request::SelectThread& wanted);
    Reply to(const request::CurrentThread&);
    Reply to(const request::ThreadAlive& asked);
    Reply to(const request::ThreadExtra& asked);
    Reply to(const request::ReadRegisters&);
    Reply to(const request::ReadRegister& wanted);
    Reply to(const request::ReadMemory& wanted);
    Reply to(const request::WriteMemory&);
    Reply to(const request::WriteRegisters&);
    Reply to(const request::ChangeBreakpoint&);
    Reply to(const request::Resume&);
    Reply to(const request::Kill&);
    Reply to(const request::Leave&);
    Reply to(const request::Attached&);
    Reply to(const request::OfferSymbols&);
    Reply to(const request::Monitor& asked);

    int current_tid() const { return selected_tid_ > 0 ? selected_tid_ : stopped_tid_; }
    int choose_stopped_tid() const;
    RegisterSet registers_of(const std::optional<Thread>& thread) const;
    RegisterSet current_registers() const { return registers_of(threads_.find(current_tid())); }
    std::size_t read(KernelAddr addr, std::span<std::byte> out) const;
    std::string stats_text() const;

    const MemoryReader& memory_;
    const Architecture& arch_;
    const ThreadTable& threads_;
    TargetCounters& counters_;

    bool no_ack_ = false;
    int stopped_tid_;       // as told in the last answer to "?"; "any thread" is this one
    int selected_tid_ = 0;  // by Hg; 0 or less is any
    std::string threads_xml_;
    std::size_t threads_in_xml_ = 0;
    std::vector<Thread> listed_;     // by qfThreadInfo
    std::size_t listed_so_far_ = 0;  // of these, told to GDB
    std::vector<std::byte> buffer_;
};

}  // namespace pyk
