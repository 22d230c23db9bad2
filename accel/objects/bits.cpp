// SPDX-License-Identifier: GPL-2.0-or-later
#include "objects/bits.h"

#include <algorithm>

namespace pyk {

bool Bits::is_valid() const {
    if (width == 0) return shift == 0 && (size == 1 || size == 2 || size == 4 || size == 8);
    return size >= 1 && size <= kMaxSize && width <= 64 && shift < 8 && shift + width <= 8 * size;
}

std::uint64_t extract(const Bits& bits, ByteSpan raw) {
    std::uint64_t value = 0;
    std::memcpy(&value, raw.data(), std::min<std::size_t>(bits.size, 8));
    value >>= bits.shift;
    if (bits.size == Bits::kMaxSize && bits.shift != 0) {
        value |= static_cast<std::uint64_t>(raw[8]) << (64 - bits.shift);
    }
    const unsigned width = bits.width != 0 ? bits.width : 8U * bits.size;
    const unsigned unused = 64 - width;
    value <<= unused;
    return bits.is_signed ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value) >> unused)
                          : value >> unused;
}

}  // namespace pyk
