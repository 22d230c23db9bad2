// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/error.h"
#include "bulk/array_scan.h"
#include "bulk/freelist.h"
#include "bulk/indexed_slab.h"
#include "fake_memory.h"
#include "percpu/sums.h"

namespace pyk {
namespace {

constexpr std::uint64_t kBase = 0xffff'8880'0000'0000;
constexpr std::uint64_t kSecret = 0x1234'5678'9abc'def0;

// --- sums of per-CPU integers

TEST(PerCpuSums, CopiesOfAllCpusAreAddedWithTheirSign) {
    FakeMemory memory;
    memory.plant_pointer(kBase + 0x10, 0xffff'ffff'0000'0005);  // two of 4 bytes: 5 and -1
    memory.plant_pointer(kBase + 0x1010, 0x0000'0007'0000'0001);
    const std::vector<KernelAddr> pointers{{0x10}, {0x14}, {0}};
    const std::vector<std::uint64_t> offsets{kBase, kBase + 0x1000};
    const auto sums = sum_per_cpu(memory, pointers, offsets, 4, true);
    EXPECT_EQ(sums[0].sum, 6);
    EXPECT_EQ(sums[1].sum, 6);
    EXPECT_EQ(sums[2].readable, 0u);
    EXPECT_EQ(sum_per_cpu(memory, pointers, offsets, 4, false)[1].sum, 0xffff'ffff + 7LL);
}

TEST(PerCpuSums, UnreadableCopyIsLeftOutAndCounted) {
    FakeMemory memory;
    memory.plant_pointer(kBase, 9);
    const auto sums = sum_per_cpu(memory, std::vector<KernelAddr>{{0}, {8}},
                                  std::vector<std::uint64_t>{kBase - 8, kBase + 0x5000}, 8, false);
    EXPECT_EQ(sums[1].sum, 9);
    EXPECT_EQ(sums[1].readable, 1u);
    EXPECT_THROW(sum_per_cpu(memory, {}, {}, 3, false), Error);
}

// --- arrays of structs

class ArrayScan : public testing::Test {
 protected:
    ArrayScan() {
        for (std::uint64_t i = 0; i < kCount; ++i) {
            for (int at = 0; at < 64; at += 8) memory.plant_pointer(kBase + i * 64 + at, i % 7);
        }
    }
    static constexpr std::uint64_t kCount = 1000;
    FakeMemory memory;
    WalkBounds bounds{~std::size_t{0}};
    const StructArray array{{kBase}, 64, kCount};
};

TEST_F(ArrayScan, StructsThatPassAllTestsAreFound) {
    const std::vector<ArrayTest> tests{{{8, 4}, 0x3, 1}, {{0, 8}, ~0ULL, 5}};
    const auto found = select_structs(new_reader(memory), array, tests, bounds);
    EXPECT_EQ(found.structs.size(), 143u);  // 5, 12, ... 999
    EXPECT_EQ(found.structs[0], KernelAddr{kBase + 5 * 64});
    EXPECT_EQ(found.unreadable, 0u);
}

TEST_F(ArrayScan, UnreadablePageIsPassedOverAndCounted) {
    memory.make_hole(kBase + 4096, 4096);
    const auto found = count_values(new_reader(memory), array, {0, 8}, ~0ULL, bounds);
    EXPECT_EQ(found.unreadable, 64u);
    std::uint64_t sum = 0;
    for (const auto& [value, count] : found.counts) sum += count;
    EXPECT_EQ(sum, kCount - 64);
    EXPECT_EQ(found.counts.size(), 7u);
}

TEST_F(ArrayScan, StructAcrossAHoleIsLostAndTheNextIsRead) {
    const StructArray odd{{kBase}, 56, 200};
    memory.make_hole(kBase + 4096, 1);  // the struct from 4088 on
    const auto found = select_structs(new_reader(memory), odd, {}, bounds);
    EXPECT_EQ(found.structs.size() + found.unreadable, 200u);
    EXPECT_EQ(found.structs[73], KernelAddr{kBase + 74 * 56 + 8192 / 56 * 56 - 74 * 56 + 56});
}

TEST_F(ArrayScan, CountsAndSizesThatNoKernelHasAreRefused) {
    EXPECT_THROW(select_structs(new_reader(memory), {{kBase}, 64, 1ULL << 58}, {}, bounds), Error);
    EXPECT_THROW(select_structs(new_reader(memory), {{kBase}, 1 << 20, 5}, {}, bounds), Error);
}

TEST_F(ArrayScan, HugeCountOfNothingEndsWhenInterrupted) {
    WalkBounds stopped(0, [] { return true; });
    const StructArray endless{{kBase}, 64, 1ULL << 34};
    EXPECT_TRUE(select_structs(new_reader(memory), endless, {}, stopped).is_interrupted);
    EXPECT_THROW(count_values(new_reader(memory), array, {60, 8}, ~0ULL, bounds), Error);
    EXPECT_THROW(count_values(new_reader(memory), {{kBase}, 0, 5}, {0, 8}, ~0ULL, bounds), Error);
}

// --- objects of slabs

class Freelist : public testing::Test {
 protected:
    // Frees some objects of a slab of 64-byte objects; returns the first of the list.
    KernelAddr plant(std::vector<std::uint64_t> order) {
        KernelAddr next;
        for (auto index = order.rbegin(); index != order.rend(); ++index) {
            const std::uint64_t object = kBase + shape.first + *index * shape.size;
            const std::uint64_t where = object + shape.next;
            std::uint64_t stored = next.value;
            if (shape.mixes_address) stored ^= kSecret ^ byte_swap(where);
            memory.plant_pointer(where, stored);
            next = {object};
        }
        return next;
    }
    SlabObjects list(std::vector<KernelAddr> lists) {
        WalkBounds bounds(~std::size_t{0});
        const KernelAddr own = lists.empty() ? KernelAddr{} : lists.front();
        if (!lists.empty()) lists.erase(lists.begin());
        return list_objects(memory, shape, std::vector<Slab>{{{kBase}, 32, own, std::move(lists)}},
                            bounds);
    }

    FakeMemory memory;
    SlabShape shape{64, 16, 32, kSecret, true, true};
};

TEST_F(Freelist, ObjectsOfAllListsAreFreeAndTheRestIsAllocated) {
    const KernelAddr own = plant({3, 1, 2}), of_cpu = plant({31, 0});
    const auto found = list({own, of_cpu});
    EXPECT_EQ(found.free.size(), 5u);
    EXPECT_EQ(found.allocated.size(), 27u);
    EXPECT_EQ(found.free[0], KernelAddr{kBase + 16});
    EXPECT_TRUE(found.broken.empty());
}

TEST_F(Freelist, ListsOfKernelsThatHideNothingAreFollowed) {
    shape.mixes_address = false;
    EXPECT_EQ(list({plant({5, 4})}).free.size(), 2u);
    EXPECT_EQ(list({}).allocated.size(), 32u);
}

TEST_F(Freelist, CycleAndPointerOutOfTheSlabAreTold) {
    shape.mixes_address = false;
    const KernelAddr first = plant({1, 2});
    memory.plant_pointer(kBase + 16 + 2 * 64 + 32, first.value);
    const auto cyclic = list({first});
    ASSERT_EQ(cyclic.broken.size(), 1u);
    EXPECT_EQ(cyclic.broken[0].where, first);
    EXPECT_EQ(cyclic.free.size(), 2u);
    memory.plant_pointer(kBase + 16 + 2 * 64 + 32, kBase + 16 + 32 * 64);
    EXPECT_EQ(list({first}).broken[0].where, KernelAddr{kBase + 16 + 32 * 64});
    memory.plant_pointer(kBase + 16 + 2 * 64 + 32, kBase + 17);
    EXPECT_EQ(list({first}).broken.size(), 1u);
}

TEST_F(Freelist, AbsurdSlabsAreToldAndCostNothing) {
    WalkBounds bounds(~std::size_t{0});
    const std::vector<Slab> absurd{{{kBase}, 1ULL << 60, {}}, {{kBase}, 2, {}}};
    const auto found = list_objects(memory, shape, absurd, bounds);
    EXPECT_EQ(found.broken.size(), 1u);
    EXPECT_EQ(found.allocated.size(), 2u);
    shape.most = 1;
    EXPECT_EQ(list_objects(memory, shape, absurd, bounds).broken.size(), 2u);
    shape.size = 0;
    EXPECT_THROW(list_objects(memory, shape, absurd, bounds), Error);
}

TEST_F(Freelist, ManySlabsAreReadByThreadsInOrder) {
    const KernelAddr first = plant({1, 2, 5});
    std::vector<Slab> slabs;
    for (std::uint64_t i = 0; i < 5000; ++i) slabs.push_back({{kBase + i * 4096}, 4, {}});
    slabs[3000] = {{kBase}, 32, first};
    slabs[4000] = {{kBase}, 32, {kBase + 1}};
    WalkBounds bounds(~std::size_t{0});
    const auto found = list_objects(new_reader(memory), shape, slabs, bounds);
    const auto alone = list_objects(memory, shape, slabs, bounds);
    EXPECT_EQ(found.allocated, alone.allocated);
    EXPECT_EQ(found.allocated.size(), 4998u * 4 + 29 + 32);
    EXPECT_EQ(found.free, alone.free);
    ASSERT_EQ(found.broken.size(), 1u);
    EXPECT_EQ(found.broken[0].slab, 4000u);
}

TEST_F(Freelist, WhatIsKeptInArraysIsFreeToo) {
    auto found = list({plant({3, 1})});
    const std::vector<KernelAddr> kept{{kBase + 1}, {kBase + 16}, {kBase + 16 + 3 * 64}};
    make_free(found, kept);  // no object, an allocated one, one that is free already
    EXPECT_EQ(found.free.size(), 3u);
    EXPECT_EQ(found.free.back(), KernelAddr{kBase + 16});
    EXPECT_EQ(found.allocated.size(), 29u);
}

TEST_F(Freelist, RandomDamageNeverLosesAnObject) {
    std::mt19937_64 random(11);
    std::vector<std::uint64_t> order(32);
    for (std::uint64_t i = 0; i < 32; ++i) order[i] = i;
    for (int round = 0; round < 300; ++round) {
        std::ranges::shuffle(order, random);
        const KernelAddr first = plant({order.begin(), order.begin() + random() % 33});
        const std::uint64_t where = kBase + 16 + random() % 32 * 64 + 32;
        if (round % 3 == 0) memory.plant_pointer(where, random());
        if (round % 3 == 1) memory.make_hole(where, 8);
        const auto found = list({first, {random()}});
        EXPECT_EQ(found.free.size() + found.allocated.size(), 32u);
        EXPECT_GE(found.broken.size(), 1u);  // at least the second list
    }
}

// --- objects of slabs that have numbers of the free ones

class IndexedSlabs : public testing::Test {
 protected:
    SlabObjects list(std::uint64_t active, const std::string& numbers) {
        memory.plant(kNumbers, numbers);
        return list_slab({{kBase}, {kNumbers}, active});
    }
    SlabObjects list_slab(const IndexedSlab& slab) {
        WalkBounds bounds(~std::size_t{0});
        return list_indexed_objects(memory, shape, std::vector<IndexedSlab>{slab}, kept, bounds);
    }

    static constexpr std::uint64_t kNumbers = kBase + 0x10000;
    FakeMemory memory;
    IndexedShape shape{64, 8, 4, 1};
    std::vector<KernelAddr> kept;
};

TEST_F(IndexedSlabs, NumbersFromTheActiveOnesOnAreFree) {
    const auto found = list(2, std::string("\0\1\3\2", 4));
    EXPECT_EQ(found.allocated, (std::vector<KernelAddr>{{kBase + 8}, {kBase + 64 + 8}}));
    EXPECT_EQ(found.free, (std::vector<KernelAddr>{{kBase + 128 + 8}, {kBase + 192 + 8}}));
    EXPECT_TRUE(found.broken.empty());
    shape.index_size = 2;
    EXPECT_EQ(list(3, std::string("\0\0\1\0\2\0\3\0", 8)).free.size(), 1u);
}

TEST_F(IndexedSlabs, FullSlabNeedsNoNumbersAndKeptObjectsAreFree) {
    kept = {{kBase + 64}};
    const auto found = list_slab({{kBase}, {}, 4});
    EXPECT_EQ(found.free, (std::vector<KernelAddr>{{kBase + 64 + 8}}));
    EXPECT_EQ(found.allocated.size(), 3u);
    EXPECT_TRUE(found.broken.empty());
}

TEST_F(IndexedSlabs, DamagedNumbersAreToldAndNoObjectIsLost) {
    const KernelAddr second{kNumbers + 2};
    for (const std::string& numbers : {std::string("\0\1\1\1", 4), std::string("\0\0\3\xff", 4)}) {
        const auto found = list(1, numbers);
        ASSERT_EQ(found.broken.size(), 1u);
        EXPECT_GE(found.broken[0].where, second);
        EXPECT_EQ(found.free.size() + found.allocated.size(), 4u);
    }
    memory.make_hole(kNumbers + 3, 1);
    EXPECT_EQ(list_slab({{kBase}, {kNumbers}, 1}).broken.size(), 1u);
    EXPECT_EQ(list_slab({{kBase}, {}, 1}).broken.size(), 1u);
    EXPECT_EQ(list_slab({{kBase}, {kNumbers}, 1ULL << 60}).broken.size(), 1u);
    shape.objects = 1ULL << 60;
    EXPECT_THROW(list_slab({{kBase}, {kNumbers}, 0}), Error);
}

}  // namespace
}  // namespace pyk
