// SPDX-License-Identifier: GPL-2.0-or-later
// A whole hash table in one call.
#pragma once

#include "walk/chain.h"
#include "walk/pieces.h"

namespace pyk {

// An array of buckets, each with the head of a chain.
struct HashTable {
    KernelAddr buckets;
    std::uint64_t count = 0;
    std::uint64_t stride = 8;  // size of a bucket
    std::uint64_t head = 0;    // offset of the pointer to the first node, in a bucket
    ChainRules chain;
};

// Neighbouring buckets of which something is amiss, for the same reason.
struct BrokenBuckets {
    std::uint64_t first = 0, last = 0;
    WalkEnd end = WalkEnd::kComplete;
    KernelAddr stopped_at;  // in the chain of the first
};

struct HashWalk {
    std::vector<KernelAddr> nodes;       // bucket after bucket
    std::vector<std::uint64_t> buckets;  // of each node
    std::vector<BrokenBuckets> broken;
    WalkEnd end = WalkEnd::kComplete;  // of the first that is broken
    KernelAddr stopped_at;
};

// Walks every chain, with several threads where the table is large. `bounds.limit` is for the whole
// table. Unreadable buckets are passed over, a page at a time.
HashWalk walk_hash_table(const NewReader& new_reader, const HashTable& table, WalkBounds& bounds);

}  // namespace pyk
