// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/page_map.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pyk {

void PageMap::add(std::uint64_t first, std::uint64_t end) {
    if (!ranges_.empty()) first = std::max(first, ranges_.back().end);
    if (first >= end) return;
    count_ += end - first;
    if (!ranges_.empty() && ranges_.back().end == first) {
        ranges_.back().end = end;
    } else {
        ranges_.push_back({first, end});
    }
}

void PageMap::add_bits(const std::byte* bits, std::size_t bytes, std::uint64_t base) {
    for (std::size_t at = 0; at < bytes; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bits + at, std::min<std::size_t>(8, bytes - at));
        while (word != 0) {
            const int start = std::countr_zero(word);
            const int length = std::countr_one(word >> start);
            const std::uint64_t first = base + at * 8 + static_cast<unsigned>(start);
            add(first, first + static_cast<unsigned>(length));
            if (start + length == 64) break;
            word &= ~0ULL << (start + length);
        }
    }
}

bool PageMap::contains(std::uint64_t pfn) const {
    const auto behind = std::upper_bound(
        ranges_.begin(), ranges_.end(), pfn,
        [](std::uint64_t value, const Range& range) { return value < range.first; });
    return behind != ranges_.begin() && pfn < std::prev(behind)->end;
}

}  // namespace pyk
