// SPDX-License-Identifier: GPL-2.0-or-later
// Texts of very many stacks, those that differ only in numbers from one template.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orc/words.h"

namespace pyk {

// A text with places: NUL and what comes there, which is a number (x, or 016x: with zeros up to
// that width), a text (s) or words of memory (w), as words_text() shows them.
class TextTemplate {
 public:
    struct Place {
        std::string before;  // what stands between the place before and this one
        char kind = 's';
        unsigned width = 0;
    };
    // Throws Error for a place of another kind.
    explicit TextTemplate(std::string_view text);

    const std::vector<Place>& places() const { return places_; }
    const std::string& tail() const { return tail_; }

 private:
    std::vector<Place> places_;
    std::string tail_;
};

// What comes in the places of a template: a number for each x, a text for each s, start and end of
// memory for each w.
struct TextRow {
    const TextTemplate* text = nullptr;
    std::vector<std::uint64_t> numbers;
    std::vector<std::string_view> texts;
};

// The text of each row, on all cores; fewer when `bounds` ended the work. Nothing where memory
// cannot be read, or the row has not what its template asks for.
std::vector<std::optional<std::string>> fill_texts(const NewReader& new_reader,
                                                   std::span<const TextRow> rows,
                                                   const WordNames& names, WalkBounds& bounds);

}  // namespace pyk
