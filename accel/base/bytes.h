// SPDX-License-Identifier: GPL-2.0-or-later
// Bounds-checked reads of little- and big-endian integers out of byte buffers.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pyk {

using ByteSpan = std::span<const std::byte>;

template <std::integral T>
T byte_swap(T value) {
    T swapped = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        swapped = static_cast<T>((swapped << 8) | ((value >> (8 * i)) & 0xff));
    }
    return swapped;
}

// The integer at `offset`; nothing when it does not lie wholly inside `bytes`.
template <std::integral T>
std::optional<T> load(ByteSpan bytes, std::size_t offset, std::endian order = std::endian::little) {
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return order == std::endian::native ? value : byte_swap(value);
}

inline std::string_view as_text(ByteSpan bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The text of a fixed char array: up to its first NUL.
inline std::string_view c_text(ByteSpan bytes) {
    const std::string_view text = as_text(bytes);
    return text.substr(0, text.find('\0'));
}

inline ByteSpan as_bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace pyk
