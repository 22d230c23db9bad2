// SPDX-License-Identifier: GPL-2.0-or-later
#include <elf.h>
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
    Texts texts;
    const auto found = fill_texts([] { return std::make_unique<TwoWords>(); }, rows, {}, bounds);
    for (const FilledText& each : found) texts.push_back(each.text);
    if (!found.empty()) EXPECT_EQ(found.back().last_row, rows.size() - 1);
    return texts;
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

TEST(AppendHex, HasTheDigitsAndAtLeastTheWidth) {
    const auto hex = [](std::uint64_t value, std::size_t width) {
        std::string text;
        append_hex(text, value, width);
        return text;
    };
    EXPECT_EQ(hex(0, 1), "0");
    EXPECT_EQ(hex(0, 0), "0");
    EXPECT_EQ(hex(0xf, 1), "f");
    EXPECT_EQ(hex(0x10, 1), "10");
    EXPECT_EQ(hex(0x10, 16), "0000000000000010");
    EXPECT_EQ(hex(~0ULL, 4), "ffffffffffffffff");
}

TEST(FillTexts, ManyRowsComeInTheirOrder) {
    const TextTemplate text(with_nul("<$x>"));
    std::vector<TextRow> rows;
    for (std::uint64_t i = 0; i < 3000; ++i) rows.push_back({&text, {i}, {}});
    std::string all;
    for (const auto& text : fill(rows)) all += (all.empty() ? "" : "\n\n") + text.value_or("-");
    std::string expected = "<0>";
    for (std::uint64_t i = 1; i < 3000; ++i) {
        expected += "\n\n<";
        append_hex(expected, i, 1);
        expected += ">";
    }
    EXPECT_EQ(all, expected);
}

TEST(FillTexts, RowsWithoutATextStandBetweenTheOthers) {
    const TextTemplate text(with_nul("<$x>"));
    const TextRow one{&text, {1}, {}}, none{nullptr, {}, {}}, lacking{&text, {}, {}};
    EXPECT_EQ(fill({one, one, none, lacking, one}),
              (Texts{"<1>\n\n<1>", std::nullopt, std::nullopt, "<1>"}));
    EXPECT_EQ(fill({none, one, none}), (Texts{std::nullopt, "<1>", std::nullopt}));
}

TEST(FillTexts, WordsBetweenNumbersLieBehindThem) {
    const TextTemplate text(with_nul("$x$n $x"));
    EXPECT_EQ(fill({{&text, {kStack - 8, kStack}, {}}}),
              Texts{"ffffc90000003ff8\n    ffffc90000004000: 0000000000000001  ffffc90000004000"});
    EXPECT_EQ(fill({{&text, {kStack}, {}}}), Texts{std::nullopt});
}

TEST(FillTexts, ARowWithoutWordsOfCodeHasNoText) {
    const TextTemplate text(with_nul("A\n$t")), numbered(with_nul("A\n$o"));
    const std::vector<std::uint64_t> range{kStack, kStack + 16};
    EXPECT_EQ(fill({{&text, range, {}}, {&numbered, range, {}}}),
              (Texts{std::nullopt, std::nullopt}));
}

TEST(FillTexts, WordsOfCodeHaveALineEachAndReturnAddressesLieInFunctions) {
    Elf64_Sym symbol{};
    symbol.st_name = 1;
    symbol.st_value = 1;
    symbol.st_info = STB_GLOBAL << 4;
    const std::string strings("\0called\0", 8);
    SymbolTable table;
    table.add_module("mod", std::as_bytes(std::span(&symbol, 1)), std::as_bytes(std::span(strings)),
                     {{1, 0x100}});
    table.sort();
    WordNames names{&table};
    names.code = {{1, 3}};
    names.offsets = 'x';
    const TextTemplate any(with_nul("$t")), numbered(with_nul("$o"));
    const std::vector<std::uint64_t> range{kStack, kStack + 16};
    const std::vector<TextRow> rows{{&any, range, {}}, {&numbered, range, {}}};
    WalkBounds bounds(rows.size());
    const auto found = fill_texts([] { return std::make_unique<TwoWords>(); }, rows, names, bounds);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].text,
              "  [ffffc90000004000] called at 1 [mod]\n"
              "  [ffffc90000004008] called at 2 [mod]\n\n"
              " #0 [ffffc90000004008] called+0x1 at 2 [mod]");
}

TEST(FillTexts, MembersAreReadAtTheLastNumber) {
    const TextTemplate text(with_nul("$x: $04m8.2;, $m0.8;"));
    EXPECT_EQ(fill({{&text, {5, kStack}, {}}}), Texts{"5: 0002, 1"});
    EXPECT_EQ(fill({{&text, {5, kStack + 8}, {}}}), Texts{std::nullopt});
    EXPECT_EQ(fill({{&text, {}, {}}}), Texts{std::nullopt});
}

TEST(FillTexts, WordsOfAWholeStackHaveNoIndent) {
    const TextTemplate text(with_nul("A\n$r"));
    EXPECT_EQ(fill({{&text, {kStack, kStack + 16}, {}}}),
              Texts{"A\nffffc90000004000:  0000000000000001 0000000000000002 "});
}

TEST(TextTemplate, PlacesOfOtherKindsAreRefused) {
    EXPECT_THROW(TextTemplate(with_nul("$d")), Error);
    EXPECT_THROW(TextTemplate(with_nul("$08")), Error);
    EXPECT_THROW(TextTemplate(with_nul("$m8;")), Error);
    EXPECT_THROW(TextTemplate(with_nul("$m8.9;")), Error);
    EXPECT_THROW(TextTemplate(with_nul("$m8.8")), Error);
    EXPECT_NO_THROW(TextTemplate(""));
}

}  // namespace
}  // namespace pyk
