// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/locate.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "base/error.h"
#include "dump/scan.h"

namespace pyk {
namespace {

bool maps(PhysicalReader& reader, const PageTables& tables, std::uint64_t addr, PhysAddr phys) {
    const Translation found = reader.translate(tables, addr);
    const Mapping* mapping = std::get_if<Mapping>(&found);
    return mapping != nullptr && mapping->phys == phys;
}

// What a page must hold at which offset to be the page of linux_banner.
struct Banner {
    std::uint64_t addr = 0;
    std::vector<std::byte> text;

    bool is_in(ByteSpan page) const {
        const std::size_t offset = addr % page.size();
        const std::size_t part = std::min(text.size(), page.size() - offset);
        return std::memcmp(page.data() + offset, text.data(), part) == 0;
    }
};

Banner read_banner(const ElfFile& vmlinux) {
    const auto addr = vmlinux.symbol("linux_banner");
    if (!addr) throw Error(vmlinux.path() + " has no symbol linux_banner; it is not a vmlinux");
    Banner banner{*addr, vmlinux.read(*addr, 512)};
    const std::string_view text = c_text(banner.text);
    banner.text.resize(text.size());
    if (text.size() < 16) throw Error(vmlinux.path() + " has an empty linux_banner");
    return banner;
}

std::vector<PhysAddr> find_banner(const std::shared_ptr<DumpSource>& source, const Banner& banner,
                                  const Progress& progress) {
    std::mutex mutex;
    std::vector<PhysAddr> found;
    scan_pages(source, "looking for the kernel in memory", progress,
               [&](std::uint64_t pfn, ByteSpan page, PhysicalReader&) {
                   if (banner.is_in(page)) {
                       const std::lock_guard lock(mutex);
                       found.push_back({pfn * page.size() + banner.addr % page.size()});
                   }
                   return true;
               });
    std::ranges::sort(found);
    return found;
}

std::optional<KernelPlace> place_beside(PhysicalReader& reader, const Banner& banner,
                                        PhysAddr found, std::uint64_t root_addr) {
    const Architecture& arch = reader.source().arch;
    for (const int levels : {4, 5}) {
        const PageTables tables{found + (root_addr - banner.addr), levels};
        for (std::uint64_t offset = 0; offset < arch.kaslr_end(); offset += arch.kaslr_step()) {
            const std::uint64_t addr = banner.addr + offset;
            if (!maps(reader, tables, addr, found)) continue;
            return KernelPlace{offset, arch.phys_base_of(addr, found), tables,
                               "the linux_banner of vmlinux"};
        }
    }
    return std::nullopt;
}

template <typename Lookup>
std::optional<std::uint64_t> first_symbol(const Architecture& arch, Lookup lookup) {
    for (const std::string_view name : arch.root_table_symbols()) {
        if (const auto value = lookup(std::string(name))) return value;
    }
    return std::nullopt;
}

}  // namespace

std::optional<KernelPlace> place_by_vmcoreinfo(const std::shared_ptr<DumpSource>& source,
                                               const Vmcoreinfo& info) {
    const auto root =
        first_symbol(source->arch, [&](const std::string& name) { return info.symbol(name); });
    const auto phys_base = info.number("phys_base");
    if (!root || !phys_base) return std::nullopt;
    const auto root_phys = source->arch.image_to_phys(*root, *phys_base);
    if (!root_phys) return std::nullopt;

    KernelPlace place;
    place.kaslr_offset = info.hex("KERNELOFFSET").value_or(0);
    place.phys_base = *phys_base;
    place.tables.root = *root_phys;
    place.tables.levels = info.number("pgtable_l5_enabled").value_or(0) != 0 ? 5 : 4;
    place.tables.encryption_mask = info.number("sme_mask").value_or(0);
    place.found_by = "vmcoreinfo";
    PhysicalReader reader(source);
    if (!maps(reader, place.tables, *root, *root_phys)) return std::nullopt;
    return place;
}

std::optional<FoundVmcoreinfo> find_vmcoreinfo(const std::shared_ptr<DumpSource>& source,
                                               const Progress& progress) {
    static constexpr std::string_view kFirstKey = "OSRELEASE=";
    std::mutex mutex;
    std::optional<FoundVmcoreinfo> found;
    scan_pages(source, "looking for VMCOREINFO in memory", progress,
               [&](std::uint64_t pfn, ByteSpan page, PhysicalReader&) {
                   const std::string_view text = as_text(page);
                   for (std::size_t at = text.find(kFirstKey); at != text.npos;
                        at = text.find(kFirstKey, at + 1)) {
                       auto info = Vmcoreinfo::recognise(text, at);
                       if (!info) continue;
                       const std::lock_guard lock(mutex);
                       found = {std::move(*info), {pfn * page.size() + at}};
                       return false;
                   }
                   return true;
               });
    return found;
}

std::optional<KernelPlace> place_by_banner(const std::shared_ptr<DumpSource>& source,
                                           const ElfFile& vmlinux, const Progress& progress) {
    const Banner banner = read_banner(vmlinux);
    const auto root =
        first_symbol(source->arch, [&](const std::string& name) { return vmlinux.symbol(name); });
    if (!root) throw Error(vmlinux.path() + " has no symbol init_top_pgt; it is not a vmlinux");
    PhysicalReader reader(source);
    for (const PhysAddr found : find_banner(source, banner, progress)) {
        if (auto place = place_beside(reader, banner, found, *root)) return place;
    }
    return std::nullopt;
}

}  // namespace pyk
