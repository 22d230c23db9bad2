// SPDX-License-Identifier: GPL-2.0-or-later
// x86-64's registers and what its entry code pushes, for those who unwind.
#pragma once

#include "arch/architecture.h"

namespace pyk::x86 {

// Indices into RegisterSet: the order of GDB's org.gnu.gdb.i386.core and .segments features.
// clang-format off
enum Reg {
    kRax, kRbx, kRcx, kRdx, kRsi, kRdi, kRbp, kRsp,
    kR8, kR9, kR10, kR11, kR12, kR13, kR14, kR15,
    kRip, kEflags, kCs, kSs, kDs, kEs, kFs, kGs, kFsBase, kGsBase,
};

// struct pt_regs (arch/x86/include/asm/ptrace.h), a word each; the place of orig_ax is kNotARegister.
inline constexpr int kNotARegister = -1;
inline constexpr int kPtRegs[] = {
    kR15, kR14, kR13, kR12, kRbp, kRbx, kR11, kR10, kR9, kR8, kRax, kRcx, kRdx, kRsi, kRdi,
    kNotARegister, kRip, kCs, kEflags, kRsp, kSs};
// clang-format on
inline constexpr std::size_t kPtRegsIret = 16;  // from here on the processor pushed them

inline bool is_user_mode(std::uint64_t cs) {
    return (cs & 3) == 3;
}

}  // namespace pyk::x86
