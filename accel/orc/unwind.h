// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/architecture.h"
#include "orc/table.h"

namespace pyk {

// How a frame came to be.
enum class FrameKind : std::uint8_t {
    kTop,   // where the task is: its registers, or where it was switched away from
    kCall,  // called the frame before it
    kRegs,  // was interrupted by the frame before it: an interrupt, an exception, an NMI
    kUser,  // the same, and the processor was in user mode: the end of the kernel's stack
};

struct StackFrame {
    KernelAddr ip;
    KernelAddr sp;
    FrameKind kind = FrameKind::kCall;
    KernelAddr regs;  // of kRegs and kUser: where the saved registers (struct pt_regs) lie
    bool regs_are_whole = true;  // else only what the processor pushed: ip, cs, flags, sp, ss
    bool is_reliable = true;     // else it, or a frame below it, was only guessed
    bool is_exact = false;       // ip is an instruction to run, not what a call will return to
};

enum class StackEnd : std::uint8_t { kComplete, kDamaged };

struct Stack {
    std::vector<StackFrame> frames;
    StackEnd end = StackEnd::kComplete;
    std::string reason;  // why a damaged one ends where it does
};

// Unwinds stacks of one dump by its ORC tables.
class OrcUnwinder {
 public:
    // `fork_return`: ret_from_fork_asm, where a task that never ran will begin; 0 if not known.
    explicit OrcUnwinder(KernelAddr fork_return) : fork_return_(fork_return) {}

    // Replaces the table of the same name. No unwinding may be under way.
    void add(OrcTable table);

    // From the registers that a task had. `exact`: ip is the next instruction to run, not the
    // return address of a call. Never throws: damage ends the stack with a reason.
    Stack unwind(const MemoryReader& memory, const RegisterSet& regs, bool exact) const;

    const OrcTable* table_of(KernelAddr addr) const;
    const OrcTable* table_named(std::string_view name) const;
    const std::vector<OrcTable>& tables() const { return tables_; }
    KernelAddr fork_return() const { return fork_return_; }

 private:
    std::vector<OrcTable> tables_;  // sorted by text
    KernelAddr fork_return_;
};

}  // namespace pyk
