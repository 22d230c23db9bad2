// SPDX-License-Identifier: GPL-2.0-or-later
// libkdumpfile behind RAII. The only file that knows its names.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "arch/architecture.h"

struct _kdump_ctx;

namespace pyk {

enum class PageStatus : std::uint8_t { kOk, kNoData, kCut, kDamaged };

// Reads pages of one dump, for one thread at a time.
class KdumpContext {
 public:
    // Opens the files behind `fds` (several: parts of a split dump), which must outlive the
    // context. Throws OpenError.
    KdumpContext(const std::vector<int>& fds, const Architecture& arch, const std::string& name);

    // Fills `page` (a whole one) with the frame at `phys`.
    PageStatus read_page(PhysAddr phys, std::span<std::byte> page);

 private:
    struct LeaveOpen {
        void operator()(_kdump_ctx* /*ctx*/) const {}
    };
    std::unique_ptr<_kdump_ctx, LeaveOpen> ctx_;
};

// As many contexts of one dump as threads have read at the same time. Clones of one context would
// wait for each other: all they read goes through one lock of libkdumpfile.
class KdumpPool {
 public:
    // Opens the first context. Throws OpenError.
    KdumpPool(std::vector<int> fds, const Architecture& arch, std::string name);

    PageStatus read_page(PhysAddr phys, std::span<std::byte> page);

 private:
    std::unique_ptr<KdumpContext> open() const;

    const std::vector<int> fds_;
    const Architecture& arch_;
    const std::string name_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<KdumpContext>> unused_;
};

}  // namespace pyk
