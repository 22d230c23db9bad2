// SPDX-License-Identifier: GPL-2.0-or-later
// The tasks that GDB sees as threads.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "arch/architecture.h"
#include "base/address.h"

namespace pyk {

struct Thread {
    int tid = 0;                           // pid, or kIdleTid + cpu for the idle task of a CPU
    int cpu = 0;                           // the CPU it runs on or ran on last
    std::string name;                      // task_struct.comm, bytes as they are
    std::string extra;                     // what `info threads` shows in parentheses, UTF-8
    KernelAddr thread_sp;                  // task_struct.thread.sp of a task that sleeps, else 0
    std::optional<RegisterSet> registers;  // of a task that ran on a CPU
    KernelAddr pgd;                        // mm_struct.pgd; 0 for kernel threads
};

inline constexpr int kIdleTid = 0x40000000;

// Shared by the server thread and the commands that add to it, hence the lock.
class ThreadTable {
 public:
    // Threads whose tid is not positive or is there already are left out; returns how many came in.
    std::size_t add(std::vector<Thread> threads);

    bool contains(int tid) const;
    std::optional<Thread> find(int tid) const;
    std::vector<Thread> all() const;  // in the order in which they were added
    std::size_t size() const;         // threads never leave, so it tells whether there are new ones

    // The thread GDB stops in first, if its program counter is known; the first one when `tid` is
    // not in the table.
    void set_selected(int tid);
    int selected() const;  // 0 when there are no threads

 private:
    mutable std::mutex mutex_;
    std::vector<Thread> threads_;
    std::unordered_map<int, std::size_t> index_by_tid_;
    int selected_ = 0;
};

}  // namespace pyk
