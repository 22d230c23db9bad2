// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/vmcoreinfo.h"

#include <algorithm>
#include <charconv>

namespace pyk {
namespace {

bool is_printable(char c) {
    return c == '\n' || (c >= ' ' && c <= '~');
}

std::optional<std::uint64_t> parse_number(std::string_view text, int base) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    if (text.starts_with("0x")) {
        text.remove_prefix(2);
        base = 16;
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end == text.data()) return std::nullopt;
    return negative ? 0 - value : value;
}

}  // namespace

Vmcoreinfo Vmcoreinfo::parse(std::string_view text) {
    Vmcoreinfo info;
    while (!text.empty() && text.front() != '\0') {
        const std::size_t length = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, length);
        const std::size_t equals = line.find('=');
        if (equals != line.npos && std::ranges::all_of(line, is_printable)) {
            info.lines_.emplace(line.substr(0, equals), line.substr(equals + 1));
        }
        text.remove_prefix(std::min(text.size(), length + 1));
    }
    return info;
}

std::optional<Vmcoreinfo> Vmcoreinfo::recognise(std::string_view memory, std::size_t start) {
    const std::string_view rest = memory.substr(start);
    const auto end = std::ranges::find_if_not(rest, is_printable);
    Vmcoreinfo info = parse(rest.substr(0, static_cast<std::size_t>(end - rest.begin())));
    const bool whole = !info.text("OSRELEASE").empty() && !info.text("PAGESIZE").empty() &&
                       info.symbol("_stext") && info.number("phys_base");
    if (!whole) return std::nullopt;
    return info;
}

std::string Vmcoreinfo::text(const std::string& key) const {
    const auto found = lines_.find(key);
    return found == lines_.end() ? "" : found->second;
}

std::optional<std::uint64_t> Vmcoreinfo::symbol(const std::string& name) const {
    return hex("SYMBOL(" + name + ")");
}

std::optional<std::uint64_t> Vmcoreinfo::number(const std::string& name) const {
    return parse_number(text("NUMBER(" + name + ")"), 10);
}

std::optional<std::uint64_t> Vmcoreinfo::hex(const std::string& key) const {
    return parse_number(text(key), 16);
}

}  // namespace pyk
