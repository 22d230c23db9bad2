// SPDX-License-Identifier: GPL-2.0-or-later
// Objects of slabs that tell the free ones by their numbers, as the SLAB allocator does.
#pragma once

#include "bulk/freelist.h"

namespace pyk {

// How the objects of such a cache lie in its slabs.
struct IndexedShape {
    std::uint64_t size = 0;        // from one object to the next
    std::uint64_t offset = 0;      // of what the user of an object gets, in it
    std::uint64_t objects = 0;     // in a slab
    std::uint64_t index_size = 0;  // of a number: 1 or 2 bytes
};

struct IndexedSlab {
    KernelAddr base;           // of its first object
    KernelAddr numbers;        // of its objects, an array; NULL for none
    std::uint64_t active = 0;  // from this place in it on they are those of free objects
};

// `kept`: objects that CPUs and nodes keep for themselves, in ascending order. They are free,
// though their slabs do not know it. A list of numbers is broken where one is met again or is too
// large, or where it cannot be read.
SlabObjects list_indexed_objects(const MemoryReader& memory, const IndexedShape& shape,
                                 std::span<const IndexedSlab> slabs,
                                 std::span<const KernelAddr> kept, WalkBounds& bounds);

}  // namespace pyk
