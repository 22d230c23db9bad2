// SPDX-License-Identifier: GPL-2.0-or-later
// Words of memory as text, of the frames of very many stacks at once.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "symbols/symbol_table.h"
#include "walk/pieces.h"

namespace pyk {

// Lines of at most two words each, "\n    ADDRESS: WORD WORD ", from the start of the range on.
// With `symbols` the words that lead into the kernel's image or a module are NAME+OFFSET. Nothing
// where memory cannot be read; "" where the range is none, or longer than stacks are.
std::optional<std::string> words_text(const MemoryReader& memory, AddrRange range,
                                      const SymbolTable* symbols);

// The same of many ranges, on all cores; fewer than these when `bounds` ended the work.
std::vector<std::optional<std::string>> words_texts(const NewReader& new_reader,
                                                    std::span<const AddrRange> ranges,
                                                    const SymbolTable* symbols, WalkBounds& bounds);

}  // namespace pyk
