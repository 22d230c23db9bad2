// SPDX-License-Identifier: GPL-2.0-or-later
// What GDB asks for, out of the payload of a packet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/address.h"

namespace pyk {
namespace request {

struct Unknown {};    // the protocol wants an empty reply to what a server does not know
struct Malformed {};  // known, but its arguments are not what they should be

struct Supported {
    bool error_messages = false;  // GDB shows the text of E. replies to all packets
};
struct StartNoAck {};
struct ReadTargetXml {
    std::uint64_t offset = 0, size = 0;
};
struct ReadThreads {
    std::uint64_t offset = 0, size = 0;
};
struct FirstThreads {};
struct NextThreads {};
struct StopReason {};
struct SelectThread {
    char purpose = 'g';  // 'g' for registers and memory, 'c' for what would run
    int tid = 0;         // 0 is any, -1 is all
};
struct CurrentThread {};
struct ThreadAlive {
    int tid = 0;
};
struct ThreadExtra {
    int tid = 0;
};
struct ReadRegisters {};
struct ReadRegister {
    std::uint64_t number = 0;
};
struct ReadMemory {
    KernelAddr addr;
    std::uint64_t size = 0;
    bool binary = false;  // the reply is bytes, not digits
};
struct WriteMemory {};
struct WriteRegisters {};
struct ChangeBreakpoint {};
struct Resume {};  // continue, step, run another program ...
struct Kill {};    // has no reply
struct Leave {};   // detach, or the kill that has a reply
struct Attached {};
struct OfferSymbols {};
struct Monitor {
    std::string command;
};

}  // namespace request

using Request = std::variant<
    request::Unknown, request::Malformed, request::Supported, request::StartNoAck,
    request::ReadTargetXml, request::ReadThreads, request::FirstThreads, request::NextThreads,
    request::StopReason, request::SelectThread, request::CurrentThread, request::ThreadAlive,
    request::ThreadExtra, request::ReadRegisters, request::ReadRegister, request::ReadMemory,
    request::WriteMemory, request::WriteRegisters, request::ChangeBreakpoint, request::Resume,
    request::Kill, request::Leave, request::Attached, request::OfferSymbols, request::Monitor>;

Request parse_request(std::string_view payload);

}  // namespace pyk
