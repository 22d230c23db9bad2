// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/page_slots.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace pyk {
namespace {

constexpr std::size_t kFewest = 1024;

}  // namespace

PageSlots::PageSlots(std::size_t most) : most_(std::bit_floor(std::max(most, kFewest))) {
    resize(kFewest);
}

void PageSlots::keep(std::uint64_t page, Bytes bytes) {
    if (slots_[page & mask_].page != kNone && ++gone_ > slots_.size() && slots_.size() < most_) {
        resize(2 * slots_.size());
    }
    const std::size_t at = page & mask_;
    slots_[at] = {page, bytes.get()};
    kept_[at] = std::move(bytes);
}

void PageSlots::resize(std::size_t count) {
    const std::vector<Slot> slots = std::exchange(slots_, std::vector<Slot>(count));
    std::vector<Bytes> kept = std::exchange(kept_, std::vector<Bytes>(count));
    asked_.assign(count, kNone);
    mask_ = count - 1;
    gone_ = 0;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (slots[i].page == kNone) continue;
        slots_[slots[i].page & mask_] = slots[i];
        kept_[slots[i].page & mask_] = std::move(kept[i]);
    }
}

}  // namespace pyk
