// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/error.h"
#include "orc/fill.h"

namespace pyk {
namespace {

constexpr std::uint64_t kStack = 0xffffc90000004000;

// The numbers 1 and 2 lie at kStack; nothing else can be read.
class TwoWords : public MemoryReader {
 public:
    std::size_t read_prefix(KernelAddr addr, std::span<std::byte> out) const override {
        static constexpr std::uint64_t kWords[] = {1, 2};
        if (addr.value < kStack || addr.value + out.size() > kStack + sizeof kWords) return 0;
        const auto* const first = reinterpret_cast<const char*>(kWords);
        std::memcpy(out.data(), first + (addr.value - kStack), out.size());
        return out.size();
    }
    std::size_t read_user_prefix(KernelAddr, KernelAddr, std::span<std::byte>) const override {
        return 0;
    }
    std::string why_unreadable(KernelAddr) const override { return "not planted"; }
};

using Texts = std::vector<std::optional<std::string>>;

Texts fill(const std::vector<TextRow>& rows) {
    WalkBounds bounds(rows.size());
    return fill_texts([] { return std::make_unique<TwoWords>(); }, rows, {}, bounds);
}

std::string with_nul(std::string text) {
    for (char& c : text) c = c == '$' ? '\0' : c;
    return text;
}

TEST(FillTexts, NumbersAndTextsComeInTheirPlaces) {
    const TextTemplate text(with_nul("$s: [$x] $08x, 50% $x."));
    const Texts found = fill({{&text, {0x1f, 0xab, ~0ULL}, {"name"}}});
    EXPECT_EQ(found, Texts{"name: [1f] 000000ab, 50% ffffffffffffffff."});
}

TEST(FillTexts, WordsAreReadFromMemory) {
    const TextTemplate text(with_nul("#0$w$x"));
    const Texts found = fill({{&text, {kStack, kStack + 16, 7}, {}}, {&text, {0, 8, 7}, {}}});
    EXPECT_EQ(found, (Texts{"#0\n    ffffc90000004000: 0000000000000001 0000000000000002 7",
                            std::nullopt}));
}

TEST(FillTexts, ARowThatLacksValuesHasNoText) {
    const TextTemplate number(with_nul("$x")), text(with_nul("$s")), words(with_nul("$w"));
    EXPECT_EQ(fill({{&number, {}, {}}, {&text, {}, {}}, {&words, {kStack}, {}}}),
              (Texts{std::nullopt, std::nullopt, std::nullopt}));
}

TEST(FillTexts, ManyRowsComeInTheirOrder) {
    const TextTemplate text(with_nul("<$x>"));
    std::vector<TextRow> rows;
    for (std::uint64_t i = 0; i < 3000; ++i) rows.push_back({&text, {i}, {}});
    const Texts found = fill(rows);
    ASSERT_EQ(found.size(), rows.size());
    EXPECT_EQ(found[10], "<a>");
    EXPECT_EQ(found[2999], "<bb7>");
}

TEST(TextTemplate, PlacesOfOtherKindsAreRefused) {
    EXPECT_THROW(TextTemplate(with_nul("$d")), Error);
    EXPECT_THROW(TextTemplate(with_nul("$08")), Error);
    EXPECT_NO_THROW(TextTemplate(""));
}

}  // namespace
}  // namespace pyk
