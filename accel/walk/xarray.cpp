// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/xarray.h"

#include <bit>

#include "base/bytes.h"

namespace pyk {
namespace {

constexpr std::uint64_t kTagMask = 3;
constexpr std::uint64_t kXarrayTag = 2;

// include/linux/xarray.h: internal entries up to here are no pointers to nodes.
constexpr std::uint64_t kLastSpecialEntry = 4096;

struct Node {
    KernelAddr addr;
    std::uint64_t first = 0;  // index of slot 0
    unsigned shift = 0;
};

class XaWalk {
 public:
    XaWalk(const MemoryReader& memory, const XaLayout& layout, WalkBounds& bounds)
        : memory_(memory),
          layout_(layout),
          bounds_(bounds),
          bits_(static_cast<unsigned>(std::countr_zero(layout.slot_count))) {}

    EntryWalk from(std::uint64_t top) && {
        if (is_node(top)) {
            const KernelAddr addr = node_addr(top);
            if (const auto shift = read_shift(addr)) {
                if (is_level(*shift)) {
                    walk_node({addr, 0, *shift});
                } else {
                    walk_.note(WalkEnd::kDamaged, addr);
                }
            }
        } else if (is_entry(top)) {
            walk_.entries.push_back({0, 0, top});
        }
        return std::move(walk_);
    }

 private:
    bool is_internal(std::uint64_t entry) const { return (entry & kTagMask) == layout_.node_tag; }
    bool is_node(std::uint64_t entry) const {
        return is_internal(entry) && entry > kLastSpecialEntry;
    }
    bool is_entry(std::uint64_t entry) const { return entry != 0 && !is_internal(entry); }
    KernelAddr node_addr(std::uint64_t entry) const { return {entry - layout_.node_tag}; }

    // Whether a slot only says that it belongs to an entry before it.
    bool is_sibling(std::uint64_t entry, KernelAddr node) const {
        if (!is_internal(entry)) return false;
        if (layout_.node_tag == kXarrayTag) return entry >> 2 < layout_.slot_count;
        return node_addr(entry) - (node + layout_.slots).value < KernelAddr{layout_.slot_count * 8};
    }

    bool is_level(unsigned shift) const { return shift < 64 && shift % bits_ == 0; }

    std::optional<unsigned> read_shift(KernelAddr node) {
        const auto shift = can_be_node(node) ? memory_.read<std::uint8_t>(node + layout_.shift)
                                             : std::optional<std::uint8_t>();
        if (!shift) walk_.note(WalkEnd::kUnreadable, node);
        return shift;
    }

    // Walks a node that is known to be where it belongs, so each but once. Recursion ends, as the
    // shift becomes less at every level.
    void walk_node(const Node& node) {
        std::vector<std::byte> raw(layout_.slot_count * 8);
        const KernelAddr slots = node.addr + layout_.slots;
        raw.resize(memory_.read_prefix(slots, raw) / 8 * 8);
        TreeEntry* widened = nullptr;
        for (std::uint64_t slot = 0; slot * 8 < raw.size() && !stopped_; ++slot) {
            const std::uint64_t entry = *load<std::uint64_t>(raw, slot * 8);
            const std::uint64_t first = slot << node.shift;
            if (entry == 0) {
                widened = nullptr;
            } else if (first >> node.shift != slot) {  // an index beyond 2^64
                walk_.note(WalkEnd::kDamaged, node.addr);
            } else if (is_sibling(entry, node.addr)) {
                if (widened != nullptr) widened->last += 1ULL << node.shift;
            } else {
                widened = take(node, slot, entry);
            }
        }
        if (raw.size() < layout_.slot_count * 8) {
            walk_.note(WalkEnd::kUnreadable, slots + raw.size());
        }
    }

    // What is in a slot; returns the entry that siblings can widen.
    TreeEntry* take(const Node& node, std::uint64_t slot, std::uint64_t entry) {
        const std::uint64_t first = node.first + (slot << node.shift);
        if (is_node(entry)) {
            descend(node, slot, node_addr(entry));
        } else if (is_entry(entry) && !is_full(node.addr)) {
            walk_.entries.push_back({first, first + ((1ULL << node.shift) - 1), entry});
            return &walk_.entries.back();
        }
        return nullptr;
    }

    void descend(const Node& above, std::uint64_t slot, KernelAddr addr) {
        if (is_interrupted(addr)) return;
        const auto shift = read_shift(addr);
        if (!shift) return;
        const auto parent = memory_.read_pointer(addr + layout_.parent);
        const auto in_slot = memory_.read<std::uint8_t>(addr + layout_.slot);
        if (!parent || !in_slot) return walk_.note(WalkEnd::kUnreadable, addr);
        const bool is_in_place = *parent == above.addr && *in_slot == slot;
        if (above.shift == 0 || *shift != above.shift - bits_ || !is_in_place) {
            return walk_.note(WalkEnd::kDamaged, addr);
        }
        walk_node({addr, above.first + (slot << above.shift), *shift});
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
    const XaLayout& layout_;
    WalkBounds& bounds_;
    const unsigned bits_;
    EntryWalk walk_;
    bool stopped_ = false;
};

bool makes_sense(const XaLayout& layout) {
    const std::uint64_t count = layout.slot_count;
    return std::has_single_bit(count) && count >= 2 && count <= 256;
}

}  // namespace

EntryWalk walk_xarray(const MemoryReader& memory, KernelAddr head, const XaLayout& layout,
                      WalkBounds& bounds) {
    EntryWalk walk;
    const auto top = memory.read_pointer(head);
    if (!top) {
        walk.note(WalkEnd::kUnreadable, head);
        return walk;
    }
    if (!makes_sense(layout)) {
        walk.note(WalkEnd::kDamaged, head);
        return walk;
    }
    return XaWalk(memory, layout, bounds).from(top->value);
}

}  // namespace pyk
