// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/packet.h"

#include <utility>

#include "target/hex.h"

namespace pyk {
namespace {

constexpr char kEscape = '}';
constexpr char kEscapeMask = 0x20;
constexpr char kCtrlC = 0x03;

// '*' would start a run-length in what a server sends.
bool needs_escape(char byte) {
    return byte == '#' || byte == '$' || byte == kEscape || byte == '*';
}

}  // namespace

std::string frame(std::string_view payload) {
    std::string packet;
    packet.reserve(payload.size() + 4);
    packet += '$';
    unsigned char sum = 0;
    const auto put = [&](char byte) {
        packet += byte;
        sum = static_cast<unsigned char>(sum + static_cast<unsigned char>(byte));
    };
    for (const char byte : payload) {
        if (needs_escape(byte)) put(kEscape);
        put(needs_escape(byte) ? static_cast<char>(byte ^ kEscapeMask) : byte);
    }
    packet += '#';
    const std::byte checksum{sum};
    append_hex(packet, {&checksum, 1});
    return packet;
}

std::size_t escaped_prefix(std::string_view payload, std::size_t room) {
    std::size_t count = 0;
    for (const char byte : payload) {
        const std::size_t length = needs_escape(byte) ? 2 : 1;
        if (length > room) break;
        room -= length;
        ++count;
    }
    return count;
}

std::optional<WireItem> PacketReader::next(std::string_view& input) {
    while (!input.empty()) {
        const char byte = input.front();
        input.remove_prefix(1);
        if (auto item = take(byte)) return item;
    }
    return std::nullopt;
}

std::optional<WireItem> PacketReader::take(char byte) {
    switch (state_) {
        case State::kBetween:
            return take_between(byte);
        case State::kPayload:
            take_payload(byte);
            return std::nullopt;
        case State::kChecksumHigh:
            first_digit_ = byte;
            state_ = State::kChecksumLow;
            return std::nullopt;
        case State::kChecksumLow:
            state_ = State::kBetween;
            return finish(byte);
    }
    return std::nullopt;
}

std::optional<WireItem> PacketReader::take_between(char byte) {
    switch (byte) {
        case '$':
            state_ = State::kPayload;
            payload_.clear();
            length_ = 0;
            sum_ = 0;
            escaped_ = false;
            return std::nullopt;
        case '+':
            return WireItem{WireItem::Kind::kAck, {}};
        case '-':
            return WireItem{WireItem::Kind::kNak, {}};
        case kCtrlC:
            return WireItem{WireItem::Kind::kInterrupt, {}};
        default:
            return std::nullopt;
    }
}

void PacketReader::take_payload(char byte) {
    if (byte == '#') {
        state_ = State::kChecksumHigh;
        return;
    }
    if (byte == '$') {  // never part of a payload: the peer gave up a packet and starts anew
        take_between(byte);
        return;
    }
    sum_ = static_cast<unsigned char>(sum_ + static_cast<unsigned char>(byte));
    if (length_ <= kPacketSize) ++length_;
    if (length_ > kPacketSize) return;
    if (escaped_) {
        payload_ += static_cast<char>(byte ^ kEscapeMask);
        escaped_ = false;
    } else if (byte == kEscape) {
        escaped_ = true;
    } else {
        payload_ += byte;
    }
}

WireItem PacketReader::finish(char last_digit) {
    const auto high = hex_digit(first_digit_), low = hex_digit(last_digit);
    if (!high || !low || (*high << 4 | *low) != sum_) return {WireItem::Kind::kDamaged, {}};
    if (length_ > kPacketSize) return {WireItem::Kind::kTooLong, {}};
    return {WireItem::Kind::kPacket, std::exchange(payload_, {})};
}

}  // namespace pyk
