// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/maple_tree.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"

namespace pyk {
namespace {

// lib/maple_tree.c: nodes are aligned to 256 bytes, and the pointer to one holds its type in bits
// 3 to 6. An entry with the lowest two bits 2 is internal; up to 4096 it is no pointer.
constexpr std::uint64_t kNodeMask = 0xff;
constexpr unsigned kTypeShift = 3;
constexpr std::uint64_t kTypeMask = 0xf;
constexpr std::uint64_t kLastSpecialEntry = 4096;
constexpr std::size_t kMaxSlots = 64;

// MAPLE_HEIGHT_MAX
constexpr std::size_t kMaxHeight = 31;

bool is_internal(std::uint64_t entry) {
    return (entry & 3) == 2;
}

struct Range {
    std::uint64_t first = 0, last = 0;
};

class MapleWalk {
 public:
    MapleWalk(const MemoryReader& memory, const MapleShapes& shapes, WalkBounds& bounds)
        : memory_(memory), shapes_(shapes), bounds_(bounds) {}

    EntryWalk from(std::uint64_t root) && {
        if (is_internal(root) && root > kLastSpecialEntry) {
            descend(root, {0, ~0ULL});
        } else {
            take_entry({}, {0, 0}, root);
        }
        return std::move(walk_);
    }

 private:
    // Recursion ends: a path of more nodes than a tree can be high is none. A node is no entry of a
    // tree twice, as its pivots lie in one range only.
    void descend(std::uint64_t encoded, Range range) {
        const KernelAddr node{encoded & ~kNodeMask};
        const std::size_t type = encoded >> kTypeShift & kTypeMask;
        if (is_interrupted(node)) return;
        if (!can_be_node(node)) return walk_.note(WalkEnd::kUnreadable, {encoded});
        if (std::find(path_.begin(), path_.end(), node) != path_.end()) {
            return walk_.note(WalkEnd::kCycle, node);
        }
        if (type >= shapes_.size() || path_.size() == kMaxHeight) {
            return walk_.note(WalkEnd::kDamaged, node);
        }
        path_.push_back(node);
        walk_node(node, shapes_[type], range);
        path_.pop_back();
    }

    void walk_node(KernelAddr node, const MapleShape& shape, Range range) {
        const auto pivots = read_array(node + shape.pivots, shape.pivot_count);
        const auto slots = read_array(node + shape.slots, shape.slot_count);
        if (!pivots || !slots) return walk_.note(WalkEnd::kUnreadable, node);
        std::uint64_t first = range.first;
        for (std::size_t slot = 0; slot < slots->size() && !stopped_; ++slot) {
            const std::uint64_t last = last_index(*pivots, slot, first, range.last);
            if (last < first || last > range.last) return walk_.note(WalkEnd::kDamaged, node);
            if (shape.is_leaf) {
                take_entry(node, {first, last}, (*slots)[slot]);
            } else {
                descend((*slots)[slot], {first, last});
            }
            if (last == range.last) return;
            first = last + 1;
        }
        // A node whose slots do not reach its last index.
        if (!stopped_ && !pivots->empty()) walk_.note(WalkEnd::kDamaged, node);
    }

    // A pivot of 0 behind the first, and one that is not there, stand for the node's last index.
    static std::uint64_t last_index(const std::vector<std::uint64_t>& pivots, std::size_t slot,
                                    std::uint64_t first, std::uint64_t last) {
        if (pivots.empty()) return first;  // dense: an index a slot
        if (slot >= pivots.size()) return last;
        return pivots[slot] == 0 && slot > 0 ? last : pivots[slot];
    }

    void take_entry(KernelAddr node, Range range, std::uint64_t entry) {
        if (entry == 0 || (is_internal(entry) && entry <= kLastSpecialEntry)) return;
        if (is_full(node)) return;
        walk_.entries.push_back({range.first, range.last, entry});
    }

    std::optional<std::vector<std::uint64_t>> read_array(KernelAddr addr, std::uint64_t count) {
        std::vector<std::uint64_t> values(std::min<std::uint64_t>(count, kMaxSlots));
        const auto raw = std::as_writable_bytes(std::span(values));
        if (!memory_.read_exactly(addr, raw)) return std::nullopt;
        for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] = *load<std::uint64_t>(raw, i * 8);
        }
        return values;
    }

    bool is_full(KernelAddr where) {
        if (walk_.entries.size() < bounds_.limit) return is_interrupted(where);
        walk_.note(WalkEnd::kLimit, where);
        stopped_ = true;
        return true;
    }

    bool is_interrupted(KernelAddr where) {
        if (bounds_.is_interrupted()) {
            walk_.note(WalkEnd::kInterrupted, where);
            stopped_ = true;
        }
        return stopped_;
    }

    const MemoryReader& memory_;
    const MapleShapes& shapes_;
    WalkBounds& bounds_;
    EntryWalk walk_;
    std::vector<KernelAddr> path_;
    bool stopped_ = false;
};

}  // namespace

EntryWalk walk_maple_tree(const MemoryReader& memory, KernelAddr root, const MapleShapes& shapes,
                          WalkBounds& bounds) {
    const auto top = memory.read_pointer(root);
    if (top) return MapleWalk(memory, shapes, bounds).from(top->value);
    EntryWalk walk;
    walk.note(WalkEnd::kUnreadable, root);
    return walk;
}

}  // namespace pyk
