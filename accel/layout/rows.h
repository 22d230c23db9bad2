// SPDX-License-Identifier: GPL-2.0-or-later
// Columns as the lines of a table: for very many rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"

namespace pyk {

enum class CellKind : char {
    kHex = 'x',
    kDecimal = 'd',
    kName = 's',  // what `names` has for the number, "?" for others
};

// A column of numbers, and how they are shown.
struct CellColumn {
    ByteSpan values;       // one after the other
    std::size_t size = 8;  // of each: 1, 2, 4 or 8 bytes
    bool is_signed = false;
    CellKind kind = CellKind::kHex;
    std::size_t width = 0;  // to which blanks before it fill it up
    std::unordered_map<std::uint64_t, std::string> names;

    std::size_t rows() const { return values.size() / size; }
};

// A line a row, as many as the shortest column has; blanks between cells, newlines between lines.
std::string format_rows(std::span<const CellColumn> columns);

}  // namespace pyk
