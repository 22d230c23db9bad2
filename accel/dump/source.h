// SPDX-License-Identifier: GPL-2.0-or-later
// What all readers of one dump share, and the reading of physical pages.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/architecture.h"
#include "dump/file_info.h"
#include "dump/input_file.h"
#include "dump/kdump_context.h"
#include "dump/page_cache.h"
#include "dump/page_map.h"
#include "dump/page_pool.h"

namespace pyk {

// Where the kernel lies in memory.
struct KernelPlace {
    std::uint64_t kaslr_offset = 0;
    std::uint64_t phys_base = 0;
    PageTables tables;
    std::string found_by;  // "vmcoreinfo", ...
};

struct PageMaps {
    PageMap ram;      // page frames with RAM
    PageMap present;  // of these, the ones that can be read
    PageMap cut;      // of these, the ones that a file which was cut short no longer holds
};

struct DumpSource {
    DumpSource(std::vector<InputFile> dump_files, PageMaps page_maps,
               std::vector<Extent> page_extents, const Architecture& architecture,
               const std::string& name, std::uint32_t page_bytes);

    std::vector<InputFile> files;  // open as long as `kdump` is
    const PageMaps pages;
    const std::vector<Extent> extents;  // of an ELF dump's pages, in ascending order
    const Architecture& arch;
    std::uint32_t page_size;
    std::optional<KernelPlace> place;  // set before the first reader of another thread
    PagePool pool;                     // outlives the cache
    PageCache cache;
    std::atomic<std::uint64_t> tlb_hits = 0, tlb_misses = 0;
    KdumpPool kdump;
};

// Reads physical pages for one thread.
class PhysicalReader {
 public:
    explicit PhysicalReader(std::shared_ptr<DumpSource> source);

    CachedPage page(std::uint64_t pfn);
    // The same without putting it into the cache, where it lies in the file as it is.
    CachedPage passing_page(std::uint64_t pfn);
    // The same past the cache, for scans that would only wash it out.
    PageStatus read_uncached(std::uint64_t pfn, std::span<std::byte> page);
    // As many pages from `pfn` on as one read of the file gives, up to the size of `pages`, past
    // the cache too; 0 where pages do not lie in the file as they are.
    std::size_t read_run(std::uint64_t pfn, std::span<std::byte> pages) const;

    // Reads the missing parts in the order of the file, with a thread a core where they are many.
    void read_parts(std::span<PagePart> parts);

    std::optional<std::uint64_t> table_entry(PhysAddr phys);
    std::size_t read_prefix(PhysAddr phys, std::span<std::byte> out);
    std::string why_unreadable(PhysAddr phys);

    Translation translate(const PageTables& tables, std::uint64_t addr);

    DumpSource& source() { return *source_; }

 private:
    CachedPage load(std::uint64_t pfn);
    const Extent* extent_of(std::uint64_t pfn) const;
    std::optional<PageStatus> read_extent(std::uint64_t pfn, std::span<std::byte> page) const;

    std::shared_ptr<DumpSource> source_;
    std::vector<std::byte> page_;  // the one being read
};

}  // namespace pyk
