// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "fake_memory.h"
#include "layout/layout.h"

namespace pyk {
namespace {

constexpr std::uint64_t kStruct = 0xffff'8880'0000'1000, kOther = 0xffff'8880'0000'9000;

class LayoutTest : public testing::Test {
 protected:
    Columns read(std::vector<Field> fields, std::vector<KernelAddr> structs = {{kStruct}}) {
        layout = std::make_unique<Layout>(std::move(fields));
        return layout->read_many(memory, structs);
    }
    std::int64_t number(const Columns& columns, std::size_t column, std::size_t row = 0) const {
        const Field& field = layout->fields()[column];
        std::int64_t value = 0;
        const ByteSpan bytes = columns.columns[column].value(field, row);
        std::memcpy(&value, bytes.data(), bytes.size());
        const unsigned unused = 64 - 8 * field.size;
        value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << unused);
        return field.kind == FieldKind::kSigned
                   ? value >> unused
                   : static_cast<std::int64_t>(static_cast<std::uint64_t>(value) >> unused);
    }

    FakeMemory memory;
    std::unique_ptr<Layout> layout;
};

TEST_F(LayoutTest, FieldsFarApartAndCloseTogetherAreAllRead) {
    for (std::uint64_t at = 0; at < 2048; at += 8) memory.plant_pointer(kStruct + at, at);
    const auto columns = read({{"far", {}, 2000, 8}, {"first", {}, 0, 8}, {"near", {}, 16, 4}});
    EXPECT_EQ(number(columns, 0), 2000);
    EXPECT_EQ(number(columns, 1), 0);
    EXPECT_EQ(number(columns, 2), 16);
}

TEST_F(LayoutTest, BitfieldsAreCutOutWithTheirSign) {
    memory.plant_pointer(kStruct, 0b1011'0110);
    const auto bits = [](FieldKind kind, std::uint32_t shift, std::uint32_t width) {
        return Field{"bits", {}, 0, 4, kind, shift, width};
    };
    const auto columns = read({bits(FieldKind::kUnsigned, 1, 3),
                               bits(FieldKind::kSigned, 4, 4),
                               bits(FieldKind::kSigned, 3, 2),
                               {"wide", {}, 0, 8, FieldKind::kUnsigned, 7, 57}});
    EXPECT_EQ(number(columns, 0), 0b011);
    EXPECT_EQ(number(columns, 1), -5);
    EXPECT_EQ(number(columns, 2), -2);
    EXPECT_EQ(number(columns, 3), 1);
}

TEST_F(LayoutTest, BrokenPathLeavesOneValueOutAndSaysWhere) {
    memory.plant_pointer(kStruct, 1);
    memory.plant_pointer(kStruct + 8, kOther);
    memory.plant_pointer(kStruct + 16, 0);
    memory.plant_pointer(kOther, 0);
    memory.plant_pointer(kOther + 8, 7);
    const auto columns = read({{"own", {}, 0, 8},
                               {"whole", {8}, 8, 8},
                               {"null", {16}, 0, 8},
                               {"null later", {8, 0}, 24, 8},
                               {"lost", {8}, 4096, 8}});
    EXPECT_EQ(number(columns, 0), 1);
    EXPECT_EQ(number(columns, 1), 7);
    EXPECT_EQ(columns.columns[0].fault(0), nullptr);
    EXPECT_EQ(columns.columns[2].fault(0)->addr, KernelAddr{});
    EXPECT_EQ(columns.columns[3].fault(0)->addr, KernelAddr{});
    EXPECT_EQ(columns.columns[4].fault(0)->addr, KernelAddr{kOther + 4096});
}

TEST_F(LayoutTest, FieldBesideAPageThatIsLostIsStillRead) {
    const std::uint64_t at = kStruct / 4096 * 4096 + 4096 - 64;  // struct, across two pages
    for (int offset = 0; offset < 96; offset += 8) memory.plant_pointer(at + offset, 5);
    memory.make_hole(at + 64, 4096);
    const auto columns = read({{"here", {}, 0, 8}, {"gone", {}, 64, 8}}, {{at}});
    EXPECT_EQ(number(columns, 0), 5);
    EXPECT_EQ(columns.columns[0].fault(0), nullptr);
    EXPECT_EQ(columns.columns[1].fault(0)->addr, KernelAddr{at + 64});
}

TEST_F(LayoutTest, StringsAreFollowedToTheirEndAndNoFurther) {
    memory.plant(kOther, std::string(100, 'x') + '\0');
    memory.plant(kOther + 200, std::string("cut"));  // nothing behind it
    memory.plant(kOther + 1024, std::string(6000, 'y'));
    for (int i = 0; i < 4; ++i) {
        memory.plant_pointer(kStruct + i * 8,
                             std::array{kOther, kOther + 200, kOther + 1024, std::uint64_t{0}}[i]);
    }
    const Field text{"text", {}, 0, 8, FieldKind::kString};
    const auto columns =
        read({text}, {{kStruct}, {kStruct + 8}, {kStruct + 16}, {kStruct + 24}, {0x10}});
    const Column& column = columns.columns[0];
    EXPECT_EQ(as_text(column.value(text, 0)), std::string(100, 'x'));
    EXPECT_EQ(column.fault(1)->addr, KernelAddr{kOther + 200});
    EXPECT_EQ(column.value(text, 2).size(), 4096u);
    EXPECT_EQ(column.fault(3)->addr, KernelAddr{});
    EXPECT_EQ(column.fault(4)->addr, KernelAddr{0x10});
    EXPECT_EQ(column.value(text, 4).size(), 0u);
}

TEST_F(LayoutTest, SizesThatCannotBeAreRefused) {
    EXPECT_THROW(read({{"three", {}, 0, 3}}), Error);
    EXPECT_THROW(read({{"huge", {}, 0, 1U << 30, FieldKind::kBytes}}), Error);
    EXPECT_THROW(read({{"bits", {}, 0, 4, FieldKind::kUnsigned, 0, 33}}), Error);
    EXPECT_THROW(read({{"bits", {}, 0, 8, FieldKind::kUnsigned, 7, 64}}), Error);
}

TEST_F(LayoutTest, CtrlCEndsTheReading) {
    const Layout one({{"word", {}, 0, 8}});
    const std::vector<KernelAddr> structs(10);
    EXPECT_THROW(one.read_many(memory, structs, [] { return true; }), Interrupted);
}

TEST_F(LayoutTest, RandomStructsWithRandomHolesAreReadOrSaidToBeLost) {
    std::mt19937_64 random(5);
    std::vector<KernelAddr> structs;
    for (std::uint64_t i = 0; i < 500; ++i) {
        const std::uint64_t addr = kStruct + i * 64;
        structs.push_back({addr});
        for (int at = 0; at < 64; at += 8) memory.plant_pointer(addr + at, addr + at);
        memory.plant_pointer(addr + 8, random() % 4 ? kStruct + random() % 500 * 64 : random());
    }
    for (int i = 0; i < 200; ++i) memory.make_hole(kStruct + random() % (500 * 64), 4);
    const auto columns = read({{"own", {}, 16, 8}, {"its", {8}, 24, 8}}, structs);
    for (std::size_t row = 0; row < structs.size(); ++row) {
        const auto own = memory.read<std::uint64_t>(structs[row] + 16);
        EXPECT_EQ(columns.columns[0].fault(row) == nullptr, own.has_value());
        const auto other = memory.read_pointer(structs[row] + 8);
        const auto its = other && *other ? memory.read_pointer(*other + 24) : std::nullopt;
        EXPECT_EQ(columns.columns[1].fault(row) == nullptr, its.has_value());
        if (its) {
            EXPECT_EQ(static_cast<std::uint64_t>(number(columns, 1, row)), its->value);
        }
    }
}

}  // namespace
}  // namespace pyk
