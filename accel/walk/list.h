// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <vector>

#include "base/address.h"
#include "dump/memory_reader.h"

namespace pyk {

// How a walk ended. Only kComplete means that the kernel's structure was whole.
enum class WalkEnd { kComplete, kLimit, kCycle, kUnreadable };

struct WalkResult {
    std::vector<KernelAddr> nodes;
    WalkEnd end = WalkEnd::kComplete;
    KernelAddr stopped_at;  // the node that could not be followed or would repeat
};

// Follows list_head.next from `head` until it returns to `head`. Never throws on a broken list: the
// nodes before the damage are what the analyst came for, so they come back with the reason to stop.
WalkResult walk_list(const MemoryReader& memory, KernelAddr head, std::size_t limit);

}  // namespace pyk
