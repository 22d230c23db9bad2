// SPDX-License-Identifier: GPL-2.0-or-later
#include "target/hex.h"

#include <charconv>

namespace pyk {

constexpr char kDigits[] = "0123456789abcdef";

void append_hex(std::string& out, ByteSpan bytes) {
    std::size_t at = out.size();
    out.resize(at + 2 * bytes.size());
    for (const std::byte byte : bytes) {
        out[at++] = kDigits[std::to_integer<unsigned>(byte) >> 4];
        out[at++] = kDigits[std::to_integer<unsigned>(byte) & 15];
    }
}

std::string to_hex(std::string_view bytes) {
    std::string digits;
    append_hex(digits, as_bytes(bytes));
    return digits;
}

std::optional<unsigned> hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return std::nullopt;
}

std::optional<std::string> from_hex(std::string_view digits) {
    if (digits.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        const auto high = hex_digit(digits[i]), low = hex_digit(digits[i + 1]);
        if (!high || !low) return std::nullopt;
        bytes += static_cast<char>(*high << 4 | *low);
    }
    return bytes;
}

std::optional<std::uint64_t> hex_number(std::string_view digits) {
    std::uint64_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, value, 16);
    if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
    return value;
}

std::string hex_text(std::uint64_t value) {
    char digits[16];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value, 16).ptr;
    return std::string(std::begin(digits), end);
}

}  // namespace pyk
