// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/stacks.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/blocked_signals.h"

namespace pyk {
namespace {

constexpr std::size_t kStacksAtOnce = 32;

}  // namespace

Stack unwind_one(const OrcUnwinder& unwinder, const Architecture& arch, const MemoryReader& memory,
                 const StackStart& start) {
    if (start.registers) return unwinder.unwind(memory, *start.registers, true);
    if (!start.thread_sp) {
        return {{}, StackEnd::kDamaged, "it ran on a CPU whose registers are not in the dump"};
    }
    const auto regs = arch.registers_of_sleeper(memory, start.thread_sp);
    if (regs) return unwinder.unwind(memory, *regs, false);
    return {{},
            StackEnd::kDamaged,
            "its stack cannot be read: " + memory.why_unreadable(start.thread_sp)};
}

std::vector<Stack> unwind_all(const OrcUnwinder& unwinder, const Architecture& arch,
                              const std::function<std::unique_ptr<MemoryReader>()>& new_reader,
                              const std::vector<StackStart>& starts) {
    std::vector<Stack> stacks(starts.size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&](const MemoryReader& memory) {
        for (;;) {
            const std::size_t first = next.fetch_add(kStacksAtOnce);
            if (first >= starts.size()) return;
            const std::size_t end = std::min(starts.size(), first + kStacksAtOnce);
            for (std::size_t i = first; i < end; ++i) {
                stacks[i] = unwind_one(unwinder, arch, memory, starts[i]);
            }
        }
    };
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    const std::size_t workers = std::min(cores, starts.size() / kStacksAtOnce + 1);
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 1; i < workers; ++i) {
            std::shared_ptr<MemoryReader> reader = new_reader();
            const BlockedSignals blocked;
            threads.emplace_back([&work, reader = std::move(reader)] { work(*reader); });
        }
        work(*new_reader());
    }
    return stacks;
}

}  // namespace pyk
