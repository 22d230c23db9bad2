// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/list.h"

#include "walk/chain.h"

namespace pyk {

WalkResult walk_list(const MemoryReader& memory, KernelAddr head, WalkBounds& bounds) {
    // next is list_head's first member, so it lies at the node itself.
    ChainRules rules;
    rules.end_at = head;
    WalkResult walk = walk_chain(memory, head, rules, bounds);
    if (walk.end == WalkEnd::kComplete && walk.end_marker != head.value) {
        walk.note(WalkEnd::kUnreadable, {walk.end_marker});
    }
    return walk;
}

}  // namespace pyk
