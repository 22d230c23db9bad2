// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <vector>

#include "orc/unwind.h"

namespace pyk {

// Stacks by shape: those of one shape have the same frames at other places. Threads that wait for
// the same have stacks of one shape, so many threads have few shapes.
struct StackShapes {
    std::vector<std::size_t> first;     // the first stack of each shape
    std::vector<std::size_t> of_stack;  // the shape of each stack
};

StackShapes shapes_of(const std::vector<Stack>& stacks);

}  // namespace pyk
