// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/list.h"

#include <span>

#include "walk/chain.h"

namespace pyk {
namespace {

// The end of a list, walked from the tail on while its beginning is walked from the head: the
// processor waits for the memory of two nodes at a time, where each alone waits for the one before.
//
// `prev` only says where to look. A node is believed when its `next` leads to the node that it was
// reached from, so that following `next` from the head gives the same list.
class TailEnd {
 public:
    TailEnd(const MemoryReader& memory, KernelAddr head)
        : memory_(memory), head_(head), next_(memory.read_pointer(head + kPrev).value_or(head)) {}

    // Reads one node more; none beyond the head or `last`, the last one at the other end.
    void step(KernelAddr last) {
        if (next_ == head_ || next_ == last || !can_be_node(next_)) return;
        KernelAddr links[2];
        const bool leads_here =
            memory_.read_exactly(next_, std::as_writable_bytes(std::span(links))) &&
            links[0] == (nodes_.empty() ? head_ : nodes_.back());
        if (leads_here) nodes_.push_back(next_);
        next_ = leads_here ? links[1] : head_;
    }

    bool begins_at(KernelAddr node) const { return !nodes_.empty() && nodes_.back() == node; }
    const std::vector<KernelAddr>& nodes() const { return nodes_; }  // the last of the list first

 private:
    static constexpr std::uint64_t kPrev = 8;  // in list_head

    const MemoryReader& memory_;
    const KernelAddr head_;
    KernelAddr next_;  // the head when there is nothing more to be read
    std::vector<KernelAddr> nodes_;
};

}  // namespace

WalkResult walk_list(const MemoryReader& memory, KernelAddr head, WalkBounds& bounds) {
    TailEnd tail(memory, head);
    const auto meets_tail = [&](KernelAddr node, std::size_t count) {
        if (tail.begins_at(node)) return count + tail.nodes().size() <= bounds.limit;
        if (count + tail.nodes().size() < bounds.limit) tail.step(node);
        return false;
    };
    // next is list_head's first member, so it lies at the node itself.
    ChainRules rules;
    rules.end_at = head;
    WalkResult walk = walk_chain(memory, head, rules, bounds, meets_tail);
    if (walk.end != WalkEnd::kComplete || walk.end_marker == head.value) return walk;
    if (walk.end_marker == 0) {
        walk.note(WalkEnd::kUnreadable, {});
        return walk;
    }
    walk.nodes.insert(walk.nodes.end(), tail.nodes().rbegin(), tail.nodes().rend());
    walk.end_marker = head.value;
    return walk;
}

}  // namespace pyk
