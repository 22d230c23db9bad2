// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>

#include "dump/file_info.h"

namespace pyk {
namespace {

void append(std::vector<std::byte>& out, std::uint32_t value) {
    const auto raw = std::as_bytes(std::span(&value, 1));
    out.insert(out.end(), raw.begin(), raw.end());
}

void append_note(std::vector<std::byte>& out, std::string name, std::uint32_t desc_size) {
    name += '\0';
    append(out, static_cast<std::uint32_t>(name.size()));
    append(out, desc_size);
    append(out, 1);
    const auto raw = as_bytes(name);
    out.insert(out.end(), raw.begin(), raw.end());
    out.resize((out.size() + 3) / 4 * 4);
    out.resize(out.size() + (std::min(desc_size, 4096u) + 3) / 4 * 4, std::byte{7});
}

TEST(Notes, AllOfASegmentInOrder) {
    std::vector<std::byte> segment;
    append_note(segment, "CORE", 336);
    append_note(segment, "VMCOREINFO", 5);
    const auto notes = parse_notes(segment);
    ASSERT_EQ(notes.size(), 2u);
    EXPECT_EQ(notes[0].name, "CORE");
    EXPECT_EQ(notes[0].desc.size(), 336u);
    EXPECT_EQ(notes[1].name, "VMCOREINFO");
    EXPECT_EQ(notes[1].desc.size(), 5u);
}

TEST(Notes, OneThatRunsOverTheEndIsLeftOut) {
    std::vector<std::byte> segment;
    append_note(segment, "CORE", 8);
    append_note(segment, "CORE", 0xfffffff0);
    EXPECT_EQ(parse_notes(segment).size(), 1u);
    segment.resize(10);
    EXPECT_EQ(parse_notes(segment).size(), 0u);
}

TEST(Notes, ZerosOfACpuThatStoredNothingArePassedOver) {
    std::vector<std::byte> segment(12);
    append_note(segment, "CORE", 4);
    EXPECT_EQ(parse_notes(segment).size(), 1u);
}

}  // namespace
}  // namespace pyk
