// SPDX-License-Identifier: GPL-2.0-or-later
#include "bulk/freelist.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"

namespace pyk {
namespace {

constexpr std::uint64_t kMaxObjects = 1 << 15;  // slab.objects has 15 bits
constexpr std::uint64_t kMaxObjectSize = 1 << 26;
constexpr std::uint64_t kSlabsForThread = 512;

class SlabReader {
 public:
    SlabReader(const MemoryReader& memory, const SlabShape& shape, SlabObjects& found)
        : memory_(memory), shape_(shape), found_(found) {}

    void read(std::size_t index, const Slab& slab) {
        is_free_.assign(slab.objects, 0);
        if (const auto broken = follow(slab, slab.freelist)) {
            found_.broken.push_back({index, *broken});
        }
        for (const KernelAddr first : slab.more_lists) {
            if (const auto broken = follow(slab, first)) found_.broken.push_back({index, *broken});
        }
        KernelAddr object = slab.base + shape_.first;
        for (std::uint64_t i = 0; i < slab.objects; ++i, object = object + shape_.size) {
            (is_free_[i] ? found_.free : found_.allocated).push_back(object);
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
            is_free_[index] = 1;
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
    std::vector<std::uint8_t> is_free_;
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
        if (slabs[i].objects > std::min(kMaxObjects, shape.most)) {
            found.broken.push_back({i, slabs[i].base});
        } else {
            reader.read(i, slabs[i]);
        }
    }
    found.is_interrupted = bounds.is_interrupted_now();
    return found;
}

SlabObjects list_objects(const NewReader& new_reader, const SlabShape& shape,
                         std::span<const Slab> slabs, WalkBounds& bounds) {
    const auto list_piece = [&](const MemoryReader& memory, std::uint64_t first, std::uint64_t end,
                                WalkBounds& own) {
        SlabObjects piece = list_objects(memory, shape, slabs.subspan(first, end - first), own);
        for (BrokenFreelist& list : piece.broken) list.slab += first;
        return piece;
    };
    auto pieces = in_pieces(new_reader, slabs.size(), kSlabsForThread, bounds, list_piece);
    SlabObjects whole = std::move(pieces.front());
    for (const SlabObjects& piece : std::span(pieces).subspan(1)) {
        whole.allocated.insert(whole.allocated.end(), piece.allocated.begin(),
                               piece.allocated.end());
        whole.free.insert(whole.free.end(), piece.free.begin(), piece.free.end());
        whole.broken.insert(whole.broken.end(), piece.broken.begin(), piece.broken.end());
        whole.is_interrupted |= piece.is_interrupted;
    }
    return whole;
}

void make_free(SlabObjects& objects, std::span<const KernelAddr> kept) {
    if (kept.empty()) return;
    const auto is_kept = [&](KernelAddr object) {
        return std::ranges::binary_search(kept, object);
    };
    std::ranges::copy_if(objects.allocated, std::back_inserter(objects.free), is_kept);
    std::erase_if(objects.allocated, is_kept);
}

}  // namespace pyk
