// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/code_words.h"

#include <algorithm>

namespace pyk {
namespace {

void append_head(std::string& text, CodeLine line, unsigned number) {
    if (line == CodeLine::kAny) {
        text += "  [";
        return;
    }
    text += number < 10 ? " #" : "#";
    text += std::to_string(number);
    text += " [";
}

}  // namespace

CodeWords::CodeWords(const WordNames& names) : names_(names) {
    for (const AddrRange& code : names.code) {
        around_ = {std::min(around_.start, code.start), std::max(around_.end, code.end)};
    }
}

std::string CodeWords::name_of(std::uint64_t word, CodeLine line) const {
    const bool is_code = std::ranges::any_of(
        names_.code, [word](const AddrRange& code) { return code.holds(word); });
    const auto found =
        is_code && names_.symbols != nullptr ? names_.symbols->at({word}) : std::nullopt;
    if (!found) return "";
    const std::uint64_t offset = word - found->start.value;
    if (line == CodeLine::kReturn && offset == 0) return "";
    std::string name(found->name);
    if (line == CodeLine::kReturn && names_.offsets == 'x') {
        name += "+0x";
        append_hex(name, offset, 1);
    } else if (line == CodeLine::kReturn && names_.offsets == 'd') {
        name += "+" + std::to_string(offset);
    }
    name += " at ";
    append_hex(name, word, 1);
    if (!found->module.empty()) name.append(" [").append(found->module).append("]");
    return name;
}

bool CodeWords::append(const MemoryReader& memory, AddrRange range, CodeLine line,
                       std::vector<std::uint64_t>& words, std::string& text) {
    if (!read_words(memory, range, words)) return false;
    auto& known = known_.at(static_cast<std::size_t>(line));
    unsigned number = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::uint64_t word = words[i];
        if (!around_.holds(word)) continue;  // nearly all of them
        auto name = known.find(word);
        if (name == known.end()) name = known.emplace(word, name_of(word, line)).first;
        if (name->second.empty()) continue;
        if (number > 0) text += '\n';
        append_head(text, line, number++);
        append_hex(text, range.start + i * sizeof(std::uint64_t), 1);
        text += "] ";
        text += name->second;
    }
    return number > 0;
}

}  // namespace pyk
