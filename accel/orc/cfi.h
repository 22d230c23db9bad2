// SPDX-License-Identifier: GPL-2.0-or-later
// ORC tables in GDB's words: an ELF file with DWARF call frame information, to be given to
// add-symbol-file. GDB then unwinds what has no CFI of its own: entry code, stack switches,
// modules.
#pragma once

#include <string>
#include <vector>

#include "orc/table.h"
#include "symbols/symbol_table.h"

namespace pyk {

// A range of addresses, end not included.
struct CodeRange {
    std::uint64_t start = 0, end = 0;
};

// The code that vmlinux has CFI for, sorted, as linked plus `offset`.
std::vector<CodeRange> cfi_coverage(const ElfFile& vmlinux, std::uint64_t offset);

// The file's bytes. Rows inside `covered` are left out, but for those which switch stacks: there a
// compiler's CFI is wrong. `symbols` become the file's symbol table; without any it has no section
// where the code is.
std::vector<std::byte> make_cfi_file(const OrcTable& table, const std::vector<CodeRange>& covered,
                                     const std::vector<NamedAddr>& symbols);

}  // namespace pyk
