// SPDX-License-Identifier: GPL-2.0-or-later
// Objects of slabs: which are allocated, which are free.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "walk/pieces.h"

namespace pyk {

// How the objects of a cache lie in its slabs, and how a free one leads to the next.
struct SlabShape {
    std::uint64_t size = 0;      // from one object to the next
    std::uint64_t first = 0;     // of the first object, in the slab
    std::uint64_t next = 0;      // of the pointer to the next free object, in a free one
    std::uint64_t secret = 0;    // what that pointer is XORed with; CONFIG_SLAB_FREELIST_HARDENED
    bool mixes_address = false;  // and with the address where it lies
    bool mixes_swapped = false;  // the bytes of which are reversed
    std::uint64_t most = ~0ULL;  // objects that a slab can have; one that claims more is damaged
};

struct Slab {
    KernelAddr base;                          // of its memory
    std::uint64_t objects = 0;                // that it has room for
    KernelAddr freelist;                      // first free object; NULL for none
    std::vector<KernelAddr> more_lists = {};  // first objects of what CPUs keep for themselves
};

// A list of free objects that cannot be followed; its slab's objects behind that pass for
// allocated.
struct BrokenFreelist {
    std::size_t slab = 0;  // index
    KernelAddr where;      // the pointer that leads nowhere, or to an object that is free already
};

struct SlabObjects {
    std::vector<KernelAddr> allocated, free;
    std::vector<BrokenFreelist> broken;
    bool is_interrupted = false;
};

SlabObjects list_objects(const MemoryReader& memory, const SlabShape& shape,
                         std::span<const Slab> slabs, WalkBounds& bounds);

// The same with several threads where there are many slabs.
SlabObjects list_objects(const NewReader& new_reader, const SlabShape& shape,
                         std::span<const Slab> slabs, WalkBounds& bounds);

// Makes objects free that pass for allocated: `kept`, in ascending order, which CPUs and nodes keep
// in arrays of their own.
void make_free(SlabObjects& objects, std::span<const KernelAddr> kept);

}  // namespace pyk
