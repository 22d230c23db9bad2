// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "dump/page_pool.h"

namespace pyk {
namespace {

constexpr std::uint32_t kPage = 4096;

using Bytes = std::vector<std::byte>;

bool holds(const PagePool::Page& page, const Bytes& bytes) {
    return std::equal(bytes.begin(), bytes.end(), page.get());
}

TEST(PagePool, KeepsACopy) {
    PagePool pool(kPage);
    Bytes bytes(kPage, std::byte{1});
    const PagePool::Page kept = pool.keep(bytes);
    EXPECT_TRUE(holds(kept, bytes));
    bytes[7] = std::byte{2};
    EXPECT_EQ(kept[7], std::byte{1});
}

TEST(PagePool, OnlyPagesOfZerosShareOneCopy) {
    PagePool pool(kPage);
    const Bytes zeros(kPage), ones(kPage, std::byte{1});
    Bytes nearly = zeros;
    nearly.back() = std::byte{1};
    EXPECT_EQ(pool.keep(zeros), pool.keep(zeros));
    EXPECT_TRUE(holds(pool.keep(zeros), zeros));
    const PagePool::Page first = pool.keep(ones), second = pool.keep(ones);
    EXPECT_NE(first, second);
    EXPECT_TRUE(holds(pool.keep(nearly), nearly));
}

TEST(PagePool, WhatIsGivenBackIsUsedAgain) {
    PagePool pool(kPage);
    const Bytes ones(kPage, std::byte{1}), twos(kPage, std::byte{2});
    PagePool::Page page = pool.keep(ones);
    const std::byte* const place = page.get();
    page.reset();
    page = pool.keep(twos);
    EXPECT_EQ(page.get(), place);
    EXPECT_TRUE(holds(page, twos));
}

TEST(PagePool, PagesLargerThanAHugePageFitToo) {
    PagePool pool(4 << 20);
    const Bytes ones(4 << 20, std::byte{1});
    EXPECT_TRUE(holds(pool.keep(ones), ones));
}

TEST(PagePool, ThreadsGetPagesOfTheirOwn) {
    PagePool pool(kPage);
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int i = 1; i <= 4; ++i) {
        threads.emplace_back([&pool, &wrong, i] {
            const Bytes mine(kPage, static_cast<std::byte>(i));
            std::vector<PagePool::Page> kept;
            for (int n = 0; n < 2000; ++n) kept.push_back(pool.keep(mine));
            for (const PagePool::Page& page : kept) wrong += !holds(page, mine);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace pyk
