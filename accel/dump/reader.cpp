// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/reader.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pyk {
namespace {

constexpr std::size_t kReadsAtOnce = 256;
constexpr std::size_t kCachedPagesForSlot = 2;
constexpr std::size_t kSlotsOfPassing = 1024;

std::string describe(TranslationFault fault) {
    switch (fault) {
        case TranslationFault::kNotMapped:
            return "not mapped";
        case TranslationFault::kTableUnreadable:
            return "its page table is not in the dump";
        case TranslationFault::kNotCanonical:
            return "not an address that this processor has";
    }
    return "";
}

}  // namespace

// Reads of some bytes within a page each. Those of pages that have a slot are copied from there;
// the others as far as the page cache has their pages. What it lacks is read once all blocks of the
// batch are through, in the order of the file and by all cores.
struct DumpReader::Batch {
    struct Copy {
        std::byte* to;
        const std::byte* from;
    };
    struct Row {
        std::size_t number;
        std::uint64_t again;  // an address in a page that is worth a slot, or 0
    };
    struct Across {
        std::size_t row;
        KernelAddr addr;
        std::byte* to;
    };
    std::vector<Copy> copies;
    std::vector<Across> across;  // two pages
    std::vector<PagePart> parts, missing;
    std::vector<Row> rows;
    std::vector<std::size_t> missing_rows;
};

DumpReader::DumpReader(const std::shared_ptr<DumpSource>& source, Pages pages)
    : source_(source),
      pages_(pages),
      page_shift_(static_cast<unsigned>(std::countr_zero(source->page_size))),
      physical_(source),
      slots_(pages == Pages::kPass
                 ? kSlotsOfPassing
                 : source->cache.stats().limit_bytes / source->page_size / kCachedPagesForSlot) {}

DumpReader::~DumpReader() {
    source_->tlb_hits += hits_;
    source_->tlb_misses += misses_;
}

Translation DumpReader::translate(KernelAddr addr) const {
    if (!source_->place) return TranslationFault::kNotMapped;
    const Translation walked = physical_.translate(source_->place->tables, addr.value);
    if (std::holds_alternative<Mapping>(walked)) return walked;
    // The image can still be read where its page tables are lost.
    const auto phys = source_->arch.image_to_phys(addr.value, source_->place->phys_base);
    if (phys && std::get<TranslationFault>(walked) == TranslationFault::kTableUnreadable) {
        return Mapping{*phys, source_->page_size};
    }
    return walked;
}

Translation DumpReader::translate_user(KernelAddr pgd, KernelAddr addr) const {
    const Translation root = translate(pgd);
    if (!std::holds_alternative<Mapping>(root)) return TranslationFault::kTableUnreadable;
    PageTables tables = source_->place->tables;
    tables.root = std::get<Mapping>(root).phys;
    return physical_.translate(tables, addr.value);
}

Translation DumpReader::translate_cached(std::uint64_t addr) const {
    const std::uint64_t region = addr / kLargeRegion;
    LargeSlot& slot = large_slots_[region % kLargeSlots];
    if (slot.region == region) return Mapping{{slot.phys + addr % kLargeRegion}, kLargeRegion};
    const Translation found = translate({addr});
    const Mapping* mapping = std::get_if<Mapping>(&found);
    if (mapping != nullptr && mapping->page_size >= kLargeRegion) {
        slot = {region, mapping->phys.value - addr % kLargeRegion};
    }
    return found;
}

// The bytes of the page of `addr`; null when it cannot be read.
const std::byte* DumpReader::find_page(std::uint64_t addr) const {
    const std::uint64_t page = page_of(addr);
    if (const std::byte* const bytes = slots_.find(page)) {
        ++hits_;
        return bytes;
    }
    ++misses_;
    const Translation found = translate_cached(addr);
    const Mapping* mapping = std::get_if<Mapping>(&found);
    if (mapping == nullptr) return nullptr;
    const std::uint64_t pfn = page_of(mapping->phys.value);
    CachedPage cached = pages_ == Pages::kPass ? physical_.passing_page(pfn) : physical_.page(pfn);
    if (!cached.bytes) return nullptr;
    const std::byte* const bytes = cached.bytes.get();
    slots_.keep(page, std::move(cached.bytes));
    return bytes;
}

std::size_t DumpReader::read_prefix(KernelAddr addr, std::span<std::byte> out) const {
    std::size_t done = 0;
    while (done < out.size()) {
        const std::uint64_t at = addr.value + done;
        const std::byte* page = find_page(at);
        if (page == nullptr) break;
        const std::size_t offset = offset_of(at);
        const std::size_t part = std::min(out.size() - done, source_->page_size - offset);
        std::memcpy(out.data() + done, page + offset, part);
        done += part;
    }
    return done;
}

// The memory that is copied later is asked for here, so that the processor need not wait for one
// read after the other.
bool DumpReader::add_to_batch(Batch& batch, KernelAddr addr, std::size_t row,
                              std::span<std::byte> to) const {
    const std::uint64_t page = page_of(addr.value);
    const std::uint64_t offset = offset_of(addr.value);
    if (offset + to.size() > source_->page_size) {
        batch.across.push_back({row, addr, to.data()});
        return true;
    }
    if (const std::byte* const bytes = slots_.find(page)) {
        __builtin_prefetch(bytes + offset);
        batch.copies.push_back({to.data(), bytes + offset});
        return true;
    }
    const Translation found = translate_cached(addr.value);
    const Mapping* mapping = std::get_if<Mapping>(&found);
    if (mapping == nullptr) return false;
    batch.parts.push_back({page_of(mapping->phys.value), static_cast<std::uint32_t>(offset),
                           static_cast<std::uint32_t>(to.size()), to.data()});
    // Of pages that are read only once a slot would be no use.
    batch.rows.push_back({row, slots_.is_asked_again(page) ? addr.value : 0});
    return true;
}

void DumpReader::copy_batch(Batch& batch, std::span<std::uint8_t> readable,
                            std::size_t size) const {
    for (const Batch::Copy& copy : batch.copies) std::memcpy(copy.to, copy.from, size);
    hits_ += batch.copies.size();
    misses_ += batch.parts.size();
    batch.copies.clear();
    // Slots change from here on.
    for (const auto& [row, addr, to] : batch.across) readable[row] = read_exactly(addr, {to, size});
    batch.across.clear();
    if (batch.parts.empty()) return;
    source_->cache.copy(batch.parts);
    for (std::size_t i = 0; i < batch.parts.size(); ++i) {
        const auto& [row, again] = batch.rows[i];
        switch (batch.parts[i].state) {
            case PagePart::State::kCopied:
                if (again != 0) find_page(again);
                break;
            case PagePart::State::kUnreadable:
                readable[row] = 0;
                break;
            case PagePart::State::kMissing:
                batch.missing.push_back(batch.parts[i]);
                batch.missing_rows.push_back(row);
        }
    }
    batch.parts.clear();
    batch.rows.clear();
}

void DumpReader::read_batch(std::span<const KernelAddr> addrs, std::size_t size,
                            std::span<std::byte> out, std::span<std::uint8_t> readable) const {
    Batch batch;
    for (std::size_t first = 0; first < addrs.size(); first += kReadsAtOnce) {
        const std::size_t end = std::min(addrs.size(), first + kReadsAtOnce);
        for (std::size_t i = first; i < end; ++i) {
            if (!readable[i]) continue;
            readable[i] = add_to_batch(batch, addrs[i], i, out.subspan(i * size, size));
        }
        copy_batch(batch, readable, size);
    }
    physical_.read_parts(batch.missing);
    for (std::size_t i = 0; i < batch.missing.size(); ++i) {
        readable[batch.missing_rows[i]] = batch.missing[i].state == PagePart::State::kCopied;
    }
}

std::size_t DumpReader::read_user_prefix(KernelAddr pgd, KernelAddr addr,
                                         std::span<std::byte> out) const {
    std::size_t done = 0;
    while (done < out.size()) {
        const KernelAddr at = addr + done;
        const Translation found = translate_user(pgd, at);
        const Mapping* mapping = std::get_if<Mapping>(&found);
        if (mapping == nullptr) break;
        const std::size_t left_in_page = mapping->page_size - at.value % mapping->page_size;
        const std::size_t part = std::min(out.size() - done, left_in_page);
        const std::size_t got = physical_.read_prefix(mapping->phys, out.subspan(done, part));
        done += got;
        if (got < part) break;
    }
    return done;
}

std::string DumpReader::why_unreadable(KernelAddr addr) const {
    if (!source_->place) return "where the kernel lies in memory is not known";
    const Translation found = translate(addr);
    if (const auto* fault = std::get_if<TranslationFault>(&found)) return describe(*fault);
    return physical_.why_unreadable(std::get<Mapping>(found).phys);
}

std::string DumpReader::why_user_unreadable(KernelAddr pgd, KernelAddr addr) const {
    const Translation found = translate_user(pgd, addr);
    if (const auto* fault = std::get_if<TranslationFault>(&found)) {
        return *fault == TranslationFault::kNotMapped
                   ? "not in memory (swapped out or never touched)"
                   : describe(*fault);
    }
    return physical_.why_unreadable(std::get<Mapping>(found).phys);
}

}  // namespace pyk
