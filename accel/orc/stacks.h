// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "orc/unwind.h"

namespace pyk {

// Where a task's stack begins: the registers of a CPU, or the frame of its last switch.
struct StackStart {
    std::optional<RegisterSet> registers;
    KernelAddr thread_sp;
};

Stack unwind_one(const OrcUnwinder& unwinder, const Architecture& arch, const MemoryReader& memory,
                 const StackStart& start);

// Many stacks on all cores, each thread with a reader of its own; in the order of `starts`.
std::vector<Stack> unwind_all(const OrcUnwinder& unwinder, const Architecture& arch,
                              const std::function<std::unique_ptr<MemoryReader>()>& new_reader,
                              const std::vector<StackStart>& starts);

}  // namespace pyk
