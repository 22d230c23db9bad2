// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "objects/bits.h"

namespace pyk {
namespace {

std::uint64_t extracted(const Bits& bits, std::vector<unsigned> bytes) {
    std::vector<std::byte> raw;
    for (const unsigned byte : bytes) raw.push_back(static_cast<std::byte>(byte));
    return extract(bits, raw);
}

TEST(Bits, WholeIntegersAreLittleEndianAndSignExtended) {
    EXPECT_EQ(extracted({2, 0, 0, false}, {0x34, 0x92}), 0x9234U);
    EXPECT_EQ(extracted({2, 0, 0, true}, {0x34, 0x92}), 0xffffffffffff9234U);
    EXPECT_EQ(extracted({1, 0, 0, true}, {0x7f}), 0x7fU);
    const std::vector<unsigned> eight{1, 2, 3, 4, 5, 6, 7, 0x88};
    EXPECT_EQ(extracted({8, 0, 0, false}, eight), 0x8807060504030201U);
    EXPECT_EQ(extracted({8, 0, 0, true}, eight), 0x8807060504030201U);
}

TEST(Bits, FieldIsCutOutFromItsLowestBitOn) {
    EXPECT_EQ(extracted({1, 1, 3, false}, {0b1011}), 0b101U);
    EXPECT_EQ(extracted({1, 1, 3, true}, {0b1011}), static_cast<std::uint64_t>(-3));
    EXPECT_EQ(extracted({1, 7, 1, true}, {0x80}), static_cast<std::uint64_t>(-1));
    EXPECT_EQ(extracted({3, 6, 12, false}, {0xc0, 0xff, 0x03}), 0xfffU);
}

TEST(Bits, FieldThatTouchesNineBytesIsWhole) {
    std::vector<unsigned> raw(9, 0);
    raw[0] = 0x80;
    raw[8] = 0x7f;
    EXPECT_EQ(extracted({9, 7, 64, false}, raw), 0xfe00000000000001U);
    EXPECT_EQ(extracted({9, 7, 60, true}, raw), 0xfe00000000000001U);
}

TEST(Bits, SizesThatCannotBeAreInvalid) {
    EXPECT_TRUE((Bits{4, 0, 0, true}.is_valid()));
    EXPECT_TRUE((Bits{9, 7, 64, false}.is_valid()));
    EXPECT_FALSE((Bits{3, 0, 0, false}.is_valid()));
    EXPECT_FALSE((Bits{0, 0, 0, false}.is_valid()));
    EXPECT_FALSE((Bits{1, 0, 9, false}.is_valid()));
    EXPECT_FALSE((Bits{8, 1, 64, false}.is_valid()));
    EXPECT_FALSE((Bits{9, 8, 1, false}.is_valid()));
    EXPECT_FALSE((Bits{16, 0, 8, false}.is_valid()));
}

}  // namespace
}  // namespace pyk
