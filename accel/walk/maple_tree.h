// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "walk/entries.h"

namespace pyk {

// One type of maple node: arrays of pivots (the last index of each slot) and of slots.
struct MapleShape {
    std::uint64_t pivots = 0, pivot_count = 0;  // offset and length; a dense node has no pivots
    std::uint64_t slots = 0, slot_count = 0;
    bool is_leaf = false;
};

// Shapes by the number of the type (enum maple_type), which is in the pointer to a node.
using MapleShapes = std::vector<MapleShape>;

// Entries of a maple tree with the indices that each covers; `root` holds the topmost entry
// (maple_tree.ma_root). Gaps and zero entries are left out, as in mt_for_each().
EntryWalk walk_maple_tree(const MemoryReader& memory, KernelAddr root, const MapleShapes& shapes,
                          WalkBounds& bounds);

}  // namespace pyk
