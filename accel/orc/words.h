// SPDX-License-Identifier: GPL-2.0-or-later
// Words of memory as text, of the frames of very many stacks at once.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "symbols/symbol_table.h"
#include "walk/pieces.h"

namespace pyk {

// What words are called in place of their digits.
struct WordNames {
    const SymbolTable* symbols = nullptr;  // NAME+OFFSET of those in the kernel's image or a module
    std::unordered_map<std::uint64_t, std::string> caches = {};  // [CACHE] of others, by their page
    bool with_address = false;                                   // [ADDRESS:CACHE]
    std::vector<AddrRange> code = {};  // where code lies, for words that lead to it
    char offsets = '\0';               // into its functions: d, x, or none
};

constexpr unsigned kWordPageShift = 12;

// What stands before the first word of a line: "\n    ADDRESS: ", or "ADDRESS:  " and a newline
// only between two lines.
enum class WordLine { kIndented, kPlain };

// At least `width` digits, up to 16.
void append_hex(std::string& text, std::uint64_t value, std::size_t width);

// Lines of at most two words each, "\n    ADDRESS: WORD WORD ", from the start of the range on.
// Nothing where memory cannot be read; "" where the range is none, or longer than stacks are.
std::optional<std::string> words_text(const MemoryReader& memory, AddrRange range,
                                      const WordNames& names);

// The same behind a text, in memory that may be used again; false for nothing.
bool append_words(const MemoryReader& memory, AddrRange range, WordLine line,
                  const WordNames& names, std::vector<std::uint64_t>& words, std::string& text);

// The words of a range; false where memory cannot be read, none of what is longer than stacks are.
bool read_words(const MemoryReader& memory, AddrRange range, std::vector<std::uint64_t>& words);

// The same of many ranges, on all cores; fewer than these when `bounds` ended the work.
std::vector<std::optional<std::string>> words_texts(const NewReader& new_reader,
                                                    std::span<const AddrRange> ranges,
                                                    const WordNames& names, WalkBounds& bounds);

// Addresses of the pages, each once and in order, that words of these ranges lead to and that may
// be of the direct map.
std::vector<std::uint64_t> pages_of_words(const NewReader& new_reader,
                                          std::span<const AddrRange> ranges, WalkBounds& bounds);

}  // namespace pyk
