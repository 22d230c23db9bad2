// SPDX-License-Identifier: GPL-2.0-or-later
// Search of all memory of a dump, on all cores.
#pragma once

#include <memory>
#include <vector>

#include "dump/page_map.h"
#include "dump/progress.h"
#include "dump/source.h"

namespace pyk {

// What is looked for: bytes at any place, or else numbers of `size` bytes at multiples of it, which
// after `mask` lie within the limits.
struct SearchFor {
    std::vector<std::byte> bytes;
    std::uint32_t size = 8;
    std::uint64_t low = 0, high = 0, mask = ~0ULL;
};

struct SearchResult {
    std::vector<PhysAddr> hits;  // in ascending order
    std::uint64_t pages = 0;     // that were looked through
    bool is_cut = false;         // there are more than the limit
    bool is_interrupted = false;
};

// Looks through the pages of the dump, or those of `only`. Never throws for Ctrl-C: what was found
// is there.
SearchResult search(const std::shared_ptr<DumpSource>& source, const SearchFor& wanted,
                    const PageMap* only, std::size_t limit, const Progress& progress);

}  // namespace pyk
