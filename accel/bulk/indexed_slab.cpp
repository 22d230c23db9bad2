// SPDX-License-Identifier: GPL-2.0-or-later
#include "bulk/indexed_slab.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace pyk {
namespace {

constexpr std::uint64_t kMaxObjects = 1 << 16;
constexpr std::uint64_t kMaxObjectSize = 1 << 26;

void check(const IndexedShape& shape) {
    const bool is_index = shape.index_size == 1 || shape.index_size == 2;
    if (shape.size == 0 || shape.size > kMaxObjectSize || shape.offset > shape.size ||
        shape.objects > kMaxObjects || !is_index) {
        throw Error("a slab cache with " + std::to_string(shape.objects) + " objects a slab, " +
                    std::to_string(shape.size) + " bytes apart, cannot be; the dump is damaged " +
                    "there");
    }
}

// Marks the objects that a slab's numbers say are free; returns where they are broken.
std::optional<KernelAddr> mark_free(const MemoryReader& memory, const IndexedShape& shape,
                                    const IndexedSlab& slab, std::vector<std::uint8_t>& is_free) {
    if (slab.active > shape.objects) return slab.numbers;
    if (slab.active == shape.objects) return std::nullopt;
    std::vector<std::byte> raw((shape.objects - slab.active) * shape.index_size);
    const KernelAddr start = slab.numbers + slab.active * shape.index_size;
    const std::size_t got = slab.numbers ? memory.read_prefix(start, raw) : 0;
    for (std::size_t at = 0; at < raw.size(); at += shape.index_size) {
        std::uint64_t index = 0;
        std::memcpy(&index, raw.data() + at, shape.index_size);
        if (at + shape.index_size > got || index >= shape.objects || is_free[index]) {
            return start + at;
        }
        is_free[index] = 1;
    }
    return std::nullopt;
}

}  // namespace

SlabObjects list_indexed_objects(const MemoryReader& memory, const IndexedShape& shape,
                                 std::span<const IndexedSlab> slabs,
                                 std::span<const KernelAddr> kept, WalkBounds& bounds) {
    check(shape);
    SlabObjects found;
    std::vector<std::uint8_t> is_free;
    for (std::size_t i = 0; i < slabs.size() && !bounds.is_interrupted(); ++i) {
        is_free.assign(shape.objects, 0);
        const auto broken = mark_free(memory, shape, slabs[i], is_free);
        if (broken) found.broken.push_back({i, *broken});
        for (std::uint64_t index = 0; index < shape.objects; ++index) {
            const KernelAddr object = slabs[i].base + index * shape.size;
            const bool free = is_free[index] || std::ranges::binary_search(kept, object);
            (free ? found.free : found.allocated).push_back(object + shape.offset);
        }
    }
    found.is_interrupted = bounds.is_interrupted_now();
    return found;
}

}  // namespace pyk
