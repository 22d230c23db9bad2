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
// that width), a text (s), words of memory (w) as words_text() shows them, those without an indent
// (r), the words from behind the number before up to the end of the one that comes next (n), or
// those that lead to code (t, with numbers o). 016mOFFSET.SIZE; is a number of so many bytes, up to
// eight, in the struct whose address is the row's last number.
class TextTemplate {
 public:
    struct Place {
        std::string before;  // what stands between the place before and this one
        char kind = 's';
        unsigned width = 0;
        unsigned offset = 0, size = 0;  // of m
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
// memory for each w, r, t and o. Without a template there is no text.
struct TextRow {
    const TextTemplate* text = nullptr;
    std::vector<std::uint64_t> numbers;
    std::vector<std::string_view> texts;
};

// A text of rows that follow each other, with an empty line between two, or nothing: for a row
// whose memory cannot be read, or that has not what its template asks for.
struct FilledText {
    std::optional<std::string> text;
    std::size_t last_row = 0;
};

// The texts of all rows, made on all cores; of fewer when `bounds` ended the work.
std::vector<FilledText> fill_texts(const NewReader& new_reader, std::span<const TextRow> rows,
                                   const WordNames& names, WalkBounds& bounds);

}  // namespace pyk
