// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <memory>

#include "dump/memory_reader.h"
#include "dump/page_slots.h"
#include "dump/source.h"

namespace pyk {

// Whether pages that are read go into the cache that all readers share.
enum class Pages : std::uint8_t { kKeep, kPass };

// Reads virtual memory of a dump for one thread, through a translation cache of its own: pages that
// were used before cost one comparison and a copy.
class DumpReader final : public MemoryReader {
 public:
    explicit DumpReader(const std::shared_ptr<DumpSource>& source, Pages pages = Pages::kKeep);
    ~DumpReader() override;

    std::size_t read_prefix(KernelAddr addr, std::span<std::byte> out) const override;
    std::size_t read_user_prefix(KernelAddr pgd, KernelAddr addr,
                                 std::span<std::byte> out) const override;
    void read_batch(std::span<const KernelAddr> addrs, std::size_t size, std::span<std::byte> out,
                    std::span<std::uint8_t> readable) const override;
    std::string why_unreadable(KernelAddr addr) const override;
    std::string why_user_unreadable(KernelAddr pgd, KernelAddr addr) const;

    // Translation in the kernel's page tables, or in those of a process (pgd not 0).
    Translation translate(KernelAddr addr) const;
    Translation translate_user(KernelAddr pgd, KernelAddr addr) const;

    // Reads through the translation cache: found there, not found there.
    std::pair<std::uint64_t, std::uint64_t> tlb_stats() const { return {hits_, misses_}; }

    PhysicalReader& physical() const { return physical_; }

 private:
    struct Batch;
    struct LargeSlot {
        std::uint64_t region = ~0ULL;  // address / kLargeRegion
        std::uint64_t phys = 0;
    };
    static constexpr std::size_t kLargeSlots = 512;
    static constexpr std::uint64_t kLargeRegion = 2 << 20;

    const std::byte* find_page(std::uint64_t addr) const;
    bool add_to_batch(Batch& batch, KernelAddr addr, std::size_t row,
                      std::span<std::byte> to) const;
    void copy_batch(Batch& batch, std::span<std::uint8_t> readable, std::size_t size) const;
    Translation translate_cached(std::uint64_t addr) const;

    std::uint64_t page_of(std::uint64_t addr) const { return addr >> page_shift_; }
    std::uint64_t offset_of(std::uint64_t addr) const { return addr & (source_->page_size - 1); }

    std::shared_ptr<DumpSource> source_;
    const Pages pages_;
    unsigned page_shift_;  // every read divides by the size of a page, which is a power of two
    mutable PhysicalReader physical_;
    mutable PageSlots slots_;
    mutable std::array<LargeSlot, kLargeSlots> large_slots_;
    mutable std::uint64_t hits_ = 0, misses_ = 0;
};

}  // namespace pyk
