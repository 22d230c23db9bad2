// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <cstring>

#include "orc/words.h"

namespace pyk {
namespace {

constexpr std::uint64_t kStack = 0xffffc90000004000;

// Words from kStack on; nothing else can be read.
class Words : public MemoryReader {
 public:
    explicit Words(std::vector<std::uint64_t> words) : words_(std::move(words)) {}

    std::size_t read_prefix(KernelAddr addr, std::span<std::byte> out) const override {
        const std::uint64_t from = addr.value - kStack, size = 8 * words_.size();
        if (addr.value < kStack || from >= size) return 0;
        const std::size_t count = std::min<std::uint64_t>(out.size(), size - from);
        std::memcpy(out.data(), reinterpret_cast<const char*>(words_.data()) + from, count);
        return count;
    }
    std::size_t read_user_prefix(KernelAddr, KernelAddr, std::span<std::byte>) const override {
        return 0;
    }
    std::string why_unreadable(KernelAddr) const override { return "not planted"; }

 private:
    std::vector<std::uint64_t> words_;
};

std::optional<std::string> text(const Words& memory, std::uint64_t start, std::uint64_t end) {
    return words_text(memory, {start, end}, {});
}

TEST(WordsText, LinesHaveTwoWordsFromTheStartOn) {
    const Words memory({1, 2, 0xffffffff81000000});
    EXPECT_EQ(text(memory, kStack, kStack + 24),
              "\n    ffffc90000004000: 0000000000000001 0000000000000002 "
              "\n    ffffc90000004010: ffffffff81000000 ");
    EXPECT_EQ(text(memory, kStack + 8, kStack + 24),
              "\n    ffffc90000004008: 0000000000000002 ffffffff81000000 ");
}

TEST(WordsText, NothingIsShownOfUnreadableMemory) {
    const Words memory({1, 2});
    EXPECT_EQ(text(memory, kStack, kStack + 24), std::nullopt);
    EXPECT_EQ(text(memory, 0, 8), std::nullopt);
}

TEST(WordsText, RangesThatAreNoneAreEmpty) {
    const Words memory({1, 2});
    EXPECT_EQ(text(memory, kStack, kStack), "");
    EXPECT_EQ(text(memory, kStack + 8, kStack), "");
    EXPECT_EQ(text(memory, kStack, kStack + (1 << 20)), "");
}

TEST(WordsText, ManyRangesComeInTheirOrder) {
    const NewReader new_reader = [] {
        return std::make_unique<Words>(std::vector<std::uint64_t>{7, 8});
    };
    std::vector<AddrRange> ranges;
    for (int i = 0; i < 2000; ++i) {
        ranges.push_back(i % 3 == 0 ? AddrRange{0, 8} : AddrRange{kStack, kStack + 8u * (i % 3)});
    }
    WalkBounds bounds(ranges.size());
    const auto found = words_texts(new_reader, ranges, {}, bounds);
    ASSERT_EQ(found.size(), ranges.size());
    for (int i = 0; i < 2000; ++i) {
        EXPECT_EQ(found[i], words_text(*new_reader(), ranges[i], {})) << i;
    }
}

TEST(WordsText, WordsThatLeadToASlabHaveItsCachesName) {
    const Words memory({0xffff888000003008, 0xffff888000004000, 0x0000888000003008});
    WordNames names;
    names.caches[0xffff888000003] = "dentry";
    const AddrRange range{kStack, kStack + 24};
    EXPECT_EQ(words_text(memory, range, names),
              "\n    ffffc90000004000: [dentry]         ffff888000004000 "
              "\n    ffffc90000004010: 0000888000003008 ");
    names.with_address = true;
    EXPECT_EQ(words_text(memory, {kStack, kStack + 8}, names),
              "\n    ffffc90000004000: [ffff888000003008:dentry] ");
}

TEST(PagesOfWords, EachComesOnceAndInOrder) {
    const NewReader new_reader = [] {
        return std::make_unique<Words>(std::vector<std::uint64_t>{
            0xffff888000004010, 0xffff888000003008, 7, 0xffff888000003ff8, 0x8000000000000000});
    };
    const std::vector<AddrRange> ranges(1000, {kStack, kStack + 40});
    WalkBounds bounds(ranges.size());
    const std::vector<std::uint64_t> pages{0xffff888000003000, 0xffff888000004000};
    EXPECT_EQ(pages_of_words(new_reader, ranges, bounds), pages);
    const std::vector<AddrRange> unreadable{{0, 8}};
    EXPECT_TRUE(pages_of_words(new_reader, unreadable, bounds).empty());
}

}  // namespace
}  // namespace pyk
