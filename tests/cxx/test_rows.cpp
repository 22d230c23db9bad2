// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "layout/rows.h"

namespace pyk {
namespace {

template <typename T>
CellColumn column(const std::vector<T>& values, CellKind kind, std::size_t width = 0) {
    return {std::as_bytes(std::span(values)), sizeof(T), std::is_signed_v<T>, kind, width, {}};
}

TEST(Rows, CellsAreFilledUpFromTheLeft) {
    const std::vector<std::uint64_t> addrs{0xffff888000000000, 0x10};
    const std::vector<std::int32_t> counts{-1, 20};
    const std::vector<CellColumn> columns{column(addrs, CellKind::kHex, 18),
                                          column(counts, CellKind::kDecimal)};
    EXPECT_EQ(format_rows(columns), "  ffff888000000000 -1\n                10 20");
}

TEST(Rows, NumbersOfAllSizesAreShown) {
    const std::vector<std::uint8_t> bytes{0xff};
    const std::vector<std::int16_t> shorts{-2};
    const std::vector<std::int64_t> longs{INT64_MIN};
    const std::vector<std::uint64_t> most{UINT64_MAX};
    const std::vector<CellColumn> columns{
        column(bytes, CellKind::kHex), column(shorts, CellKind::kDecimal),
        column(longs, CellKind::kDecimal), column(most, CellKind::kDecimal)};
    EXPECT_EQ(format_rows(columns), "ff -2 -9223372036854775808 18446744073709551615");
}

TEST(Rows, NamesStandForNumbersAndAreUnknownForOthers) {
    const std::vector<std::uint32_t> kinds{1, 2, 1};
    CellColumn named = column(kinds, CellKind::kName, 4);
    named.names = {{1, "one"}};
    EXPECT_EQ(format_rows(std::vector{named}), " one\n   ?\n one");
}

TEST(Rows, TheShortestColumnTellsHowManyRowsThereAre) {
    const std::vector<std::uint64_t> two{1, 2}, none;
    const CellColumn first = column(two, CellKind::kHex), second = column(none, CellKind::kHex);
    EXPECT_EQ(format_rows(std::vector{first, second}), "");
    EXPECT_EQ(format_rows({}), "");
}

}  // namespace
}  // namespace pyk
