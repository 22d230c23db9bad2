// SPDX-License-Identifier: GPL-2.0-or-later
// Damaged tables, stacks and symbols: anything may come out but a crash, a hang or a frame that
// cannot be. The sanitizers watch.
#include <gtest/gtest.h>

#include <random>

#include "arch/x86_64.h"
#include "orc/cfi.h"
#include "planted_orc.h"

namespace pyk {
namespace {

using namespace planted;

std::vector<std::byte> noise(std::mt19937& random, std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
}

void damage(FakeMemory& memory, std::mt19937& random, std::uint64_t start, std::uint64_t size) {
    const std::uint64_t where = start + random() % size;
    if (random() % 4 == 0) {
        memory.make_hole(where, random() % 16);
    } else {
        memory.plant(where, noise(random, 1 + random() % 8));
    }
}

TEST(OrcDamage, TablesAndStacksOfAnyBytesEnd) {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        FakeMemory memory;
        OrcSource source = plant(memory, kernel_rows());
        for (int i = 0; i < 4; ++i) {
            damage(memory, random, kIps, 32);
            damage(memory, random, kEntries, 48);
        }
        // Words that lead into code and stacks, as on a stack that was overwritten by another.
        for (std::uint64_t at = 0; at < 0x400; at += 8) {
            const std::uint64_t targets[] = {kText + random() % 0x800, kStack + random() % 0x400,
                                             random()};
            memory.plant_pointer(kStack + at, targets[random() % 3]);
        }
        if (round % 3 == 0) source.count = round == 0 ? ~0ULL : random() % 1000;
        std::string problem;
        const auto format = static_cast<OrcFormat>(round % 4);
        auto table = OrcTable::read(memory, source, format, problem);
        if (!table) continue;
        EXPECT_FALSE(make_cfi_file(&*table, {}, {}).empty());
        OrcUnwinder unwinder({});
        unwinder.add(std::move(*table));
        for (int start = 0; start < 20; ++start) {
            RegisterSet regs;
            regs.values[x86::kRip] = kText + random() % 0x800;
            regs.values[x86::kRsp] = kStack + random() % 0x400;
            regs.values[x86::kRbp] = kStack + random() % 0x400;
            const Stack stack = unwinder.unwind(memory, regs, start % 2 == 0);
            EXPECT_LE(stack.frames.size(), 1025u);
            EXPECT_EQ(stack.reason.empty(), stack.end == StackEnd::kComplete);
        }
    }
}

TEST(OrcDamage, FormatOfNoiseIsAskedForWithoutHarm) {
    std::mt19937 random(8);
    for (int round = 0; round < 2000; ++round) {
        const auto bytes = noise(random, random() % 100);
        const auto format = detect_orc_format(bytes);
        EXPECT_TRUE(!format || *format <= OrcFormat::kRenumbered);
    }
}

TEST(KallsymsDamage, SymbolsOfAnyBytesStayWithinTheModule) {
    std::mt19937 random(9);
    for (int round = 0; round < 500; ++round) {
        auto symtab = noise(random, 24 * 20 + random() % 24);
        // Let half of them be places in the module, and names within the strings or just behind.
        for (std::size_t at = 0; at + 24 <= symtab.size(); at += 24) {
            const std::uint64_t place = kText + random() % 0x2000;
            const auto name = static_cast<std::uint32_t>(random() % 80);
            if (random() % 2 != 0) std::memcpy(symtab.data() + at + 8, &place, 8);
            std::memcpy(symtab.data() + at, &name, 4);
        }
        SymbolTable table;
        table.add_module("damaged", symtab, noise(random, 64), {{kText, kText + 0x1000}});
        table.sort();
        for (const NamedAddr& named : table.of_module("damaged")) {
            EXPECT_GE(named.addr.value, kText);
            EXPECT_LT(named.addr.value, kText + 0x1000);
            EXPECT_EQ(table.at(named.addr)->start, named.addr);
            EXPECT_TRUE(table.find(named.name));
        }
        EXPECT_EQ(table.at({kText + 0x1000}), std::nullopt);
        EXPECT_EQ(table.at({kText - 1}), std::nullopt);
    }
}

}  // namespace
}  // namespace pyk
