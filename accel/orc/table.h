// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's own unwind tables (arch/x86/include/asm/orc_types.h), as they lie in the dump.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "dump/memory_reader.h"

namespace pyk {

enum class OrcType : std::uint8_t { kUndefined, kEndOfStack, kCall, kRegs, kRegsPartial };
enum class OrcReg : std::uint8_t {
    kUndefined,
    kPrevSp,
    kDx,
    kDi,
    kBp,
    kSp,
    kR10,
    kR13,
    kBpIndirect,
    kSpIndirect  // clang-format off
};  // clang-format on

struct OrcEntry {
    std::int16_t sp_offset = 0, bp_offset = 0;
    OrcReg sp_reg = OrcReg::kUndefined, bp_reg = OrcReg::kUndefined;
    OrcType type = OrcType::kUndefined;
    bool signal = false;

    bool operator==(const OrcEntry&) const = default;
};

struct BitField {
    unsigned offset = 0,
             width = 0;  // in bits from the start of struct orc_entry; width 0: no such member
};

// How this kernel packs struct orc_entry, as its debuginfo says: the type had two bits and an `end`
// flag up to 6.3, three bits since.
struct OrcFormat {
    unsigned size = 6;
    BitField sp_offset, bp_offset, sp_reg, bp_reg, type, signal, end;

    OrcEntry decode(ByteSpan entry) const;
};

// Where one table lies: the kernel's own or that of a module.
struct OrcSource {
    std::string name;         // "" for the kernel
    KernelAddr ips, entries;  // orc_unwind_ip[] and orc_unwind[]
    std::uint64_t count = 0;
    KernelAddr text, text_end;  // the code that it describes
};

// A table, sorted by address.
class OrcTable {
 public:
    // Nothing when not one entry can be read; `problem` then, or when only a part could, says why.
    static std::optional<OrcTable> read(const MemoryReader& memory, const OrcSource& source,
                                        const OrcFormat& format, std::string& problem);

    bool covers(KernelAddr addr) const { return addr >= text_ && addr < text_end_; }
    std::optional<OrcEntry> find(KernelAddr addr) const;

    const std::string& name() const { return name_; }  // "" for the kernel
    const std::vector<std::uint64_t>& ips() const { return ips_; }
    OrcEntry entry(std::size_t index) const { return entries_[index]; }
    KernelAddr text() const { return text_; }
    KernelAddr text_end() const { return text_end_; }

 private:
    std::string name_;
    KernelAddr text_, text_end_;
    std::vector<std::uint64_t> ips_;
    std::vector<OrcEntry> entries_;
};

}  // namespace pyk
