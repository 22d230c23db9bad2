// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/architecture.h"

#include <elf.h>

namespace pyk {
namespace {

constexpr struct {
    std::uint16_t machine;
    std::string_view name;
} kMachineNames[] = {
    {EM_X86_64, "x86_64"}, {EM_AARCH64, "aarch64"}, {EM_386, "i386"},     {EM_ARM, "arm"},
    {EM_PPC64, "ppc64"},   {EM_S390, "s390x"},      {EM_RISCV, "riscv"},  {EM_MIPS, "mips"},
    {EM_PPC, "ppc"},       {EM_IA_64, "ia64"},      {258, "loongarch64"},
};

}  // namespace

const Architecture* find_architecture(std::string_view name) {
    return name == x86_64().name() ? &x86_64() : nullptr;
}

const Architecture* find_architecture(std::uint16_t elf_machine) {
    return elf_machine == x86_64().elf_machine() ? &x86_64() : nullptr;
}

std::string elf_machine_name(std::uint16_t elf_machine) {
    for (const auto& [machine, name] : kMachineNames) {
        if (machine == elf_machine) return std::string(name);
    }
    return "machine " + std::to_string(elf_machine);
}

}  // namespace pyk
