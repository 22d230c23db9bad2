// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "fake_memory.h"
#include "walk/chain.h"
#include "walk/list.h"

namespace pyk {
namespace {

constexpr std::uint64_t kBase = 0xffff'8880'0000'0000;
constexpr std::uint64_t kHead = kBase + 0x1000, kFirst = kBase + 0x2000, kSecond = kBase + 0x3000;
constexpr ChainRules kHlist{};
constexpr ChainRules kNulls{0, 0, 1, {}};
constexpr ChainRules kLocked{0, 1, 0, {}};

WalkResult list(const FakeMemory& memory, std::size_t limit = 100) {
    WalkBounds bounds(limit);
    return walk_list(memory, {kHead}, bounds);
}

WalkResult chain(const FakeMemory& memory, const ChainRules& rules = kHlist) {
    WalkBounds bounds(100);
    return walk_chain(memory, {kHead}, rules, bounds);
}

void expect(const WalkResult& walk, WalkEnd end, std::uint64_t stopped_at,
            const std::vector<KernelAddr>& nodes) {
    EXPECT_EQ(walk.end, end);
    EXPECT_EQ(walk.stopped_at.value, stopped_at);
    EXPECT_EQ(walk.nodes, nodes);
}

TEST(WalkList, WholeListIsComplete) {
    FakeMemory memory;
    memory.link({kHead, kFirst, kSecond, kHead});
    expect(list(memory), WalkEnd::kComplete, 0, {{kFirst}, {kSecond}});
}

TEST(WalkList, EmptyListHasNoNodes) {
    FakeMemory memory;
    memory.link({kHead, kHead});
    expect(list(memory), WalkEnd::kComplete, 0, {});
}

TEST(WalkList, HeadThatIsNotInTheDumpIsUnreadable) {
    expect(list(FakeMemory()), WalkEnd::kUnreadable, kHead, {});
}

TEST(WalkList, CycleThatMissesTheHeadStopsAndKeepsTheNodesRead) {
    FakeMemory memory;
    memory.link({kHead, kFirst, kSecond, kFirst});
    expect(list(memory), WalkEnd::kCycle, kFirst, {{kFirst}, {kSecond}});
}

TEST(WalkList, NodeThatLeadsToItselfIsMetOnce) {
    FakeMemory memory;
    memory.link({kHead, kFirst, kSecond, kSecond});
    expect(list(memory), WalkEnd::kCycle, kSecond, {{kFirst}, {kSecond}});
}

TEST(WalkList, PointersThatLeadToNoNodeEndIt) {
    const std::uint64_t kUnaligned = kBase + 0x4004, kUser = 0x7fff'0000'1000;
    for (const std::uint64_t wild : {std::uint64_t{0}, kUnaligned, kUser, kBase + 0x4000}) {
        FakeMemory memory;
        memory.link({kHead, kFirst, wild, kHead});
        if (wild == kBase + 0x4000) memory.make_hole(wild, 8);
        expect(list(memory), WalkEnd::kUnreadable, wild, {{kFirst}});
    }
}

TEST(WalkList, LimitIsNamedOnlyWhenThereIsMore) {
    FakeMemory memory;
    memory.link({kHead, kFirst, kSecond, kHead});
    expect(list(memory, 1), WalkEnd::kLimit, kSecond, {{kFirst}});
    expect(list(memory, 2), WalkEnd::kComplete, 0, {{kFirst}, {kSecond}});
}

TEST(WalkList, InterruptionKeepsWhatWasFoundAndEndsTheNextWalksToo) {
    FakeMemory memory;
    const std::uint64_t count = 5000;
    for (std::uint64_t i = 0; i < count; ++i) memory.link({kHead + 8 * i, kHead + 8 * i + 8});
    memory.link({kHead + 8 * count, kHead});
    WalkBounds bounds(count * 2, [] { return true; });
    const WalkResult walk = walk_list(memory, {kHead}, bounds);
    EXPECT_EQ(walk.end, WalkEnd::kInterrupted);
    EXPECT_GT(walk.nodes.size(), 500u);
    EXPECT_LT(walk.nodes.size(), count);
    EXPECT_EQ(walk_list(memory, {kHead}, bounds).end, WalkEnd::kInterrupted);
}

// Every length of the way in and of the loop.
TEST(WalkList, CyclesOfAnyShapeAreCutAtTheFirstRepetition) {
    for (std::uint64_t tail = 1; tail < 12; ++tail) {
        for (std::uint64_t loop = 1; loop < 40; ++loop) {
            FakeMemory memory;
            const std::uint64_t count = tail + loop;
            for (std::uint64_t i = 0; i < count; ++i) {
                memory.link({kHead + 8 * i, kHead + 8 * (i + 1)});
            }
            memory.link({kHead + 8 * count, kHead + 8 * tail});
            WalkBounds bounds(10'000);
            const WalkResult walk = walk_list(memory, {kHead}, bounds);
            EXPECT_EQ(walk.end, WalkEnd::kCycle);
            EXPECT_EQ(walk.stopped_at.value, kHead + 8 * tail);
            EXPECT_EQ(walk.nodes.size(), count);
        }
    }
}

// Links both ways, as the kernel does.
void link_ring(FakeMemory& memory, std::uint64_t count) {
    for (std::uint64_t i = 0; i <= count; ++i) {
        memory.plant_pointer(kHead + 16 * i, kHead + 16 * ((i + 1) % (count + 1)));
        memory.plant_pointer(kHead + 16 * i + 8, kHead + 16 * ((i + count) % (count + 1)));
    }
}

TEST(WalkList, ListThatIsLinkedBothWaysComesInItsOrder) {
    for (std::uint64_t count = 0; count < 40; ++count) {
        FakeMemory memory;
        link_ring(memory, count);
        std::vector<KernelAddr> nodes;
        for (std::uint64_t i = 1; i <= count; ++i) nodes.push_back({kHead + 16 * i});
        expect(list(memory), WalkEnd::kComplete, 0, nodes);
        EXPECT_EQ(list(memory).end_marker, kHead);
        for (std::uint64_t limit = 0; limit < count; ++limit) {
            const std::vector<KernelAddr> first(nodes.begin(), nodes.begin() + limit);
            expect(list(memory, limit), WalkEnd::kLimit, nodes[limit].value, first);
        }
        expect(list(memory, count), WalkEnd::kComplete, 0, nodes);
    }
}

// What a walk along `next` alone finds is the list, whatever `prev` says.
TEST(WalkList, DamagedListsLinkedBothWaysEndWhereASlowWalkEnds) {
    std::mt19937 random(7);
    for (int round = 0; round < 3000; ++round) {
        FakeMemory memory;
        const std::uint64_t count = 1 + random() % 30;
        link_ring(memory, count);
        for (std::uint64_t hits = 1 + random() % 4; hits > 0; --hits) {
            const std::uint64_t place = kHead + 8 * (random() % (2 * count + 2));
            const std::uint64_t wild[] = {0, kHead + 4, 0x1000, kBase};
            const bool is_wild = random() % 3 == 0;
            memory.plant_pointer(
                place, is_wild ? wild[random() % 4] : kHead + 16 * (random() % (count + 2)));
        }
        if (random() % 4 == 0) memory.make_hole(kHead + 8 * (random() % (2 * count + 2)), 8);
        std::vector<KernelAddr> slow;
        auto node = memory.read_pointer({kHead});
        KernelAddr stopped_at{kHead};
        WalkEnd end = WalkEnd::kUnreadable;
        while (node) {
            stopped_at = *node;
            if (node->value == kHead) end = WalkEnd::kComplete;
            if (node->value == kHead || !can_be_node(*node)) break;
            if (std::find(slow.begin(), slow.end(), *node) != slow.end()) {
                end = WalkEnd::kCycle;
                break;
            }
            const auto next = memory.read_pointer(*node);
            if (next) slow.push_back(*node);
            node = next;
        }
        expect(list(memory), end, end == WalkEnd::kComplete ? 0 : stopped_at.value, slow);
    }
}

TEST(WalkChain, HlistEndsAtNull) {
    FakeMemory memory;
    memory.link({kHead, kFirst, kSecond, 0});
    expect(chain(memory), WalkEnd::kComplete, 0, {{kFirst}, {kSecond}});
}

TEST(WalkChain, EmptyHlistHasNoNodes) {
    FakeMemory memory;
    memory.link({kHead, 0});
    expect(chain(memory), WalkEnd::kComplete, 0, {});
}

TEST(WalkChain, NullsMarkerEndsItAndIsTold) {
    FakeMemory memory;
    memory.link({kHead, kFirst, 7 << 1 | 1});
    const WalkResult walk = chain(memory, kNulls);
    expect(walk, WalkEnd::kComplete, 0, {{kFirst}});
    EXPECT_EQ(walk.end_marker, 15u);
    memory.link({kHead, 1});
    expect(chain(memory, kNulls), WalkEnd::kComplete, 0, {});
}

TEST(WalkChain, LockBitOfTheHeadIsNoPartOfThePointer) {
    FakeMemory memory;
    memory.link({kHead, kFirst | 1});
    memory.link({kFirst, kSecond, 0});
    expect(chain(memory, kLocked), WalkEnd::kComplete, 0, {{kFirst}, {kSecond}});
    memory.link({kHead, 1});
    expect(chain(memory, kLocked), WalkEnd::kComplete, 0, {});
}

TEST(WalkChain, NextMayLieAnywhereInTheNode) {
    FakeMemory memory;
    memory.plant_pointer(kHead, kFirst);
    memory.plant_pointer(kFirst + 0x48, kSecond);
    memory.plant_pointer(kSecond + 0x48, 0);
    expect(chain(memory, {0x48, 0, 0, {}}), WalkEnd::kComplete, 0, {{kFirst}, {kSecond}});
}

TEST(WalkChain, CycleAndDamageEndIt) {
    FakeMemory memory;
    memory.link({kHead, kFirst, kSecond, kFirst});
    expect(chain(memory), WalkEnd::kCycle, kFirst, {{kFirst}, {kSecond}});
    memory.link({kSecond, kBase + 4});
    expect(chain(memory), WalkEnd::kUnreadable, kBase + 4, {{kFirst}, {kSecond}});
    memory.link({kSecond, 0x1000});
    expect(chain(memory), WalkEnd::kUnreadable, 0x1000, {{kFirst}, {kSecond}});
    memory.link({kSecond, kBase + 0x5000});
    expect(chain(memory), WalkEnd::kUnreadable, kBase + 0x5000, {{kFirst}, {kSecond}});
}

// The nodes up to the end are those that a plain walk with a set of all nodes finds.
TEST(WalkChain, RandomChainsEndWhereASlowWalkEnds) {
    std::mt19937 random(11);
    for (int round = 0; round < 500; ++round) {
        FakeMemory memory;
        const std::uint64_t count = 1 + random() % 30;
        std::map<std::uint64_t, std::uint64_t> next;
        for (std::uint64_t i = 0; i <= count; ++i) {
            const std::uint64_t wild[] = {0, 0x1000, kHead + 8 * (1 + random() % (count + 3)) + 4};
            const bool is_wild = random() % 30 == 0;
            next[kHead + 8 * i] =
                is_wild ? wild[random() % 3] : kHead + 8 * (1 + random() % (count + 1));
            memory.link({kHead + 8 * i, next[kHead + 8 * i]});
        }
        std::vector<KernelAddr> slow;
        std::uint64_t node = next[kHead];
        while (next.contains(node) &&
               std::find(slow.begin(), slow.end(), KernelAddr{node}) == slow.end()) {
            slow.push_back({node});
            node = next[node];
        }
        const WalkResult walk = chain(memory);
        EXPECT_EQ(walk.nodes, slow);
        EXPECT_EQ(walk.end, node == 0             ? WalkEnd::kComplete
                            : next.contains(node) ? WalkEnd::kCycle
                                                  : WalkEnd::kUnreadable);
        EXPECT_EQ(walk.stopped_at.value, node);
    }
}

}  // namespace
}  // namespace pyk
