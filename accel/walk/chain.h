// SPDX-License-Identifier: GPL-2.0-or-later
// Nodes that each hold a pointer to the next: all of the kernel's lists are such chains.
#pragma once

#include "walk/walk.h"

namespace pyk {

// What distinguishes one kind of chain from another. The default ends at NULL.
struct ChainRules {
    std::uint64_t next_offset = 0;    // of the pointer to the next node, in a node
    std::uint64_t head_tag_mask = 0;  // bits of the head's pointer that are no part of it
    std::uint64_t end_mask = 0;       // a pointer with any of these bits set ends the chain
    KernelAddr end_at;                // and so does this one

    bool ends(KernelAddr pointer) const {
        return pointer == end_at || pointer.value == 0 || (pointer.value & end_mask) != 0;
    }
};

// Asked at every node, with how many came before it: whether the chain is known from there on.
using KnowsRest = std::function<bool(KernelAddr node, std::size_t count)>;

// Follows the chain from the pointer at `head`. Never throws on a broken one: the nodes before the
// damage are what the analyst came for, so they come back with the reason to stop.
WalkResult walk_chain(const MemoryReader& memory, KernelAddr head, const ChainRules& rules,
                      WalkBounds& bounds, const KnowsRest& knows_rest = {});

// The same from a pointer to the first node.
WalkResult walk_chain_from(const MemoryReader& memory, KernelAddr first, const ChainRules& rules,
                           WalkBounds& bounds, const KnowsRest& knows_rest = {});

}  // namespace pyk
