// SPDX-License-Identifier: GPL-2.0-or-later
#include "bulk/freelist.h"

#include "base/error.h"

namespace pyk {
namespace {

constexpr std::uint64_t kMaxObjects = 1 << 15;  // slab.objects has 15 bits
constexpr std::uint64_t kMaxObjectSize = 1 << 26;

class SlabReader {
 public:
    SlabReader(const MemoryReader& memory, const SlabShape& shape, SlabObjects& found)
        : memory_(memory), shape_(shape), found_(found) {}

    void read(std::size_t index, const Slab& slab) {
        is_free_.assign(slab.objects, false);
        for (const KernelAddr first : slab.freelists) {
            if (const auto broken = follow(slab, first)) found_.broken.push_back({index, *broken});
        }
        for (std::uint64_t i = 0; i < slab.objects; ++i) {
            auto& list = is_free_[i] ? found_.free : found_.allocated;
            list.push_back(slab.base + (shape_.first + i * shape_.size));
        }
    }

 private:
    // Marks the objects of a list; returns what is no object, or one that was met before.
    std::optional<KernelAddr> follow(const Slab& slab, KernelAddr object) {
        while (object) {
            const std::uint64_t at = object.value - slab.base.value - shape_.first;
            const std::uint64_t index = at / shape_.size;
            if (at % shape_.size != 0 || index >= slab.objects || is_free_[index]) return object;
            const KernelAddr where = object + shape_.next;
            const auto stored = memory_.read_pointer(where);
            if (!stored) return object;
            is_free_[index] = true;
            object = decode(*stored, where);
        }
        return std::nullopt;
    }

    KernelAddr decode(KernelAddr stored, KernelAddr where) const {
        if (!shape_.mixes_address) return stored;
        const std::uint64_t place = shape_.mixes_swapped ? byte_swap(where.value) : where.value;
        return {stored.value ^ shape_.secret ^ place};
    }

    const MemoryReader& memory_;
    const SlabShape& shape_;
    SlabObjects& found_;
    std::vector<bool> is_free_;
};

}  // namespace

SlabObjects list_objects(const MemoryReader& memory, const SlabShape& shape,
                         std::span<const Slab> slabs, WalkBounds& bounds) {
    if (shape.size == 0 || shape.size > kMaxObjectSize) {
        throw Error("a slab cache whose objects are " + std::to_string(shape.size) +
                    " bytes apart cannot be; the dump is damaged there");
    }
    SlabObjects found;
    SlabReader reader(memory, shape, found);
    for (std::size_t i = 0; i < slabs.size(); ++i) {
        if (bounds.is_interrupted()) break;
        if (slabs[i].objects > kMaxObjects) {
            found.broken.push_back({i, slabs[i].base});
        } else {
            reader.read(i, slabs[i]);
        }
    }
    found.is_interrupted = bounds.is_interrupted_now();
    return found;
}

}  // namespace pyk
