// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/x86_64.h"

#include <elf.h>

#include <algorithm>

namespace pyk {
namespace {

using namespace x86;

// Order and sizes as in x86::Reg.
constexpr Register kRegisters[] = {
    {"rax", 8}, {"rbx", 8}, {"rcx", 8}, {"rdx", 8},     {"rsi", 8},    {"rdi", 8}, {"rbp", 8},
    {"rsp", 8}, {"r8", 8},  {"r9", 8},  {"r10", 8},     {"r11", 8},    {"r12", 8}, {"r13", 8},
    {"r14", 8}, {"r15", 8}, {"rip", 8}, {"eflags", 4},  {"cs", 4},     {"ss", 4},  {"ds", 4},
    {"es", 4},  {"fs", 4},  {"gs", 4},  {"fs_base", 8}, {"gs_base", 8}};

constexpr Register kFloatingPoint[] = {{"st0", 10},  {"st1", 10},  {"st2", 10},  {"st3", 10},
                                       {"st4", 10},  {"st5", 10},  {"st6", 10},  {"st7", 10},
                                       {"fctrl", 4}, {"fstat", 4}, {"ftag", 4},  {"fiseg", 4},
                                       {"fioff", 4}, {"foseg", 4}, {"fooff", 4}, {"fop", 4}};

// struct elf_prstatus: pr_reg, and in it user_regs_struct (arch/x86/include/asm/user_64.h).
constexpr std::size_t kPrstatusRegs = 112;
constexpr Reg kUserRegs[] = {kR15, kR14, kR13, kR12, kRbp, kRbx, kR11, kR10,
                             kR9,  kR8,  kRax, kRcx, kRdx, kRsi, kRdi};
constexpr struct {
    std::size_t index;
    Reg reg;
} kUserRegsTail[] = {{16, kRip},    {17, kCs}, {18, kEflags}, {19, kRsp}, {20, kSs}, {21, kFsBase},
                     {22, kGsBase}, {23, kDs}, {24, kEs},     {25, kFs},  {26, kGs}};
constexpr std::size_t kUserRegsCount = 27;

// struct inactive_task_frame (arch/x86/include/asm/switch_to.h), then the stack that goes on.
constexpr Reg kSwitchFrame[] = {kR15, kR14, kR13, kR12, kRbx, kRbp, kRip};

constexpr std::uint64_t kImageMap = 0xffffffff80000000;  // __START_KERNEL_map
constexpr std::uint64_t kImageMapSize = 1ULL << 30;      // KERNEL_IMAGE_SIZE with KASLR

constexpr std::string_view kRootTables[] = {"init_top_pgt", "swapper_pg_dir", "init_level4_pgt"};

constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kProtNone = 1ULL << 8;  // a page that is there but not accessible
constexpr std::uint64_t kLarge = 1ULL << 7;
constexpr std::uint64_t kFrameMask = 0x000ffffffffff000;

class X86_64 final : public Architecture {
 public:
    std::string_view name() const override { return "x86_64"; }
    std::uint16_t elf_machine() const override { return EM_X86_64; }
    std::span<const Register> registers() const override { return kRegisters; }
    std::span<const Register> unknown_registers() const override { return kFloatingPoint; }
    std::string target_xml() const override;
    std::optional<RegisterSet> registers_of_note(ByteSpan prstatus) const override;
    std::optional<RegisterSet> registers_of_sleeper(const MemoryReader& memory,
                                                    KernelAddr thread_sp) const override;
    std::optional<std::uint64_t> program_counter(const RegisterSet& regs) const override {
        return regs.values[kRip];
    }
    std::optional<std::uint64_t> stack_pointer(const RegisterSet& regs) const override {
        return regs.values[kRsp];
    }
    Translation translate(const ReadTableEntry& read_entry, const PageTables& tables,
                          std::uint64_t addr) const override;
    std::optional<PhysAddr> image_to_phys(std::uint64_t addr,
                                          std::uint64_t phys_base) const override;
    std::span<const std::string_view> root_table_symbols() const override { return kRootTables; }
    std::uint64_t phys_base_of(std::uint64_t addr, PhysAddr phys) const override {
        return phys.value - (addr - kImageMap);
    }
    std::uint64_t kaslr_step() const override { return 2ULL << 20; }
    std::uint64_t kaslr_end() const override { return kImageMapSize; }
    bool is_user_address(std::uint64_t addr) const override { return addr >> 63 == 0; }
};

std::string xml_register(const Register& reg, std::string_view type, std::size_t number) {
    return "<reg name=\"" + std::string(reg.name) + "\" bitsize=\"" + std::to_string(reg.size * 8) +
           "\" type=\"" + std::string(type) + "\" regnum=\"" + std::to_string(number) + "\"/>";
}

std::string_view xml_type(std::size_t index) {
    switch (index) {
        case kRbp:
        case kRsp:
            return "data_ptr";
        case kRip:
            return "code_ptr";
        default:
            return kRegisters[index].size == 8 ? "int64" : "int32";
    }
}

// fs_base and gs_base stand in a feature of their own, so every register carries its number.
std::string X86_64::target_xml() const {
    const std::size_t known = std::size(kRegisters);
    std::string core, segments;
    for (std::size_t i = 0; i < known; ++i) {
        (i < kFsBase ? core : segments) += xml_register(kRegisters[i], xml_type(i), i);
    }
    for (std::size_t i = 0; i < std::size(kFloatingPoint); ++i) {
        const Register& reg = kFloatingPoint[i];
        core += xml_register(reg, reg.size == 10 ? "i387_ext" : "int", known + i);
    }
    return "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
           "<architecture>i386:x86-64</architecture><osabi>none</osabi>"
           "<feature name=\"org.gnu.gdb.i386.core\">" +
           core + "</feature><feature name=\"org.gnu.gdb.i386.segments\">" + segments +
           "</feature></target>";
}

std::optional<RegisterSet> X86_64::registers_of_note(ByteSpan prstatus) const {
    if (prstatus.size() < kPrstatusRegs + kUserRegsCount * 8) return std::nullopt;
    RegisterSet regs;
    const auto value = [&](std::size_t index) {
        return load<std::uint64_t>(prstatus, kPrstatusRegs + index * 8);
    };
    for (std::size_t i = 0; i < std::size(kUserRegs); ++i) regs.values[kUserRegs[i]] = value(i);
    for (const auto& [index, reg] : kUserRegsTail) regs.values[reg] = value(index);
    return regs;
}

std::optional<RegisterSet> X86_64::registers_of_sleeper(const MemoryReader& memory,
                                                        KernelAddr thread_sp) const {
    std::byte frame[sizeof(std::uint64_t) * std::size(kSwitchFrame)];
    if (!memory.read_exactly(thread_sp, frame)) return std::nullopt;
    RegisterSet regs;
    for (std::size_t i = 0; i < std::size(kSwitchFrame); ++i) {
        regs.values[kSwitchFrame[i]] = load<std::uint64_t>(frame, i * 8);
    }
    regs.values[kRsp] = thread_sp.value + sizeof frame;
    return regs;
}

bool is_canonical(std::uint64_t addr, int levels) {
    const int unused = levels == 5 ? 7 : 16;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(addr << unused) >> unused) == addr;
}

Translation X86_64::translate(const ReadTableEntry& read_entry, const PageTables& tables,
                              std::uint64_t addr) const {
    if (!is_canonical(addr, tables.levels)) return TranslationFault::kNotCanonical;
    PhysAddr table = tables.root;
    for (int level = tables.levels; level >= 1; --level) {
        const int shift = 12 + 9 * (level - 1);
        const std::uint64_t index = (addr >> shift) & 511;
        const auto entry = read_entry(table + index * 8);
        if (!entry) return TranslationFault::kTableUnreadable;
        const bool large = level <= 3 && level > 1 && (*entry & kLarge);
        const bool leaf = level == 1 || large;
        if (!(*entry & (leaf ? kPresent | kProtNone : kPresent))) {
            return TranslationFault::kNotMapped;
        }
        // The kernel inverts the frame of entries that are not present (L1TF).
        const std::uint64_t bits = *entry & kPresent ? *entry : ~*entry;
        const std::uint64_t frame = bits & kFrameMask & ~tables.encryption_mask;
        if (leaf) {
            const std::uint64_t size = 1ULL << shift;
            return Mapping{{(frame & ~(size - 1)) | (addr & (size - 1))}, size};
        }
        table = {frame};
    }
    return TranslationFault::kNotMapped;
}

std::optional<PhysAddr> X86_64::image_to_phys(std::uint64_t addr, std::uint64_t phys_base) const {
    if (addr < kImageMap || addr - kImageMap >= kImageMapSize) return std::nullopt;
    return PhysAddr{addr - kImageMap + phys_base};
}

}  // namespace

const Architecture& x86_64() {
    static const X86_64 arch;
    return arch;
}

}  // namespace pyk
