// SPDX-License-Identifier: GPL-2.0-or-later
// Words on stacks that lead to code.
#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "orc/words.h"

namespace pyk {

// What is shown of such a word: where it leads, or only if that is behind the beginning of a
// function, as where a call returns to, with a number.
enum class CodeLine { kAny, kReturn };

// Makes a line for each of them: "  [PLACE] NAME at WORD [MODULE]", or "#N [PLACE] NAME ...". For
// one thread: it keeps the names that it found.
class CodeWords {
 public:
    // `names` must live as long as this.
    explicit CodeWords(const WordNames& names);

    // False where memory cannot be read, and where there is no such word.
    bool append(const MemoryReader& memory, AddrRange range, CodeLine line,
                std::vector<std::uint64_t>& words, std::string& text);

 private:
    std::string name_of(std::uint64_t word, CodeLine line) const;

    const WordNames& names_;
    AddrRange around_{~0ULL, 0};                                           // all code
    std::array<std::unordered_map<std::uint64_t, std::string>, 2> known_;  // "" for no name
};

}  // namespace pyk
