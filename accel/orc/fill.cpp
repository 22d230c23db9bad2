// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/fill.h"

#include <charconv>

#include "base/error.h"
#include "orc/code_words.h"

namespace pyk {
namespace {

constexpr std::uint64_t kForThread = 256;
constexpr std::size_t kLongest = 4 << 20;  // of a text, until another one begins
constexpr std::string_view kKinds = "xswrntom";

bool append_member(const MemoryReader& memory, const TextTemplate::Place& place,
                   std::span<const std::uint64_t> numbers, std::string& text) {
    if (numbers.empty()) return false;
    std::uint64_t value = 0;
    const auto bytes = std::as_writable_bytes(std::span(&value, 1)).first(place.size);
    if (!memory.read_exactly({numbers.back() + place.offset}, bytes)) return false;
    append_hex(text, value, place.width);
    return true;
}

// What one thread uses for all its rows.
struct InUse {
    explicit InUse(const WordNames& its_names) : names(its_names), code(its_names) {}

    const WordNames& names;
    CodeWords code;
    std::vector<std::uint64_t> words;  // which keep their memory
};

// The words that come in a place; false when they cannot be read, or are not known.
bool append_place(const MemoryReader& memory, const TextTemplate::Place& place,
                  std::span<const std::uint64_t> numbers, std::size_t& next, InUse& use,
                  std::string& text) {
    constexpr std::uint64_t kWord = sizeof(std::uint64_t);
    if (place.kind == 'n') {
        if (next == 0 || next >= numbers.size()) return false;
        const AddrRange between{numbers[next - 1] + kWord, numbers[next] + kWord};
        return append_words(memory, between, WordLine::kIndented, use.names, use.words, text);
    }
    if (numbers.size() - next < 2) return false;
    const AddrRange range{numbers[next], numbers[next + 1]};
    next += 2;
    if (place.kind == 't' || place.kind == 'o') {
        const CodeLine line = place.kind == 't' ? CodeLine::kAny : CodeLine::kReturn;
        return use.code.append(memory, range, line, use.words, text);
    }
    const WordLine line = place.kind == 'r' ? WordLine::kPlain : WordLine::kIndented;
    return append_words(memory, range, line, use.names, use.words, text);
}

bool append_row(const MemoryReader& memory, const TextRow& row, InUse& use, std::string& text) {
    if (row.text == nullptr) return false;
    std::size_t number = 0, given = 0;
    for (const TextTemplate::Place& place : row.text->places()) {
        text += place.before;
        if (place.kind == 's') {
            if (given >= row.texts.size()) return false;
            text += row.texts[given++];
        } else if (place.kind == 'x') {
            if (number >= row.numbers.size()) return false;
            append_hex(text, row.numbers[number++], place.width);
        } else if (place.kind == 'm') {
            if (!append_member(memory, place, row.numbers, text)) return false;
        } else if (!append_place(memory, place, row.numbers, number, use, text)) {
            return false;
        }
    }
    text += row.text->tail();
    return true;
}

}  // namespace

TextTemplate::TextTemplate(std::string_view text) {
    const auto take_number = [&text](unsigned& number) {
        const auto end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    };
    const auto take = [&text] {
        const char first = text.empty() ? '\0' : text.front();
        text.remove_prefix(text.empty() ? 0 : 1);
        return first;
    };
    while (true) {
        const std::size_t at = text.find('\0');
        if (at == std::string_view::npos) break;
        Place place;
        place.before = text.substr(0, at);
        text.remove_prefix(at + 1);
        take_number(place.width);
        place.kind = take();
        if (place.kind == '\0' || kKinds.find(place.kind) == std::string_view::npos) {
            throw Error("a template has a place that is no number, text or words");
        }
        if (place.kind == 'm') {
            take_number(place.offset);
            const bool has_point = take() == '.';
            take_number(place.size);
            if (!has_point || take() != ';' || place.size > sizeof(std::uint64_t)) {
                throw Error("a template has a member of no size that a number has");
            }
        }
        places_.push_back(std::move(place));
    }
    tail_ = text;
}

std::vector<FilledText> fill_texts(const NewReader& new_reader, std::span<const TextRow> rows,
                                   const WordNames& names, WalkBounds& bounds) {
    const auto work = [&](const MemoryReader& memory, std::uint64_t first, std::uint64_t end,
                          WalkBounds& own) {
        std::vector<FilledText> found;
        InUse use(names);
        for (std::uint64_t i = first; i < end && !own.is_interrupted(); ++i) {
            if (found.empty() || !found.back().text || found.back().text->size() > kLongest) {
                found.push_back({std::string(), i});
            }
            std::string& text = *found.back().text;
            const std::size_t before = text.size();
            if (before > 0) text += "\n\n";
            if (append_row(memory, rows[i], use, text)) {
                found.back().last_row = i;
                continue;
            }
            text.resize(before);
            if (before == 0) found.pop_back();
            found.push_back({std::nullopt, i});
        }
        return found;
    };
    return joined(in_pieces(new_reader, rows.size(), kForThread, bounds, work));
}

}  // namespace pyk
