// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/words.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace pyk {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 16;
constexpr std::size_t kWordsInRow = 2;
constexpr std::size_t kWidth = 16;
constexpr std::uint64_t kForThread = 256;

using Digits = std::array<std::array<char, 2>, 256>;

constexpr Digits two_digits() {
    constexpr const char* kHex = "0123456789abcdef";
    Digits digits{};
    for (unsigned byte = 0; byte < digits.size(); ++byte) {
        digits[byte] = {kHex[byte >> 4], kHex[byte & 15]};
    }
    return digits;
}

constexpr Digits kDigits = two_digits();  // of each byte

void pad(std::string& text, std::size_t before) {
    if (text.size() - before < kWidth) text.append(kWidth - (text.size() - before), ' ');
}

// NAME or NAME+OFFSET of what is in the kernel's half; false for other words.
bool append_symbol(std::string& text, std::uint64_t word, const SymbolTable& symbols) {
    const auto found = word >> 63 == 0 ? std::nullopt : symbols.at({word});
    if (!found) return false;
    const std::size_t before = text.size();
    text += found->name;
    if (word != found->start.value) text += "+" + std::to_string(word - found->start.value);
    pad(text, before);
    return true;
}

// The direct map lies there, with four levels of page tables and with five.
bool may_be_direct(std::uint64_t word) {
    return word >> 56 == 0xff;
}

bool append_cache(std::string& text, std::uint64_t word, const WordNames& names) {
    if (!may_be_direct(word)) return false;
    const auto found = names.caches.find(word >> kWordPageShift);
    if (found == names.caches.end()) return false;
    const std::size_t before = text.size();
    text += '[';
    if (names.with_address) {
        append_hex(text, word, kWidth);
        text += ':';
    }
    text += found->second;
    text += ']';
    pad(text, before);
    return true;
}

}  // namespace

bool read_words(const MemoryReader& memory, AddrRange range, std::vector<std::uint64_t>& words) {
    words.clear();
    if (range.end <= range.start || range.end - range.start > kMostBytes) return true;
    words.resize((range.end - range.start) / sizeof(std::uint64_t));
    return memory.read_exactly({range.start}, std::as_writable_bytes(std::span(words)));
}

void append_hex(std::string& text, std::uint64_t value, std::size_t width) {
    std::array<char, kWidth> digits;
    for (std::size_t at = 0; at < kWidth; at += 2) {
        std::memcpy(&digits[at], &kDigits[value >> (56 - 4 * at) & 0xff], 2);
    }
    const auto count = static_cast<std::size_t>(std::bit_width(value | 1) + 3) / 4;
    const std::size_t shown = std::clamp(width, count, kWidth);
    text.append(&digits[kWidth - shown], shown);
}

bool append_words(const MemoryReader& memory, AddrRange range, WordLine line,
                  const WordNames& names, std::vector<std::uint64_t>& words, std::string& text) {
    if (!read_words(memory, range, words)) return false;
    const bool is_indented = line == WordLine::kIndented;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i % kWordsInRow == 0) {
            text += is_indented ? "\n    " : i > 0 ? "\n" : "";
            append_hex(text, range.start + i * sizeof(std::uint64_t), 1);
            text += is_indented ? ": " : ":  ";
        }
        if ((names.symbols == nullptr || !append_symbol(text, words[i], *names.symbols)) &&
            !append_cache(text, words[i], names)) {
            append_hex(text, words[i], kWidth);
        }
        text += ' ';
    }
    return true;
}

std::optional<std::string> words_text(const MemoryReader& memory, AddrRange range,
                                      const WordNames& names) {
    std::vector<std::uint64_t> words;
    std::string text;
    if (!append_words(memory, range, WordLine::kIndented, names, words, text)) return std::nullopt;
    return text;
}

std::vector<std::optional<std::string>> words_texts(const NewReader& new_reader,
                                                    std::span<const AddrRange> ranges,
                                                    const WordNames& names, WalkBounds& bounds) {
    const auto work = [&](const MemoryReader& memory, std::uint64_t first, std::uint64_t end,
                          WalkBounds& own) {
        std::vector<std::optional<std::string>> texts;
        for (std::uint64_t i = first; i < end && !own.is_interrupted(); ++i) {
            texts.push_back(words_text(memory, ranges[i], names));
        }
        return texts;
    };
    return joined(in_pieces(new_reader, ranges.size(), kForThread, bounds, work));
}

std::vector<std::uint64_t> pages_of_words(const NewReader& new_reader,
                                          std::span<const AddrRange> ranges, WalkBounds& bounds) {
    const auto sort = [](std::vector<std::uint64_t>& pages) {
        std::ranges::sort(pages);
        pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
    };
    const auto work = [&](const MemoryReader& memory, std::uint64_t first, std::uint64_t end,
                          WalkBounds& own) {
        std::vector<std::uint64_t> words, pages;
        for (std::uint64_t i = first; i < end && !own.is_interrupted(); ++i) {
            if (!read_words(memory, ranges[i], words)) continue;
            for (const std::uint64_t word : words) {
                if (may_be_direct(word)) pages.push_back(word >> kWordPageShift << kWordPageShift);
            }
        }
        sort(pages);
        return pages;
    };
    auto found = joined(in_pieces(new_reader, ranges.size(), kForThread, bounds, work));
    sort(found);
    return found;
}

}  // namespace pyk
