// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/rbtree.h"

#include <optional>
#include <unordered_set>

namespace pyk {
namespace {

constexpr std::uint64_t kColorBits = 3;

// Higher than the red-black tree of 2^60 nodes: a taller one is none.
constexpr std::size_t kMaxHeight = 128;

struct Node {
    KernelAddr addr, left, right;
};

class RbWalk {
 public:
    RbWalk(const MemoryReader& memory, const RbOffsets& offsets, WalkBounds& bounds)
        : memory_(memory), offsets_(offsets), bounds_(bounds) {}

    WalkResult from(KernelAddr top) && {
        descend_left(top, {}, false);
        while (!path_.empty() && !stopped_) {
            const Node node = path_.back();
            path_.pop_back();
            walk_.nodes.push_back(node.addr);
            descend_left(node.right, node.addr, node.right == node.left);
        }
        return std::move(walk_);
    }

 private:
    // Puts a subtree's left edge on the path.
    void descend_left(KernelAddr addr, KernelAddr parent, bool is_suspect) {
        while (addr && !stopped_) {
            if (is_at_bound(addr)) return;
            const auto node = read(addr, parent, is_suspect);
            if (!node) return;
            path_.push_back(*node);
            is_suspect = false;
            parent = addr;
            addr = node->left;
        }
    }

    bool is_at_bound(KernelAddr addr) {
        if (bounds_.is_interrupted()) {
            walk_.note(WalkEnd::kInterrupted, addr);
            stopped_ = true;
        } else if (walk_.nodes.size() + path_.size() >= bounds_.limit) {
            walk_.note(WalkEnd::kLimit, addr);
            // What is on the path already has its place in the order.
            for (; !path_.empty(); path_.pop_back()) walk_.nodes.push_back(path_.back().addr);
            stopped_ = true;
        } else if (path_.size() == kMaxHeight) {
            walk_.note(WalkEnd::kDamaged, addr);
            return true;
        }
        return stopped_;
    }

    // The node, unless it cannot be read or was met before.
    std::optional<Node> read(KernelAddr addr, KernelAddr parent, bool is_suspect) {
        const auto pointer = [&](std::uint64_t offset) {
            return memory_.read_pointer(addr + offset);
        };
        const bool is_possible = can_be_node(addr);
        const auto up = is_possible ? pointer(offsets_.parent) : std::nullopt;
        const auto left = is_possible ? pointer(offsets_.left) : std::nullopt;
        const auto right = is_possible ? pointer(offsets_.right) : std::nullopt;
        if (!up || !left || !right) {
            walk_.note(WalkEnd::kUnreadable, addr);
            return std::nullopt;
        }
        const bool is_stranger = (up->value & ~kColorBits) != parent.value || is_suspect;
        if (!is_new(addr, is_stranger)) return std::nullopt;
        if (is_stranger) walk_.note(WalkEnd::kDamaged, addr);
        return Node{addr, *left, *right};
    }

    // As long as each node names the one above it as its parent none can be met twice. From the
    // first that does not on, all are remembered.
    bool is_new(KernelAddr addr, bool is_stranger) {
        if (is_stranger && !remembers_) {
            for (const KernelAddr node : walk_.nodes) seen_.insert(node.value);
            for (const Node& node : path_) seen_.insert(node.addr.value);
            remembers_ = true;
        }
        if (!remembers_ || seen_.insert(addr.value).second) return true;
        walk_.note(WalkEnd::kCycle, addr);
        return false;
    }

    const MemoryReader& memory_;
    const RbOffsets& offsets_;
    WalkBounds& bounds_;
    WalkResult walk_;
    std::vector<Node> path_;  // nodes whose left side is being walked
    std::unordered_set<std::uint64_t> seen_;
    bool remembers_ = false, stopped_ = false;
};

}  // namespace

WalkResult walk_rbtree(const MemoryReader& memory, KernelAddr root, const RbOffsets& offsets,
                       WalkBounds& bounds) {
    const auto top = memory.read_pointer(root);
    if (top) return RbWalk(memory, offsets, bounds).from(*top);
    WalkResult walk;
    walk.note(WalkEnd::kUnreadable, root);
    return walk;
}

}  // namespace pyk
