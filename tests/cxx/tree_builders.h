// SPDX-License-Identifier: GPL-2.0-or-later
// Trees as the kernel has them, planted in fake memory.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "fake_memory.h"
#include "walk/maple_tree.h"
#include "walk/rbtree.h"
#include "walk/xarray.h"

namespace pyk {

constexpr std::uint64_t kHeadAddr = 0xffff'8880'0000'1000;
constexpr RbOffsets kRbOffsets{0, 16, 8};
constexpr XaLayout kXaLayout{0, 1, 8, 40, 64, 2};
constexpr XaLayout kOldRadixLayout{0, 1, 8, 40, 64, 1};

// Hands out addresses for nodes.
class Heap {
 public:
    std::uint64_t take(std::uint64_t size) {
        const std::uint64_t addr = at_;
        at_ += (size + 255) / 256 * 256;
        taken_.push_back(addr);
        return addr;
    }
    const std::vector<std::uint64_t>& taken() const { return taken_; }

 private:
    std::uint64_t at_ = 0xffff'8880'1000'0000;
    std::vector<std::uint64_t> taken_;
};

inline void plant_byte(FakeMemory& memory, std::uint64_t addr, std::uint8_t value) {
    memory.plant(addr, std::as_bytes(std::span(&value, 1)));
}

// A balanced binary tree with so many nodes below the pointer at kHeadAddr; returns them in order.
inline std::vector<KernelAddr> plant_rbtree(FakeMemory& memory, Heap& heap, std::size_t count) {
    std::vector<KernelAddr> nodes;
    for (std::size_t i = 0; i < count; ++i) nodes.push_back({heap.take(24)});
    const auto plant = [&](const auto& self, std::size_t first, std::size_t end,
                           std::uint64_t parent) -> std::uint64_t {
        if (first == end) return 0;
        const std::size_t middle = first + (end - first) / 2;
        const std::uint64_t node = nodes[middle].value;
        memory.plant_pointer(node + kRbOffsets.parent, parent | (middle & 1));
        memory.plant_pointer(node + kRbOffsets.left, self(self, first, middle, node));
        memory.plant_pointer(node + kRbOffsets.right, self(self, middle + 1, end, node));
        return node;
    };
    memory.plant_pointer(kHeadAddr, plant(plant, 0, count, 0));
    return nodes;
}

// An XArray (or, with kOldRadixLayout, a radix tree) below kHeadAddr.
class XaBuilder {
 public:
    XaBuilder(FakeMemory& memory, Heap& heap, const XaLayout& layout = kXaLayout)
        : memory_(memory), heap_(heap), layout_(layout) {}

    void plant(const std::map<std::uint64_t, std::uint64_t>& entries) {
        unsigned shift = 0;
        while (!entries.empty() && shift < 60 && entries.rbegin()->first >> shift >= 64) shift += 6;
        memory_.plant_pointer(kHeadAddr, node(entries, 0, shift, 0, 0));
    }

    // Returns the entry that points to the new node.
    std::uint64_t node(const std::map<std::uint64_t, std::uint64_t>& entries, std::uint64_t first,
                       unsigned shift, std::uint64_t parent, std::uint8_t in_slot) {
        const std::uint64_t addr = empty_node(shift, parent, in_slot);
        for (std::uint64_t slot = 0; slot < 64 && slot << shift >> shift == slot; ++slot) {
            const std::uint64_t from = first + (slot << shift);
            const auto in = entries.lower_bound(from);
            if (in == entries.end() || (in->first - from) >> shift != 0) continue;
            const auto at = static_cast<std::uint8_t>(slot);
            set(addr, at, shift == 0 ? in->second : node(entries, from, shift - 6, addr, at));
        }
        return addr + layout_.node_tag;
    }

    std::uint64_t empty_node(unsigned shift, std::uint64_t parent, std::uint8_t in_slot) {
        const std::uint64_t addr = heap_.take(576);
        memory_.plant(addr, std::string(576, '\0'));
        plant_byte(memory_, addr + layout_.shift, static_cast<std::uint8_t>(shift));
        plant_byte(memory_, addr + layout_.slot, in_slot);
        memory_.plant_pointer(addr + layout_.parent, parent);
        return addr;
    }

    void set(std::uint64_t node, std::uint64_t slot, std::uint64_t entry) {
        memory_.plant_pointer(node + layout_.slots + 8 * slot, entry);
    }

 private:
    FakeMemory& memory_;
    Heap& heap_;
    const XaLayout& layout_;
};

// struct maple_node: dense, leaf_64, range_64, arange_64.
inline const MapleShapes& maple_shapes() {
    static const MapleShapes kShapes{{0, 0, 8, 31, true},
                                     {8, 15, 128, 16, true},
                                     {8, 15, 128, 16, false},
                                     {8, 9, 80, 10, false}};
    return kShapes;
}

// A maple tree of these entries (0: a gap), which cover all indices, below kHeadAddr.
class MapleBuilder {
 public:
    MapleBuilder(FakeMemory& memory, Heap& heap) : memory_(memory), heap_(heap) {}

    void plant(std::vector<TreeEntry> level, std::mt19937& random) {
        unsigned type = 1;
        do {
            std::vector<TreeEntry> above;
            for (std::size_t at = 0; at < level.size();) {
                const std::size_t most = type == 3 ? 10 : 16;
                const std::size_t count =
                    std::min<std::size_t>(level.size() - at, 2 + random() % (most - 1));
                above.push_back(node(type, std::span(level).subspan(at, count)));
                at += count;
            }
            level = std::move(above);
            type = random() % 2 == 0 ? 2 : 3;
        } while (level.size() > 1);
        memory_.plant_pointer(kHeadAddr, level.front().entry | 2);
    }

    TreeEntry node(unsigned type, std::span<const TreeEntry> children) {
        const MapleShape& shape = maple_shapes()[type];
        const std::uint64_t addr = heap_.take(256);
        memory_.plant(addr, std::string(256, '\0'));
        for (std::size_t i = 0; i < children.size(); ++i) {
            // The kernel leaves out the last pivot, but never the first.
            const bool has_pivot = i < shape.pivot_count && (i == 0 || i + 1 < children.size());
            if (has_pivot) memory_.plant_pointer(addr + shape.pivots + 8 * i, children[i].last);
            memory_.plant_pointer(addr + shape.slots + 8 * i, children[i].entry);
        }
        return {children.front().first, children.back().last, addr | type << 3 | 4};
    }

 private:
    FakeMemory& memory_;
    Heap& heap_;
};

}  // namespace pyk
