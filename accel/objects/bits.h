// SPDX-License-Identifier: GPL-2.0-or-later
// Integers as C lays them out in memory, bitfields included.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace pyk {

// An integer of `size` bytes, or `width` bits of them from bit `shift` on (little-endian: bit 0 is
// the lowest of the first byte). A bitfield may touch nine bytes, and has at most 64 bits.
struct Bits {
    std::uint8_t size = 0;
    std::uint8_t shift = 0;
    std::uint8_t width = 0;  // 0: all of the bytes
    bool is_signed = false;

    static constexpr std::uint8_t kMaxSize = 9;
    bool is_valid() const;
};

// The integer in `raw`, which is `bits.size` bytes long; a signed one is sign-extended.
std::uint64_t extract(const Bits& bits, ByteSpan raw);

}  // namespace pyk
