// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "dump/vmcoreinfo.h"

namespace pyk {
namespace {

constexpr const char* kText =
    "OSRELEASE=6.1.0-18-amd64\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffff9c000000\n"
    "NUMBER(phys_base)=-2097152\nKERNELOFFSET=1b000000\nNUMBER(VMALLOC_START)=0xffffb2e3c0000000\n";

TEST(Vmcoreinfo, ValuesHaveTheBaseOfTheirKind) {
    const Vmcoreinfo info = Vmcoreinfo::parse(kText);
    EXPECT_EQ(info.text("OSRELEASE"), "6.1.0-18-amd64");
    EXPECT_EQ(info.symbol("_stext"), 0xffffffff9c000000);
    EXPECT_EQ(info.number("phys_base"), static_cast<std::uint64_t>(-2097152));
    EXPECT_EQ(info.number("VMALLOC_START"), 0xffffb2e3c0000000);
    EXPECT_EQ(info.hex("KERNELOFFSET"), 0x1b000000u);
}

TEST(Vmcoreinfo, WhatIsMissingOrNoNumberHasNoValue) {
    const Vmcoreinfo info = Vmcoreinfo::parse("SYMBOL(a)=\nSYMBOL(b)=zz\nno equals sign\n");
    EXPECT_FALSE(info.symbol("a"));
    EXPECT_FALSE(info.symbol("b"));
    EXPECT_FALSE(info.symbol("c"));
    EXPECT_EQ(info.lines().size(), 2u);
}

TEST(Vmcoreinfo, LinesWithControlBytesAreLeftOut) {
    EXPECT_TRUE(Vmcoreinfo::parse("A\x01=1\n\xff\xfe=2\n").empty());
}

TEST(Vmcoreinfo, IsRecognisedInTheMiddleOfAPage) {
    const std::string memory = "junk" + std::string(kText) + std::string(4, '\0') + "more";
    const auto info = Vmcoreinfo::recognise(memory, 4);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->text("OSRELEASE"), "6.1.0-18-amd64");
}

TEST(Vmcoreinfo, AFormatStringIsNotTakenForIt) {
    EXPECT_FALSE(Vmcoreinfo::recognise("OSRELEASE=%s\nPAGESIZE=%ld\n", 0));
    EXPECT_FALSE(Vmcoreinfo::recognise("OSRELEASE=", 0));
}

}  // namespace
}  // namespace pyk
