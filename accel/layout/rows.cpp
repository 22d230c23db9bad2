// SPDX-License-Identifier: GPL-2.0-or-later
#include "layout/rows.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace pyk {
namespace {

std::uint64_t value_at(const CellColumn& column, std::size_t row) {
    std::uint64_t value = 0;
    std::memcpy(&value, column.values.data() + row * column.size, column.size);
    const unsigned unused = 64 - 8 * static_cast<unsigned>(column.size);
    if (!column.is_signed || unused == 0) return value;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

void append_cell(std::string& text, const CellColumn& column, std::uint64_t value) {
    std::array<char, 24> digits;
    std::string_view shown = "?";
    if (column.kind == CellKind::kName) {
        const auto found = column.names.find(value);
        if (found != column.names.end()) shown = found->second;
    } else {
        const bool is_negative = column.kind == CellKind::kDecimal && column.is_signed;
        const int base = column.kind == CellKind::kHex ? 16 : 10;
        char* const end = is_negative
                              ? std::to_chars(digits.begin(), digits.end(),
                                              static_cast<std::int64_t>(value), base)
                                    .ptr
                              : std::to_chars(digits.begin(), digits.end(), value, base).ptr;
        shown = {digits.begin(), static_cast<std::size_t>(end - digits.begin())};
    }
    if (shown.size() < column.width) text.append(column.width - shown.size(), ' ');
    text += shown;
}

}  // namespace

std::string format_rows(std::span<const CellColumn> columns) {
    std::string text;
    if (columns.empty()) return text;
    std::size_t rows = columns[0].rows();
    for (const CellColumn& column : columns) rows = std::min(rows, column.rows());
    text.reserve(rows * 16 * columns.size());
    for (std::size_t row = 0; row < rows; ++row) {
        if (row != 0) text += '\n';
        for (std::size_t i = 0; i < columns.size(); ++i) {
            if (i != 0) text += ' ';
            append_cell(text, columns[i], value_at(columns[i], row));
        }
    }
    return text;
}

}  // namespace pyk
