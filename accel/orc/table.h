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
    kSpIndirect,
    kAx  // clang-format off
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

// How a kernel packs struct orc_entry: two offsets of 16 bits, two registers of 4, then the rest.
enum class OrcFormat : std::uint8_t {
    kEndFlag,       // up to 6.2: a type of 2 bits that begins with CALL, a flag `end`
    kSignalAndEnd,  // 6.3: `signal` came in before `end`
    kWideType,      // since 6.4: a type of 3 bits that begins with UNDEFINED, then `signal`
    kRenumbered,    // 7.x: the same with other numbers of registers, AX among them
};

inline constexpr std::size_t kOrcEntrySize = 6;

// The format in which raw entries make sense, by what they hold: nearly all are of type CALL and
// relative to SP or BP. Nothing when it is none of those known.
std::optional<OrcFormat> detect_orc_format(ByteSpan entries);
OrcEntry decode_orc(ByteSpan entry, OrcFormat format);

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
    // Without a `format` the table is asked for its own.
    static std::optional<OrcTable> read(const MemoryReader& memory, const OrcSource& source,
                                        std::optional<OrcFormat> format, std::string& problem);

    OrcFormat format() const { return format_; }

    bool covers(KernelAddr addr) const { return addr >= text_ && addr < text_end_; }
    std::optional<OrcEntry> find(KernelAddr addr) const;

    const std::string& name() const { return name_; }  // "" for the kernel
    const std::vector<std::uint64_t>& ips() const { return ips_; }
    OrcEntry entry(std::size_t index) const { return entries_[index]; }
    KernelAddr text() const { return text_; }
    KernelAddr text_end() const { return text_end_; }

 private:
    std::string name_;
    OrcFormat format_ = OrcFormat::kWideType;
    KernelAddr text_, text_end_;
    std::vector<std::uint64_t> ips_;
    std::vector<OrcEntry> entries_;
};

}  // namespace pyk
