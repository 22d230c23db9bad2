// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/list.h"

#include <unordered_set>

namespace pyk {

// A cycle that misses the head is found as Brent does: a node that moves up to the walker after
// 1, 2, 4, ... steps is met again. That costs a comparison a node; only when a cycle is known to be
// there are the nodes looked through for its start.
WalkResult walk_list(const MemoryReader& memory, KernelAddr head, std::size_t limit) {
    WalkResult walk;
    const auto stop = [&walk](WalkEnd why, KernelAddr where) {
        walk.end = why;
        walk.stopped_at = where;
        return std::move(walk);
    };
    const auto cut_at_repetition = [&] {
        std::unordered_set<std::uint64_t> seen;
        std::size_t whole = 0;
        while (seen.insert(walk.nodes[whole].value).second) ++whole;
        const KernelAddr again = walk.nodes[whole];
        walk.nodes.resize(whole);
        return stop(WalkEnd::kCycle, again);
    };

    KernelAddr milestone = head;
    std::size_t next_milestone = 1;
    for (KernelAddr node = head;;) {
        // next is list_head's first member, so it lies at the node itself.
        const auto next = memory.read_pointer(node);
        if (!next) return stop(WalkEnd::kUnreadable, node);
        if (*next == head) return walk;
        if (walk.nodes.size() == limit) return stop(WalkEnd::kLimit, *next);
        walk.nodes.push_back(*next);
        if (*next == milestone) return cut_at_repetition();
        node = *next;
        if (walk.nodes.size() == next_milestone) {
            milestone = node;
            next_milestone *= 2;
        }
    }
}

}  // namespace pyk
