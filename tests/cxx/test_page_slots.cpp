// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "dump/page_slots.h"

namespace pyk {
namespace {

PageSlots::Bytes page_of(std::byte value) {
    auto bytes = std::make_shared<std::byte[]>(1);
    bytes[0] = value;
    return bytes;
}

TEST(PageSlots, WhatIsFoundIsThePageThatWasKept) {
    PageSlots slots(1 << 14);
    std::mt19937_64 random(3);
    std::map<std::uint64_t, std::byte> kept;
    std::size_t found = 0;
    for (int step = 0; step < 200'000; ++step) {
        const std::uint64_t page = 0xf'ffff'8000'0000 + random() % 20'000;
        if (const std::byte* bytes = slots.find(page)) {
            EXPECT_EQ(*bytes, kept.at(page));
            ++found;
        } else {
            kept[page] = static_cast<std::byte>(random());
            slots.keep(page, page_of(kept[page]));
        }
    }
    EXPECT_EQ(slots.size(), std::size_t{1} << 14);
    EXPECT_GT(found, 100'000u);
}

TEST(PageSlots, BecomeNoMoreThanAreAllowedAndNoMoreThanAreOfUse) {
    PageSlots few(0), some(1 << 20);
    const std::size_t fewest = few.size();
    for (std::uint64_t round = 0; round < 100; ++round) {
        for (std::uint64_t page = 0; page < 3 * fewest; ++page) {
            if (!few.find(page)) few.keep(page, page_of({}));
            if (!some.find(page)) some.keep(page, page_of({}));
        }
    }
    EXPECT_EQ(few.size(), fewest);
    EXPECT_EQ(some.size(), 4 * fewest);
}

TEST(PageSlots, PageGivenUpIsFreeAgain) {
    PageSlots slots(0);
    const auto page = page_of({});
    slots.keep(7, page);
    EXPECT_EQ(page.use_count(), 2);
    slots.keep(7 + slots.size(), page_of({}));
    EXPECT_EQ(page.use_count(), 1);
    EXPECT_EQ(slots.find(7), nullptr);
}

TEST(PageSlots, OnlyAPageThatIsAskedForTwiceInARowIsWorthASlot) {
    PageSlots slots(0);
    EXPECT_FALSE(slots.is_asked_again(7));
    EXPECT_TRUE(slots.is_asked_again(7));
    EXPECT_FALSE(slots.is_asked_again(7 + slots.size()));
    EXPECT_FALSE(slots.is_asked_again(7));
}

}  // namespace
}  // namespace pyk
