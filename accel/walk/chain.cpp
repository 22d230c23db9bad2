// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/chain.h"

#include <unordered_set>

namespace pyk {
namespace {

// Finds a cycle as Brent does: a node that moves up to the walker after 1, 2, 4, ... steps is met
// again. That costs a comparison a node and no memory.
class Milestone {
 public:
    bool is_met_again(KernelAddr node) {
        if (node == at_) return true;
        if (++steps_ == next_move_) {
            at_ = node;
            next_move_ *= 2;
        }
        return false;
    }

 private:
    KernelAddr at_;
    std::size_t steps_ = 0, next_move_ = 1;
};

// Only when a cycle is known to be there are the nodes looked through for its start.
void cut_at_repetition(WalkResult& walk, KernelAddr met) {
    std::unordered_set<std::uint64_t> seen;
    std::size_t whole = 0;
    while (whole < walk.nodes.size() && seen.insert(walk.nodes[whole].value).second) ++whole;
    walk.note(WalkEnd::kCycle, whole < walk.nodes.size() ? walk.nodes[whole] : met);
    walk.nodes.resize(whole);
}

}  // namespace

WalkResult walk_chain(const MemoryReader& memory, KernelAddr head, const ChainRules& rules,
                      WalkBounds& bounds, const KnowsRest& knows_rest) {
    if (const auto pointer = memory.read_pointer(head)) {
        const KernelAddr first{pointer->value & ~rules.head_tag_mask};
        return walk_chain_from(memory, first, rules, bounds, knows_rest);
    }
    WalkResult walk;
    walk.note(WalkEnd::kUnreadable, head);
    return walk;
}

WalkResult walk_chain_from(const MemoryReader& memory, KernelAddr first, const ChainRules& rules,
                           WalkBounds& bounds, const KnowsRest& knows_rest) {
    WalkResult walk;
    Milestone milestone;
    KernelAddr node = first;
    while (!rules.ends(node)) {
        if (knows_rest && knows_rest(node, walk.nodes.size())) break;
        if (milestone.is_met_again(node)) {
            cut_at_repetition(walk, node);
            return walk;
        }
        if (walk.nodes.size() == bounds.limit) walk.note(WalkEnd::kLimit, node);
        if (bounds.is_interrupted()) walk.note(WalkEnd::kInterrupted, node);
        const auto next =
            can_be_node(node) ? memory.read_pointer(node + rules.next_offset) : std::nullopt;
        if (!next) walk.note(WalkEnd::kUnreadable, node);
        if (walk.end != WalkEnd::kComplete) return walk;
        walk.nodes.push_back(node);
        node = *next;
    }
    walk.end_marker = node.value;
    return walk;
}

}  // namespace pyk
