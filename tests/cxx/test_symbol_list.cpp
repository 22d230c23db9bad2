// SPDX-License-Identifier: GPL-2.0-or-later
#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "symbols/symbol_list.h"

namespace pyk {
namespace {

constexpr std::uint64_t kCode = 0xffff'ffff'c000'0000;
const std::vector<AddrRange> kMemory = {{kCode, kCode + 0x2000}};
constexpr AddrRange kText = {kCode, kCode + 0x1000};

Elf64_Sym symbol(std::uint32_t name, std::uint64_t addr) {
    Elf64_Sym made{};
    made.st_name = name;
    made.st_value = addr;
    return made;
}

void add(SymbolList& list, const std::vector<Elf64_Sym>& symbols, std::string_view strings,
         std::string_view letters) {
    list.add_module("planted", std::as_bytes(std::span(symbols)), as_bytes(strings),
                    as_bytes(letters), kMemory, kText);
    list.sort();
}

using namespace std::string_view_literals;

TEST(SymbolList, ModulesSymbolsAreSortedByAddressWithTheirLetters) {
    SymbolList list;
    add(list, {symbol(1, kCode + 0x1010), symbol(6, kCode + 0x20)}, "\0data\0code\0"sv, "bT");
    ASSERT_EQ(list.symbols().size(), 2U);
    EXPECT_EQ(list.symbols()[0].name, "code");
    EXPECT_EQ(list.symbols()[0].letter, 'T');
    EXPECT_EQ(list.symbols()[1].letter, 'b');
    EXPECT_EQ(list.module_of(list.symbols()[1]), "planted");
    EXPECT_EQ(list.count_up_to(kCode + 0x1f), 0U);
    EXPECT_EQ(list.count_up_to(kCode + 0x20), 1U);
}

TEST(SymbolList, WithoutLettersCodeIsToldFromDataByItsPlace) {
    SymbolList list;
    add(list, {symbol(1, kCode + 0x1010), symbol(6, kCode + 0x20)}, "\0data\0code\0"sv, "");
    EXPECT_EQ(list.symbols()[0].letter, 't');
    EXPECT_EQ(list.symbols()[1].letter, 'd');
}

TEST(SymbolList, SymbolsElsewhereAndNamesBehindTheTableAreLeftOut) {
    SymbolList list;
    add(list, {symbol(1, 0x1000), symbol(100, kCode), symbol(0, kCode), symbol(2, kCode)},
        "\0xyz"sv, "tttt");
    ASSERT_EQ(list.symbols().size(), 1U);
    EXPECT_EQ(list.symbols()[0].name, "yz");  // its text ends with the table
}

[[gnu::used]] int planted_data = 1;

TEST(SymbolList, FilesSymbolsHaveTheLettersOfTheirSections) {
    SymbolList list;
    list.add_vmlinux(std::make_shared<ElfFile>("/proc/self/exe"), 0);
    list.sort();
    std::string letters;
    for (const SymbolList::Symbol& each : list.symbols()) {
        if (each.name == "main") letters += each.letter;
        if (each.name.ends_with("planted_dataE")) letters += each.letter;
    }
    std::ranges::sort(letters);
    EXPECT_EQ(letters, "Td");
}

asm(R"(
    .text
    .type planted_alone, @function
planted_alone:
    nop
planted_label:
    nop
    .size planted_alone, 2
planted_twice:
planted_again:
    nop
    .size planted_twice, 1
    .size planted_again, 1
)");

TEST(SymbolList, LabelsAreNoFunctionsAndSeveralNamesAreNone) {
    SymbolList list;
    list.add_vmlinux(std::make_shared<ElfFile>("/proc/self/exe"), 0);
    list.sort();
    const auto start = [&](std::string_view name) {
        return std::ranges::find(list.symbols(), name, &SymbolList::Symbol::name)->addr;
    };
    const SymbolList::Symbol* const found = list.only_function_at(start("planted_label"));
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->name, "planted_alone");
    EXPECT_EQ(list.only_function_at(start("planted_twice")), nullptr);
    EXPECT_EQ(list.only_function_at(0), nullptr);
}

}  // namespace
}  // namespace pyk
