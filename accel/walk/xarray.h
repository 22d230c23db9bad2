// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "walk/entries.h"

namespace pyk {

// How this kernel lays out struct xa_node (before 4.20: struct radix_tree_node) and marks pointers
// to one.
struct XaLayout {
    std::uint64_t shift = 0;       // offset of the u8 that says how many bits lie below this level
    std::uint64_t slot = 0;        // offset of the u8 `offset`: the node's slot in its parent
    std::uint64_t parent = 0;      // offset of the pointer to the parent
    std::uint64_t slots = 0;       // offset of the slots
    std::uint64_t slot_count = 0;  // a power of 2: 64, or 16 with CONFIG_BASE_SMALL
    // The lowest two bits of a pointer to a node: 2 in an XArray; 1 in older radix trees, where a
    // sibling is a pointer into the slots and not a small number.
    std::uint64_t node_tag = 2;
};

// Entries of an XArray (or radix tree, or IDR) by index; `head` holds the topmost entry. Siblings
// widen the entry that they belong to; retry and zero entries are left out, as in xa_for_each().
EntryWalk walk_xarray(const MemoryReader& memory, KernelAddr head, const XaLayout& layout,
                      WalkBounds& bounds);

}  // namespace pyk
