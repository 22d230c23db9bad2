// SPDX-License-Identifier: GPL-2.0-or-later
// What all walkers share: how a walk ends, what bounds it, and which pointers can be followed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/address.h"
#include "dump/memory_reader.h"

namespace pyk {

// How a walk ended. Only kComplete means that the kernel's structure was whole. kUnreadable: a node
// lies where no node can be read; kDamaged: it was read, and contradicts its place in a tree.
enum class WalkEnd { kComplete, kLimit, kCycle, kUnreadable, kDamaged, kInterrupted };

struct WalkResult {
    std::vector<KernelAddr> nodes;  // those that were read
    WalkEnd end = WalkEnd::kComplete;
    KernelAddr stopped_at;         // the node that could not be followed or would repeat
    std::uint64_t end_marker = 0;  // the pointer that ended a whole chain: NULL, or a nulls marker

    // Keeps what went wrong first.
    void note(WalkEnd why, KernelAddr where);
};

// How far a walk may go, whatever the structure says; it may serve several walks in turn.
class WalkBounds {
 public:
    // `limit`: nodes of each walk. `interrupted` is asked now and then; true ends the walks.
    explicit WalkBounds(std::size_t limit, std::function<bool()> interrupted = {})
        : limit(limit), interrupted_(std::move(interrupted)) {}

    // To be asked at every step.
    bool is_interrupted() {
        return ++steps_ % kStepsBetweenQuestions == 0 ? is_interrupted_now() : over_;
    }

    // The same for one who asks seldom.
    bool is_interrupted_now() {
        over_ = over_ || (interrupted_ && interrupted_());
        return over_;
    }

    const std::size_t limit;

 private:
    static constexpr std::uint32_t kStepsBetweenQuestions = 1024;
    std::function<bool()> interrupted_;
    std::uint32_t steps_ = 0;
    bool over_ = false;
};

// Whether a node can lie here: aligned as pointers are, and in the kernel's half of the addresses.
inline bool can_be_node(KernelAddr addr) {
    return addr.value % 8 == 0 && addr.value >> 63 != 0;
}

}  // namespace pyk
