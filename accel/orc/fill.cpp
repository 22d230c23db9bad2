// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/fill.h"

#include <charconv>

#include "base/error.h"

namespace pyk {
namespace {

constexpr std::uint64_t kForThread = 256;

std::optional<std::string> fill(const MemoryReader& memory, const TextRow& row,
                                const WordNames& names, std::vector<std::uint64_t>& words,
                                std::string& text) {
    text.clear();
    std::size_t number = 0, given = 0;
    for (const TextTemplate::Place& place : row.text->places()) {
        text += place.before;
        if (place.kind == 's') {
            if (given >= row.texts.size()) return std::nullopt;
            text += row.texts[given++];
            continue;
        }
        const std::size_t needed = place.kind == 'w' ? 2 : 1;
        if (row.numbers.size() - number < needed) return std::nullopt;
        const std::uint64_t* const first = &row.numbers[number];
        number += needed;
        if (place.kind == 'x') {
            append_hex(text, *first, place.width);
        } else if (!append_words(memory, {first[0], first[1]}, names, words, text)) {
            return std::nullopt;
        }
    }
    return text + row.text->tail();
}

}  // namespace

TextTemplate::TextTemplate(std::string_view text) {
    while (true) {
        const std::size_t at = text.find('\0');
        if (at == std::string_view::npos) break;
        Place place;
        place.before = text.substr(0, at);
        text.remove_prefix(at + 1);
        const auto end = std::from_chars(text.data(), text.data() + text.size(), place.width).ptr;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        place.kind = text.empty() ? '\0' : text.front();
        if (place.kind != 'x' && place.kind != 's' && place.kind != 'w') {
            throw Error("a template has a place that is no number, text or words");
        }
        text.remove_prefix(1);
        places_.push_back(std::move(place));
    }
    tail_ = text;
}

std::vector<std::optional<std::string>> fill_texts(const NewReader& new_reader,
                                                   std::span<const TextRow> rows,
                                                   const WordNames& names, WalkBounds& bounds) {
    const auto work = [&](const MemoryReader& memory, std::uint64_t first, std::uint64_t end,
                          WalkBounds& own) {
        std::vector<std::optional<std::string>> texts;
        std::vector<std::uint64_t> words;
        std::string text;  // which keeps its memory
        for (std::uint64_t i = first; i < end && !own.is_interrupted(); ++i) {
            texts.push_back(fill(memory, rows[i], names, words, text));
        }
        return texts;
    };
    std::vector<std::optional<std::string>> found;
    for (auto& piece : in_pieces(new_reader, rows.size(), kForThread, bounds, work)) {
        std::move(piece.begin(), piece.end(), std::back_inserter(found));
    }
    return found;
}

}  // namespace pyk
