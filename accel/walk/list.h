// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "walk/walk.h"

namespace pyk {

// Follows list_head.next from `head` until it returns to `head`; a NULL on the way is damage. The
// head is not among the nodes. Klists and plists are such lists too.
WalkResult walk_list(const MemoryReader& memory, KernelAddr head, WalkBounds& bounds);

}  // namespace pyk
