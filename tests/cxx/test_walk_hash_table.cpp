// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "fake_memory.h"
#include "walk/hash_table.h"

namespace pyk {
namespace {

constexpr std::uint64_t kTable = 0xffff'8880'0000'0000, kNodes = 0xffff'8880'4000'0000;

class WalkHashTable : public testing::Test {
 protected:
    HashWalk walk(std::size_t limit = 1'000'000) {
        WalkBounds bounds(limit, interrupted);
        return walk_hash_table(new_reader(memory), table, bounds);
    }
    void plant_empty(std::uint64_t count) {
        memory.plant(kTable, std::string(count * table.stride, '\0'));
        table.count = count;
    }
    // Puts a new node in front of a chain.
    KernelAddr add(std::uint64_t bucket) {
        const std::uint64_t node = kNodes + 16 * added++;
        const KernelAddr head{kTable + bucket * table.stride + table.head};
        memory.plant_pointer(node, memory.read_pointer(head)->value);
        memory.plant_pointer(head.value, node);
        return {node};
    }

    FakeMemory memory;
    HashTable table{{kTable}, 0, 8, 0, {}};
    std::function<bool()> interrupted;
    std::uint64_t added = 0;
};

TEST_F(WalkHashTable, EmptyTablesHaveNoNodes) {
    EXPECT_EQ(walk().end, WalkEnd::kComplete);
    plant_empty(1000);
    EXPECT_EQ(walk().end, WalkEnd::kComplete);
    EXPECT_TRUE(walk().nodes.empty());
}

TEST_F(WalkHashTable, RandomTablesComeBackBucketByBucket) {
    std::mt19937 random(2);
    for (const std::uint64_t stride : {8, 24}) {
        table.stride = stride;
        table.head = stride - 8;
        plant_empty(500);
        std::map<std::uint64_t, std::vector<KernelAddr>> chains;
        for (int i = 0; i < 2000; ++i) {
            const std::uint64_t bucket = random() % 500;
            auto& chain = chains[bucket];
            chain.insert(chain.begin(), add(bucket));
        }
        std::vector<KernelAddr> nodes;
        std::vector<std::uint64_t> buckets;
        for (const auto& [bucket, chain] : chains) {
            nodes.insert(nodes.end(), chain.begin(), chain.end());
            buckets.resize(nodes.size(), bucket);
        }
        const HashWalk found = walk();
        EXPECT_EQ(found.end, WalkEnd::kComplete);
        EXPECT_EQ(found.nodes, nodes);
        EXPECT_EQ(found.buckets, buckets);
    }
}

TEST_F(WalkHashTable, LargeTablesAreWalkedInOrderByThreads) {
    plant_empty(200'000);
    std::vector<KernelAddr> nodes;
    for (std::uint64_t bucket = 0; bucket < 200'000; bucket += 77) nodes.push_back(add(bucket));
    EXPECT_EQ(walk().nodes, nodes);
    EXPECT_EQ(walk().end, WalkEnd::kComplete);
    const HashWalk found = walk(1000);
    EXPECT_EQ(found.end, WalkEnd::kLimit);
    EXPECT_EQ(found.nodes.size(), 1000u);
    EXPECT_EQ(found.buckets.size(), 1000u);
}

TEST_F(WalkHashTable, BrokenChainsAreNamedAndTheOthersWalked) {
    plant_empty(10);
    const KernelAddr cyclic = add(3), cut = add(5), whole = add(9);
    memory.plant_pointer(cyclic.value, cyclic.value);
    memory.plant_pointer(cut.value, 0x1004);
    const HashWalk found = walk();
    EXPECT_EQ(found.nodes, (std::vector{cyclic, cut, whole}));
    ASSERT_EQ(found.broken.size(), 2u);
    EXPECT_EQ(found.broken[0].first, 3u);
    EXPECT_EQ(found.broken[0].end, WalkEnd::kCycle);
    EXPECT_EQ(found.broken[1].stopped_at.value, 0x1004u);
    EXPECT_EQ(found.end, WalkEnd::kCycle);
    EXPECT_EQ(found.stopped_at, cyclic);
}

TEST_F(WalkHashTable, HalfOfTheBucketsExcludedIsOneGap) {
    plant_empty(4096);
    const KernelAddr before = add(0), after = add(4095);
    memory.make_hole(kTable + 4096, 4 * 4096);
    const HashWalk found = walk();
    EXPECT_EQ(found.nodes, (std::vector{before, after}));
    ASSERT_EQ(found.broken.size(), 1u);
    EXPECT_EQ(found.broken[0].first, 512u);
    EXPECT_EQ(found.broken[0].last, 512u * 5 - 1);
    EXPECT_EQ(found.broken[0].end, WalkEnd::kUnreadable);
}

TEST_F(WalkHashTable, BucketThatStraddlesAnExcludedPageIsPassedOverAlone) {
    table.stride = 24;
    plant_empty(1000);
    memory.make_hole(kTable + 4096, 4096);
    const HashWalk found = walk();
    ASSERT_EQ(found.broken.size(), 1u);
    EXPECT_EQ(found.broken[0].first, 171u);  // 170 * 24 + 8 <= 4096 < 171 * 24 + 8
    EXPECT_EQ(found.broken[0].last, 341u);   // 8192 / 24
}

TEST_F(WalkHashTable, NullsChainsEndAtTheirMarker) {
    plant_empty(4);
    for (std::uint64_t i = 0; i < 4; ++i) memory.plant_pointer(kTable + 8 * i, i << 1 | 1);
    const KernelAddr node = add(2);
    table.chain.end_mask = 1;
    EXPECT_EQ(walk().nodes, std::vector{node});
    EXPECT_EQ(walk().end, WalkEnd::kComplete);
}

TEST_F(WalkHashTable, LockedBucketsAreWalked) {
    plant_empty(4);
    const KernelAddr node = add(2);
    memory.plant_pointer(kTable + 16, node.value | 1);
    table.chain.head_tag_mask = 1;
    EXPECT_EQ(walk().nodes, std::vector{node});
}

TEST_F(WalkHashTable, AbsurdSizesEndSoon) {
    plant_empty(600);
    const KernelAddr node = add(0);
    table.count = 1ULL << 60;
    const HashWalk found = walk();
    EXPECT_EQ(found.nodes, std::vector{node});
    EXPECT_EQ(found.end, WalkEnd::kUnreadable);
    EXPECT_LE(found.broken.size(), 8u);
    EXPECT_EQ(found.broken.back().end, WalkEnd::kLimit);
}

TEST_F(WalkHashTable, InterruptionEndsIt) {
    plant_empty(10'000);
    interrupted = [] { return true; };
    EXPECT_EQ(walk().end, WalkEnd::kInterrupted);
}

TEST_F(WalkHashTable, RandomDamageEnds) {
    std::mt19937 random(13);
    for (int round = 0; round < 200; ++round) {
        plant_empty(64);
        std::vector<KernelAddr> nodes;
        for (int i = 0; i < 100; ++i) nodes.push_back(add(random() % 64));
        for (int hits = 0; hits < 5; ++hits) {
            const std::uint64_t values[] = {random(), nodes[random() % 100].value, 0};
            memory.plant_pointer(nodes[random() % 100].value, values[random() % 3]);
        }
        const HashWalk found = walk();
        EXPECT_EQ(found.nodes.size(), found.buckets.size());
        EXPECT_TRUE(std::is_sorted(found.buckets.begin(), found.buckets.end()));
    }
}

}  // namespace
}  // namespace pyk
