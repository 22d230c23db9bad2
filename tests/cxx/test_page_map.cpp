// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "dump/page_map.h"

namespace pyk {
namespace {

TEST(PageMap, NeighboursMeltTogether) {
    PageMap map;
    map.add(1, 3);
    map.add(3, 5);
    map.add(7, 8);
    ASSERT_EQ(map.ranges().size(), 2u);
    EXPECT_EQ(map.count(), 5u);
    EXPECT_FALSE(map.contains(0));
    EXPECT_TRUE(map.contains(4));
    EXPECT_FALSE(map.contains(5));
    EXPECT_TRUE(map.contains(7));
}

TEST(PageMap, RepeatedFramesCountOnce) {
    PageMap map;
    map.add(0, 10);
    map.add(5, 12);
    map.add(3, 4);
    EXPECT_EQ(map.count(), 12u);
    EXPECT_EQ(map.ranges().size(), 1u);
}

TEST(PageMap, EmptyMapHoldsNothing) {
    EXPECT_FALSE(PageMap().contains(0));
}

TEST(PageMap, BitmapsOfAnyPatternHoldTheBitsThatAreSet) {
    std::mt19937 random(7);
    for (int round = 0; round < 50; ++round) {
        std::vector<std::byte> bits(1 + random() % 40);
        const unsigned density = random() % 3;
        for (std::byte& byte : bits) {
            const unsigned value = density == 0 ? random() : density == 1 ? 0xff : random() & 0x81;
            byte = static_cast<std::byte>(value);
        }
        PageMap map;
        map.add_bits(bits.data(), bits.size(), 1000);
        for (std::uint64_t bit = 0; bit < bits.size() * 8; ++bit) {
            const bool set = (static_cast<unsigned>(bits[bit / 8]) >> (bit % 8)) & 1;
            ASSERT_EQ(map.contains(1000 + bit), set) << "round " << round << " bit " << bit;
        }
    }
}

}  // namespace
}  // namespace pyk
