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

// The code that vmlinux has CFI for, sorted, as linked plus `offset`.
std::vector<AddrRange> cfi_coverage(const ElfFile& vmlinux, std::uint64_t offset);

// What a file names, beside how code is unwound.
struct NamedMemory {
    std::vector<AddrRange> memory;   // the code first; each becomes a section
    std::vector<NamedAddr> symbols;  // in that memory, by address; others are left out
};

// The file's bytes. Rows inside `covered` are left out, but for those which switch stacks: there a
// compiler's CFI is wrong. Without a table there are none, without `named` no section where the
// code is.
std::vector<std::byte> make_cfi_file(const OrcTable* table, const std::vector<AddrRange>& covered,
                                     const NamedMemory& named);

}  // namespace pyk
