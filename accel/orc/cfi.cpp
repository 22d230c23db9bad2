// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/cfi.h"

#include <dwarf.h>
#include <elf.h>

#include <algorithm>
#include <span>

#include "arch/x86_64.h"

namespace pyk {
namespace {

// DWARF's numbers of x86-64 registers.
enum Dwarf : std::uint8_t {
    kRax = 0,
    kRdx = 1,
    kRbx = 3,
    kRdi = 5,
    kRbp = 6,
    kRsp = 7,
    kR10 = 10,
    kR12 = 12,
    kR13 = 13,
    kR14 = 14,
    kR15 = 15,
    kReturn = 16,
    kFlags = 49,
    kCs = 51,
    kSs = 52,  // clang-format off
};  // clang-format on

// struct pt_regs, a word each; orig_ax has no number.
constexpr int kNone = -1;
constexpr int kPtRegs[] = {15, 14, 13, 12, kRbp,  kRbx,    11,  10,     9,    8,  0,
                           2,  1,  4,  5,  kNone, kReturn, kCs, kFlags, kRsp, kSs};

constexpr std::int64_t kDataAlign = -8;
constexpr std::uint64_t kUserEnd = 1ULL << 56;
constexpr std::size_t kRowsPerFde = 32;  // GDB runs an FDE from its start

class Bytes {
 public:
    template <std::integral T>
    void put(T value) {
        const auto raw = std::as_bytes(std::span(&value, 1));
        bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    }
    void op(unsigned value) { put(static_cast<std::uint8_t>(value)); }
    void uleb(std::uint64_t value) {
        do {
            const unsigned low = value & 0x7f;
            value >>= 7;
            op(low | (value != 0 ? 0x80 : 0));
        } while (value != 0);
    }
    void sleb(std::int64_t value) {
        for (;;) {
            const auto low = static_cast<unsigned>(value & 0x7f);
            value = (value - static_cast<std::int64_t>(low)) / 128;  // exact: an arithmetic shift
            const bool last = (value == 0 && !(low & 0x40)) || (value == -1 && (low & 0x40));
            op(low | (last ? 0 : 0x80));
            if (last) return;
        }
    }
    void text(std::string_view text) {
        append(as_bytes(text));
        op(0);
    }
    void append(ByteSpan raw) { bytes_.insert(bytes_.end(), raw.begin(), raw.end()); }
    void block(const Bytes& inner) {
        uleb(inner.size());
        append(inner.bytes_);
    }
    // DW_CFA_nop, 0, is what pads.
    void pad(std::size_t alignment) {
        bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    }
    std::size_t size() const { return bytes_.size(); }
    const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
    std::vector<std::byte> bytes_;
};

// GDB takes what an FDE is from its CIE.
enum class Kind : std::uint8_t { kCall, kSwitch, kRegs, kEnd };

bool switches_stack(const OrcEntry& entry) {
    return entry.type == OrcType::kCall && entry.sp_reg != OrcReg::kSp &&
           entry.sp_reg != OrcReg::kBp;
}

Kind kind_of(const OrcEntry& entry) {
    switch (entry.type) {
        case OrcType::kCall:
            return switches_stack(entry) ? Kind::kSwitch : Kind::kCall;
        case OrcType::kRegs:
        case OrcType::kRegsPartial:
            return Kind::kRegs;
        default:
            return Kind::kEnd;
    }
}

void rule_at_cfa(Bytes& out, int reg, std::int64_t offset) {
    out.op(DW_CFA_offset_extended_sf);
    out.uleb(static_cast<std::uint64_t>(reg));
    out.sleb(offset / kDataAlign);
}

void rule(Bytes& out, unsigned how, int reg) {
    out.op(how);
    out.uleb(static_cast<std::uint64_t>(reg));
}

void cfa_by_register(Bytes& out, int reg, std::int64_t offset) {
    rule(out, DW_CFA_def_cfa_sf, reg);
    out.sleb(offset / kDataAlign);
}

// The word at reg + before, plus after.
void cfa_indirect(Bytes& out, int reg, std::int64_t before, std::int64_t after) {
    Bytes expression;
    expression.op(DW_OP_breg0 + static_cast<unsigned>(reg));
    expression.sleb(before);
    expression.op(DW_OP_deref);
    expression.op(DW_OP_consts);
    expression.sleb(after);
    expression.op(DW_OP_plus);
    out.op(DW_CFA_def_cfa_expression);
    out.block(expression);
}

void put_cfa(Bytes& out, const OrcEntry& entry) {
    switch (entry.sp_reg) {
        case OrcReg::kBp:
            return cfa_by_register(out, kRbp, entry.sp_offset);
        case OrcReg::kSpIndirect:
            // See OrcUnwinder.
            return entry.type == OrcType::kCall ? cfa_indirect(out, kRsp, 0, entry.sp_offset)
                                                : cfa_indirect(out, kRsp, entry.sp_offset, 0);
        case OrcReg::kBpIndirect:
            return cfa_indirect(out, kRbp, entry.sp_offset, 0);
        case OrcReg::kR10:
            return cfa_by_register(out, kR10, 0);
        case OrcReg::kR13:
            return cfa_by_register(out, kR13, 0);
        case OrcReg::kDi:
            return cfa_by_register(out, kRdi, 0);
        case OrcReg::kDx:
            return cfa_by_register(out, kRdx, 0);
        case OrcReg::kAx:
            return cfa_by_register(out, kRax, 0);
        default:
            return cfa_by_register(out, kRsp, entry.sp_offset);
    }
}

void put_bp(Bytes& out, const OrcEntry& entry) {
    if (entry.bp_reg == OrcReg::kPrevSp) return rule_at_cfa(out, kRbp, entry.bp_offset);
    if (entry.bp_reg != OrcReg::kBp) return rule(out, DW_CFA_same_value, kRbp);
    Bytes expression;
    expression.op(DW_OP_breg0 + unsigned{kRbp});
    expression.sleb(entry.bp_offset);
    rule(out, DW_CFA_expression, kRbp);
    out.block(expression);
}

// CFA is where the saved registers begin.
void put_saved_registers(Bytes& out, const OrcEntry& entry) {
    const std::size_t first = entry.type == OrcType::kRegs ? 0 : x86::kPtRegsIret;
    for (std::size_t i = first; i < std::size(kPtRegs); ++i) {
        if (kPtRegs[i] != kNone)
            rule_at_cfa(out, kPtRegs[i], static_cast<std::int64_t>(i - first) * 8);
    }
}

void put_row(Bytes& out, const OrcEntry& entry) {
    const Kind kind = kind_of(entry);
    if (kind == Kind::kEnd) return;
    put_cfa(out, entry);
    if (entry.type != OrcType::kRegs) put_bp(out, entry);
    if (kind == Kind::kRegs) put_saved_registers(out, entry);
}

// Registers that ORC does not track are unknown: an honest <optimized out>.
void put_unknown(Bytes& out) {
    for (const int reg : {kRbx, kR12, kR13, kR14, kR15}) rule(out, DW_CFA_undefined, reg);
}

std::size_t put_cie(Bytes& frame, Kind kind) {
    Bytes body;
    body.put(std::uint32_t{0xffffffff});
    body.op(1);  // version
    // A signal frame: its pc is no return address, and it may lead to another stack.
    body.text(kind == Kind::kRegs || kind == Kind::kSwitch ? "S" : "");
    body.uleb(1);
    body.sleb(kDataAlign);
    body.op(kReturn);
    cfa_by_register(body, kRsp, 8);
    if (kind == Kind::kEnd) rule(body, DW_CFA_undefined, kReturn);
    if (kind == Kind::kCall || kind == Kind::kSwitch) rule_at_cfa(body, kReturn, -8);
    if (kind != Kind::kEnd) put_unknown(body);
    const std::size_t at = frame.size();
    body.put(std::uint8_t{0});
    while ((body.size() + 4) % 8 != 0) body.op(DW_CFA_nop);
    frame.put(static_cast<std::uint32_t>(body.size()));
    frame.append(body.bytes());
    return at;
}

struct Row {
    std::uint64_t start, end;
    OrcEntry entry;
};

void put_fde(Bytes& frame, std::size_t cie, std::span<const Row> rows) {
    Bytes body;
    body.put(static_cast<std::uint32_t>(cie));
    body.put(rows.front().start);
    body.put(rows.back().end - rows.front().start);
    for (const Row& row : rows) {
        if (row.start != rows.front().start) {
            body.op(DW_CFA_advance_loc4);
            body.put(static_cast<std::uint32_t>(row.start - (&row - 1)->start));
        }
        put_row(body, row.entry);
    }
    while ((body.size() + 4) % 8 != 0) body.op(DW_CFA_nop);
    frame.put(static_cast<std::uint32_t>(body.size()));
    frame.append(body.bytes());
}

// The parts of [start, end) outside `covered`.
void add_uncovered(std::vector<Row>& rows, const std::vector<AddrRange>& covered, Row row) {
    auto next = std::ranges::upper_bound(covered, row.start, {}, &AddrRange::end);
    for (; next != covered.end() && next->start < row.end; ++next) {
        if (next->start > row.start) rows.push_back({row.start, next->start, row.entry});
        row.start = std::max(row.start, next->end);
        if (row.start >= row.end) return;
    }
    rows.push_back(row);
}

std::vector<Row> rows_of(const OrcTable& table, const std::vector<AddrRange>& covered) {
    std::vector<Row> rows;
    // Above user mode there is nothing. GDB passes over what begins at 0.
    if (table.name().empty()) rows.push_back({1, kUserEnd, {}});
    const auto& ips = table.ips();
    for (std::size_t i = 0; i < ips.size(); ++i) {
        const std::uint64_t start = std::max(ips[i], table.text().value);
        const std::uint64_t end = std::min(i + 1 < ips.size() ? ips[i + 1] : table.text_end().value,
                                           table.text_end().value);
        if (start >= end) continue;
        const Row row{start, end, table.entry(i)};
        if (switches_stack(row.entry)) {
            rows.push_back(row);
        } else {
            add_uncovered(rows, covered, row);
        }
    }
    return rows;
}

Bytes make_debug_frame(const std::vector<Row>& rows) {
    Bytes frame;
    std::size_t cies[4];
    for (int kind = 0; kind < 4; ++kind) cies[kind] = put_cie(frame, static_cast<Kind>(kind));
    for (std::size_t first = 0; first < rows.size();) {
        const Kind kind = kind_of(rows[first].entry);
        std::size_t end = first + 1;
        while (end < rows.size() && end - first < kRowsPerFde && kind_of(rows[end].entry) == kind &&
               rows[end].start == rows[end - 1].end) {
            ++end;
        }
        put_fde(frame, cies[static_cast<int>(kind)], std::span(rows).subspan(first, end - first));
        first = end;
    }
    return frame;
}

constexpr std::uint64_t kNowhere = 0xfffffffffffff000;  // the last page is never mapped

// The sections of the file, in this order; behind them those that stand for memory.
enum Section : std::uint16_t { kNull, kDebugFrame, kSymtab, kStrtab, kShstrtab, kMemory };

class ElfWriter {
 public:
    std::vector<std::byte> write(const Bytes& frame, const NamedMemory& named) {
        out_.append(std::as_bytes(std::span(&header_, 1)));  // filled in at the end
        add(kDebugFrame, ".debug_frame", SHT_PROGBITS, frame);
        add_memory(named.memory);
        add_symbols(named);
        section(kShstrtab, ".shstrtab", SHT_STRTAB);
        place(kShstrtab, names_);
        return finish();
    }

 private:
    Elf64_Shdr& section(std::uint16_t index, std::string_view name, std::uint32_t type) {
        if (index >= sections_.size()) sections_.resize(index + std::size_t{1});
        Elf64_Shdr& header = sections_[index];
        header.sh_name = static_cast<std::uint32_t>(names_.size());
        header.sh_type = type;
        header.sh_addralign = 1;
        names_.text(name);
        return header;
    }
    void place(Section index, const Bytes& content) {
        out_.pad(8);
        sections_[index].sh_offset = out_.size();
        sections_[index].sh_size = content.size();
        out_.append(content.bytes());
    }
    void add(Section index, std::string_view name, std::uint32_t type, const Bytes& content) {
        section(index, name, type);
        place(index, content);
    }

    void add_memory(std::vector<AddrRange> memory) {
        // Without names this goes beside a file (vmlinux, a module's debug info) that has a section
        // of its own there, and GDB takes one address for one section only.
        if (memory.empty()) memory = {{kNowhere, kNowhere + 1}};
        for (const AddrRange& range : memory) {
            const bool code = sections_.size() == kMemory;
            Elf64_Shdr& header = section(static_cast<std::uint16_t>(sections_.size()),
                                         code ? ".text" : ".data", SHT_NOBITS);
            header.sh_flags = SHF_ALLOC | (code ? SHF_EXECINSTR : SHF_WRITE);
            header.sh_addr = range.start;
            header.sh_size = range.end - range.start;
        }
    }

    // GDB names no address that is outside all sections.
    std::optional<std::uint16_t> section_of(std::uint64_t addr) const {
        for (std::size_t i = kMemory; i < sections_.size(); ++i) {
            if (addr - sections_[i].sh_addr < sections_[i].sh_size)
                return static_cast<std::uint16_t>(i);
        }
        return std::nullopt;
    }

    // Up to the next symbol, as kallsyms has it: GDB passes over data without a size.
    static std::uint64_t end_of(const std::vector<NamedAddr>& symbols, std::size_t at,
                                const Elf64_Shdr& section) {
        const KernelAddr start = symbols[at].addr;
        while (++at < symbols.size() && symbols[at].addr == start) {
        }
        const std::uint64_t end = section.sh_addr + section.sh_size;
        const std::uint64_t next = at < symbols.size() ? symbols[at].addr.value : end;
        return next > start.value && next < end ? next : end;
    }

    void add_symbols(const NamedMemory& named) {
        Bytes table, strings;
        strings.op(0);
        const Elf64_Sym null{};
        table.append(std::as_bytes(std::span(&null, 1)));
        for (std::size_t i = 0; i < named.symbols.size(); ++i) {
            const NamedAddr& each = named.symbols[i];
            const auto where = section_of(each.addr.value);
            if (!where) continue;
            Elf64_Sym symbol{};
            symbol.st_name = static_cast<std::uint32_t>(strings.size());
            symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, *where == kMemory ? STT_FUNC : STT_OBJECT);
            symbol.st_shndx = *where;
            symbol.st_value = each.addr.value;
            symbol.st_size = end_of(named.symbols, i, sections_[*where]) - each.addr.value;
            table.append(std::as_bytes(std::span(&symbol, 1)));
            strings.text(each.name);
        }
        add(kSymtab, ".symtab", SHT_SYMTAB, table);
        sections_[kSymtab].sh_link = kStrtab;
        sections_[kSymtab].sh_info = 1;
        sections_[kSymtab].sh_entsize = sizeof(Elf64_Sym);
        add(kStrtab, ".strtab", SHT_STRTAB, strings);
    }

    std::vector<std::byte> finish() {
        out_.pad(8);
        std::memcpy(header_.e_ident, ELFMAG, SELFMAG);
        header_.e_ident[EI_CLASS] = ELFCLASS64;
        header_.e_ident[EI_DATA] = ELFDATA2LSB;
        header_.e_ident[EI_VERSION] = EV_CURRENT;
        header_.e_type = ET_EXEC;
        header_.e_machine = EM_X86_64;
        header_.e_version = EV_CURRENT;
        header_.e_shoff = out_.size();
        header_.e_ehsize = sizeof(Elf64_Ehdr);
        header_.e_shentsize = sizeof(Elf64_Shdr);
        header_.e_shnum = static_cast<std::uint16_t>(sections_.size());
        header_.e_shstrndx = kShstrtab;
        out_.append(std::as_bytes(std::span(sections_)));
        std::vector<std::byte> file = out_.bytes();
        std::memcpy(file.data(), &header_, sizeof header_);
        return file;
    }

    Elf64_Ehdr header_{};
    std::vector<Elf64_Shdr> sections_{kMemory};
    Bytes out_, names_ = [] {
        Bytes empty;
        empty.op(0);
        return empty;
    }();
};

}  // namespace

std::vector<AddrRange> cfi_coverage(const ElfFile& vmlinux, std::uint64_t offset) {
    std::vector<AddrRange> ranges;
    const std::vector<std::byte> frame = vmlinux.section(".debug_frame");
    for (std::size_t at = 0;;) {
        const auto length = load<std::uint32_t>(frame, at);
        const auto cie = load<std::uint32_t>(frame, at + 4);
        if (!cie || *length == 0xffffffff || *length < 4) break;  // the 64-bit format is never used
        const auto start = load<std::uint64_t>(frame, at + 8);
        const auto size = load<std::uint64_t>(frame, at + 16);
        if (*cie != 0xffffffff && size && *length >= 20) {
            ranges.push_back({*start + offset, *start + offset + *size});
        }
        at += 4 + std::size_t{*length};
    }
    std::ranges::sort(ranges, {}, &AddrRange::start);
    return ranges;
}

std::vector<std::byte> make_cfi_file(const OrcTable* table, const std::vector<AddrRange>& covered,
                                     const NamedMemory& named) {
    const auto rows = table == nullptr ? std::vector<Row>{} : rows_of(*table, covered);
    return ElfWriter().write(make_debug_frame(rows), named);
}

}  // namespace pyk
