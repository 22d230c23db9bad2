// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "dump/page_cache.h"

namespace pyk {
namespace {

constexpr std::uint32_t kPage = 4096;

CachedPage page_of(std::uint64_t pfn) {
    auto bytes = std::make_shared<std::byte[]>(kPage);
    bytes[0] = static_cast<std::byte>(pfn);
    return {PageStatus::kOk, std::move(bytes)};
}

TEST(PageCache, SecondAskDoesNotLoadAgain) {
    PageCache cache(1 << 20, kPage);
    int loads = 0;
    const auto load = [&](std::uint64_t pfn) {
        ++loads;
        return page_of(pfn);
    };
    EXPECT_EQ(cache.get(5, load).bytes[0], std::byte{5});
    EXPECT_EQ(cache.get(5, load).bytes[0], std::byte{5});
    EXPECT_EQ(loads, 1);
    EXPECT_EQ(cache.stats().hits, 1u);
}

TEST(PageCache, APageIsFoundOnlyWhenItIsThere) {
    PageCache cache(1 << 20, kPage);
    EXPECT_FALSE(cache.find(5));
    cache.get(5, page_of);
    ASSERT_TRUE(cache.find(5));
    EXPECT_EQ(cache.find(5)->bytes[0], std::byte{5});
    EXPECT_FALSE(cache.find(6));
}

TEST(PageCache, FailureIsKeptToo) {
    PageCache cache(1 << 20, kPage);
    int loads = 0;
    for (int i = 0; i < 3; ++i) {
        const CachedPage page = cache.get(9, [&](std::uint64_t) {
            ++loads;
            return CachedPage{PageStatus::kDamaged, nullptr};
        });
        EXPECT_EQ(page.status, PageStatus::kDamaged);
    }
    EXPECT_EQ(loads, 1);
}

TEST(PageCache, BatchTakesWhatIsThereAndLeavesTheRest) {
    PageCache cache(1 << 20, kPage);
    cache.get(7, page_of);
    cache.get(9, [](std::uint64_t) { return CachedPage{PageStatus::kNoData, nullptr}; });
    std::byte out[3]{};
    std::vector<PagePart> parts{{7, 0, 1, out}, {8, 0, 1, out + 1}, {9, 0, 1, out + 2}};
    cache.copy(parts);
    EXPECT_EQ(parts[0].state, PagePart::State::kCopied);
    EXPECT_EQ(out[0], std::byte{7});
    EXPECT_EQ(parts[1].state, PagePart::State::kMissing);
    EXPECT_EQ(parts[2].state, PagePart::State::kUnreadable);
}

TEST(PageCache, StaysBelowItsLimit) {
    const std::uint64_t limit = 512 * kPage;
    PageCache cache(limit, kPage);
    for (std::uint64_t pfn = 0; pfn < 5000; ++pfn) cache.get(pfn, page_of);
    EXPECT_LE(cache.stats().bytes, limit);
    cache.set_limit(limit / 2);
    EXPECT_LE(cache.stats().bytes, limit / 2);
}

TEST(PageCache, PageInUseOutlivesItsEviction) {
    PageCache cache(0, kPage);
    const CachedPage held = cache.get(3, page_of);
    for (std::uint64_t pfn = 100; pfn < 2000; ++pfn) cache.get(pfn, page_of);
    EXPECT_EQ(held.bytes[0], std::byte{3});
}

TEST(PageCache, ThreadsSeeRightPages) {
    PageCache cache(256 * kPage, kPage);
    std::atomic<int> wrong = 0;
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
        threads.emplace_back([&cache, &wrong, t] {
            for (std::uint64_t i = 0; i < 20000; ++i) {
                const std::uint64_t pfn = (i * (2 * t + 1)) % 1000;
                wrong += cache.get(pfn, page_of).bytes[0] != static_cast<std::byte>(pfn);
            }
        });
    }
    threads.clear();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace pyk
