// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <map>

#include "arch/architecture.h"

namespace pyk {
namespace {

constexpr std::uint64_t kPresent = 1, kLarge = 0x80, kProtNone = 0x100;

// Page tables as a map from the physical address of an entry to the entry.
struct Tables {
    std::map<std::uint64_t, std::uint64_t> entries;
    PageTables top{PhysAddr{0x1000}};

    Translation translate(std::uint64_t addr) const {
        return x86_64().translate(
            [this](PhysAddr at) -> std::optional<std::uint64_t> {
                const auto found = entries.find(at.value);
                if (found == entries.end()) return std::nullopt;
                return found->second;
            },
            top, addr);
    }
};

std::uint64_t index(std::uint64_t addr, int level) {
    return (addr >> (12 + 9 * (level - 1))) & 511;
}

// Plants the tables for `addr`, table n at n * 0x1000, down to `leaf_level`.
Tables tables_for(std::uint64_t addr, int levels, int leaf_level, std::uint64_t leaf) {
    Tables tables;
    tables.top.levels = levels;
    std::uint64_t table = 0x1000;
    for (int level = levels; level > leaf_level; --level, table += 0x1000) {
        tables.entries[table + index(addr, level) * 8] = (table + 0x1000) | kPresent | 0x62;
    }
    tables.entries[table + index(addr, leaf_level) * 8] = leaf;
    return tables;
}

struct Case {
    std::uint64_t addr;
    int levels, leaf_level;
    std::uint64_t leaf, phys, size;
};

TEST(X86Translation, EveryPageSizeInFourAndFiveLevels) {
    const Case cases[] = {
        {0xffff888000123456, 4, 1, 0x8000000012345063, 0x12345456, 1 << 12},
        {0xffff888000323456, 4, 2, 0x40000000 | kPresent | kLarge, 0x40123456, 1 << 21},
        {0xffff8880c0123456, 4, 3, 0x80000000 | kPresent | kLarge, 0x80123456, 1 << 30},
        {0xff11000000123456, 5, 1, 0x12345063, 0x12345456, 1 << 12},
        {0xff110000c0123456, 5, 3, 0x80000000 | kPresent | kLarge, 0x80123456, 1 << 30},
    };
    for (const Case& c : cases) {
        const Translation found =
            tables_for(c.addr, c.levels, c.leaf_level, c.leaf).translate(c.addr);
        ASSERT_TRUE(std::holds_alternative<Mapping>(found)) << std::hex << c.addr;
        EXPECT_EQ(std::get<Mapping>(found).phys.value, c.phys);
        EXPECT_EQ(std::get<Mapping>(found).page_size, c.size);
    }
}

TEST(X86Translation, PageWithoutAccessRightsIsStillThere) {
    const std::uint64_t inverted = (~0x12345000ULL & 0x000ffffffffff000) | kProtNone;
    const Translation found = tables_for(0x7f0000001000, 4, 1, inverted).translate(0x7f0000001000);
    ASSERT_TRUE(std::holds_alternative<Mapping>(found));
    EXPECT_EQ(std::get<Mapping>(found).phys.value, 0x12345000u);
}

TEST(X86Translation, EncryptionBitIsNoAddressBit) {
    Tables tables = tables_for(0xffff888000000000, 4, 1, 0x12345063 | 1ULL << 47);
    tables.top.encryption_mask = 1ULL << 47;
    EXPECT_EQ(std::get<Mapping>(tables.translate(0xffff888000000000)).phys.value, 0x12345000u);
}

TEST(X86Translation, FaultsSayWhatIsMissing) {
    const Tables tables = tables_for(0xffff888000001000, 4, 1, 0);
    EXPECT_EQ(std::get<TranslationFault>(tables.translate(0xffff888000001000)),
              TranslationFault::kNotMapped);
    EXPECT_EQ(std::get<TranslationFault>(tables.translate(0xffffffff81000000)),
              TranslationFault::kTableUnreadable);
    EXPECT_EQ(std::get<TranslationFault>(tables.translate(0x1234567800000000)),
              TranslationFault::kNotCanonical);
    EXPECT_EQ(std::get<TranslationFault>(tables.translate(0xff11000000000000)),
              TranslationFault::kNotCanonical);
}

TEST(X86Registers, NoteShorterThanItsRegistersHasNone) {
    EXPECT_FALSE(x86_64().registers_of_note(std::vector<std::byte>(327)));
    EXPECT_TRUE(x86_64().registers_of_note(std::vector<std::byte>(328)));
}

TEST(X86Registers, KernelImageIsLinear) {
    const std::uint64_t phys_base = 0xfffffffff1800000;  // as a real 6.1 had it
    EXPECT_EQ(x86_64().image_to_phys(0xffffffff9bc00000, phys_base)->value, 0xd400000u);
    EXPECT_EQ(x86_64().phys_base_of(0xffffffff9bc00000, {0xd400000}), phys_base);
    EXPECT_FALSE(x86_64().image_to_phys(0xffffffffc0000000, phys_base));
    EXPECT_FALSE(x86_64().image_to_phys(0xffff888000000000, phys_base));
}

TEST(X86TargetXml, NumbersFollowTheOrderOfTheRegisters) {
    const std::string xml = x86_64().target_xml();
    EXPECT_NE(xml.find("name=\"rip\" bitsize=\"64\" type=\"code_ptr\" regnum=\"16\""), xml.npos);
    EXPECT_NE(xml.find("name=\"gs_base\" bitsize=\"64\" type=\"int64\" regnum=\"25\""), xml.npos);
    EXPECT_NE(xml.find("name=\"st0\" bitsize=\"80\" type=\"i387_ext\" regnum=\"26\""), xml.npos);
}

}  // namespace
}  // namespace pyk
