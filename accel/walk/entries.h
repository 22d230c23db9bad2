// SPDX-License-Identifier: GPL-2.0-or-later
// Results of walks over trees whose entries have indices.
#pragma once

#include "walk/walk.h"

namespace pyk {

// What a tree holds for the indices `first` to `last`, as it lies there: a pointer (perhaps tagged)
// or a value.
struct TreeEntry {
    std::uint64_t first = 0, last = 0;
    std::uint64_t entry = 0;

    bool operator==(const TreeEntry&) const = default;
};

// A node that is damaged is left out with all below it, and the rest is walked: `end` and
// `stopped_at` tell what was met first.
struct EntryWalk {
    std::vector<TreeEntry> entries;
    WalkEnd end = WalkEnd::kComplete;
    KernelAddr stopped_at;

    void note(WalkEnd why, KernelAddr where) {
        if (end != WalkEnd::kComplete) return;
        end = why;
        stopped_at = where;
    }
};

}  // namespace pyk
