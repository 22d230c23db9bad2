// SPDX-License-Identifier: GPL-2.0-or-later
#include <elf.h>
#include <gtest/gtest.h>

#include "symbols/symbol_table.h"

namespace pyk {
namespace {

constexpr std::uint64_t kCode = 0xffff'ffff'c000'0000;
const std::vector<AddrRange> kOne = {{kCode, kCode + 0x1000}};

struct Named {
    const char* name;
    std::uint64_t addr;
    unsigned char info = STB_GLOBAL << 4;
};

void add(SymbolTable& table, const std::string& module, const std::vector<AddrRange>& own,
         const std::vector<Named>& named) {
    std::vector<Elf64_Sym> symbols;
    std::string strings(1, '\0');
    for (const Named& each : named) {
        Elf64_Sym symbol{};
        symbol.st_name = static_cast<std::uint32_t>(strings.size());
        symbol.st_value = each.addr;
        symbol.st_info = each.info;
        symbols.push_back(symbol);
        strings += std::string(each.name) + '\0';
    }
    table.add_module(module, std::as_bytes(std::span(symbols)), as_bytes(strings), own);
}

TEST(SymbolTable, AddressBelongsToTheSymbolBelowItInItsModule) {
    SymbolTable table;
    add(table, "one", kOne, {{"first", kCode + 0x10}, {"second", kCode + 0x40}});
    add(table, "two", {{kCode + 0x2000, kCode + 0x3000}}, {{"other", kCode + 0x2100}});
    table.sort();
    const auto found = table.at({kCode + 0x3f});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->name, "first");
    EXPECT_EQ(found->module, "one");
    EXPECT_EQ(found->size, 0x30u);
    EXPECT_EQ(table.at({kCode + 0x50})->size, 0xfc0u);
    EXPECT_FALSE(table.at({kCode}));
    EXPECT_FALSE(table.at({kCode + 0x1000}));
    EXPECT_FALSE(table.at({kCode + 0x2050}));  // in "two", but below its first symbol
    EXPECT_EQ(table.find("other")->value, kCode + 0x2100);
    EXPECT_FALSE(table.find("nobody"));
}

TEST(SymbolTable, PiecesOfAModuleMayLieAroundAnother) {
    SymbolTable table;
    add(table, "around", {{kCode, kCode + 0x1000}, {kCode + 0x4000, kCode + 0x5000}},
        {{"code", kCode}, {"others", kCode + 0x2000}, {"data", kCode + 0x4000}});
    add(table, "between", {{kCode + 0x2000, kCode + 0x3000}}, {{"own", kCode + 0x2100}});
    table.sort();
    EXPECT_EQ(table.at({kCode + 0x2100})->module, "between");
    EXPECT_FALSE(table.at({kCode + 0x2000}));  // nobody's: "others" is where "around" is not
    EXPECT_FALSE(table.at({kCode + 0x3800}));
    EXPECT_EQ(table.at({kCode + 0x4fff})->module, "around");
    const auto data = table.within({{kCode + 0x1000, kCode + 0x5000}});
    ASSERT_EQ(data.size(), 2u);
    EXPECT_EQ(data[0].name, "own");
    EXPECT_EQ(data[1].name, "data");
}

TEST(SymbolTable, AllStaticSymbolsOfANameAreFound) {
    SymbolTable table;
    add(table, "one", {{kCode, kCode + 0x1000}},
        {{"init", kCode + 0x30}, {"init", kCode + 0x10}, {"exit", kCode}});
    add(table, "two", {{kCode + 0x2000, kCode + 0x3000}}, {{"init", kCode + 0x2000}});
    table.sort();
    std::vector<std::uint64_t> found;
    for (const KernelAddr addr : table.find_all("init")) found.push_back(addr.value);
    EXPECT_EQ(found, (std::vector{kCode + 0x10, kCode + 0x30, kCode + 0x2000}));
    EXPECT_TRUE(table.find_all("nobody").empty());
}

TEST(SymbolTable, OfSeveralNamesTheOneThatKallsymsPrefersIsShown) {
    SymbolTable table;
    add(table, "one", kOne,
        {{"__x64_read", kCode}, {"weak_read", kCode, STB_WEAK << 4}, {"read", kCode}});
    table.sort();
    EXPECT_EQ(table.at({kCode + 1})->name, "read");
    EXPECT_EQ(table.find("__x64_read")->value, kCode);
}

TEST(SymbolTable, LabelsAndWhatLiesOutsideAreLeftOut) {
    SymbolTable table;
    add(table, "one", kOne, {{".Lhere", kCode}, {"$d", kCode}, {"far", kCode + 0x1000}});
    table.sort();
    EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace pyk
