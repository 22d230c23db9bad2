// SPDX-License-Identifier: GPL-2.0-or-later
#include "walk/walk.h"

namespace pyk {

void WalkResult::note(WalkEnd why, KernelAddr where) {
    if (end != WalkEnd::kComplete) return;
    end = why;
    stopped_at = where;
}

}  // namespace pyk
