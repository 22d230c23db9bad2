// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "planted_orc.h"

namespace pyk {
namespace {

using namespace planted;

// What an ordinary function looks like to each kernel: SP + 8, and the same with BP on the stack.
std::vector<std::byte> table_of(unsigned sp_number, unsigned call, std::vector<Raw> more = {}) {
    std::vector<Raw> rows(98, Raw{0, 8, 0, sp_number, kNoReg, call});
    rows.push_back({0, 16, -16, kBp, kNoReg, call});
    rows.insert(rows.end(), more.begin(), more.end());
    std::vector<std::byte> raw;
    for (const Raw& row : rows) {
        const auto bytes = bytes_of(row);
        raw.insert(raw.end(), bytes.begin(), bytes.end());
    }
    return raw;
}

TEST(OrcFormat, IsToldByTheEntries) {
    constexpr unsigned kOldEnd = 4, kEndOf63 = 8, kRenumberedSp = 3;
    const Raw old_end{0, 0, 0, kNoReg, kNoReg, kOldEnd};
    const Raw end_of_63{0, 0, 0, kNoReg, kNoReg, kEndOf63};
    EXPECT_EQ(detect_orc_format(table_of(kSp, 0, {old_end})), OrcFormat::kEndFlag);
    EXPECT_EQ(detect_orc_format(table_of(kSp, 0, {end_of_63})), OrcFormat::kSignalAndEnd);
    EXPECT_EQ(detect_orc_format(table_of(kSp, kCall)), OrcFormat::kWideType);
    EXPECT_EQ(detect_orc_format(table_of(kRenumberedSp, kCall)), OrcFormat::kRenumbered);
}

TEST(OrcFormat, NoiseIsNone) {
    std::mt19937 random(1);
    std::vector<std::byte> noise(600);
    for (std::byte& byte : noise) byte = static_cast<std::byte>(random());
    EXPECT_EQ(detect_orc_format(noise), std::nullopt);
    EXPECT_EQ(detect_orc_format(std::vector<std::byte>(600)), std::nullopt);
    EXPECT_EQ(detect_orc_format({}), std::nullopt);
}

OrcEntry decode(unsigned sp_reg, unsigned byte5, OrcFormat format) {
    return decode_orc(bytes_of({0, 8, 0, sp_reg, kNoReg, byte5}), format);
}

TEST(OrcEntries, TypesOfEachFormat) {
    using enum OrcType;
    EXPECT_EQ(decode(kSp, 0, OrcFormat::kEndFlag).type, kCall);
    EXPECT_EQ(decode(kSp, 1, OrcFormat::kEndFlag).type, kRegs);
    EXPECT_EQ(decode(kSp, 2, OrcFormat::kEndFlag).type, kRegsPartial);
    EXPECT_EQ(decode(kNoReg, 4, OrcFormat::kEndFlag).type, kEndOfStack);
    EXPECT_EQ(decode(kNoReg, 0, OrcFormat::kEndFlag).type, kUndefined);
    EXPECT_EQ(decode(kSp, 5, OrcFormat::kSignalAndEnd).type, kRegs);
    EXPECT_EQ(decode(kNoReg, 8, OrcFormat::kSignalAndEnd).type, kEndOfStack);
    EXPECT_EQ(decode(kNoReg, 0, OrcFormat::kWideType).type, kUndefined);
    EXPECT_EQ(decode(kNoReg, 1, OrcFormat::kWideType).type, kEndOfStack);
    EXPECT_EQ(decode(kSp, 2, OrcFormat::kWideType).type, kCall);
    EXPECT_EQ(decode(kSp, 11, OrcFormat::kWideType).type, kRegs);
    EXPECT_EQ(decode(kSp, 7, OrcFormat::kWideType).type, kUndefined);
}

TEST(OrcEntries, SavedRegistersHoldAnInstructionInEachFormat) {
    EXPECT_TRUE(decode(kSp, 1, OrcFormat::kEndFlag).signal);
    EXPECT_FALSE(decode(kSp, 0, OrcFormat::kEndFlag).signal);
    EXPECT_TRUE(decode(kSp, 5, OrcFormat::kSignalAndEnd).signal);
    EXPECT_FALSE(decode(kSp, 1, OrcFormat::kSignalAndEnd).signal);
    EXPECT_TRUE(decode(kSp, 11, OrcFormat::kWideType).signal);
}

TEST(OrcEntries, RegistersOfTheRenumberedFormat) {
    EXPECT_EQ(decode(3, 2, OrcFormat::kRenumbered).sp_reg, OrcReg::kSp);
    EXPECT_EQ(decode(1, 2, OrcFormat::kRenumbered).sp_reg, OrcReg::kAx);
    EXPECT_EQ(decode(9, 2, OrcFormat::kRenumbered).sp_reg, OrcReg::kSpIndirect);
    EXPECT_EQ(decode(15, 2, OrcFormat::kRenumbered).sp_reg, OrcReg::kUndefined);
}

TEST(OrcTables, UnsortedTableIsSorted) {
    FakeMemory memory;
    auto rows = kernel_rows();
    std::reverse(rows.begin(), rows.end());
    std::string problem;
    const auto table = OrcTable::read(memory, plant(memory, rows), OrcFormat::kWideType, problem);
    ASSERT_TRUE(table);
    EXPECT_EQ(problem, "");
    EXPECT_EQ(table->find({kMiddle + 5})->sp_offset, 24);
    EXPECT_EQ(table->find({kLeaf})->sp_offset, 8);
}

TEST(OrcTables, TableCutShortSaysHowMuchIsThere) {
    FakeMemory memory;
    const OrcSource source = plant(memory, kernel_rows());
    memory.make_hole(kEntries + 3 * kOrcEntrySize, 1);
    std::string problem;
    const auto table = OrcTable::read(memory, source, OrcFormat::kWideType, problem);
    ASSERT_TRUE(table);
    EXPECT_EQ(table->ips().size(), 3u);
    EXPECT_EQ(problem,
              "the ORC unwind table of the kernel can be read only in part (3 of 8 entries)");
}

TEST(OrcTables, UnreadableTableIsNone) {
    std::string problem;
    const OrcSource source{"ext4", {kIps}, {kEntries}, 8, {kText}, {kText + kTextSize}};
    EXPECT_FALSE(OrcTable::read(FakeMemory(), source, std::nullopt, problem));
    EXPECT_EQ(problem,
              "the ORC unwind table of module ext4 can be read only in part (0 of 8 entries)");
}

}  // namespace
}  // namespace pyk
