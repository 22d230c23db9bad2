// SPDX-License-Identifier: GPL-2.0-or-later
// All that differs between processors. x86_64.cpp holds x86-64's share; another processor is
// another class beside it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/address.h"
#include "base/bytes.h"
#include "dump/memory_reader.h"

namespace pyk {

struct Register {
    std::string_view name;
    std::uint8_t size;  // in bytes
};

// Values of a task's registers, by index into Architecture::registers(). A register that is not
// known has no value: GDB then shows <unavailable>, never an invented zero.
struct RegisterSet {
    static constexpr std::size_t kMax = 32;
    std::array<std::optional<std::uint64_t>, kMax> values{};
};

// Where a virtual address leads to, and how much memory around it is mapped in one piece.
struct Mapping {
    PhysAddr phys;
    std::uint64_t page_size;  // 4 KiB, 2 MiB, 1 GiB: phys and the address are equal modulo it
};

enum class TranslationFault { kNotMapped, kTableUnreadable, kNotCanonical };

using Translation = std::variant<Mapping, TranslationFault>;

struct PageTables {
    PhysAddr root;  // of the top table
    int levels = 4;
    std::uint64_t encryption_mask = 0;  // address bits that mean "encrypted" (AMD SME)
};

// Reads a page table entry; nothing when its page is not in the dump.
using ReadTableEntry = std::function<std::optional<std::uint64_t>(PhysAddr)>;

class Architecture {
 public:
    virtual ~Architecture() = default;

    virtual std::string_view name() const = 0;  // "x86_64"
    virtual std::uint16_t elf_machine() const = 0;

    // The registers that can have values, in the order of target_xml(), and those behind them in it
    // which a dump never knows (floating point): their count of bytes in a `g` reply.
    virtual std::span<const Register> registers() const = 0;
    virtual std::span<const Register> unknown_registers() const = 0;
    virtual std::string target_xml() const = 0;

    // Registers of a CPU from the descriptor of its NT_PRSTATUS note; nothing if it is too short.
    virtual std::optional<RegisterSet> registers_of_note(ByteSpan prstatus) const = 0;

    // Registers of a sleeping task: what the last context switch left on its stack at
    // task_struct.thread.sp.
    virtual std::optional<RegisterSet> registers_of_sleeper(const MemoryReader& memory,
                                                            KernelAddr thread_sp) const = 0;

    virtual std::optional<std::uint64_t> program_counter(const RegisterSet& regs) const = 0;
    virtual std::optional<std::uint64_t> stack_pointer(const RegisterSet& regs) const = 0;

    virtual Translation translate(const ReadTableEntry& read_entry, const PageTables& tables,
                                  std::uint64_t addr) const = 0;

    // Where the kernel image's own mapping leads, which needs no page table; nothing outside it.
    virtual std::optional<PhysAddr> image_to_phys(std::uint64_t addr,
                                                  std::uint64_t phys_base) const = 0;
    // Names that the kernel's own top page table had, newest first.
    virtual std::span<const std::string_view> root_table_symbols() const = 0;
    // phys_base of a kernel of which `addr`, an address in its image, was found at `phys`.
    virtual std::uint64_t phys_base_of(std::uint64_t addr, PhysAddr phys) const = 0;
    // The offsets at which KASLR may have put the image: multiples of the step, below the end.
    virtual std::uint64_t kaslr_step() const = 0;
    virtual std::uint64_t kaslr_end() const = 0;

    virtual bool is_user_address(std::uint64_t addr) const = 0;
};

const Architecture& x86_64();

// By libkdumpfile's name or by e_machine; null for one that this build does not know.
const Architecture* find_architecture(std::string_view name);
const Architecture* find_architecture(std::uint16_t elf_machine);

// "x86_64", "aarch64", ... or "machine 4711": for messages.
std::string elf_machine_name(std::uint16_t elf_machine);

}  // namespace pyk
