// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "walk/walk.h"

namespace pyk {

// Offsets of struct rb_node.
struct RbOffsets {
    std::uint64_t parent = 0;  // __rb_parent_color: the parent, a colour in the lowest bits
    std::uint64_t left = 0;
    std::uint64_t right = 0;
};

// Nodes of a red-black tree in order; `root` holds the pointer to the topmost (struct rb_root, and
// so the start of rb_root_cached). A subtree that is damaged is left out, and the rest walked:
// `end` says what was met first. A node with a wrong parent counts, and so does all below it.
WalkResult walk_rbtree(const MemoryReader& memory, KernelAddr root, const RbOffsets& offsets,
                       WalkBounds& bounds);

}  // namespace pyk
