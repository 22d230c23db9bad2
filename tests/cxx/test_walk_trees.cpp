// SPDX-License-Identifier: GPL-2.0-or-later
// XArrays, radix trees and maple trees.
#include <gtest/gtest.h>

#include "tree_builders.h"

namespace pyk {
namespace {

using Entries = std::vector<TreeEntry>;
constexpr std::uint64_t kEntry = 0xffff'8880'2000'0000;

// Hits a few words of the planted nodes with random bits, other nodes, or a hole.
void damage(FakeMemory& memory, const Heap& heap, std::uint64_t size, std::mt19937& random) {
    const auto& nodes = heap.taken();
    for (unsigned hits = 1 + random() % 4; hits > 0; --hits) {
        const std::uint64_t place = nodes[random() % nodes.size()] + 8 * (random() % (size / 8));
        const std::uint64_t other = nodes[random() % nodes.size()] | (random() & 0x7f);
        const std::uint64_t values[] = {0, random(), ~0ULL, other};
        memory.plant_pointer(place, values[random() % 4]);
        if (random() % 8 == 0) memory.make_hole(place, 8);
    }
}

class WalkXarray : public testing::Test {
 protected:
    EntryWalk walk(std::size_t limit = 10'000, const XaLayout& layout = kXaLayout) {
        WalkBounds bounds(limit);
        return walk_xarray(memory, {kHeadAddr}, layout, bounds);
    }
    // Entries 0 and 64, so a root with two leaves.
    void plant_two_leaves() {
        root = builder.empty_node(6, 0, 0);
        left = builder.empty_node(0, root, 0);
        right = builder.empty_node(0, root, 1);
        builder.set(root, 0, left + 2);
        builder.set(root, 1, right + 2);
        builder.set(left, 0, kEntry);
        builder.set(right, 0, kEntry + 8);
        memory.plant_pointer(kHeadAddr, root + 2);
    }
    void expect_right_leaf_only(WalkEnd end, std::uint64_t stopped_at) {
        const EntryWalk found = walk();
        EXPECT_EQ(found.end, end);
        EXPECT_EQ(found.stopped_at.value, stopped_at);
        EXPECT_EQ(found.entries, (Entries{{64, 64, kEntry + 8}}));
    }

    FakeMemory memory;
    Heap heap;
    XaBuilder builder{memory, heap};
    std::uint64_t root = 0, left = 0, right = 0;
};

TEST_F(WalkXarray, RandomArraysComeBack) {
    std::mt19937_64 random(5);
    for (const XaLayout& layout : {kXaLayout, kOldRadixLayout}) {
        for (int round = 0; round < 100; ++round) {
            std::map<std::uint64_t, std::uint64_t> entries;
            for (unsigned i = 1 + random() % 50; i > 0; --i) {
                entries[random() >> random() % 64] = kEntry + 8 * i;
            }
            entries[round % 2 == 0 ? 0 : ~0ULL] = kEntry;
            XaBuilder(memory, heap, layout).plant(entries);
            Entries expected;
            for (const auto& [index, entry] : entries) expected.push_back({index, index, entry});
            const EntryWalk found = walk(10'000, layout);
            EXPECT_EQ(found.end, WalkEnd::kComplete);
            EXPECT_EQ(found.entries, expected);
        }
    }
}

TEST_F(WalkXarray, EmptyAndSingleEntryNeedNoNode) {
    memory.plant_pointer(kHeadAddr, 0);
    EXPECT_TRUE(walk().entries.empty());
    memory.plant_pointer(kHeadAddr, kEntry);
    EXPECT_EQ(walk().entries, (Entries{{0, 0, kEntry}}));
    memory.plant_pointer(kHeadAddr, 1000 << 1 | 1);
    EXPECT_EQ(walk().entries, (Entries{{0, 0, 2001}}));
    EXPECT_EQ(walk().end, WalkEnd::kComplete);
}

TEST_F(WalkXarray, SiblingsWidenTheirEntryAndSpecialEntriesAreLeftOut) {
    plant_two_leaves();
    builder.set(left, 0, 0);
    builder.set(left, 4, kEntry);
    for (const std::uint64_t slot : {5, 6, 7}) builder.set(left, slot, 4 << 2 | 2);
    builder.set(left, 9, 256 << 2 | 2);   // retry
    builder.set(left, 10, 257 << 2 | 2);  // zero
    builder.set(root, 2, kEntry + 16);    // an entry of 64 indices
    EXPECT_EQ(walk().entries,
              (Entries{{4, 7, kEntry}, {64, 64, kEntry + 8}, {128, 191, kEntry + 16}}));
    EXPECT_EQ(walk().end, WalkEnd::kComplete);
}

TEST_F(WalkXarray, OldRadixTreesHaveSiblingsThatPointIntoTheSlots) {
    XaBuilder old(memory, heap, kOldRadixLayout);
    const std::uint64_t node = old.empty_node(0, 0, 0);
    old.set(node, 2, kEntry);
    old.set(node, 3, (node + 40 + 2 * 8) | 1);
    old.set(node, 9, 1);  // RADIX_TREE_RETRY
    memory.plant_pointer(kHeadAddr, node | 1);
    EXPECT_EQ(walk(10, kOldRadixLayout).entries, (Entries{{2, 3, kEntry}}));
}

TEST_F(WalkXarray, HeadThatIsNotInTheDumpIsUnreadable) {
    EXPECT_EQ(walk().end, WalkEnd::kUnreadable);
    EXPECT_EQ(walk().stopped_at.value, kHeadAddr);
}

TEST_F(WalkXarray, WildPointersAreLeftOutAndTheRestIsWalked) {
    const std::uint64_t kUnaligned = 0xffff'8880'0000'0004, kUser = 0x10'0000;
    for (const std::uint64_t wild : {kUnaligned, kUser, std::uint64_t{0xffff'8880'0070'0000}}) {
        plant_two_leaves();
        builder.set(root, 0, wild + 2);
        expect_right_leaf_only(WalkEnd::kUnreadable, wild);
    }
}

TEST_F(WalkXarray, NodesThatContradictTheirPlaceAreDamaged) {
    plant_two_leaves();
    builder.set(root, 0, root + 2);  // a cycle
    expect_right_leaf_only(WalkEnd::kDamaged, root);
    builder.set(root, 0, right + 2);  // met before
    expect_right_leaf_only(WalkEnd::kDamaged, right);
    plant_two_leaves();
    plant_byte(memory, left, 60);  // an absurd height
    expect_right_leaf_only(WalkEnd::kDamaged, left);
    plant_two_leaves();
    plant_byte(memory, root, 255);
    EXPECT_EQ(walk().end, WalkEnd::kDamaged);
}

TEST_F(WalkXarray, NodeThatIsCutGivesTheSlotsThatCanBeRead) {
    plant_two_leaves();
    builder.set(left, 20, kEntry + 16);
    memory.make_hole(left + 40 + 10 * 8, 8);
    const EntryWalk found = walk();
    EXPECT_EQ(found.end, WalkEnd::kUnreadable);
    EXPECT_EQ(found.stopped_at.value, left + 40 + 10 * 8);
    EXPECT_EQ(found.entries, (Entries{{0, 0, kEntry}, {64, 64, kEntry + 8}}));
}

TEST_F(WalkXarray, LimitIsNamedOnlyWhenThereIsMore) {
    plant_two_leaves();
    EXPECT_EQ(walk(1).end, WalkEnd::kLimit);
    EXPECT_EQ(walk(1).entries.size(), 1u);
    EXPECT_EQ(walk(2).end, WalkEnd::kComplete);
}

TEST_F(WalkXarray, LayoutThatMakesNoSenseIsRefused) {
    plant_two_leaves();
    for (const std::uint64_t slots : {0ULL, 1ULL, 63ULL, 1ULL << 60}) {
        EXPECT_EQ(walk(10, {0, 1, 8, 40, slots, 2}).end, WalkEnd::kDamaged);
    }
}

TEST_F(WalkXarray, RandomDamageEndsWithIndicesInOrder) {
    std::mt19937 random(9);
    for (int round = 0; round < 500; ++round) {
        Heap own;
        std::map<std::uint64_t, std::uint64_t> entries;
        for (int i = 0; i < 20; ++i) entries[random() >> random() % 32] = kEntry + 8 * i;
        XaBuilder(memory, own).plant(entries);
        damage(memory, own, 576, random);
        const EntryWalk found = walk();
        for (std::size_t i = 1; i < found.entries.size(); ++i) {
            EXPECT_GT(found.entries[i].first, found.entries[i - 1].last);
        }
    }
}

class WalkMapleTree : public testing::Test {
 protected:
    EntryWalk walk(std::size_t limit = 10'000) {
        WalkBounds bounds(limit);
        return walk_maple_tree(memory, {kHeadAddr}, maple_shapes(), bounds);
    }
    // Two leaves under a node: [0, 9] and [10, end], an entry in each.
    void plant_two_leaves() {
        left = builder.node(1, Entries{{0, 4, kEntry}, {5, 9, 0}});
        right = builder.node(1, Entries{{10, 19, 0}, {20, ~0ULL, kEntry + 8}});
        top = builder.node(3, Entries{left, right});
        memory.plant_pointer(kHeadAddr, top.entry | 2);
    }
    std::uint64_t slot(const TreeEntry& node, unsigned index) {
        return (node.entry & ~0xffULL) + (node.entry >> 3 & 15 ? 80 : 8) + 8ULL * index;
    }
    void expect_right_leaf_only(WalkEnd end, std::uint64_t stopped_at) {
        const EntryWalk found = walk();
        EXPECT_EQ(found.end, end);
        EXPECT_EQ(found.stopped_at.value, stopped_at);
        EXPECT_EQ(found.entries, (Entries{{20, ~0ULL, kEntry + 8}}));
    }

    FakeMemory memory;
    Heap heap;
    MapleBuilder builder{memory, heap};
    TreeEntry left, right, top;
};

// Ranges of random length that cover all indices, gaps among them.
Entries random_ranges(std::mt19937_64& random, std::size_t count) {
    Entries ranges;
    for (std::uint64_t first = 0; ranges.size() + 1 < count;) {
        const std::uint64_t last = first + (random() >> (8 + random() % 56));
        ranges.push_back({first, last, random() % 3 == 0 ? 0 : kEntry + 8 * ranges.size()});
        first = last + 1;
    }
    ranges.push_back({ranges.empty() ? 0 : ranges.back().last + 1, ~0ULL, kEntry});
    return ranges;
}

TEST_F(WalkMapleTree, RandomTreesComeBack) {
    std::mt19937_64 random(21);
    std::mt19937 shape(22);
    for (std::size_t count = 1; count < 200; ++count) {
        Entries ranges = random_ranges(random, count);
        builder.plant(ranges, shape);
        std::erase_if(ranges, [](const TreeEntry& range) { return range.entry == 0; });
        const EntryWalk found = walk();
        EXPECT_EQ(found.end, WalkEnd::kComplete);
        EXPECT_EQ(found.entries, ranges);
    }
}

TEST_F(WalkMapleTree, EmptyAndSingleEntryNeedNoNode) {
    memory.plant_pointer(kHeadAddr, 0);
    EXPECT_TRUE(walk().entries.empty());
    memory.plant_pointer(kHeadAddr, kEntry);
    EXPECT_EQ(walk().entries, (Entries{{0, 0, kEntry}}));
    EXPECT_EQ(walk().end, WalkEnd::kComplete);
}

TEST_F(WalkMapleTree, FirstPivotMayBeZero) {
    const TreeEntry leaf = builder.node(1, Entries{{0, 0, kEntry}, {1, ~0ULL, 0}});
    memory.plant_pointer(kHeadAddr, leaf.entry | 2);
    EXPECT_EQ(walk().entries, (Entries{{0, 0, kEntry}}));
}

TEST_F(WalkMapleTree, DenseNodesHaveAnIndexASlot) {
    plant_two_leaves();
    const TreeEntry dense = builder.node(0, Entries{{0, 0, kEntry}, {1, 1, 0}, {2, 2, kEntry + 8}});
    memory.plant_pointer(slot(top, 0), dense.entry);
    EXPECT_EQ(walk().entries,
              (Entries{{0, 0, kEntry}, {2, 2, kEntry + 8}, {20, ~0ULL, kEntry + 8}}));
    EXPECT_EQ(walk().end, WalkEnd::kComplete);
}

TEST_F(WalkMapleTree, ZeroEntriesAreLeftOut) {
    memory.plant_pointer(kHeadAddr, 257 << 2 | 2);
    EXPECT_TRUE(walk().entries.empty());
    EXPECT_EQ(walk().end, WalkEnd::kComplete);
}

TEST_F(WalkMapleTree, RootThatIsNotInTheDumpIsUnreadable) {
    EXPECT_EQ(walk().end, WalkEnd::kUnreadable);
}

TEST_F(WalkMapleTree, DamagedChildIsLeftOutAndTheRestIsWalked) {
    plant_two_leaves();
    memory.plant_pointer(slot(top, 0), top.entry);
    expect_right_leaf_only(WalkEnd::kCycle, top.entry & ~0xffULL);
    memory.plant_pointer(slot(top, 0), 0x7000'0000'000c);  // a user's pointer
    expect_right_leaf_only(WalkEnd::kUnreadable, 0x7000'0000'000c);
    memory.plant_pointer(slot(top, 0), 0);
    expect_right_leaf_only(WalkEnd::kUnreadable, 0);
    memory.plant_pointer(slot(top, 0), 0xffff'8880'0070'000c);  // not in the dump
    expect_right_leaf_only(WalkEnd::kUnreadable, 0xffff'8880'0070'0000);
    memory.plant_pointer(slot(top, 0), left.entry | 15 << 3);  // of no known type
    expect_right_leaf_only(WalkEnd::kDamaged, left.entry & ~0xffULL);
    memory.plant_pointer(slot(top, 0), right.entry);  // with pivots beyond the range
    expect_right_leaf_only(WalkEnd::kDamaged, right.entry & ~0xffULL);
}

TEST_F(WalkMapleTree, OnlyAnAbsurdHeightIsDamage) {
    TreeEntry node = builder.node(1, Entries{{0, ~0ULL, kEntry}});
    for (int height = 1; height < 40; ++height) {
        memory.plant_pointer(kHeadAddr, node.entry | 2);
        EXPECT_EQ(walk().end, height <= 31 ? WalkEnd::kComplete : WalkEnd::kDamaged);
        node = builder.node(2, Entries{node});
    }
}

TEST_F(WalkMapleTree, LimitIsNamedOnlyWhenThereIsMore) {
    plant_two_leaves();
    EXPECT_EQ(walk(1).end, WalkEnd::kLimit);
    EXPECT_EQ(walk(2).end, WalkEnd::kComplete);
}

TEST_F(WalkMapleTree, RandomDamageEndsWithIndicesInOrder) {
    std::mt19937_64 random(31);
    std::mt19937 shape(32);
    for (int round = 0; round < 500; ++round) {
        Heap own;
        MapleBuilder(memory, own).plant(random_ranges(random, 100), shape);
        damage(memory, own, 256, shape);
        const EntryWalk found = walk();
        for (std::size_t i = 1; i < found.entries.size(); ++i) {
            EXPECT_GT(found.entries[i].first, found.entries[i - 1].last);
        }
    }
}

}  // namespace
}  // namespace pyk
