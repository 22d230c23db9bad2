// SPDX-License-Identifier: GPL-2.0-or-later
// What GDB reads in our CFI leads where the unwinder leads: each row, read by elfutils.
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gtest/gtest.h>
#include <libelf.h>

#include <map>

#include "arch/x86_64.h"
#include "orc/cfi.h"
#include "planted_orc.h"

namespace pyk {
namespace {

using namespace planted;

constexpr int kDwarfBp = 6, kDwarfSp = 7, kDwarfR10 = 10, kDwarfIp = 16;

struct Machine {
    const FakeMemory& memory;
    std::map<std::uint64_t, std::uint64_t> regs;  // by DWARF's number
    std::uint64_t cfa = 0;

    std::uint64_t word(std::uint64_t addr) const {
        return memory.read<std::uint64_t>({addr}).value_or(0);
    }

    // A location expression, of the few operations that call frame information needs.
    std::uint64_t run(const Dwarf_Op* ops, std::size_t count) const {
        std::vector<std::uint64_t> stack;
        const auto pop = [&] {
            const std::uint64_t top = stack.back();
            stack.pop_back();
            return top;
        };
        for (const Dwarf_Op& op : std::span(ops, count)) {
            if (op.atom >= DW_OP_breg0 && op.atom <= DW_OP_breg31) {
                stack.push_back(regs.at(op.atom - DW_OP_breg0) + op.number);
            } else if (op.atom == DW_OP_bregx) {
                stack.push_back(regs.at(op.number) + op.number2);
            } else if (op.atom == DW_OP_call_frame_cfa) {
                stack.push_back(cfa);
            } else if (op.atom == DW_OP_plus_uconst) {
                stack.push_back(pop() + op.number);
            } else if (op.atom == DW_OP_consts) {
                stack.push_back(op.number);
            } else if (op.atom == DW_OP_plus) {
                stack.push_back(pop() + pop());
            } else if (op.atom == DW_OP_deref) {
                stack.push_back(word(pop()));
            } else {
                ADD_FAILURE() << "operation " << int{op.atom};
            }
        }
        return stack.back();
    }
};

// The frame above by DWARF: ip and sp; nothing where there is none.
class DwarfStep {
 public:
    explicit DwarfStep(std::vector<std::byte> file)
        : file_(std::move(file)),
          elf_(elf_memory(reinterpret_cast<char*>(file_.data()), file_.size())),
          dwarf_(dwarf_begin_elf(elf_, DWARF_C_READ, nullptr)) {}
    ~DwarfStep() {
        dwarf_end(dwarf_);
        elf_end(elf_);
    }
    DwarfStep(const DwarfStep&) = delete;
    DwarfStep& operator=(const DwarfStep&) = delete;

    std::optional<std::pair<std::uint64_t, std::uint64_t>> up(Machine machine) const {
        Dwarf_CFI* cfi = dwarf_getcfi(dwarf_);
        Dwarf_Frame* frame = nullptr;
        if (dwarf_cfi_addrframe(cfi, machine.regs[kDwarfIp], &frame) != 0) return std::nullopt;
        Dwarf_Op* ops;
        std::size_t count;
        EXPECT_EQ(dwarf_frame_cfa(frame, &ops, &count), 0);
        machine.cfa = machine.run(ops, count);
        const auto ip = value_of(frame, kDwarfIp, machine);
        const auto sp = value_of(frame, kDwarfSp, machine);
        std::free(frame);
        if (!ip) return std::nullopt;
        return std::pair(*ip, sp.value_or(machine.cfa));
    }

 private:
    static std::optional<std::uint64_t> value_of(Dwarf_Frame* frame, int reg,
                                                 const Machine& machine) {
        Dwarf_Op room[3];
        Dwarf_Op* ops;
        std::size_t count;
        EXPECT_EQ(dwarf_frame_register(frame, reg, room, &ops, &count), 0);
        if (count == 0) return std::nullopt;
        if (ops[count - 1].atom == DW_OP_stack_value) return machine.run(ops, count - 1);
        return machine.word(machine.run(ops, count));
    }

    std::vector<std::byte> file_;
    Elf* elf_;
    Dwarf* dwarf_;
};

TEST(Cfi, RowsLeadWhereTheUnwinderLeads) {
    elf_version(EV_CURRENT);
    FakeMemory memory;
    auto rows = kernel_rows();
    rows.push_back({kText + 0x800, 0, 0, kR10, kNoReg, kCall});
    rows.push_back({kText + 0x900, 40, 0, kSp, kNoReg, kCall});
    std::string problem;
    auto table = OrcTable::read(memory, plant(memory, rows), OrcFormat::kWideType, problem);
    ASSERT_TRUE(table);
    const DwarfStep dwarf(
        make_cfi_file(&*table, {}, {{{kText, kText + kTextSize}}, {{"first", {kLeaf}}}}));
    // Words of the stack: where code can return to, and (at indirect places) another stack.
    for (std::uint64_t at = 0; at < 0x200; at += 8) {
        memory.plant_pointer(kStack + at, kMiddle + 0x10);
        memory.plant_pointer(kIrqStack + at, kStack + 0x40);
    }
    OrcUnwinder unwinder({});
    unwinder.add(std::move(*table));
    for (const Raw& row : rows) {
        const std::uint64_t sp = row.sp_reg == kIndirectSp ? kIrqStack : kStack;
        RegisterSet regs;
        regs.values[x86::kRip] = row.ip + 1;
        regs.values[x86::kRsp] = sp;
        regs.values[x86::kRbp] = kStack + 0x20;
        regs.values[x86::kR10] = kStack + 0x30;
        const Stack stack = unwinder.unwind(memory, regs, true);
        const auto above = dwarf.up({memory,
                                     {{kDwarfIp, row.ip + 1},
                                      {kDwarfSp, sp},
                                      {kDwarfBp, kStack + 0x20},
                                      {kDwarfR10, kStack + 0x30}}});
        ASSERT_EQ(stack.frames.size() > 1, above.has_value()) << std::hex << row.ip;
        if (!above) continue;
        EXPECT_EQ(stack.frames[1].ip.value, above->first) << std::hex << row.ip;
        EXPECT_EQ(stack.frames[1].sp.value, above->second) << std::hex << row.ip;
    }
}

TEST(Cfi, NamesLieInSectionsForTheirMemoryAndReachTheNext) {
    elf_version(EV_CURRENT);
    const std::uint64_t data = kText + 0x1'0000;
    const auto file = make_cfi_file(nullptr, {},
                                    {{{kText, kText + 0x1000}, {data, data + 0x100}},
                                     {{"code", {kText + 0x10}},
                                      {"alias", {kText + 0x10}},
                                      {"next", {kText + 0x30}},
                                      {"between", {kText + 0x1000}},
                                      {"variable", {data + 0x40}}}});
    const auto* header = reinterpret_cast<const Elf64_Ehdr*>(file.data());
    const auto* sections = reinterpret_cast<const Elf64_Shdr*>(file.data() + header->e_shoff);
    std::map<std::string, std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>> found;
    for (const Elf64_Shdr& table : std::span(sections, header->e_shnum)) {
        if (table.sh_type != SHT_SYMTAB) continue;
        const char* names =
            reinterpret_cast<const char*>(file.data() + sections[table.sh_link].sh_offset);
        const auto* symbols = reinterpret_cast<const Elf64_Sym*>(file.data() + table.sh_offset);
        for (const Elf64_Sym& each : std::span(symbols, table.sh_size / sizeof(Elf64_Sym))) {
            if (each.st_name == 0) continue;
            found[names + each.st_name] = {each.st_value, each.st_size,
                                           sections[each.st_shndx].sh_addr};
        }
    }
    EXPECT_EQ(found.size(), 4u);
    EXPECT_EQ(found["code"], std::tuple(kText + 0x10, 0x20, kText));
    EXPECT_EQ(found["alias"], std::tuple(kText + 0x10, 0x20, kText));
    EXPECT_EQ(found["next"], std::tuple(kText + 0x30, 0xfd0, kText));
    EXPECT_EQ(found["variable"], std::tuple(data + 0x40, 0xc0, data));
}

TEST(Cfi, CodeThatTheCompilerDescribedIsLeftToItButForStackSwitches) {
    elf_version(EV_CURRENT);
    FakeMemory memory;
    std::string problem;
    auto table =
        OrcTable::read(memory, plant(memory, kernel_rows()), OrcFormat::kWideType, problem);
    ASSERT_TRUE(table);
    const DwarfStep dwarf(make_cfi_file(&*table, {{kText, kText + 0x600}}, {}));
    memory.plant_pointer(kStack, kMiddle + 1);
    memory.plant_pointer(kIrqStack, kStack);
    memory.plant_pointer(kStack + 8, kMiddle + 1);
    const auto up = [&](std::uint64_t ip, std::uint64_t sp) {
        return dwarf.up({memory, {{kDwarfIp, ip}, {kDwarfSp, sp}, {kDwarfBp, kStack}}});
    };
    EXPECT_FALSE(up(kLeaf, kStack));
    EXPECT_TRUE(up(kSwitch, kIrqStack));
}

}  // namespace
}  // namespace pyk
