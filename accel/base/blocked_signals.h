// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <csignal>

namespace pyk {

// Blocks all signals while it lives. A thread inherits what its maker blocks: signals are for GDB's
// own thread.
class BlockedSignals {
 public:
    BlockedSignals() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
    sigset_t before_;
};

}  // namespace pyk
