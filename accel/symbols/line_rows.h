// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <elfutils/libdw.h>

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace pyk {

struct LineRow {
    Dwarf_Addr addr = 0;
    int line = 0;                // 0: code without a line begins here
    const char* file = nullptr;  // as elfutils names it
    bool is_statement = false;   // a statement begins here
};

// The rows of a unit's line program that GDB keeps, ascending: it shall not matter to the user
// which of us said where code comes from.
class LineRows {
 public:
    explicit LineRows(Dwarf_Die unit);  // none when they cannot be read

    // The row of an address; null when it has no line.
    const LineRow* at(Dwarf_Addr addr) const;

 private:
    std::vector<LineRow> rows_;
};

}  // namespace pyk
