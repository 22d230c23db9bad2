// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/words.h"

#include <array>
#include <charconv>

namespace pyk {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 16;
constexpr std::size_t kWordsInRow = 2;
constexpr std::size_t kWidth = 16;
constexpr std::uint64_t kForThread = 256;

void append_hex(std::string& text, std::uint64_t value, std::size_t width) {
    std::array<char, kWidth> digits;
    const auto end = std::to_chars(digits.begin(), digits.end(), value, 16).ptr;
    const auto count = static_cast<std::size_t>(end - digits.begin());
    if (count < width) text.append(width - count, '0');
    text.append(digits.begin(), count);
}

// NAME or NAME+OFFSET of what is in the kernel's half; false for other words.
bool append_symbol(std::string& text, std::uint64_t word, const SymbolTable& symbols) {
    const auto found = word >> 63 == 0 ? std::nullopt : symbols.at({word});
    if (!found) return false;
    const std::size_t before = text.size();
    text += found->name;
    if (word != found->start.value) text += "+" + std::to_string(word - found->start.value);
    if (text.size() - before < kWidth) text.append(kWidth - (text.size() - before), ' ');
    return true;
}

}  // namespace

std::optional<std::string> words_text(const MemoryReader& memory, AddrRange range,
                                      const SymbolTable* symbols) {
    if (range.end <= range.start || range.end - range.start > kMostBytes) return "";
    const std::size_t count = (range.end - range.start) / sizeof(std::uint64_t);
    std::vector<std::byte> raw(count * sizeof(std::uint64_t));
    if (!memory.read_exactly({range.start}, raw)) return std::nullopt;
    std::string text;
    text.reserve(32 * count + 32);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t at = range.start + i * sizeof(std::uint64_t);
        if (i % kWordsInRow == 0) {
            text += "\n    ";
            append_hex(text, at, 1);
            text += ": ";
        }
        const std::uint64_t word = *load<std::uint64_t>(raw, i * sizeof(std::uint64_t));
        if (symbols == nullptr || !append_symbol(text, word, *symbols)) {
            append_hex(text, word, kWidth);
        }
        text += ' ';
    }
    return text;
}

std::vector<std::optional<std::string>> words_texts(const NewReader& new_reader,
                                                    std::span<const AddrRange> ranges,
                                                    const SymbolTable* symbols,
                                                    WalkBounds& bounds) {
    const auto work = [&](const MemoryReader& memory, std::uint64_t first, std::uint64_t end,
                          WalkBounds& own) {
        std::vector<std::optional<std::string>> texts;
        for (std::uint64_t i = first; i < end && !own.is_interrupted(); ++i) {
            texts.push_back(words_text(memory, ranges[i], symbols));
        }
        return texts;
    };
    std::vector<std::optional<std::string>> found;
    for (auto& piece : in_pieces(new_reader, ranges.size(), kForThread, bounds, work)) {
        std::move(piece.begin(), piece.end(), std::back_inserter(found));
    }
    return found;
}

}  // namespace pyk
