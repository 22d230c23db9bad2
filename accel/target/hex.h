// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers and bytes as the hexadecimal digits that GDB's remote protocol writes them in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace pyk {

void append_hex(std::string& out, ByteSpan bytes);
std::string to_hex(std::string_view bytes);

// 0 to 15; nothing for what is no hexadecimal digit.
std::optional<unsigned> hex_digit(char digit);

// Nothing for an odd count of digits or for what is no digit.
std::optional<std::string> from_hex(std::string_view digits);

// All of `digits`, without sign or prefix; nothing when empty, not a number or above 64 bits.
std::optional<std::uint64_t> hex_number(std::string_view digits);

std::string hex_text(std::uint64_t value);

}  // namespace pyk
