// SPDX-License-Identifier: GPL-2.0-or-later
#include "symbols/symbol_table.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace pyk {
namespace {

constexpr std::uint64_t kKernelHalf = 1ULL << 63;
constexpr std::size_t kMaxRegions = 65535;

bool is_named_place(unsigned char info, std::uint16_t section, std::string_view name) {
    const auto type = ELF64_ST_TYPE(info);
    return section != SHN_UNDEF && (type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE) &&
           !name.empty() && !name.starts_with(".L") && name[0] != '$';
}

// Strong names come before weak ones, then those with fewer underscores in front.
std::uint16_t rank_of(std::string_view name, bool weak) {
    const std::size_t underscores = std::min(name.find_first_not_of('_'), name.size());
    return static_cast<std::uint16_t>(std::min<std::size_t>(underscores, 0xff) +
                                      (weak ? 0x100 : 0));
}

}  // namespace

void SymbolTable::add_vmlinux(std::shared_ptr<const ElfFile> vmlinux, std::uint64_t offset) {
    const auto number = static_cast<std::uint16_t>(regions_.size());
    Region region{"", {~0ULL, 0}, nullptr};
    vmlinux->for_each_symbol([&](const ElfFile::Symbol& symbol) {
        // Per-CPU variables and constants are linked low.
        if (symbol.value < kKernelHalf || !is_named_place(symbol.info, symbol.section, symbol.name))
            return;
        const std::uint64_t addr = symbol.value + offset;
        region.memory.start = std::min(region.memory.start, addr);
        region.memory.end = std::max(region.memory.end, addr + 1);
        if (region.names == nullptr) region.names = symbol.name.data();
        const auto name = static_cast<std::uint32_t>(symbol.name.data() - region.names);
        const bool weak = ELF64_ST_BIND(symbol.info) == STB_WEAK;
        symbols_.push_back({addr, name, number, rank_of(symbol.name, weak)});
    });
    regions_.push_back(region);
    vmlinux_ = std::move(vmlinux);
}

void SymbolTable::add_module(const std::string& name, ByteSpan symtab, ByteSpan strings,
                             const std::vector<AddrRange>& own) {
    if (regions_.size() + own.size() > kMaxRegions) return;
    const std::size_t first = regions_.size();
    for (const AddrRange& memory : own) regions_.push_back({name, memory, nullptr});
    for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= symtab.size(); at += sizeof(Elf64_Sym)) {
        Elf64_Sym symbol;
        std::memcpy(&symbol, symtab.data() + at, sizeof symbol);
        if (symbol.st_name >= strings.size()) continue;
        const auto where = std::ranges::find_if(
            own, [&](const AddrRange& memory) { return memory.holds(symbol.st_value); });
        if (where == own.end()) continue;
        const std::string_view text = c_text(strings.subspan(symbol.st_name));
        if (!is_named_place(STT_NOTYPE, 1, text)) continue;  // st_info holds kallsyms types
        const auto region = first + static_cast<std::size_t>(where - own.begin());
        const bool weak = ELF64_ST_BIND(symbol.st_info) == STB_WEAK;
        symbols_.push_back({symbol.st_value, static_cast<std::uint32_t>(names_.size()),
                            static_cast<std::uint16_t>(region), rank_of(text, weak)});
        names_.append(text).push_back('\0');
    }
}

void SymbolTable::sort() {
    // Of equals the first one added stays the first.
    std::ranges::stable_sort(
        symbols_, {}, [](const Symbol& symbol) { return std::tuple(symbol.addr, symbol.rank); });
    by_name_.clear();
}

std::optional<SymbolTable::Found> SymbolTable::at(KernelAddr addr) const {
    if (symbols_.empty() || addr.value < symbols_.front().addr) return std::nullopt;
    auto behind = std::ranges::upper_bound(symbols_, addr.value, {}, &Symbol::addr);
    const std::uint64_t start = std::prev(behind)->addr;
    const auto first = std::ranges::lower_bound(symbols_.begin(), behind, start, {}, &Symbol::addr);
    const Region& region = regions_[first->region];
    if (addr.value >= region.memory.end) return std::nullopt;
    const std::uint64_t next = behind == symbols_.end() ? region.memory.end : behind->addr;
    return Found{
        name_of(*first), {start}, region.module, std::min(next, region.memory.end) - start};
}

std::vector<NamedAddr> SymbolTable::of_module(std::string_view module) const {
    std::vector<NamedAddr> named;
    for (const Symbol& symbol : symbols_) {
        if (regions_[symbol.region].module == module)
            named.push_back({name_of(symbol), {symbol.addr}});
    }
    return named;
}

std::vector<NamedAddr> SymbolTable::within(const std::vector<AddrRange>& memory) const {
    std::vector<NamedAddr> named;
    for (const AddrRange& range : memory) {
        auto next = std::ranges::lower_bound(symbols_, range.start, {}, &Symbol::addr);
        for (; next != symbols_.end() && next->addr < range.end; ++next) {
            named.push_back({name_of(*next), {next->addr}});
        }
    }
    return named;
}

std::optional<KernelAddr> SymbolTable::find(std::string_view name) const {
    if (by_name_.empty()) {
        by_name_.reserve(symbols_.size());
        for (const Symbol& symbol : symbols_) by_name_.emplace(name_of(symbol), symbol.addr);
    }
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return std::nullopt;
    return KernelAddr{found->second};
}

std::vector<KernelAddr> SymbolTable::find_all(std::string_view name) const {
    std::vector<KernelAddr> found;
    for (const Symbol& symbol : symbols_) {
        const bool is_new = found.empty() || found.back() != KernelAddr{symbol.addr};
        if (name == name_of(symbol) && is_new) found.push_back({symbol.addr});
    }
    return found;
}

}  // namespace pyk
