// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/session.h"

#include <algorithm>
#include <variant>

#include "target/hex.h"
#include "target/packet.h"
#include "target/threads_xml.h"

namespace pyk {
namespace {

constexpr char kOk[] = "OK";
constexpr char kError[] = "E01";
constexpr char kUnreadable[] = "E14";  // EFAULT
constexpr char kReadOnly[] = "E.this is a crash dump: it cannot be changed";
constexpr char kCannotRun[] = "E.this is a crash dump: it cannot run";

constexpr char kHelp[] =
    "monitor stats   what GDB has read from the dump\n"
    "monitor help    this text\n";

// A part of a document as qXfer replies carry it: 'l' before the last one, 'm' before the others.
std::string part_of(std::string_view document, std::uint64_t offset, std::uint64_t size) {
    if (offset >= document.size()) return "l";
    const std::string_view rest = document.substr(offset);
    const std::size_t count = escaped_prefix(rest.substr(0, size), kPacketSize - 1);
    return (count == rest.size() ? "l" : "m") + std::string(rest.substr(0, count));
}

void append_register(std::string& reply, const Register& reg, std::optional<std::uint64_t> value) {
    if (!value) {
        reply.append(std::size_t{2} * reg.size, 'x');
        return;
    }
    for (std::size_t i = 0; i < reg.size; ++i) {
        const std::byte byte{static_cast<unsigned char>(i < 8 ? *value >> (8 * i) : 0)};
        append_hex(reply, {&byte, 1});
    }
}

}  // namespace

Session::Session(const MemoryReader& memory, const Architecture& arch, const ThreadTable& threads,
                 TargetCounters& counters)
    : memory_(memory),
      arch_(arch),
      threads_(threads),
      counters_(counters),
      stopped_tid_(choose_stopped_tid()),
      buffer_(kPacketSize - 1) {}

std::optional<std::string> Session::answer(std::string_view payload) {
    ++counters_.packets;
    return std::visit([this](const auto& request) { return to(request); }, parse_request(payload));
}

// GDB gives up connecting when it stops in a thread without a program counter.
int Session::choose_stopped_tid() const {
    const auto has_pc = [this](const std::optional<Thread>& thread) {
        return arch_.program_counter(registers_of(thread)).has_value();
    };
    const int wanted = threads_.selected();
    if (has_pc(threads_.find(wanted))) return wanted;
    for (const Thread& thread : threads_.all()) {
        if (has_pc(thread)) return thread.tid;
    }
    return wanted;
}

RegisterSet Session::registers_of(const std::optional<Thread>& thread) const {
    if (!thread) return {};
    if (thread->registers) return *thread->registers;
    if (!thread->thread_sp) return {};
    return arch_.registers_of_sleeper(memory_, thread->thread_sp).value_or(RegisterSet{});
}

std::size_t Session::read(KernelAddr addr, std::span<std::byte> out) const {
    if (arch_.is_user_address(addr.value)) {
        const auto thread = threads_.find(current_tid());
        if (thread && thread->pgd) return memory_.read_user_prefix(thread->pgd, addr, out);
    }
    return memory_.read_prefix(addr, out);
}

Session::Reply Session::to(const request::Unknown&) {
    return "";
}
Session::Reply Session::to(const request::Malformed&) {
    return kError;
}
Session::Reply Session::to(const request::WriteMemory&) {
    return kReadOnly;
}
Session::Reply Session::to(const request::WriteRegisters&) {
    return kReadOnly;
}
Session::Reply Session::to(const request::Resume&) {
    return kCannotRun;
}
Session::Reply Session::to(const request::Kill&) {
    return std::nullopt;
}
Session::Reply Session::to(const request::Leave&) {
    return kOk;
}
Session::Reply Session::to(const request::OfferSymbols&) {
    return kOk;
}

// Nothing runs, so a breakpoint can neither be hit nor do harm. GDB inserts them before it goes on,
// and would answer a refusal with "Cannot access memory"; so it hears the true reason, kCannotRun.
Session::Reply Session::to(const request::ChangeBreakpoint&) {
    return kOk;
}

// "Attached", so that GDB detaches when it quits, and does not kill.
Session::Reply Session::to(const request::Attached&) {
    return "1";
}

Session::Reply Session::to(const request::Supported& offer) {
    return "PacketSize=" + hex_text(kPacketSize) +
           ";QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;binary-upload+" +
           (offer.error_messages ? ";error-message+" : "");
}

Session::Reply Session::to(const request::StartNoAck&) {
    no_ack_ = true;
    return kOk;
}

Session::Reply Session::to(const request::ReadTargetXml& part) {
    return part_of(arch_.target_xml(), part.offset, part.size);
}

// GDB reads in parts: they must be of one document, even when threads are added between them.
Session::Reply Session::to(const request::ReadThreads& part) {
    if (part.offset == 0 && (threads_xml_.empty() || threads_in_xml_ != threads_.size())) {
        const std::vector<Thread> threads = threads_.all();
        threads_xml_ = threads_xml(threads);
        threads_in_xml_ = threads.size();
    }
    return part_of(threads_xml_, part.offset, part.size);
}

Session::Reply Session::to(const request::FirstThreads&) {
    listed_ = threads_.all();
    listed_so_far_ = 0;
    return to(request::NextThreads{});
}

Session::Reply Session::to(const request::NextThreads&) {
    constexpr std::size_t kMaxInReply = kPacketSize / 10;
    std::string reply;
    const std::size_t end = std::min(listed_.size(), listed_so_far_ + kMaxInReply);
    for (; listed_so_far_ < end; ++listed_so_far_) {
        reply += reply.empty() ? 'm' : ',';
        reply += hex_text(static_cast<unsigned>(listed_[listed_so_far_].tid));
    }
    return reply.empty() ? "l" : reply;
}

Session::Reply Session::to(const request::StopReason&) {
    stopped_tid_ = choose_stopped_tid();
    if (stopped_tid_ == 0) return "S00";
    return "T00thread:" + hex_text(static_cast<unsigned>(stopped_tid_)) + ";";
}

Session::Reply Session::to(const request::SelectThread& wanted) {
    if (wanted.tid > 0 && !threads_.contains(wanted.tid)) return kError;
    if (wanted.purpose == 'g') selected_tid_ = wanted.tid;
    return kOk;
}

Session::Reply Session::to(const request::CurrentThread&) {
    return "QC" + hex_text(static_cast<unsigned>(current_tid()));
}

Session::Reply Session::to(const request::ThreadAlive& asked) {
    return threads_.contains(asked.tid) ? kOk : kError;
}

Session::Reply Session::to(const request::ThreadExtra& asked) {
    const auto thread = threads_.find(asked.tid);
    if (!thread) return kError;
    return to_hex(printable(thread->extra));
}

Session::Reply Session::to(const request::ReadRegisters&) {
    const RegisterSet regs = current_registers();
    std::string reply;
    std::size_t index = 0;
    for (const Register& reg : arch_.registers()) append_register(reply, reg, regs.values[index++]);
    for (const Register& reg : arch_.unknown_registers()) append_register(reply, reg, {});
    return reply;
}

Session::Reply Session::to(const request::ReadRegister& wanted) {
    const auto known = arch_.registers(), unknown = arch_.unknown_registers();
    std::string reply;
    if (wanted.number < known.size()) {
        append_register(reply, known[wanted.number], current_registers().values[wanted.number]);
    } else if (wanted.number - known.size() < unknown.size()) {
        append_register(reply, unknown[wanted.number - known.size()], {});
    } else {
        return kError;
    }
    return reply;
}

Session::Reply Session::to(const request::ReadMemory& wanted) {
    if (wanted.size == 0) return wanted.binary ? "b" : kError;
    const std::size_t most = wanted.binary ? buffer_.size() : kPacketSize / 2;
    const std::span<std::byte> out(buffer_.data(), std::min<std::uint64_t>(wanted.size, most));
    const std::size_t got = read(wanted.addr, out);
    ++counters_.memory_packets;
    counters_.bytes_read += got;
    if (got == 0) {
        ++counters_.failed_reads;
        return kUnreadable;
    }
    if (wanted.binary) {
        const std::string_view bytes = as_text(out.first(got));
        return "b" + std::string(bytes.substr(0, escaped_prefix(bytes, kPacketSize - 1)));
    }
    std::string digits;
    append_hex(digits, out.first(got));
    return digits;
}

Session::Reply Session::to(const request::Monitor& asked) {
    if (asked.command == "stats") return to_hex(stats_text());
    if (asked.command == "help") return to_hex(kHelp);
    return to_hex("no such command: " + printable(asked.command) + "; try monitor help\n");
}

std::string Session::stats_text() const {
    return std::to_string(counters_.packets) + " packets, " +
           std::to_string(counters_.memory_packets) +
           " of them for memory: " + std::to_string(counters_.bytes_read) + " bytes read, " +
           std::to_string(counters_.failed_reads) + " reads of unreadable memory\n";
}

}  // namespace pyk
