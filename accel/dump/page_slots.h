// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace pyk {

// Pages that one thread used lately, by the virtual address: each has one slot where it can be.
// There are few slots at first, and twice as many whenever too many pages have had to go.
class PageSlots {
 public:
    using Bytes = std::shared_ptr<const std::byte[]>;

    // `most`: slots that there may be; each keeps a page, whatever the page cache does.
    explicit PageSlots(std::size_t most);

    // Null when the page is not here.
    const std::byte* find(std::uint64_t page) const {
        const Slot& slot = slots_[page & mask_];
        return slot.page == page ? slot.bytes : nullptr;
    }

    void keep(std::uint64_t page, Bytes bytes);

    // Whether this page was the last that this was asked of for its slot: then it is worth one.
    bool is_asked_again(std::uint64_t page) {
        std::uint64_t& last = asked_[page & mask_];
        if (last == page) return true;
        last = page;
        return false;
    }

    std::size_t size() const { return slots_.size(); }

 private:
    static constexpr std::uint64_t kNone = ~0ULL;
    struct Slot {
        std::uint64_t page = kNone;
        const std::byte* bytes = nullptr;
    };
    void resize(std::size_t count);

    const std::size_t most_;
    std::uint64_t mask_ = 0;
    std::size_t gone_ = 0;  // since they became more
    // Apart, so that many slots fit into the caches of the processor.
    std::vector<Slot> slots_;
    std::vector<Bytes> kept_;
    std::vector<std::uint64_t> asked_;
};

}  // namespace pyk
