// SPDX-License-Identifier: GPL-2.0-or-later
// The wire form of GDB's remote protocol: $payload#checksum, with bytes that would be taken for
// framing escaped as '}' and the byte XOR 0x20.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pyk {

// What lies between '$' and '#' is at most this long, in both directions.
inline constexpr std::size_t kPacketSize = 0x20000;

// The packet that carries `payload`.
std::string frame(std::string_view payload);

// How many bytes of `payload`, from its start, fit into `room` bytes once they are escaped.
std::size_t escaped_prefix(std::string_view payload, std::size_t room);

struct WireItem {
    enum class Kind {
        kPacket,
        kDamaged,    // a packet whose checksum is wrong
        kTooLong,    // a packet above kPacketSize; its payload was dropped
        kInterrupt,  // Ctrl-C
        kAck,
        kNak,  // the peer asks for the last packet again
    };
    Kind kind;
    std::string payload;  // of kPacket, without escapes
};

// Finds the items in a stream of bytes that arrives in any pieces. Bytes between packets that mean
// nothing are skipped.
class PacketReader {
 public:
    // Takes bytes off the front of `input` up to the end of an item; nothing when all are taken and
    // the item is not whole.
    std::optional<WireItem> next(std::string_view& input);

 private:
    enum class State { kBetween, kPayload, kChecksumHigh, kChecksumLow };

    std::optional<WireItem> take(char byte);
    std::optional<WireItem> take_between(char byte);
    void take_payload(char byte);
    WireItem finish(char last_digit);

    State state_ = State::kBetween;
    std::string payload_;
    std::size_t length_ = 0;  // of the payload as sent
    bool escaped_ = false;    // the last byte was '}'
    unsigned char sum_ = 0;
    char first_digit_ = 0;
};

}  // namespace pyk
