// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

namespace pyk {

// A set of page frame numbers, as ranges in ascending order.
class PageMap {
 public:
    struct Range {
        std::uint64_t first = 0, end = 0;  // end is the first one behind
    };

    // Ranges must come in ascending order; neighbours melt together.
    void add(std::uint64_t first, std::uint64_t end);
    // Adds the set bits of a bitmap as makedumpfile writes it (bit 0 of byte 0 is `base`).
    void add_bits(const std::byte* bits, std::size_t bytes, std::uint64_t base);

    bool contains(std::uint64_t pfn) const;
    std::uint64_t count() const { return count_; }
    const std::vector<Range>& ranges() const { return ranges_; }

 private:
    std::vector<Range> ranges_;
    std::uint64_t count_ = 0;
};

}  // namespace pyk
