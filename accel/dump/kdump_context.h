// SPDX-License-Identifier: GPL-2.0-or-later
// libkdumpfile behind RAII. The only file that knows its names.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arch/architecture.h"

struct _kdump_ctx;

namespace pyk {

enum class PageStatus : std::uint8_t { kOk, kNoData, kCut, kDamaged };

// Reads pages of one dump. Serves one thread at a time: clone() for each further one.
class KdumpContext {
 public:
    // Opens the files behind `fds` (several: parts of a split dump), which must outlive all clones.
    // Throws OpenError.
    static KdumpContext open(const std::vector<int>& fds, const Architecture& arch,
                             const std::string& name);
    KdumpContext clone() const;

    // Fills `page` (a whole one) with the frame at `phys`.
    PageStatus read_page(PhysAddr phys, std::span<std::byte> page);

 private:
    struct Free {
        Free() : is_clone(false) {}
        bool is_clone;
        void operator()(_kdump_ctx* ctx) const;
    };
    std::unique_ptr<_kdump_ctx, Free> ctx_;
};

}  // namespace pyk
