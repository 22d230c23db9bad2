// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/reader.h"

#include <algorithm>
#include <cstring>

namespace pyk {
namespace {

constexpr std::size_t kPartsAtOnce = 512;

// A block of parts is copied as far as the cache has their pages. Those that it lacks are read once
// all blocks are through, in the order of the file and by all cores.
struct Batch {
    std::vector<PagePart> parts, missing;
    std::vector<std::size_t> rows, missing_rows;  // which address each is for

    void copy_from(PageCache& cache, std::span<std::uint8_t> readable) {
        cache.copy(parts);
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (parts[i].state == PagePart::State::kUnreadable) readable[rows[i]] = 0;
            if (parts[i].state != PagePart::State::kMissing) continue;
            missing.push_back(parts[i]);
            missing_rows.push_back(rows[i]);
        }
        parts.clear();
        rows.clear();
    }
};

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

DumpReader::DumpReader(std::shared_ptr<DumpSource> source)
    : source_(source), physical_(std::move(source)) {}

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
    const std::uint64_t page = addr / source_->page_size;
    Slot& slot = slots_[page % kSlots];
    if (slot.page == page) {
        ++hits_;
        return slot.bytes.get();
    }
    ++misses_;
    const Translation found = translate_cached(addr);
    const Mapping* mapping = std::get_if<Mapping>(&found);
    if (mapping == nullptr) return nullptr;
    CachedPage cached = physical_.page(mapping->phys.value / source_->page_size);
    if (!cached.bytes) return nullptr;
    slot = {page, std::move(cached.bytes)};
    return slot.bytes.get();
}

std::size_t DumpReader::read_prefix(KernelAddr addr, std::span<std::byte> out) const {
    std::size_t done = 0;
    while (done < out.size()) {
        const std::uint64_t at = addr.value + done;
        const std::byte* page = find_page(at);
        if (page == nullptr) break;
        const std::size_t offset = at % source_->page_size;
        const std::size_t part = std::min(out.size() - done, source_->page_size - offset);
        std::memcpy(out.data() + done, page + offset, part);
        done += part;
    }
    return done;
}

void DumpReader::read_batch(std::span<const KernelAddr> addrs, std::size_t size,
                            std::span<std::byte> out, std::span<std::uint8_t> readable) const {
    Batch batch;
    for (std::size_t i = 0; i < addrs.size(); ++i) {
        if (!readable[i]) continue;
        const std::span<std::byte> to = out.subspan(i * size, size);
        const std::uint64_t offset = addrs[i].value % source_->page_size;
        if (offset + size > source_->page_size) {
            readable[i] = read_exactly(addrs[i], to);
            continue;
        }
        const Translation found = translate_cached(addrs[i].value);
        const Mapping* mapping = std::get_if<Mapping>(&found);
        readable[i] = mapping != nullptr;
        if (mapping == nullptr) continue;
        batch.parts.push_back({mapping->phys.value / source_->page_size,
                               static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(size),
                               to.data()});
        batch.rows.push_back(i);
        if (batch.parts.size() == kPartsAtOnce) batch.copy_from(source_->cache, readable);
    }
    batch.copy_from(source_->cache, readable);
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
