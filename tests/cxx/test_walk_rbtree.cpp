// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <unordered_set>

#include "tree_builders.h"

namespace pyk {
namespace {

class WalkRbtree : public testing::Test {
 protected:
    WalkResult walk(std::size_t limit = 10'000) {
        WalkBounds bounds(limit);
        return walk_rbtree(memory, {kHeadAddr}, kRbOffsets, bounds);
    }
    void set(KernelAddr node, std::uint64_t offset, std::uint64_t value) {
        memory.plant_pointer(node.value + offset, value);
    }
    // Seven nodes: 3 is the root, 1 and 5 are its children, the even ones are leaves.
    std::vector<KernelAddr> seven() { return plant_rbtree(memory, heap, 7); }

    FakeMemory memory;
    Heap heap;
};

TEST_F(WalkRbtree, TreesOfEverySizeComeBackInOrder) {
    for (std::size_t count = 0; count < 200; ++count) {
        const std::vector<KernelAddr> nodes = plant_rbtree(memory, heap, count);
        const WalkResult found = walk();
        EXPECT_EQ(found.end, WalkEnd::kComplete);
        EXPECT_EQ(found.nodes, nodes);
    }
}

TEST_F(WalkRbtree, RootThatIsNotInTheDumpIsUnreadable) {
    EXPECT_EQ(walk().end, WalkEnd::kUnreadable);
}

TEST_F(WalkRbtree, ChildThatIsAnAncestorIsACycle) {
    const auto nodes = seven();
    set(nodes[6], kRbOffsets.right, nodes[3].value);
    const WalkResult found = walk();
    EXPECT_EQ(found.end, WalkEnd::kCycle);
    EXPECT_EQ(found.stopped_at, nodes[3]);
    EXPECT_EQ(found.nodes, nodes);
}

TEST_F(WalkRbtree, NodeThatIsBothChildrenIsMetOnce) {
    const auto nodes = seven();
    set(nodes[1], kRbOffsets.right, nodes[0].value);
    const WalkResult found = walk();
    EXPECT_EQ(found.end, WalkEnd::kCycle);
    EXPECT_EQ(found.stopped_at, nodes[0]);
    EXPECT_EQ(found.nodes,
              (std::vector{nodes[0], nodes[1], nodes[3], nodes[4], nodes[5], nodes[6]}));
}

TEST_F(WalkRbtree, WildChildrenAreLeftOutAndTheRestIsWalked) {
    const std::uint64_t kUnaligned = 0xffff'8880'0000'0004, kUser = 0x1000;
    for (const std::uint64_t wild : {kUnaligned, kUser, kHeadAddr + 0x800}) {
        const auto nodes = seven();
        set(nodes[1], kRbOffsets.left, wild);
        const WalkResult found = walk();
        EXPECT_EQ(found.end, WalkEnd::kUnreadable);
        EXPECT_EQ(found.stopped_at.value, wild);
        EXPECT_EQ(found.nodes, std::vector(nodes.begin() + 1, nodes.end()));
    }
}

TEST_F(WalkRbtree, WrongParentIsDamageAndTheNodeStays) {
    const auto nodes = seven();
    set(nodes[5], kRbOffsets.parent, nodes[0].value);
    const WalkResult found = walk();
    EXPECT_EQ(found.end, WalkEnd::kDamaged);
    EXPECT_EQ(found.stopped_at, nodes[5]);
    EXPECT_EQ(found.nodes, nodes);
}

TEST_F(WalkRbtree, AbsurdHeightIsDamage) {
    std::uint64_t parent = 0, place = kHeadAddr;
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t node = heap.take(24);
        memory.plant(node, std::string(24, '\0'));
        memory.plant_pointer(node, parent);
        memory.plant_pointer(place, node);
        parent = node;
        place = node + kRbOffsets.left;
    }
    const WalkResult found = walk();
    EXPECT_EQ(found.end, WalkEnd::kDamaged);
    EXPECT_EQ(found.nodes.size(), 128u);
}

TEST_F(WalkRbtree, LimitEndsIt) {
    plant_rbtree(memory, heap, 100);
    const WalkResult found = walk(10);
    EXPECT_EQ(found.end, WalkEnd::kLimit);
    EXPECT_EQ(found.nodes.size(), 10u);
    EXPECT_EQ(walk(100).end, WalkEnd::kComplete);
}

TEST_F(WalkRbtree, InterruptionEndsIt) {
    plant_rbtree(memory, heap, 5000);
    WalkBounds bounds(10'000, [] { return true; });
    EXPECT_EQ(walk_rbtree(memory, {kHeadAddr}, kRbOffsets, bounds).end, WalkEnd::kInterrupted);
}

TEST_F(WalkRbtree, RandomDamageGivesNoNodeTwiceAndAnEnd) {
    std::mt19937 random(3);
    for (int round = 0; round < 1000; ++round) {
        const auto nodes = plant_rbtree(memory, heap, 1 + random() % 60);
        for (unsigned hits = 1 + random() % 4; hits > 0; --hits) {
            const std::uint64_t place = nodes[random() % nodes.size()].value + 8 * (random() % 3);
            const std::uint64_t values[] = {0, random(), nodes[random() % nodes.size()].value};
            memory.plant_pointer(place, values[random() % 3]);
        }
        const WalkResult found = walk();
        std::unordered_set<std::uint64_t> seen;
        for (const KernelAddr node : found.nodes) EXPECT_TRUE(seen.insert(node.value).second);
        EXPECT_LE(found.nodes.size(), heap.taken().size());
    }
}

}  // namespace
}  // namespace pyk
