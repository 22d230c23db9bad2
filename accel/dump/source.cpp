// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/source.h"

#include <algorithm>
#include <cstring>
#include <future>
#include <thread>

namespace pyk {
namespace {

constexpr std::size_t kPartsForThread = 128;

std::vector<int> descriptors(const std::vector<InputFile>& files) {
    std::vector<int> fds;
    fds.reserve(files.size());
    for (const InputFile& file : files) fds.push_back(file.fd());
    return fds;
}

}  // namespace

DumpSource::DumpSource(std::vector<InputFile> dump_files, PageMaps page_maps,
                       std::vector<Extent> page_extents, const Architecture& architecture,
                       const std::string& name, std::uint32_t page_bytes)
    : files(std::move(dump_files)),
      pages(std::move(page_maps)),
      extents(std::move(page_extents)),
      arch(architecture),
      page_size(page_bytes),
      pool(page_bytes),
      cache(default_cache_bytes(), page_bytes),
      kdump(descriptors(files), architecture, name) {}

PhysicalReader::PhysicalReader(std::shared_ptr<DumpSource> source)
    : source_(std::move(source)), page_(source_->page_size) {}

const Extent* PhysicalReader::extent_of(std::uint64_t pfn) const {
    const auto behind = std::ranges::upper_bound(
        source_->extents, pfn, {}, [](const Extent& extent) { return extent.pages.first; });
    if (behind == source_->extents.begin()) return nullptr;
    const Extent& extent = *std::prev(behind);
    return pfn < extent.pages.end ? &extent : nullptr;
}

std::size_t PhysicalReader::read_run(std::uint64_t pfn, std::span<std::byte> pages) const {
    const Extent* const extent = extent_of(pfn);
    if (extent == nullptr) return 0;
    const std::size_t size = source_->page_size;
    const std::uint64_t count = std::min(extent->pages.end - pfn, pages.size() / size);
    const std::uint64_t offset = extent->offset + (pfn - extent->pages.first) * size;
    return source_->files.front().read_at(offset, pages.first(count * size)) / size;
}

// A page of an ELF dump lies in the file as it is: that needs no library, which would read it as
// the two pages of the file that it lies across. Nothing for other dumps.
std::optional<PageStatus> PhysicalReader::read_extent(std::uint64_t pfn,
                                                      std::span<std::byte> page) const {
    if (extent_of(pfn) == nullptr) return std::nullopt;
    return read_run(pfn, page) == 1 ? PageStatus::kOk : PageStatus::kCut;
}

PageStatus PhysicalReader::read_uncached(std::uint64_t pfn, std::span<std::byte> page) {
    // Asked of our own maps first: libkdumpfile reads pages behind the end of a file as zeros.
    if (!source_->pages.present.contains(pfn)) {
        return source_->pages.cut.contains(pfn) ? PageStatus::kCut : PageStatus::kNoData;
    }
    if (const auto status = read_extent(pfn, page)) return *status;
    // It would read what was cut off meanwhile as zeros, too.
    if (std::ranges::any_of(source_->files, &InputFile::has_shrunk)) return PageStatus::kCut;
    return source_->kdump.read_page({pfn * source_->page_size}, page);
}

CachedPage PhysicalReader::load(std::uint64_t pfn) {
    if (!source_->pages.present.contains(pfn)) return {read_uncached(pfn, {}), nullptr};
    const PageStatus status = read_uncached(pfn, page_);
    if (status != PageStatus::kOk) return {status, nullptr};
    return {status, source_->pool.keep(page_)};
}

CachedPage PhysicalReader::page(std::uint64_t pfn) {
    return source_->cache.get(pfn, [this](std::uint64_t missing) { return load(missing); });
}

CachedPage PhysicalReader::passing_page(std::uint64_t pfn) {
    if (extent_of(pfn) == nullptr) return page(pfn);
    const auto cached = source_->cache.find(pfn);
    return cached ? *cached : load(pfn);
}

void PhysicalReader::read_parts(std::span<PagePart> parts) {
    std::vector<PagePart*> sorted;
    sorted.reserve(parts.size());
    for (PagePart& part : parts) sorted.push_back(&part);
    std::ranges::sort(sorted, {}, &PagePart::pfn);
    const auto read = [](PhysicalReader& reader, std::span<PagePart* const> some) {
        for (PagePart* part : some) part->take_from(reader.page(part->pfn));
    };
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    const std::size_t threads = std::clamp<std::size_t>(parts.size() / kPartsForThread, 1, cores);
    std::vector<std::future<void>> others;
    for (std::size_t i = 1; i < threads; ++i) {
        const std::size_t first = parts.size() * i / threads;
        const std::size_t end = parts.size() * (i + 1) / threads;
        others.push_back(std::async(std::launch::async, [&, first, end] {
            PhysicalReader reader(source_);
            read(reader, std::span(sorted).subspan(first, end - first));
        }));
    }
    read(*this, std::span(sorted).first(parts.size() / threads));
    for (auto& other : others) other.get();
}

std::optional<std::uint64_t> PhysicalReader::table_entry(PhysAddr phys) {
    const CachedPage table = page(phys.value / source_->page_size);
    if (!table.bytes) return std::nullopt;
    const ByteSpan bytes(table.bytes.get(), source_->page_size);
    return pyk::load<std::uint64_t>(bytes, phys.value % source_->page_size);
}

std::size_t PhysicalReader::read_prefix(PhysAddr phys, std::span<std::byte> out) {
    std::size_t done = 0;
    while (done < out.size()) {
        const std::uint64_t at = phys.value + done;
        const CachedPage from = page(at / source_->page_size);
        if (!from.bytes) break;
        const std::size_t offset = at % source_->page_size;
        const std::size_t part = std::min(out.size() - done, source_->page_size - offset);
        std::memcpy(out.data() + done, from.bytes.get() + offset, part);
        done += part;
    }
    return done;
}

std::string PhysicalReader::why_unreadable(PhysAddr phys) {
    const std::uint64_t pfn = phys.value / source_->page_size;
    switch (page(pfn).status) {
        case PageStatus::kOk:
            return "readable";
        case PageStatus::kCut:
            return "page lies behind the end of the dump, which was cut short";
        case PageStatus::kDamaged:
            return "page is damaged in the dump";
        case PageStatus::kNoData:
            break;
    }
    return source_->pages.ram.contains(pfn) ? "page excluded; use a lower makedumpfile -d level"
                                            : "no RAM at that physical address";
}

Translation PhysicalReader::translate(const PageTables& tables, std::uint64_t addr) {
    return source_->arch.translate([this](PhysAddr entry) { return table_entry(entry); }, tables,
                                   addr);
}

}  // namespace pyk
