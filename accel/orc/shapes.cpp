// SPDX-License-Identifier: GPL-2.0-or-later
#include "orc/shapes.h"

#include <string>
#include <unordered_map>

namespace pyk {
namespace {

// All of a stack but where it lies.
std::string key_of(const Stack& stack) {
    std::string key;
    key.reserve(9 * stack.frames.size() + 1);
    for (const StackFrame& frame : stack.frames) {
        key.append(reinterpret_cast<const char*>(&frame.ip.value), sizeof frame.ip.value);
        key += static_cast<char>(static_cast<int>(frame.kind) << 3 | frame.regs_are_whole << 2 |
                                 frame.is_reliable << 1 | frame.is_exact);
    }
    if (stack.end != StackEnd::kComplete) key += stack.reason;
    return key += static_cast<char>(stack.end);
}

}  // namespace

StackShapes shapes_of(const std::vector<Stack>& stacks) {
    StackShapes found;
    std::unordered_map<std::string, std::size_t> known;
    found.of_stack.reserve(stacks.size());
    for (std::size_t i = 0; i < stacks.size(); ++i) {
        const auto [shape, is_new] = known.emplace(key_of(stacks[i]), found.first.size());
        if (is_new) found.first.push_back(i);
        found.of_stack.push_back(shape->second);
    }
    return found;
}

}  // namespace pyk
